"""What a graph keeps for its backward pass, without what gradients at taps do not need: nobody asks for those of parameters.

A convolution's gradient at its input takes the kernels and the input's shape, and PyTorch keeps the input as well, for the kernels'
gradient; that of a ReLU takes only where its output is above 0, and PyTorch keeps the output (mathematics#capture).
"""

from collections.abc import Callable, Mapping

import torch
from torch.autograd.graph import saved_tensors_hooks

from gradtools.network.taps.tracing import RELUS, EveryFunction

CONVOLUTIONS = ("conv1d", "conv2d", "conv3d")
Shape = tuple[torch.Size, tuple[int, ...], torch.dtype, torch.device]


class LeanGraph(EveryFunction):
    """Have convolutions with frozen kernels keep shapes, and ReLUs where they are above 0."""

    def called(self, name: str, function: Callable, args: tuple, kwargs: Mapping) -> torch.Tensor:
        """Call a function, and keep of it what the gradients at taps need."""
        name = name.partition(".")[0]  # in exported graphs relu.default
        if name in CONVOLUTIONS and _frozen(args, kwargs):
            x, weight = (
                args[place] if len(args) > place else kwargs[key]
                for place, key in enumerate(("input", "weight"))
            )
            with saved_tensors_hooks(_of_input(x.shape, weight.shape), _of_shape):
                return function(*args, **kwargs)
        if name in RELUS:
            with saved_tensors_hooks(_where_active, _ones):
                return function(*args, **kwargs)
        return function(*args, **kwargs)


def _frozen(args: tuple, named: Mapping) -> bool:
    """Return True if no tensor behind the first argument, the input, asks for a gradient."""
    behind = [*args[1:], *(value for name, value in named.items() if name != "input")]
    return not any(torch.is_tensor(value) and value.requires_grad for value in behind)


def _of_input(x: torch.Size, weight: torch.Size) -> Callable[[torch.Tensor], torch.Tensor | Shape]:
    """Return what packs a tensor that a convolution keeps: the input (under autocast a copy of it) as its shape, the kernels as they are."""

    # It lives as long as the graph, and so holds no tensor.
    def pack(kept: torch.Tensor) -> torch.Tensor | Shape:
        if kept.shape != x or x == weight:
            return kept
        return kept.shape, kept.stride(), kept.dtype, kept.device

    return pack


def _of_shape(kept: torch.Tensor | Shape) -> torch.Tensor:
    """Return a tensor of a shape, whose values nobody reads, or the tensor that was kept."""
    if torch.is_tensor(kept):
        return kept
    shape, stride, dtype, device = kept
    return torch.empty_strided(shape, stride, dtype=dtype, device=device)


def _where_active(kept: torch.Tensor) -> tuple[torch.Tensor, torch.dtype]:
    """Return where the output of a ReLU is not 0, as bytes."""
    # A comparison with 0 takes seven times as long.
    return kept.bool().view(torch.int8), kept.dtype


def _ones(kept: tuple[torch.Tensor, torch.dtype]) -> torch.Tensor:
    """Return 1 where a ReLU was active, as its gradient reads it."""
    active, dtype = kept
    return active.to(dtype)
