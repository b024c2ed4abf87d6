"""The classifier of a network: the last linear layer or 1x1 convolution, whose rows are the classes."""

import dataclasses
import difflib

import numpy as np
import torch
from torch import nn

from gradtools.errors import UsageError
from gradtools.network.taps.folding import replace_module


@dataclasses.dataclass(frozen=True)
class Head:
    """Name of the classifier's module, its rows `weight` (K, D) and `bias` (K,), float32; bias 0 where it has none."""

    name: str
    weight: np.ndarray
    bias: np.ndarray


def check_name(module: nn.Module, name: str) -> None:
    """Refuse a name of `--head` that is no layer with a row of weights for each class.

    Raises
    ------
    UsageError
        Lists layers that have rows.
    """
    layers = {key: child for key, child in module.named_modules() if key and _has_rows(child)}
    if name in layers:
        return
    near = difflib.get_close_matches(name, layers, 3, 0.4) or list(layers)[-3:]
    raise UsageError(
        f"--head {name}: the network has no such layer with a row of weights for each class; there are {', '.join(near) or 'none'}"
    )


def _has_rows(child: nn.Module) -> bool:
    weight = getattr(child, "weight", None)
    return torch.is_tensor(weight) and weight.dim() in (2, 4)


def read(module: nn.Module, name: str | None, binary: bool = False) -> Head | None:
    """Return the rows of the classifier; of a single logit z those of -z/2 and z/2.

    Returns
    -------
    Head or None
        None without a name.
    """
    if name is None:
        return None
    layer = module.get_submodule(name)
    rows, constant = (getattr(layer, part, None) for part in ("weight", "bias"))
    assert rows is not None  # as in every layer that `check_name` takes
    weight = _numpy(rows.flatten(1))
    bias = np.zeros(len(weight), np.float32) if constant is None else _numpy(constant)
    if binary and len(weight) == 1:
        weight, bias = np.concatenate([-weight, weight]) / 2, np.concatenate([-bias, bias]) / 2
    return Head(name, weight, bias)


def _numpy(parameter: torch.Tensor) -> np.ndarray:
    return parameter.detach().float().cpu().numpy().copy()


def rebuild(module: nn.Module, name: str, n_classes: int, bias: bool) -> None:
    """Put a classifier of another number of classes in the place of the old."""
    old = module.get_submodule(name)
    if isinstance(old, nn.Linear):
        replace_module(module, name, nn.Linear(old.in_features, n_classes, bias))
    elif isinstance(old, nn.Conv2d):
        new = nn.Conv2d(old.in_channels, n_classes, 1, bias=bias)
        new.stride, new.padding = old.stride, old.padding
        replace_module(module, name, new)


def remove(module: nn.Module, name: str) -> None:
    """Take the classifier out: the network then gives what the classifier has read."""
    replace_module(module, name, nn.Identity())
