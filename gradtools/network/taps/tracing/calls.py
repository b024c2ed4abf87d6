"""The calls of a pass: in which layout the output of each is, and the map that it holds."""

import collections
import dataclasses
import math
from collections.abc import Iterator, Mapping, Sequence

from gradtools.network.taps.tracing.watch import Record, Watch

MAX_PREFIX = 16  # class, distillation and register tokens before the patches


@dataclasses.dataclass(frozen=True)
class Call:
    """One call of one module.

    `layout` is 'nchw', 'nhwc', 'tokens' (N, T, C), 'ncl' (N, C, L), 'vector' (N, C), or None where the output is no tensor with the
    images first; `undecided` where it is one, and nothing says which axis is the channels'. `element`: the map is the first of a tuple.
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


def calls_of(watch: Watch, roles: Mapping[int, bool], batch: int) -> Iterator[Call]:
    """Yield the calls of a pass over `batch` images, from its records."""
    totals, grid = watch.counts(), None
    counts: collections.Counter[str] = collections.Counter()
    shapes = []
    for record in watch.records:
        shape = _shape(record, batch, grid)
        if shape[1] in ("nchw", "nhwc") and shape[3] * shape[4] > 1:
            grid = shape[3:5]
        shapes.append(shape)
    opened = _opened(watch.records, shapes)
    for order, (record, seen) in enumerate(zip(watch.records, shapes)):
        shape, layout, channels, height, width, prefix, undecided = seen
        through = None if record.node is None else roles.get(record.node)
        yield Call(
            record.name,
            counts[record.name],
            totals[record.name],
            type(record.module).__name__,
            shape,
            layout,
            channels,
            height,
            width,
            prefix,
            undecided,
            element=record.element,
            container=any(True for _ in record.module.children()),
            parameters=sum(value.numel() for value in record.module.parameters()),
            convolution=record.convolution,
            output=record.output,
            relu_follows=order in watch.relu_follows,
            role={True: "all", False: "some", None: "none"}[through],
            within=tuple(place for place in record.depth if place not in opened),
            place=record.place,
        )
        counts[record.name] += 1


def _opened(records: list[Record], shapes: Sequence[tuple]) -> set[int]:
    """Return the places of calls that are no level of their own: they give no map."""
    return {record.place for record, shape in zip(records, shapes) if shape[1] is None}


def _shape(record: Record, batch: int, grid: tuple[int, int] | None) -> tuple:
    """Return (shape, layout, channels, height, width, prefix, undecided) of an output."""
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


def _is_part(height: int, width: int, grids: Sequence[tuple[int, int]]) -> bool:
    """Return True if two sides are those of a map seen before, or the same whole part of both its sides."""
    return any(
        tall % height == wide % width == 0 and tall // height == wide // width
        for tall, wide in grids
        if height and width
    )


def _of_three(
    shape: Sequence[int], channel: int, grid: tuple[int, int] | None, grids: tuple
) -> tuple:
    """Return the layout of an output (N, T, C) or (N, C, L), and the map that its positions are."""
    length = shape[3 - channel]
    height, width, prefix = layout_grid(length, grid, grids)
    if channel == 2:
        return shape, "tokens", shape[2], height, width, prefix
    if height * width != length or (height, width) not in {grid, *grids}:
        height, width = 1, length
    return shape, "ncl", shape[1], height, width, 0


def layout_grid(count: int, last: tuple | None, grids: tuple = ()) -> tuple[int, int, int]:
    """Return (height, width, prefix) of a sequence of positions: the last map seen, one of as many positions, a square, or one row."""
    exact = [grid for grid in reversed(grids) if grid[0] * grid[1] == count]
    square = math.isqrt(count)
    for height, width in ([last] if last else []) + exact + [(square, square)]:
        if 0 <= count - height * width <= MAX_PREFIX:
            return height, width, count - height * width
    return 1, count, 0


def by_size(call: Call, larger: tuple | None) -> Call:
    """Return a call of unknown layout with the one axis for channels that stays as it is when the image grows."""
    shape = call.shape
    if not call.undecided or larger is None or shape is None or {len(larger), len(shape)} != {4}:
        return call
    same = [axis for axis in (1, 2, 3) if larger[axis] == shape[axis]]
    if same not in ([1], [3]):
        return call
    return with_layout(call, "nchw" if same == [1] else "nhwc")


def with_layout(call: Call, layout: str) -> Call:
    """Return a call read in a given layout."""
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
