"""Which axis of a tensor holds the channels, followed from function to function.

A convolution and a BatchNorm work on the second axis, a linear layer and a LayerNorm on the last; a permutation, a view or a sum of
two tensors carries the axis on. Nothing is guessed: where no function says so, the axis is unknown.
"""

import dataclasses
import math
from collections.abc import Mapping, Sequence

import torch

SECOND = ("batch_norm", "group_norm", "instance_norm", "interpolate", "pixel_shuffle")
LAST = ("linear", "layer_norm", "rms_norm")
VIEWS = ("view", "reshape", "flatten", "unflatten", "view_as", "reshape_as")
# The axes of their output are not those of their input.
MIXING = (
    "__get__",
    "matmul",
    "__matmul__",
    "__rmatmul__",
    "bmm",
    "baddbmm",
    "einsum",
    "unfold",
    "fold",
    "stack",
    "scaled_dot_product_attention",
    "multi_head_attention_forward",
    "pixel_unshuffle",
    "channel_shuffle",
)
CUTTING = ("cat", "concat", "concatenate", "chunk", "split", "tensor_split", "__getitem__")
SUMMING = ("mean", "sum", "amax", "amin", "max", "min", "norm", "std", "var", "argmax")


@dataclasses.dataclass
class Axes:
    """The channels' axis of a tensor, None where unknown; `spatial`: its other axes are rows and columns of a map."""

    channel: int | None = None
    spatial: bool = False


def convolutional(name: str) -> bool:
    """Return True for the functions that read and write maps with the channels on the second axis."""
    return name.startswith("conv") or name in SECOND or "pool" in name


def read_as(name: str, tensor: torch.Tensor, args: tuple) -> Axes | None:
    """Return the layout in which a function reads its first tensor, None where it works on any axis."""
    if convolutional(name) and tensor.dim() in (3, 4):
        return Axes(1, tensor.dim() == 4)
    if name in LAST and tensor.dim() in (3, 4) and _over_last(name, args):
        return Axes(tensor.dim() - 1)
    return None


def follow(
    name: str,
    args: tuple,
    kwargs: Mapping,
    inputs: Sequence[tuple[torch.Tensor, Axes]],
    output: torch.Tensor,
) -> Axes:
    """Return the axes of a function's output.

    Parameters
    ----------
    name : str
        Of the function.
    args, kwargs
        What it was given.
    inputs : list of (tensor, Axes)
    output : tensor
    """
    if convolutional(name):
        return Axes(1, output.dim() == 4) if output.dim() in (3, 4) else Axes()
    if not inputs or name in MIXING:
        return Axes()
    tensor, axes = inputs[0]
    if name in LAST and _over_last(name, args):
        return Axes(output.dim() - 1, axes.spatial and output.dim() == tensor.dim())
    if name == "permute":
        return _permuted(axes, _whole(kwargs.get("dims", args[1:])), output)
    if name in ("transpose", "swapaxes", "swapdims"):
        return _permuted(axes, _swap(output.dim(), *_two(args, kwargs)), output)
    if name in ("movedim", "moveaxis"):
        return _permuted(axes, _moved(tensor, *_two(args, kwargs)), output)
    if name in VIEWS:
        return _viewed(axes, tuple(tensor.shape), tuple(output.shape))
    if output.dim() != tensor.dim() and name in (*SUMMING, "__getitem__", "select", "squeeze"):
        return Axes()
    return _elementwise(inputs, output, any_size=name in CUTTING)


def _over_last(name: str, args: tuple) -> bool:
    """Return True if a normalisation is over the last axis alone; a linear layer always is."""
    return name == "linear" or len(args) < 2 or len(_whole(args[1:2])) == 1


def _whole(values: Sequence) -> list[int]:
    """Return the numbers with lists and tuples opened."""
    numbers: list = []
    for value in values if isinstance(values, (list, tuple)) else (values,):
        numbers += _whole(value) if isinstance(value, (list, tuple)) else [value]
    return numbers


def _two(args: tuple, kwargs: Mapping) -> tuple[int, int]:
    """Return the two axes that a transposition is given."""
    return (*args[1:], *kwargs.values())[:2]


def _swap(count: int, first: int, second: int) -> list[int]:
    order = list(range(count))
    order[first], order[second] = order[second], order[first]
    return order


def _moved(tensor: torch.Tensor, source: int, destination: int) -> list[int]:
    numbered = torch.empty(range(tensor.dim()), device="meta")  # each size is the axis's number
    return list(torch.movedim(numbered, source, destination).shape)


def _permuted(axes: Axes, order: list[int], output: torch.Tensor) -> Axes:
    if axes.channel is None or len(order) != output.dim():
        return Axes()
    return Axes([axis % output.dim() for axis in order].index(axes.channel), axes.spatial)


def _viewed(axes: Axes, before: Sequence[int], after: Sequence[int]) -> Axes:
    """Return the axes after a view: the channels keep their place where as many values lie before them and as many in them."""
    if axes.channel is None:
        return Axes()
    lead, size = math.prod(before[: axes.channel]), before[axes.channel]
    places = [
        axis
        for axis, size_after in enumerate(after)
        if size_after == size and math.prod(after[:axis]) == lead
    ]
    if not places or after[0] != before[0]:
        return Axes(places[-1] if places else None)
    # Tokens and maps turn into each other row by row; windows of a map do not keep its first axis or have more axes.
    mapped = before == after or {len(before), len(after)} == {3, 4}
    return Axes(places[-1], mapped and (axes.spatial or len(before) == 3))


def _elementwise(
    inputs: Sequence[tuple[torch.Tensor, Axes]], output: torch.Tensor, any_size: bool
) -> Axes:
    """Return the axes of sums, products, activations and parts: those of the first input whose axes are known and as many."""
    for tensor, axes in inputs:
        if (
            axes.channel is not None
            and tensor.dim() == output.dim()
            and (any_size or tensor.shape[axes.channel] == output.shape[axes.channel])
        ):
            return Axes(axes.channel, axes.spatial)
    return Axes()
