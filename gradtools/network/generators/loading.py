"""A generator from what a user writes: FILE.py:NAME, package.module:NAME, or a TorchScript FILE.pt."""

import hashlib
import inspect
from collections.abc import Callable
from pathlib import Path
from typing import TYPE_CHECKING

import numpy as np
import torch

from gradtools.errors import GradtoolsError, UsageError, suggest
from gradtools.network.generators import acceptance, contract
from gradtools.network.models import specs

if TYPE_CHECKING:
    from types import ModuleType

    from gradtools.network.generators.contract import Source

FILES = (".pt", ".pth", ".ts")


def load(spec: str, device: str = "cpu", trust: bool = False) -> contract.Generator:
    """Make a generator and try it on a first batch.

    Parameters
    ----------
    spec : str
        `file.py:NAME`, `package.module:NAME` (a class or a function called without arguments), or a TorchScript file whose
        methods `sample` and `synth` are exported.
    device : str
        Where it runs, if its object has `to(device)`.
    trust : bool
        Handed on as `trust` to a callable that takes it: one that opens pickles does so only then.

    Raises
    ------
    UsageError, GradtoolsError
    """
    where, colon, name = spec.rpartition(":")
    if spec.endswith(FILES):
        source, code = _scripted(spec), Path(spec).read_bytes()
    elif not colon:
        raise UsageError(
            f"--generator {spec}: write FILE.py:NAME, package.module:NAME or a TorchScript FILE.pt"
        )
    else:
        source, code = _made(spec, specs.namespace(where, "generator"), name, trust)
    if device != "cpu" and callable(getattr(source, "to", None)):
        source = source.to(device) or source  # type: ignore[attr-defined]
    return acceptance.accept(source, spec, _sha256(source, code))


def _scripted(path: str) -> "Source":
    """Return the object of a TorchScript file; what is pickled is refused, since opening it runs its code."""
    try:
        return torch.jit.load(path, map_location="cpu").eval()
    except (OSError, ValueError) as error:
        raise UsageError(f"--generator {path}: {error}") from error
    except RuntimeError as error:
        raise UsageError(
            f"--generator {path} is not TorchScript, and a pickle runs code of its own when it is opened: make the object in a "
            "FILE.py:NAME that loads it (gradtools/bundled/stylegan_xl.py has one for StyleGAN-XL)"
        ) from error


def _made(spec: str, namespace: "ModuleType", name: str, trust: bool) -> "tuple[Source, bytes]":
    """Return the object that a callable makes, or that stands under a name, and the code of its file."""
    maker = getattr(namespace, name, None)
    if maker is None:
        known = [key for key in vars(namespace) if not key.startswith("_")]
        raise UsageError(
            f"--generator {spec}: nothing is called {name!r} there; {suggest(name, known)}"
        )
    if not callable(maker) or (hasattr(maker, "synth") and not inspect.isclass(maker)):
        source = maker
    else:
        source = _called(spec, maker, trust)
    path = getattr(namespace, "__file__", None)
    return source, Path(path).read_bytes() if path else b""


def _called(spec: str, maker: Callable, trust: bool) -> contract.Source:
    """Return what the callable returns."""
    try:
        takes = "trust" in inspect.signature(maker).parameters
    except (TypeError, ValueError):
        takes = False
    try:
        return maker(trust=trust) if takes else maker()
    except (GradtoolsError, UsageError):
        raise
    except Exception as error:
        raise GradtoolsError(
            f"generator {spec}: it cannot be made: {type(error).__name__}: {error}"
        ) from error


def _sha256(source: "Source", code: bytes) -> str:
    """Return the SHA-256 (hex) of the code of its file, its weights and its settings."""
    sha = hashlib.sha256(code)
    values = {"": source} if isinstance(source, torch.nn.Module) else vars(source)
    for name in sorted(values):
        value = values[name]
        state = value.state_dict() if isinstance(value, torch.nn.Module) else {"": value}
        for key in sorted(state):
            sha.update(f"{name}.{key}".encode())
            if torch.is_tensor(state[key]) or isinstance(state[key], np.ndarray):
                array = np.asarray(torch.as_tensor(state[key]).detach().cpu())
                sha.update(np.ascontiguousarray(array).tobytes())
            elif isinstance(state[key], int | float | str | tuple):
                sha.update(repr(state[key]).encode())
    return sha.hexdigest()
