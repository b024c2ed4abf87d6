"""Files of weights: opened without running what is in them, and a digest that does not depend on the file."""

import hashlib
import pickle
import re
import warnings
import zipfile
from pathlib import Path

import torch
from torch import nn

from gradtools.errors import GradtoolsError, UsageError

WRAPPERS = ("state_dict", "model_state_dict", "model", "net", "network", "module", "weights", "params")


def read(path, trust=False):
    """The state dict in a file.

    Parameters
    ----------
    path : str
    trust : bool
        Run the code that a pickled file asks for; without it such a file is refused.

    Returns
    -------
    state : dict of str to tensor
        On the CPU, in the file's dtypes.
    notes : list of str

    Raises
    ------
    UsageError, GradtoolsError
        Where there is no such file, it is no checkpoint, needs trust, or is TorchScript.
    """
    path = Path(path)
    if not path.is_file():
        raise UsageError(f"--weights {path}: no such file; --weights takes default, random or a file")
    _refuse_script(path)
    return _unwrap(_open(path, trust), path)


def sha256(module):
    """Digest of a network's weights: name, dtype, shape and little-endian values of every entry, by name.

    BatchNorm's counters of batches are left out: nothing reads them in eval mode and some files lack them.
    """
    digest = hashlib.sha256()
    for name, value in sorted(module.state_dict().items()):
        if torch.is_tensor(value) and not name.endswith("num_batches_tracked"):
            array = value.detach().cpu().contiguous().numpy()
            array = array.astype(array.dtype.newbyteorder("<"), copy=False)
            digest.update(f"{name} {array.dtype.name} {array.shape}\n".encode())
            digest.update(array.tobytes())
    return digest.hexdigest()


def _refuse_script(path):
    if not zipfile.is_zipfile(path):
        return
    with zipfile.ZipFile(path) as archive:
        names = archive.namelist()
    if any(name.endswith("constants.pkl") or "/code/" in name for name in names):
        raise GradtoolsError(f"{path} is TorchScript, whose modules cannot be tapped: save model.state_dict() of the "
                             "network it was made from")


def _open(path, trust):
    try:
        with warnings.catch_warnings():
            warnings.simplefilter("ignore")
            return torch.load(path, map_location="cpu", weights_only=not trust)
    except pickle.UnpicklingError as error:
        asked = re.search(r"(?:GLOBAL|Unsupported class) (\S+)", str(error))
        if not asked:
            raise GradtoolsError(f"{path} is no checkpoint that torch.load reads") from error
        raise GradtoolsError(f"{path} holds more than tensors (it asks to run {asked[1]}): save model.state_dict() "
                             "instead, or give --trust-weights if you know who made it, for that runs the code in it"
                             ) from error
    except (OSError, RuntimeError, EOFError, ValueError, ImportError, AttributeError, KeyError) as error:
        reason = (str(error).splitlines() or [""])[0]
        why = f" ({reason})" if len(reason) > 8 else ""  # shorter ones are torch's own insides
        raise GradtoolsError(f"{path} is no checkpoint that torch.load reads{why}: give the file of a state dict") from error


def _unwrap(loaded, path):
    """The tensors of a checkpoint, and which entry they stood in."""
    loaded, notes = _plain(loaded), []
    if not _is_state(loaded):
        entries = {key: _plain(value) for key, value in loaded.items()} if isinstance(loaded, dict) else {}
        entry = next((key for key in WRAPPERS if _is_state(entries.get(key))), None)
        if entry is None:
            held = ", ".join(map(str, list(loaded)[:6])) if isinstance(loaded, dict) else f"a {type(loaded).__name__}"
            raise GradtoolsError(f"{path} holds no state dict, at its top or under "
                                 f"{', '.join(WRAPPERS)}; it holds {held}")
        loaded = entries[entry]
        notes.append(f"{path}: the weights are its entry {entry!r}")
    return {key: value for key, value in loaded.items() if torch.is_tensor(value)}, notes


def _plain(value):
    """The state dict of a network that was pickled whole (only read with trust)."""
    return value.state_dict() if isinstance(value, nn.Module) else value


def _is_state(value):
    return (isinstance(value, dict) and all(isinstance(key, str) for key in value)
            and any(torch.is_tensor(item) for item in value.values()))
