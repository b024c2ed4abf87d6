"""What a user writes to name a network (`resnet50`, `timm:NAME`, `hf:FOLDER`, `file.py:callable`, `package.module:callable`, `FILE.pt2`), and how it is made.

torchvision is imported only for its own names: that costs as much as importing torch.
"""

import importlib
import importlib.util
import os
import sys
import types
from collections.abc import Callable
from pathlib import Path
from typing import TYPE_CHECKING

import torch
from torch import nn

from gradtools.errors import GradtoolsError, UsageError, suggest
from gradtools.network.models import exported, preprocessing, timm, transformers
from gradtools.network.models.sources import Source, first_line, not_fetched

if TYPE_CHECKING:
    from types import ModuleType

AUXILIARY = ("aux1", "aux2", "AuxLogits")  # classifiers that only training reads


def find(spec: str, weights: str = "default") -> Source:
    """Return the source of a spec.

    Parameters
    ----------
    spec : str
    weights : str
        Named weights bring their own preprocessing and class names.

    Raises
    ------
    UsageError
        For a name that is not there, with near ones.
    """
    if spec.startswith("timm:"):
        return timm.find(spec, weights)
    if spec.startswith("hf:"):
        return transformers.find(spec)
    if spec.lower().endswith(exported.SUFFIX):
        return exported.find(spec)
    where, colon, name = spec.rpartition(":")
    if not colon or where == "torchvision":
        if name.endswith(".py"):
            raise UsageError(f"model {spec}: name the callable too, as in {spec}:resnet20")
        if Path(name).suffix in (".pt", ".pth", ".ckpt", ".safetensors"):
            raise UsageError(
                f"model {spec} is a file of weights: write --model NAME --weights {spec}"
            )
        return _torchvision(name, weights)
    return _python(spec, namespace(where), name)


def namespace(where: str, what: str = "model") -> types.ModuleType:
    """Import a Python file (FILE.py) or an installed module.

    Parameters
    ----------
    where : str
    what : str
        What is sought in it, the first word of messages.

    Raises
    ------
    UsageError
        It is not there.
    GradtoolsError
        It does not import.
    """
    return _file(where, what) if where.endswith(".py") else _module(where, what)


def _torchvision(name: str, asked: str) -> Source:
    from torchvision import models

    known = models.list_models(module=models)
    if name.lower() not in known:
        raise UsageError(
            f"model {name}: torchvision has no such classifier (others are timm:NAME, hf:FOLDER, file.py:callable or package.module:callable); "
            f"{suggest(name, known)}"
        )
    every = models.get_model_weights(name)
    named = {weights.name.lower(): weights for weights in every}
    weights = named.get(asked.lower(), every.DEFAULT)
    rules = preprocessing.from_torchvision(weights.transforms())
    return Source(
        lambda kind: _build_torchvision(models, name, kind),
        rules,
        f"torchvision's {weights}",
        list(weights.meta["categories"]),
        False,
        named=tuple(weights.name for weights in every),
    )


def _build_torchvision(models: "ModuleType", name: str, kind: str | None) -> nn.Module:
    options = {}
    if kind in (None, "random") and name.lower() in ("googlenet", "inception_v3"):
        options = {
            "init_weights": kind == "random",
            "transform_input": kind is None,
        }  # as with torchvision's weights
    weights = None if kind in (None, "random") else "DEFAULT" if kind == "default" else kind
    try:
        module = models.get_model(name, weights=weights, progress=sys.stderr.isatty(), **options)
    except (OSError, RuntimeError) as error:
        if weights is None:
            raise
        raise not_fetched(name, str(kind), error) from error
    for auxiliary in AUXILIARY:
        if getattr(module, auxiliary, None) is not None:
            setattr(module, auxiliary, None)
            module.aux_logits = False
    return module


def _file(path: str, what: str) -> "ModuleType":
    """Return the namespace of a Python file; its folder becomes importable, for its own imports."""
    full = Path(path).resolve()
    if not full.is_file():
        raise UsageError(f"{what} {path}: no such file")
    name = f"gradtools.model:{full}"
    if name in sys.modules:
        return sys.modules[name]
    spec = importlib.util.spec_from_file_location(name, full)
    if spec is None or spec.loader is None:
        raise UsageError(f"{what} {path}: it is not a Python file")
    namespace = importlib.util.module_from_spec(spec)
    sys.modules[name] = namespace  # dataclasses and pickle look their module up
    sys.path.insert(0, str(full.parent))
    try:
        spec.loader.exec_module(namespace)
    except Exception as error:
        del sys.modules[name]
        raise GradtoolsError(
            f"{what} {path} does not import: {type(error).__name__}: {first_line(error)}"
        ) from error
    finally:
        sys.path.remove(str(full.parent))
        sys.path.append(
            str(full.parent)
        )  # for imports inside its functions, behind what others import later
    return namespace


def _module(name: str, what: str) -> "ModuleType":
    """Return the namespace of an installed module, or of one in the current folder."""
    if os.getcwd() not in sys.path:
        sys.path.append(os.getcwd())
    try:
        return importlib.import_module(name)
    except ModuleNotFoundError as error:
        if error.name and name.startswith(error.name):
            raise UsageError(
                f"{what} {name}: no such module here or installed; write "
                f"{'a name of torchvision, ' if what == 'model' else ''}file.py:callable or package.module:callable"
            ) from error
        raise GradtoolsError(f"{what} {name} does not import: {first_line(error)}") from error
    except Exception as error:
        raise GradtoolsError(
            f"{what} {name} does not import: {type(error).__name__}: {first_line(error)}"
        ) from error


def _python(spec: str, namespace: "ModuleType", name: str) -> Source:
    maker, where = getattr(namespace, name, None), spec.rpartition(":")[0]
    if not callable(maker):
        known = [
            key
            for key, value in vars(namespace).items()
            if callable(value) and not key.startswith("_")
        ]
        raise UsageError(f"model {spec}: {where} has no callable {name!r}; {suggest(name, known)}")
    rules = getattr(namespace, "PREPROCESS", None)
    if rules is None:
        rules = getattr(namespace, "preprocess", None)
    else:
        rules = preprocessing.normalise(rules, f"PREPROCESS of {where}")
    classes = getattr(namespace, "CLASSES", None)
    names = None if classes is None else list(classes)
    return Source(lambda kind: _build_python(spec, maker, kind), rules, where, names, True)


def _build_python(spec: str, maker: Callable, kind: str | None) -> nn.Module:
    name = spec.rpartition(":")[2]
    try:
        module = maker if isinstance(maker, nn.Module) else maker()
    except Exception as error:
        raise GradtoolsError(
            f"model {spec}: {name}() fails: {type(error).__name__}: {first_line(error)}"
        ) from error
    if isinstance(module, torch.jit.ScriptModule):
        raise GradtoolsError(
            f"model {spec} is TorchScript, whose modules cannot be tapped: return the network itself"
        )
    if not isinstance(module, nn.Module):
        raise GradtoolsError(
            f"model {spec}: {name}() gives a {type(module).__name__}, not a torch.nn.Module"
        )
    if kind == "random":
        for child in module.modules():
            reset = getattr(child, "reset_parameters", None)
            if callable(reset):
                reset()
    return module
