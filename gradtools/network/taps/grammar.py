"""What a user writes to name taps, and the taps it stands for (architecture#taps).

`layer4`, `layer4.1.relu#1` (the call from 0, `#-1` the last), `features@relu` (the ReLU that follows),
`'layer*.conv2'`, `auto:blocks`, `input`, `layers.0:nhwc` (the layout, where the trace does not decide it).
"""

import dataclasses
import fnmatch
from collections.abc import Iterable, Sequence
from typing import TYPE_CHECKING

from gradtools.errors import UsageError, suggest
from gradtools.network.taps.automatic import AUTO, outermost
from gradtools.network.taps.tracing import Trace, with_layout

if TYPE_CHECKING:
    from gradtools.network.taps.tracing.calls import Call

LAYOUTS = {"nchw": 4, "nhwc": 4, "tokens": 3, "ncl": 3}  # the number of axes of each


@dataclasses.dataclass(frozen=True)
class Tap:
    """A place in a network: the output of one call of one module, or of the ReLU that follows it.

    `module` is '' for the input. `layout` is as in `Call`; `channels`, `height`, `width` are those of the map, `prefix`
    the number of tokens before the patches, `element` says that the module gives a tuple, of which this is the first.
    """

    name: str
    module: str
    call: int
    relu: bool
    layout: str
    channels: int
    height: int
    width: int
    prefix: int
    element: bool = False

    @property
    def shape(self) -> tuple[int, int, int]:
        """(C, H, W) of the tap's map."""
        return self.channels, self.height, self.width


def resolve(trace: Trace, specs: Sequence[str], layers: int | None = None) -> list[Tap]:
    """Resolve specs to taps, each once, in order of execution.

    Parameters
    ----------
    trace : Trace
    specs : sequence of str
    layers : int, optional
        The last so many of `auto:blocks`, added to the specs.

    Returns
    -------
    list of Tap

    Raises
    ------
    UsageError
        For a name that is not there (with near ones), a module called several times without `#i`, an output that is no
        map.
    """
    matches = [match for spec in specs for match in _find(trace, spec)]
    if layers is not None:
        matches += _last_blocks(trace, layers)
    taps = {tap.name: tap for tap in (_tap(trace, call, relu) for call, relu in matches)}
    return in_order(trace, taps.values())


def in_order(trace: Trace, taps: Iterable[Tap]) -> list[Tap]:
    """Return the taps in order of execution."""
    order = {(call.name, call.index): number for number, call in enumerate(trace.calls)}
    return sorted(taps, key=lambda tap: (order.get((tap.module, tap.call), -1), tap.relu))


def every(trace: Trace) -> list[Tap]:
    """Return a tap for every call that can be tapped, in order of execution."""
    return [_tap(trace, call, False) for call in trace.calls if call.layout]


def _last_blocks(trace: Trace, layers: int) -> "list[tuple[Call | None, bool]]":
    blocks = AUTO["blocks"](trace)
    if not 1 <= layers <= len(blocks):
        raise UsageError(
            f"--layers {layers}: this network has {len(blocks)} blocks, write 1 to {len(blocks)}"
        )
    return blocks[-layers:]


def _find(trace: Trace, spec: str) -> "list[tuple[Call | None, bool]]":
    """Return [(call, relu)] of one spec; the call is None for the input."""
    if spec == "input":
        return [(None, False)]
    if spec.startswith("auto:"):
        return _automatic(trace, spec)
    spec, layout = _with_layout(trace, spec)
    name, index, relu = _parse(trace, spec)
    calls = [call for call in trace.calls if call.name == name]
    if not calls and any(sign in name for sign in "*?["):
        return _glob(trace, spec, name, index, relu)
    if not calls:
        raise UsageError(_unknown(trace, spec, name))
    if index is None and len(calls) > 1:
        raise UsageError(
            f"tap {spec}: {name} is called {len(calls)} times in one pass; "
            f"write {name}#0 to {name}#{len(calls) - 1} ({name}#-1 is the last)"
        )
    call = _call(spec, calls, index or 0)
    if layout:
        call = _in_layout(spec, call, layout)
    return [(_checked(spec, call, relu), relu)]


def _with_layout(trace: Trace, spec: str) -> tuple[str, str | None]:
    """Return the spec without its layout, and that; a module may end in such a word."""
    body, colon, layout = spec.rpartition(":")
    if colon and layout in LAYOUTS and spec not in _names(trace):
        return body, layout
    return spec, None


def _in_layout(spec: str, call: "Call", layout: str) -> "Call":
    if call.shape is None or len(call.shape) != LAYOUTS[layout]:
        raise UsageError(
            f"tap {spec}:{layout}: {call.name} gives shape {call.shape}, and {layout} has {LAYOUTS[layout]} axes"
        )
    return with_layout(call, layout)


