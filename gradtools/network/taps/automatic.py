"""The `auto:` taps, found from a trace (architecture#taps): last-block, last-conv, blocks, convs, relus."""

import collections
import itertools
from collections.abc import Collection, Sequence

from gradtools.errors import GradtoolsError
from gradtools.network.taps.tracing import Call, Trace

DEPTH = 2  # calls that give a map, one within the other, below the part of the network that does everything
NO_STAGE = ("Dropout", "Identity", "StochasticDepth", "DropPath", "Pool")
MAPS = ("nchw", "nhwc", "tokens", "ncl")
BLOCKS_INSIDE = 2  # so many blocks before a stage's own change of size make it a stage of blocks


def last_block(trace: Trace) -> list:
    """Return the last stage's output; with the ReLU where one follows it: [(call, relu)].

    A vision transformer's last block of which only the class token is read has no map: its last usable block is one before.
    """
    blocks = _transformer_blocks(trace)
    if blocks:
        return [(_last_usable(trace, blocks), False)]
    *before, last = _runs(trace)
    if last[-1].relu_follows:
        return [(outermost(trace, last[-1]), True)]
    return [(outermost(trace, last[-1], _around(trace, before)), False)]


def last_conv(trace: Trace) -> list:
    """Return the last convolution if it is an ordinary one that makes the last stage's channels, else the last stage.

    A shortcut's convolution, which reads what an earlier one has read, does not count, nor one behind the pooling (MobileNet's).
    """
    convolutions = [
        call
        for call in _trunk(trace)
        if call.convolution not in ("", "parallel") and call.height * call.width > 1
    ]
    fallback = last_block(trace)
    if convolutions and not trace.attention:
        last = convolutions[-1]
        if last.convolution == "plain" and last.channels == fallback[0][0].channels:
            return [(last, False)]
    return fallback


def blocks(trace: Trace) -> list:
    """Return the stages after which height and width change, and the last; in a vision transformer every third block."""
    last = last_block(trace)
    transformer = _transformer_blocks(trace)
    if transformer:
        usable = transformer[: transformer.index(last[0][0])]
        return [(block, False) for block in usable[2::3]] + last
    runs = _runs(trace)[:-1]
    around = _around(trace, runs)
    return [(outermost(trace, _end(run, trace), around), False) for run in runs] + last


def _runs(trace: Trace) -> list[list[Call]]:
    """Return the stages in runs of one size."""
    by_size = itertools.groupby(_stages(trace), lambda stage: (stage.height, stage.width))
    return [list(run) for _, run in by_size]


def _around(trace: Trace, runs: Sequence[Sequence[Call]]) -> set[str]:
    """Return the names of the modules that contain every stage, or the end of one of the runs, and so are none of the blocks."""
    places = {place for run in runs for place in _end(run, trace).within}
    return _whole(trace) | {call.name for call in trace.calls if call.place in places}


def _end(run: Sequence[Call], trace: Trace) -> Call:
    """Return the last of stages of one size, without those that only prepare the change of size within a later stage (as ConvNeXt's norms do)."""
    later = {call.place for call in trace.calls if call.layout in MAPS and call not in run}
    outside = [stage for stage in run if not later & set(stage.within)]
    after = run[run.index(outside[-1]) + 1 :] if outside else run
    computes = any(call.container or call.convolution or call.kind == "Linear" for call in after)
    return run[-1] if computes or not outside else outside[-1]


def convs(trace: Trace) -> list:
    """Return every call of a convolution before the head."""
    return [(call, False) for call in _trunk(trace) if call.convolution]


def relus(trace: Trace) -> list:
    """Return every call of a rectifier module before the head."""
    return [
        (call, False)
        for call in _trunk(trace)
        if call.kind in ("ReLU", "ReLU6") and call.height * call.width > 1
    ]


AUTO = {
    "last-block": last_block,
    "last-conv": last_conv,
    "blocks": blocks,
    "convs": convs,
    "relus": relus,
}


def parameters_around(trace: Trace, call: Call) -> tuple[int, int]:
    """Return the parameters of the layers before a call's end and behind it; of the latter only of those whose outputs still are maps."""
    ends = [other.place for other in trace.calls].index(call.place)
    leaves = [(order, other) for order, other in enumerate(_trunk(trace)) if not other.container]
    before = {other.name: other.parameters for order, other in leaves if order <= ends}
    behind = {
        other.name: other.parameters
        for order, other in leaves
        if order > ends and other.layout != "vector" and other.name not in before
    }
    return sum(before.values()), sum(behind.values())


