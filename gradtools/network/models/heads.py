"""The classifier of a network: the last linear layer or 1x1 convolution, whose rows are the classes."""

import dataclasses

import numpy as np
import torch
from torch import nn

from gradtools.network import taps
from gradtools.errors import GradtoolsError

SIZES = (32, 64, 96, 128, 224)  # tried in turn where the preprocessing leaves the size open


@dataclasses.dataclass(frozen=True)
class Head:
    """Name of the classifier's module, its rows `weight` (K, D) and `bias` (K,), float32; bias 0 where it has none."""

    name: str
    weight: np.ndarray
    bias: np.ndarray


def find(module, size=None):
    """Name of the classifier, from one forward pass.

    Parameters
    ----------
    module : torch.nn.Module
        In eval mode.
    size : int, optional
        Height and width of its images; without it common ones are tried.

    Returns
    -------
    str or None
        None where the output comes from no such layer, or no size tried runs through the network.
    """
    like = next(module.parameters(), torch.empty(0))
    for side in [size] if size else SIZES:
        try:
            return taps.trace(module, torch.zeros(1, 3, side, side).to(like)).classifier
        except GradtoolsError:
            continue
    return None


def read(module, name):
    """The rows of the classifier.

    Returns
    -------
    Head or None
        None without a name.
    """
    if name is None:
        return None
    layer = module.get_submodule(name)
    weight = layer.weight.detach().flatten(1).float().cpu().numpy().copy()
    if layer.bias is None:
        return Head(name, weight, np.zeros(len(weight), np.float32))
    bias = layer.bias.detach().float().cpu().numpy().copy()
    return Head(name, weight, bias)


def rebuild(module, name, n_classes, bias):
    """Put a classifier of another number of classes in the place of the old."""
    old = module.get_submodule(name)
    if isinstance(old, nn.Linear):
        new = nn.Linear(old.in_features, n_classes, bias)
    else:
        new = nn.Conv2d(old.in_channels, n_classes, 1, old.stride, old.padding, bias=bias)
    _put(module, name, new)


def remove(module, name):
    """Take the classifier out: the network then gives what the classifier has read."""
    _put(module, name, nn.Identity())


def _put(module, name, child):
    parent, _, last = name.rpartition(".")
    setattr(module.get_submodule(parent), last, child)
