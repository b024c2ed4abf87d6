"""What a user writes to name taps, and the taps it stands for (architecture#taps).

`layer4`, `layer4.1.relu#1` (the call from 0, `#-1` the last), `features@relu` (the ReLU that follows),
`'layer*.conv2'`, `auto:blocks`, `input`.
"""

import dataclasses
import fnmatch

from gradtools.errors import UsageError, suggest
from gradtools.network.taps.automatic import AUTO, outermost


@dataclasses.dataclass(frozen=True)
class Tap:
    """A place in a network: the output of one call of one module, or of the ReLU that follows it.

    `module` is '' for the input. `layout` is as in `Call`; `channels`, `height`, `width` are those of the map, `prefix`
    the number of tokens before the patches.
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

    @property
    def shape(self):
        """(C, H, W) of the tap's map."""
        return self.channels, self.height, self.width


def resolve(trace, specs, layers=None):
    """Taps that the specs name, each once, in order of execution.

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
    found = [found for spec in specs for found in _find(trace, spec)]
    if layers is not None:
        found += _last_blocks(trace, layers)
    order = {(call.name, call.index): number for number, call in enumerate(trace.calls)}
    taps = {tap.name: tap for tap in (_tap(trace, call, relu) for call, relu in found)}
    return sorted(taps.values(), key=lambda tap: (order.get((tap.module, tap.call), -1), tap.relu))


def every(trace):
    """A tap for every call that can be tapped, in order of execution."""
    return [_tap(trace, call, False) for call in trace.calls if call.layout]


def _last_blocks(trace, layers):
    blocks = AUTO["blocks"](trace)
    if not 1 <= layers <= len(blocks):
        raise UsageError(
            f"--layers {layers}: this network has {len(blocks)} blocks, write 1 to {len(blocks)}"
        )
    return blocks[-layers:]


def _find(trace, spec):
    """[(call, relu)] of one spec; the call is None for the input."""
    if spec == "input":
        return [(None, False)]
    if spec.startswith("auto:"):
        return _automatic(trace, spec)
    name, index, relu = _parse(spec)
    if any(sign in name for sign in "*?["):
        return _glob(trace, spec, name, index, relu)
    calls = [call for call in trace.calls if call.name == name]
    if not calls:
        raise UsageError(_unknown(trace, spec, name))
    if index is None and len(calls) > 1:
        raise UsageError(
            f"tap {spec}: {name} is called {len(calls)} times in one pass; "
            f"write {name}#0 to {name}#{len(calls) - 1} ({name}#-1 is the last)"
        )
    return [(_checked(spec, _call(spec, calls, index or 0), relu), relu)]


def _automatic(trace, spec):
    name = spec.removeprefix("auto:")
    if name not in AUTO:
        raise UsageError(f"tap {spec}: there are {', '.join('auto:' + known for known in AUTO)}")
    return AUTO[name](trace)


def _parse(spec):
    """(name, index or None, relu) of `name#i@relu`."""
    body, at, suffix = spec.partition("@")
    if at and suffix != "relu":
        raise UsageError(f"tap {spec}: the only suffix is @relu")
    name, hash_sign, index = body.partition("#")
    if not hash_sign:
        return name, None, bool(at)
    try:
        return name, int(index), bool(at)
    except ValueError:
        raise UsageError(
            f"tap {spec}: after # stands the number of the call, as in {name}#0 or {name}#-1"
        ) from None


def _glob(trace, spec, name, index, relu):
    """Every call of the modules that match, or the one of the index; outputs that are no map are passed over."""
    found = []
    tappable = dict.fromkeys(call.name for call in trace.calls if call.layout)
    for matched in fnmatch.filter(tappable, name):
        calls = [call for call in trace.calls if call.name == matched]
        found += [_call(spec, calls, index)] if index is not None else calls
    found = [call for call in found if call.layout and (call.relu_follows or not relu)]
    if not found:
        raise UsageError(
            f"tap {spec}: no module that runs matches; gradtools layers MODEL lists them"
        )
    return [(call, relu) for call in found]


def _call(spec, calls, index):
    if not -len(calls) <= index < len(calls):
        times = f"{len(calls)} time{'s' * (len(calls) > 1)}"
        raise UsageError(
            f"tap {spec}: {calls[0].name} is called {times} in one pass, counted from 0"
        )
    return calls[index]


def _checked(spec, call, relu):
    """The call, if its output can be tapped."""
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


def _unknown(trace, spec, name):
    if name in trace.uncalled:
        return f"tap {spec}: {name} is in the network but does not run as a module; tap one inside it or around it"
    known = list(dict.fromkeys(call.name for call in trace.calls))
    return (
        f"tap {spec}: the network has no module {name} (gradtools layers MODEL lists all); "
        f"{suggest(name, known)}"
    )


def _tap(trace, call, relu):
    """The tap of a call, under the one name it has in a store: with #i only where the module runs several times."""
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
        call.layout,
        call.channels,
        call.height,
        call.width,
        call.prefix,
    )