def late_notes(trace: Trace, names: Collection[str] | None = None) -> list[str]:
    """Return what to say where most of the network lies behind its last block: then the automatic taps may be the wrong ones.

    Parameters
    ----------
    names : collection of str, optional
        Modules of the taps; nothing is said where the last block is none of them.
    """
    try:
        ((last, _),) = last_block(trace)
    except GradtoolsError:  # no network of maps
        return []
    before, behind = parameters_around(trace, last)
    if behind <= before or (names is not None and last.name not in names):
        return []
    return [
        f"{last.name}, taken for the last block, has {before:,} parameters before it and {behind:,} behind it: "
        "name later taps with --tap (gradtools layers MODEL lists them)"
    ]


def _trunk(trace: Trace) -> tuple[Call, ...]:
    """Return the calls before the classifier."""
    ends = [order for order, call in enumerate(trace.calls) if call.name == trace.classifier]
    return trace.calls[: ends[-1]] if ends else trace.calls


def _base(trace: Trace) -> str:
    """Name of the innermost module that holds all that has parameters, with its dot: '' or e.g. 'backbone.'."""
    names = [call.name.split(".") for call in trace.calls if call.parameters and not call.container]
    shared = 0
    while names and all(
        len(name) > shared + 1 and name[: shared + 1] == names[0][: shared + 1] for name in names
    ):
        shared += 1
    return "".join(part + "." for part in names[0][:shared]) if names else ""


def _candidates(trace: Trace) -> list[Call]:
    """Return the calls on the path of everything that reaches the output, at most DEPTH deep; of a network without any, on any path."""
    base, places = _base(trace), {}
    around = {call.place for call in trace.calls if base.startswith(call.name + ".")}
    for call in _trunk(trace):
        if _is_stage(call) and call.name.startswith(base):
            places[call.place] = len([place for place in call.within if place not in around])
    shallow = [call for call in trace.calls if places.get(call.place, DEPTH) < DEPTH]
    on_path = [call for call in shallow if call.role == "all"]
    if not on_path:
        return [call for call in shallow if call.role != "none"] or shallow
    kept = {call.place for call in on_path + _blocks_before_a_change(trace, on_path)}
    return [call for call in trace.calls if call.place in kept]


def _is_stage(call: Call) -> bool:
    return (
        call.layout in MAPS
        and call.height * call.width > 1
        and not any(kind in call.kind for kind in NO_STAGE)
    )


def _blocks_before_a_change(trace: Trace, stages: list[Call]) -> list[str]:
    """Return the last block within each stage that ends by changing the size of its map, where several blocks come before (as in Swin)."""
    last_blocks = []
    for stage in stages:
        inside = [
            call
            for call in trace.calls
            if stage.place in call.within
            and call.container
            and call.role == "all"
            and _is_stage(call)
        ]
        least = min((len(call.within) for call in inside), default=0)
        before = [
            call
            for call in inside
            if len(call.within) == least
            and (call.height, call.width) != (stage.height, stage.width)
        ]
        if len(before) >= BLOCKS_INSIDE and len({call.kind for call in before}) == 1:
            last_blocks.append(before[-1])
    return last_blocks


def _whole(trace: Trace) -> set[str]:
    """Return the names of the modules that contain every stage."""
    candidates = _candidates(trace)
    return {
        call.name
        for call in candidates
        if call.container
        and all(
            other.name == call.name or other.name.startswith(call.name + ".")
            for other in candidates
        )
    }


def _stages(trace: Trace) -> list[Call]:
    """Return the stages in order of execution, without the modules that contain them all."""
    whole = _whole(trace)
    stages = [call for call in _candidates(trace) if call.name not in whole] or _candidates(trace)
    if not stages:
        raise GradtoolsError(
            "auto: taps need a module whose output is a map (N, C, H, W); this network has none: name "
            "the taps with --tap (gradtools layers MODEL lists them)"
        )
    return stages


def outermost(trace: Trace, stage: Call, without: Collection[str] = ()) -> Call:
    """Return, of the calls with the same output, the outermost; of several the last."""
    same = [
        call
        for call in trace.calls
        if call.output == stage.output
        and call.layout
        and call.name not in without
        and not any(kind in call.kind for kind in NO_STAGE)
    ] or [stage]
    shallowest = min(call.name.count(".") for call in same)
    return [call for call in same if call.name.count(".") == shallowest][-1]


def _transformer_blocks(trace: Trace) -> list[Call]:
    """Return the blocks of a vision transformer: the largest family of equal siblings that give tokens; empty elsewhere."""
    stages = _stages(trace)
    sizes = {(call.height, call.width) for call in stages if call.layout == "tokens"}
    if not trace.attention or stages[-1].layout != "tokens" or len(sizes) > 1:
        return []
    families = collections.defaultdict(list)
    for call in _trunk(trace):
        if call.layout == "tokens" and call.container and call.role != "none":
            families[call.name.rpartition(".")[0], call.kind].append(call)
    return max(families.values(), key=len, default=[])


def _last_usable(trace: Trace, transformer: list[Call]) -> Call:
    """Return the last block whose patches are read."""
    usable = [block for block in transformer if block.name not in trace.unread]
    return (usable or transformer)[-1]
