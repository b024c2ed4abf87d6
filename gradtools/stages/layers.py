"""model -> rows: every place of a network where a tap can stand, with its shape, calls and the head probe's verdict."""

from gradtools.network import models, taps
from gradtools.errors import GradtoolsError
from gradtools.network.models import preprocessing

SIZE = 224  # where the model's preprocessing leaves the images' size open


def describe(spec, weights="default", *, preprocess=None, size=None, no_head=False, trust=False):
    """Load a model and list its taps.

    Parameters
    ----------
    spec, weights, preprocess, no_head, trust
        As in `models.load`.
    size : int, optional
        Height and width of the images; by default what the preprocessing gives, else 224.

    Returns
    -------
    rows : list of dict
        As `rows` gives them.
    notes : list of str
        To be said once.

    Raises
    ------
    UsageError, GradtoolsError
    """
    model = models.load(spec, weights, preprocess=preprocess, no_head=no_head, trust=trust)
    return rows(model, size), model.notes


def rows(model, size=None):
    """Every tap of a model that is a map, in order of execution.

    Parameters
    ----------
    model : models.Model
    size : int, optional

    Returns
    -------
    list of dict
        Keys `tap`, `module` (its class), `calls`, `channels`, `height`, `width`, `auto` (the auto: names that choose
        it), `constant` (over positions), `independent` (of the input): yes, no, or - without classes; and `verdict`, a
        sentence or ''.
    """
    side = size or preprocessing.side(model.preprocess) or SIZE
    trace = taps.trace(model.module, taps.blank(model.module, (3, side, side)))
    auto = _auto(trace)
    names = [tap.name for tap in taps.every(trace) if tap.height * tap.width > 1]
    chosen = taps.resolve(trace, names + [name for name in auto if name not in names])
    if not chosen:
        raise GradtoolsError(f"model {model.spec} has no map (N, C, H, W) at an input of {side} x {side}")
    verdicts = taps.probe(model.module, chosen, (3, side, side), head=model.head) if model.has_classes else {}
    return [_row(trace, tap, auto, verdicts.get(tap.name)) for tap in chosen]


def _auto(trace):
    """For each tap's name the auto: names that choose it."""
    found = {}
    for name in ("blocks", "last-block", "last-conv"):
        try:
            chosen = taps.resolve(trace, [f"auto:{name}"])
        except GradtoolsError:  # a network without stages has other taps to list
            continue
        for tap in chosen:
            found[tap.name] = found.get(tap.name, ()) + (f"auto:{name}",)
    return found


def _row(trace, tap, auto, verdict):
    call = next(call for call in trace.calls if (call.name, call.index) == (tap.module, tap.call))
    place = {"tap": tap.name, "module": call.kind, "calls": call.calls, "channels": tap.channels, "height": tap.height,
             "width": tap.width, "auto": " ".join(auto.get(tap.name, ()))}
    return {**place, "constant": _word(verdict, "spatially_constant"),
            "independent": _word(verdict, "input_independent"), "verdict": verdict.sentence if verdict else ""}


def _word(verdict, field):
    return "-" if verdict is None else "yes" if getattr(verdict, field) else "no"
