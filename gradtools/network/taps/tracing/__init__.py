"""One forward pass, watched: which modules run, in which order, and what their outputs look like."""

import collections
import dataclasses
from typing import TYPE_CHECKING

import torch
from torch import nn

from gradtools.errors import GradtoolsError
from gradtools.network.taps.tracing.calls import Call, by_size, calls_of, with_layout
from gradtools.network.taps.tracing.functions import EveryFunction
from gradtools.network.taps.tracing.unread import replaced, unread_calls
from gradtools.network.taps.tracing.watch import RELUS, Nested, Watch, first_map, tensors

if TYPE_CHECKING:
    from torch.utils.hooks import RemovableHandle

__all__ = [
    "Nested",
    "Call",
    "EveryFunction",
    "RELUS",
    "Trace",
    "blank",
    "first_map",
    "replaced",
    "tensors",
    "trace",
    "watched",
    "with_layout",
]

OTHER_SIZE = (
    1.5  # times the example's sides, where a second size separates rows and columns from channels
)


@dataclasses.dataclass(frozen=True)
class Trace:
    """Calls in the order in which they end, and what was seen around them; shapes include the batch.

    `unread` are names of the calls (tokens with a prefix) of whose patches the output reads nothing.
    """

    calls: tuple
    uncalled: tuple
    input_shape: tuple
    output_shape: tuple
    classifier: str | None
    attention: bool
    unread: tuple = ()


def blank(module: nn.Module, shape: tuple, count: int = 2, seed: int = 0) -> torch.Tensor:
    """Make images of noise (count, C, H, W) of the module's type and device, for passes where only shapes matter."""
    noise = torch.randn((count, *shape), generator=torch.Generator().manual_seed(seed))
    return noise.to(next(module.parameters(), torch.empty(0)))


def watched(module: nn.Module, example: torch.Tensor) -> tuple:
    """Run one forward pass and watch it.

    Returns
    -------
    watch : Watch
    output
        Whatever the network returns.

    Raises
    ------
    GradtoolsError
        Where the pass fails.
    """
    watch, handles = Watch(example), []
    for name, child in module.named_modules():
        if name:
            handles += _hooks(watch, name, child)
    try:
        with torch.no_grad(), watch:
            return watch, module(example)
    except Exception as error:  # whatever the network's own code raises
        if isinstance(error, GradtoolsError):
            raise
        reason = (str(error).splitlines() or [type(error).__name__])[0]
        raise GradtoolsError(
            f"the network does not run on an input of {tuple(example.shape)}: {reason}"
        ) from error
    finally:
        for handle in handles:
            handle.remove()


def _hooks(watch: Watch, name: str, child: nn.Module) -> "list[RemovableHandle]":
    return [
        child.register_forward_pre_hook(
            lambda child, args, kwargs: watch.enter(name, child, args, kwargs), with_kwargs=True
        ),
        child.register_forward_hook(lambda child, _, output: watch.leave(child, output)),
    ]


def trace(module: nn.Module, example: torch.Tensor, head: str | None = None) -> Trace:
    """Watch one forward pass.

    Parameters
    ----------
    module : torch.nn.Module
        In eval mode.
    example : (N, C, H, W) tensor
        Of two images at best: what folds the images into another axis is seen by it.
    head : str, optional
        Name of the classifier, where it is known.

    Returns
    -------
    Trace

    Raises
    ------
    GradtoolsError
        Where the pass fails, or gives anything but one tensor with the images first.
    """
    watch, output = watched(module, example)
    if not torch.is_tensor(output) or output.dim() < 2 or len(output) != len(example):
        raise GradtoolsError(_no_tensor(output, example))
    roles = watch.flow.roles(watch.flow.number(output))
    calls = tuple(calls_of(watch, roles, len(example)))
    if any(call.undecided for call in calls):
        calls = _decided_by_size(module, example, calls)
    counts = watch.counts()
    seen = Trace(
        calls,
        tuple(name for name, _ in module.named_modules() if name and name not in counts),
        tuple(example.shape),
        tuple(output.shape),
        head or watch.classifier(output),
        watch.attention,
    )
    return dataclasses.replace(
        seen, unread=unread_calls(module, example, seen.calls, seen.classifier)
    )


def _no_tensor(output: Nested, example: torch.Tensor) -> str:
    """Return what to say of an output that is no (images, classes)."""
    got = (
        f"shape {tuple(output.shape)}" if torch.is_tensor(output) else f"a {type(output).__name__}"
    )
    return (
        f"the network gives {got} for an input of {tuple(example.shape)}, where one tensor "
        "(images, classes) is needed: wrap it in a file.py:callable that returns the logits"
    )


def _decided_by_size(
    module: nn.Module, example: torch.Tensor, calls: tuple[Call, ...]
) -> tuple[Call, ...]:
    """Return the calls, those of unknown layout decided by images of a second size, where the network takes one."""
    height, width = (int(side * OTHER_SIZE) // 2 * 2 for side in example.shape[2:])
    larger = torch.nn.functional.interpolate(example, (height, width))
    try:
        watch, _ = watched(module, larger)
    except GradtoolsError:
        return calls
    counts: collections.Counter[str] = collections.Counter()
    shapes = {}
    for record in watch.records:
        shapes[record.name, counts[record.name]] = record.shape
        counts[record.name] += 1
    return tuple(by_size(call, shapes.get((call.name, call.index))) for call in calls)
