"""One forward pass, watched: which modules run, in which order, and what their outputs look like."""

import collections
import dataclasses
import itertools
import math

import torch
from torch import nn

from gradtools.errors import GradtoolsError
from gradtools.network.taps.tracing.watch import RELUS, Nested, Record, Watch, first_map, tensors

__all__ = [
    "Nested",
    "Call",
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

MAX_PREFIX = 16  # class, distillation and register tokens before the patches
OTHER_SIZE = (
    1.5  # times the example's sides, where a second size tells rows and columns from channels
)


@dataclasses.dataclass(frozen=True)
class Call:
    """One call of one module.

    `layout` is 'nchw', 'nhwc', 'tokens' (N, T, C), 'ncl' (N, C, L), 'vector' (N, C), or None where the output is no tensor with the
    images first; `undecided` where it is one, and nothing tells which axis is the channels'. `element`: the map is the first of a tuple.
    `convolution` is 'plain', 'grouped', 'parallel' (reads what an earlier one has read), or ''. `output` numbers the output tensors:
    calls with equal numbers gave the very same values. `depth` counts the calls around it that give a map and are not the whole trunk.
    `role` is 'all' where all that reaches the network's output goes through this one, 'some', or 'none' (a branch without influence).
    `within` are the places of the calls around it, `place` its own, in order of their beginning.
    """

    name: str
    index: int
    calls: int
    kind: str
    shape: tuple | None
    layout: str | None
    channels: int
    height: int
    width: int
    prefix: int
    undecided: bool
    element: bool
    container: bool
    parameters: int
    convolution: str
    output: int
    relu_follows: bool
    role: str
    within: tuple
    place: int


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
    """Images of noise (count, C, H, W) of the module's type and device, where only shapes matter."""
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


def _hooks(watch, name, child):
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
    calls = tuple(_calls(watch, roles, len(example)))
    if any(call.undecided for call in calls):
        calls = _decided_by_size(module, example, calls)
    counts = watch.counts()
    found = Trace(
        calls,
        tuple(name for name, _ in module.named_modules() if name and name not in counts),
        tuple(example.shape),
        tuple(output.shape),
        head or watch.classifier(output),
        watch.attention,
    )
    return dataclasses.replace(found, unread=_unread(module, example, found))


def _no_tensor(output, example):
    """What to say of an output that is no (images, classes)."""
    got = (
        f"shape {tuple(output.shape)}" if torch.is_tensor(output) else f"a {type(output).__name__}"
    )
    return (
        f"the network gives {got} for an input of {tuple(example.shape)}, where one tensor "
        "(images, classes) is needed: wrap it in a file.py:callable that returns the logits"
    )


def _calls(watch, roles, batch):
    """The calls of a pass, from its records."""
    totals, counts, grid = watch.counts(), collections.Counter(), None
    shapes = []
    for record in watch.records:
        shape = _shape(record, batch, grid)
        if shape[1] in ("nchw", "nhwc") and shape[3] * shape[4] > 1:
            grid = shape[3:5]
        shapes.append(shape)
    opened = _opened(watch.records, shapes)
    for order, (record, shape) in enumerate(zip(watch.records, shapes)):
        yield Call(
            record.name,
            counts[record.name],
            totals[record.name],
            type(record.module).__name__,
            *shape,
            element=record.element,
            container=any(True for _ in record.module.children()),
            parameters=sum(value.numel() for value in record.module.parameters()),
            convolution=record.convolution,
            output=record.output,
            relu_follows=order in watch.relu_follows,
            role={True: "all", False: "some"}.get(roles.get(record.node), "none"),
            within=tuple(place for place in record.depth if place not in opened),
            place=record.place,
        )
        counts[record.name] += 1


def _opened(records, shapes):
    """Places of calls that are no level of their own: they give no map."""
    return {record.place for record, shape in zip(records, shapes) if shape[1] is None}


def _shape(record: Record, batch, grid):
    """(shape, layout, channels, height, width, prefix, undecided) of an output."""
    shape = record.shape
    seen = record.seen
    if shape is None or len(shape) < 2 or shape[0] != batch or record.node is None or seen is None:
        return shape, None, 0, 0, 0, 0, False
    if len(shape) == 2:
        return shape, "vector", shape[1], 1, 1, 0, False
    channel, spatial = seen.axes.channel, seen.axes.spatial
    if len(shape) == 3 and channel in (1, 2):
        return (*_of_three(shape, channel, grid, record.grids), False)
    if len(shape) == 4 and channel in (1, 3):
        height, width = shape[2:] if channel == 1 else shape[1:3]
        if spatial or _is_part(height, width, record.grids):
            return (
                shape,
                "nchw" if channel == 1 else "nhwc",
                shape[channel],
                height,
                width,
                0,
                False,
            )
    return shape, None, 0, 0, 0, 0, len(shape) in (3, 4)


def _is_part(height, width, grids):
    """Whether two sides are those of a map seen before, or the same whole part of both its sides."""
    return any(
        tall % height == wide % width == 0 and tall // height == wide // width
        for tall, wide in grids
        if height and width
    )


def _of_three(shape, channel, grid, grids):
    """Of an output (N, T, C) or (N, C, L): its layout and the map that its positions are."""
    length = shape[3 - channel]
    height, width, prefix = layout_grid(length, grid, grids)
    if channel == 2:
        return shape, "tokens", shape[2], height, width, prefix
    if height * width != length or (height, width) not in {grid, *grids}:
        height, width = 1, length
    return shape, "ncl", shape[1], height, width, 0


def layout_grid(count: int, last: tuple | None, grids: tuple = ()) -> tuple[int, int, int]:
    """(height, width, prefix) of a sequence of positions: the last map seen, one of as many positions, a square, or one row."""
    exact = [grid for grid in reversed(grids) if grid[0] * grid[1] == count]
    square = math.isqrt(count)
    for height, width in ([last] if last else []) + exact + [(square, square)]:
        if 0 <= count - height * width <= MAX_PREFIX:
            return height, width, count - height * width
    return 1, count, 0


def _decided_by_size(module, example, calls):
    """The calls, those of unknown layout decided by images of a second size, where the network takes one."""
    height, width = (int(side * OTHER_SIZE) // 2 * 2 for side in example.shape[2:])
    larger = torch.nn.functional.interpolate(example, (height, width))
    try:
        watch, _ = watched(module, larger)
    except GradtoolsError:
        return calls
    counts, shapes = collections.Counter(), {}
    for record in watch.records:
        shapes[record.name, counts[record.name]] = record.shape
        counts[record.name] += 1
    return tuple(_by_size(call, shapes.get((call.name, call.index))) for call in calls)


def _by_size(call, larger):
    """A call of unknown layout with the one axis for channels that stays as it is when the image grows."""
    if not call.undecided or larger is None or len(larger) != 4 or len(call.shape) != 4:
        return call
    same = [axis for axis in (1, 2, 3) if larger[axis] == call.shape[axis]]
    if same not in ([1], [3]):
        return call
    return with_layout(call, "nchw" if same == [1] else "nhwc")


def with_layout(call: Call, layout: str) -> Call:
    """A call read in a layout that the trace or the user says."""
    shape = call.shape
    if shape is None:
        return call
    if layout in ("nchw", "nhwc"):
        channels, height, width = shape[1:] if layout == "nchw" else (shape[3], *shape[1:3])
        prefix = 0
    else:
        channels, length = (shape[2], shape[1]) if layout == "tokens" else shape[1:]
        height, width, prefix = layout_grid(length, None) if layout == "tokens" else (1, length, 0)
    return dataclasses.replace(
        call,
        layout=layout,
        channels=channels,
        height=height,
        width=width,
        prefix=prefix,
        undecided=False,
    )


@torch.no_grad()
def _unread(module, example, found):
    """Names of the last calls with a class token of whose patches the classifier reads nothing: other values there leave its input as it is."""
    last = [
        call for call in found.calls if call.layout == "tokens" and call.prefix and call.container
    ]
    names, read = [], _read_by_head(module, example, found) if last else None
    for call in reversed(last):
        changed = _read_by_head(module, example, found, call)
        if changed is None or float((changed - read).abs().max()) > 1e-6 * float(read.abs().max()):
            break
        names.append(call.name)
    return tuple(names)


def _read_by_head(module, example, found, turned=None):
    """What the classifier reads (without one, the output), with the patches of one call turned round; None where that does not run."""
    calls, read, handles = itertools.count(), [], []

    def turn(child, _, output):
        if next(calls) != turned.index:
            return None
        return replaced(output, _turned(first_map(child, output)[0], turned.prefix))

    if turned is not None:
        handles.append(module.get_submodule(turned.name).register_forward_hook(turn))
    if found.classifier:
        head = module.get_submodule(found.classifier)
        handles.append(head.register_forward_pre_hook(lambda _, inputs: read.append(inputs[0])))
    try:
        output = module(example)
        return read[-1] if read else output
    except Exception:  # the network's own code
        return None
    finally:
        for handle in handles:
            handle.remove()


def _turned(tokens, prefix):
    return torch.cat([tokens[:, :prefix], -tokens[:, prefix:] + tokens.std()], dim=1)


def replaced(output: Nested, tensor: torch.Tensor) -> Nested:
    """A module's output with another tensor in the place of its own, or of the first of its tuple."""
    if isinstance(output, (tuple, list)):
        return type(output)([tensor, *output[1:]])
    return tensor