def _names(trace: Trace) -> set[str]:
    """Return the names of the network's modules."""
    return {call.name for call in trace.calls} | set(trace.uncalled)


def _automatic(trace: Trace, spec: str) -> "list[tuple[Call | None, bool]]":
    name = spec.removeprefix("auto:")
    if name not in AUTO:
        raise UsageError(f"tap {spec}: there are {', '.join('auto:' + known for known in AUTO)}")
    matches = AUTO[name](trace)
    if not matches:
        kind = {"convs": "convolution", "relus": "rectifier"}[name]
        raise UsageError(f"tap {spec}: this network has no {kind} before its head")
    return matches


def _parse(trace: Trace, spec: str) -> tuple[str, int | None, bool]:
    """Return (name, index or None, relu) of `name#i@relu`; signs that belong to a module's own name stay in it."""
    known = _names(trace)
    if spec in known:
        return spec, None, False
    body, at, suffix = spec.rpartition("@")
    relu = bool(at) and suffix == "relu"
    body = body if relu else spec
    if body in known:
        return body, None, relu
    name, hash_sign, number = body.rpartition("#")
    index = number if hash_sign else None
    name = name if hash_sign else body
    if "@" in name and name not in known:
        raise UsageError(f"tap {spec}: the only suffix is @relu")
    try:
        return name, None if index is None else int(index), relu
    except ValueError:
        raise UsageError(
            f"tap {spec}: after # stands the number of the call, as in {name}#0 or {name}#-1"
        ) from None


def _glob(
    trace: Trace, spec: str, name: str, index: int | None, relu: bool
) -> "list[tuple[Call | None, bool]]":
    """Return every call of the modules that match, or the one of the index; outputs that are no map are passed over."""
    matches: list[Call] = []
    tappable = dict.fromkeys(call.name for call in trace.calls if call.layout)
    for matched in fnmatch.filter(tappable, name):
        calls = [call for call in trace.calls if call.name == matched]
        matches += [_call(spec, calls, index)] if index is not None else calls
    matches = [call for call in matches if call.layout and (call.relu_follows or not relu)]
    if not matches:
        raise UsageError(
            f"tap {spec}: no module that runs matches; gradtools layers MODEL lists them"
        )
    return [(call, relu) for call in matches]


def _call(spec: str, calls: "Sequence[Call]", index: int) -> "Call":
    if not -len(calls) <= index < len(calls):
        times = f"{len(calls)} time{'s' * (len(calls) > 1)}"
        raise UsageError(
            f"tap {spec}: {calls[0].name} is called {times} in one pass, counted from 0"
        )
    return calls[index]


def _checked(spec: str, call: "Call", relu: bool) -> "Call":
    """Return the call, if its output can be tapped."""
    if call.undecided and call.shape is not None:
        ways = " or ".join(
            f"{spec}:{name}" for name, axes in LAYOUTS.items() if axes == len(call.shape)
        )
        raise UsageError(
            f"tap {spec}: nothing in the network says which axis of shape {call.shape} is the channels': write {ways}"
        )
    if call.layout is None:
        what = (
            "no single tensor"
            if call.shape is None
            else f"no map of each image: its shape is {call.shape}"
        )
        raise UsageError(
            f"tap {spec}: the output of this {call.kind} is {what}; tap a module around or inside it"
        )
    if relu and not call.relu_follows:
        raise UsageError(
            f"tap {spec}: no ReLU follows {call.name} directly; tap {call.name}, or the ReLU elsewhere"
        )
    return call


def _unknown(trace: Trace, spec: str, name: str) -> str:
    if name in trace.uncalled:
        return f"tap {spec}: {name} is in the network but does not run as a module; tap one inside it or around it"
    known = list(dict.fromkeys(call.name for call in trace.calls))
    return (
        f"tap {spec}: the network has no module {name} (gradtools layers MODEL lists all); "
        f"{suggest(name, known)}"
    )


def _tap(trace: Trace, call: "Call | None", relu: bool) -> Tap:
    """Return the tap of a call, under the one name it has in a store: with #i only where the module runs several times."""
    if call is None:
        _, channels, height, width = trace.input_shape
        return Tap("input", "", 0, False, "nchw", channels, height, width, 0)
    if relu:  # the ReLU reads what the outermost module returns
        call = outermost(trace, call)
    name = call.name + (f"#{call.index}" if call.calls > 1 else "") + ("@relu" if relu else "")
    return Tap(
        name,
        call.name,
        call.index,
        relu,
        call.layout or "",
        call.channels,
        call.height,
        call.width,
        call.prefix,
        call.element,
    )
