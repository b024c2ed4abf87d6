"""The `auto:` taps, found from a trace (architecture#taps): last-block, last-conv, blocks, convs, relus."""

import collections

from gradtools.errors import GradtoolsError

DEPTH = 2  # names below the part of the network that does everything
NO_STAGE = ("Dropout", "Identity", "StochasticDepth", "Pool")


def last_block(trace):
    """The last stage's output; with the ReLU where one follows it: [(call, relu)].

    Only a vision transformer's class token reads its last block, so its last usable block is the one before.
    """
    blocks = _transformer_blocks(trace)
    if blocks:
        return [(_last_usable(blocks), False)]
    last = _stages(trace)[-1]
    if last.relu_follows:
        return [(outermost(trace, last), True)]
    return [(outermost(trace, last, _whole(trace)), False)]


def last_conv(trace):
    """The last convolution if it is an ordinary one that makes the last stage's channels, else the last stage.

    A shortcut's convolution, which reads what an earlier one has read, does not count.
    """
    convolutions = [
        call for call in _trunk(trace) if call.convolution and call.convolution != "parallel"
    ]
    fallback = last_block(trace)
    if convolutions and not trace.attention:
        last = convolutions[-1]
        if last.convolution == "plain" and last.channels == fallback[0][0].channels:
            return [(last, False)]
    return fallback


def blocks(trace):
    """The stages after which height and width change, and the last; in a vision transformer every third block."""
    last = last_block(trace)
    transformer = _transformer_blocks(trace)
    if transformer:
        usable = transformer[: transformer.index(last[0][0])]
        return [(block, False) for block in usable[2::3]] + last
    stages = _stages(trace)
    whole = _whole(trace)
    ends = [
        stage
        for stage, after in zip(stages, stages[1:])
        if (stage.height, stage.width) != (after.height, after.width)
    ]
    return [(outermost(trace, stage, whole), False) for stage in ends] + last


def convs(trace):
    """Every call of a convolution before the head."""
    return [(call, False) for call in _trunk(trace) if call.convolution]


def relus(trace):
    """Every call of a rectifier module before the head."""
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


def _trunk(trace):
    """Calls before the classifier."""
    ends = [order for order, call in enumerate(trace.calls) if call.name == trace.classifier]
    return trace.calls[: ends[-1]] if ends else trace.calls


def _base(trace):
    """Name of the innermost module that holds all that has parameters, with its dot: '' or e.g. 'backbone.'."""
    names = [call.name.split(".") for call in trace.calls if call.parameters and not call.container]
    shared = 0
    while names and all(
        len(name) > shared + 1 and name[: shared + 1] == names[0][: shared + 1] for name in names
    ):
        shared += 1
    return "".join(part + "." for part in names[0][:shared]) if names else ""


def _candidates(trace):
    base = _base(trace)
    return [
        call
        for call in _trunk(trace)
        if call.layout in ("nchw", "nhwc", "tokens")
        and call.height * call.width > 1
        and call.name.startswith(base)
        and call.name[len(base) :].count(".") < DEPTH
        and not any(kind in call.kind for kind in NO_STAGE)
    ]


def _whole(trace):
    """Names of the modules that contain every stage."""
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


def _stages(trace):
    """Stages in order of execution, without the modules that contain them all."""
    whole = _whole(trace)
    found = [call for call in _candidates(trace) if call.name not in whole] or _candidates(trace)
    if not found:
        raise GradtoolsError(
            "auto: taps need a module whose output is a map (N, C, H, W); this network has none: name "
            "the taps with --tap (gradtools layers MODEL lists them)"
        )
    return found


def outermost(trace, stage, without=()):
    """Of the calls with the same output the outermost, of several the last."""
    same = [
        call
        for call in trace.calls
        if call.output == stage.output
        and call.name not in without
        and not any(kind in call.kind for kind in NO_STAGE)
    ] or [stage]
    shallowest = min(call.name.count(".") for call in same)
    return [call for call in same if call.name.count(".") == shallowest][-1]


def _transformer_blocks(trace):
    """The blocks of a vision transformer: the largest family of equal siblings that give tokens; empty elsewhere."""
    if not trace.attention or _stages(trace)[-1].layout != "tokens":
        return []
    families = collections.defaultdict(list)
    for call in _trunk(trace):
        if call.layout == "tokens" and call.container:
            families[call.name.rpartition(".")[0], call.kind].append(call)
    return max(families.values(), key=len, default=[])


def _last_usable(transformer):
    """The last block whose patches are read: the one before the last where there is a class token."""
    return transformer[-2] if transformer[-1].prefix and len(transformer) > 1 else transformer[-1]
