"""Files of weights: opened without running what is in them, and a digest that does not depend on the file."""

import collections
import hashlib
import pickle
import re
import warnings
import zipfile
from collections.abc import Mapping
from pathlib import Path

import torch
from torch import nn

from gradtools.errors import GradtoolsError, UsageError

# Entries that hold the weights as they were trained; of others (averages, teachers) one must be asked for.
WRAPPERS = (
    "state_dict",
    "model_state_dict",
    "model",
    "net",
    "network",
    "module",
    "weights",
    "params",
)
NO_WEIGHTS = (
    "optimizer",
    "optimizers",
    "optimizer_states",
    "optim",
    "scheduler",
    "lr_scheduler",
    "scaler",
    "amp",
    "callbacks",
    "loops",
)
DEPTH = 3  # entries within entries that are looked into


def read(path: str, trust: bool = False, entry: str | None = None) -> tuple[dict, list[str]]:
    """Read the state dict in a file.

    Parameters
    ----------
    path : str
    trust : bool
        Run the code that a pickled file asks for; without it such a file is refused.
    entry : str, optional
        Which of its entries holds the weights, as in `state_dict_ema` or `model.state_dict`.

    Returns
    -------
    state : dict of str to tensor
        On the CPU, in the file's dtypes, with torch's `_metadata` where the file has it.
    notes : list of str

    Raises
    ------
    UsageError, GradtoolsError
        Where there is no such file or entry, it is no checkpoint, is damaged, needs trust, or is TorchScript.
    """
    file = Path(path)
    if not file.is_file():
        raise UsageError(
            f"--weights {file}: no such file; --weights takes default, random or a file"
        )
    if file.suffix == ".safetensors":
        return _unwrap(_open_safetensors(file), file, entry)
    _refuse_script(file)
    return _unwrap(_open(file, trust), file, entry)


def sha256(module: nn.Module) -> str:
    """Return the digest of a network's weights: name, dtype, shape and little-endian values of every entry, by name.

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


Entry = dict | torch.Tensor | nn.Module  # of a checkpoint


def _refuse_script(path: Path) -> None:
    if not zipfile.is_zipfile(path):
        return
    with zipfile.ZipFile(path) as archive:
        names = archive.namelist()
        try:
            damaged = archive.testzip()
        except (zipfile.BadZipFile, OSError, NotImplementedError) as error:
            damaged = str(error)
    if damaged:
        raise GradtoolsError(
            f"{path} is damaged ({damaged} does not have the checksum it was written with): copy or download it again"
        )
    if any(name.endswith("constants.pkl") or "/code/" in name for name in names):
        raise GradtoolsError(
            f"{path} is TorchScript, whose modules cannot be tapped: save model.state_dict() of the "
            "network it was made from"
        )


def _open_safetensors(path: Path) -> dict[str, torch.Tensor]:
    try:
        from safetensors.torch import load_file
    except ImportError:
        raise GradtoolsError(
            f"{path} needs the package safetensors: pip install 'gradtools[safetensors]'"
        ) from None
    try:
        return load_file(path)
    except Exception as error:  # the package's own kinds
        reason = (str(error).splitlines() or [""])[0]
        raise GradtoolsError(
            f"{path} is not a whole safetensors file ({reason}): copy or download it again"
        ) from error


def _open(path: Path, trust: bool) -> dict | nn.Module:
    try:
        with warnings.catch_warnings():
            warnings.simplefilter("ignore")
            return torch.load(path, map_location="cpu", weights_only=not trust)
    except pickle.UnpicklingError as error:
        asked = re.search(r"(?:GLOBAL|Unsupported class) (\S+)", str(error))
        if not asked:
            raise GradtoolsError(f"{path} is not a checkpoint that torch.load can read") from error
        raise GradtoolsError(
            f"{path} holds more than tensors (it asks to run {asked[1]}): save model.state_dict() "
            "instead, or give --trust-weights if you know who made it, for that runs the code in it"
        ) from error
    except (
        OSError,
        RuntimeError,
        EOFError,
        ValueError,
        ImportError,
        AttributeError,
        KeyError,
    ) as error:
        reason = (str(error).splitlines() or [""])[0]
        why = f" ({reason})" if len(reason) > 8 else ""  # shorter ones are torch's own insides
        raise GradtoolsError(
            f"{path} is not a checkpoint that torch.load can read{why}: give the file of a state dict"
        ) from error


def _unwrap(loaded: dict | nn.Module, path: Path, entry: str | None) -> tuple[dict, list[str]]:
    """Return the tensors of a checkpoint, and which entry they stood in."""
    states = dict(_states(_plain(loaded)))
    if entry is not None and entry not in states:
        raise UsageError(
            f"--weights-entry {entry}: {path} holds weights under {', '.join(filter(None, states)) or 'its top alone'}"
        )
    name = entry if entry is not None else _chosen(states, loaded, path)
    state = states[name]
    tensors = collections.OrderedDict(
        (key, value) for key, value in state.items() if torch.is_tensor(value)
    )
    if hasattr(state, "_metadata"):
        tensors._metadata = state._metadata  # type: ignore[attr-defined]
    others = [other for other in states if other != name]
    notes = [f"{path}: the weights are its entry {name!r}"] if name else []
    if others and entry is None:
        notes.append(
            f"{path}: it also holds {', '.join(map(repr, others))}, which --weights-entry {others[0]} takes"
        )
    return tensors, notes


def _states(value: dict | torch.Tensor, name: str = "", depth: int = 0) -> list[tuple[str, dict]]:
    """Return every state dict in nested entries, by its path: [(path, state)]."""
    inner: list[tuple[str, dict]] = []
    if isinstance(value, dict) and depth < DEPTH:
        for key, item in value.items():
            if isinstance(key, str) and key.lower() not in NO_WEIGHTS:
                path = f"{name}.{key}" if name else key
                inner += _states(_plain(item), path, depth + 1)
    if not isinstance(value, dict) or not _is_state(value):
        return inner
    if not inner:
        return [(name, value)]
    if sum(map(torch.is_tensor, value.values())) > len(inner):
        return [(name, value), *inner]
    return inner


def _chosen(states: Mapping[str, dict], loaded: dict | nn.Module, path: Path) -> str:
    """Return the path of the weights as they were trained, where one is meant."""
    if "" in states:
        return ""
    plain = [name for name in states if all(part in WRAPPERS for part in name.split("."))]
    if plain or len(states) == 1:
        by_rank = sorted(plain, key=lambda name: [WRAPPERS.index(part) for part in name.split(".")])
        return (by_rank or list(states))[0]
    if states:
        raise GradtoolsError(
            f"{path} holds several sets of weights ({', '.join(states)}): say which with --weights-entry NAME"
        )
    contents = (
        ", ".join(map(str, list(loaded)[:6]))
        if isinstance(loaded, dict)
        else f"a {type(loaded).__name__}"
    )
    raise GradtoolsError(
        f"{path} holds no state dict, at its top or under {', '.join(WRAPPERS)}; it holds {contents}"
    )


def _plain(value: Entry) -> dict | torch.Tensor:
    """Return the state dict of a network that was pickled whole (only read with trust)."""
    return value.state_dict() if isinstance(value, nn.Module) else value


def _is_state(value: dict | torch.Tensor) -> bool:
    return (
        isinstance(value, dict)
        and all(isinstance(key, str) for key in value)
        and any(torch.is_tensor(item) for item in value.values())
    )
