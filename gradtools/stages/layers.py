"""model -> rows: every place of a network where a tap can stand, with its shape, calls and the head probe's verdict."""

from typing import TYPE_CHECKING

from gradtools.errors import GradtoolsError
from gradtools.network import models, taps
from gradtools.network.models import preprocessing

if TYPE_CHECKING:
    from typing_extensions import Unpack

SIDE = 224  # tried first where the preprocessing leaves the images' size open


Size = int | tuple[int, int] | None


def describe(
    spec: str,
    *,
    size: Size = None,
    preprocess: str | None = None,
    **options: "Unpack[models.Reading]",
) -> tuple[list[dict[str, int | str]], list[str]]:
    """Load a model and list its taps.

    Parameters
    ----------
    spec : str
        As in `models.load`.
    size : int or (int, int), optional
        Side of the images, or height and width; by default what the preprocessing gives, 224, or one at which the network runs.
    preprocess : str, optional
        As in `models.load`.
    options
        Further ones of `models.load`.

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
    model = models.load(
        spec,
        size=_sides(size),
        preprocess=preprocess,
        without_images=size is not None and preprocess is None,  # the size is all that matters here
        **options,
    )
    if size or preprocessing.size(model.preprocess) or model.shape is None:
        return _described(model)
    try:
        return _described(model, SIDE)
    except GradtoolsError:  # a network of one size, which is another
        return _described(model)


def _described(
    model: models.Model, size: int | None = None
) -> tuple[list[dict[str, int | str]], list[str]]:
    """The rows of a model, and its notes with those of its trace."""
    trace = _trace(model, size)
    return _rows(model, trace), [*model.notes, *taps.late_notes(trace)]


def _sides(size: Size) -> tuple[int, int] | None:
    """(height, width) of a side, or of both."""
    return (size, size) if isinstance(size, int) else size


def rows(model: models.Model, size: Size = None) -> list[dict]:
    """Return every tap of a model that is a map, in order of execution.

    Parameters
    ----------
    model : models.Model
    size : int or (int, int), optional
        Side of the images, or height and width; by default those at which the network was tried.

    Returns
    -------
    list of dict
        Keys `tap`, `module` (its class), `calls`, `channels`, `height`, `width`, `auto` (the auto: names that choose
        it), `constant` (over positions), `independent` (of the input), `parallel` (to the class row): yes, no, or - without classes;
        and `verdict`, a sentence or ''.
    """
    return _rows(model, _trace(model, size))


def _trace(model: models.Model, size: Size) -> taps.Trace:
    """The trace of a checked model at a size of images."""
    if model.shape is None:
        raise GradtoolsError(
            f"model {model.spec} runs at none of the sizes that were tried: say one with --size, as in --size 224 or --size 64x128"
        )
    shape = (model.shape[0], *(_sides(size) or model.shape[1:]))
    example = taps.blank(model.module, shape)
    models.check(
        model.module, example, model.spec, classes=model.has_classes, head=model.head is not None
    )
    return taps.trace(model.module, example, model.head.name if model.head else None)


def _rows(model: models.Model, trace: taps.Trace) -> list[dict[str, int | str]]:
    """As `rows`, of a trace."""
    shape, auto = trace.input_shape[1:], _auto(trace)
    named = {tap.name: tap for tap in taps.every(trace) if tap.height * tap.width > 1}
    named |= {
        tap.name: tap for tap in taps.resolve(trace, [name for name in auto if "@relu" in name])
    }
    chosen = taps.in_order(trace, named.values())
    if not chosen:
        raise GradtoolsError(
            f"model {model.spec} has no map (N, C, H, W) at an input of {shape[1]} x {shape[2]}"
        )
    verdicts = taps.probe(model.module, chosen, shape, head=model.head) if model.has_classes else {}
    return [_row(trace, tap, auto, verdicts.get(tap.name)) for tap in chosen]


def _auto(trace: taps.Trace) -> dict[str, tuple[str, ...]]:
    """For each tap's name the auto: names that choose it."""
    auto: dict[str, tuple[str, ...]] = {}
    for name in ("blocks", "last-block", "last-conv"):
        try:
            chosen = taps.resolve(trace, [f"auto:{name}"])
        except GradtoolsError:  # a network without stages has other taps to list
            continue
        for tap in chosen:
            auto[tap.name] = auto.get(tap.name, ()) + (f"auto:{name}",)
    return auto


def _row(
    trace: taps.Trace, tap: taps.Tap, auto: dict[str, tuple[str, ...]], verdict: taps.Verdict | None
) -> dict[str, int | str]:
    call = next(call for call in trace.calls if (call.name, call.index) == (tap.module, tap.call))
    place = {
        "tap": tap.name,
        "module": call.kind,
        "calls": call.calls,
        "channels": tap.channels,
        "height": tap.height,
        "width": tap.width,
        "auto": " ".join(auto.get(tap.name, ())),
    }
    return {
        **place,
        "constant": _word(verdict, "spatially_constant"),
        "independent": _word(verdict, "input_independent"),
        "parallel": _word(verdict, "parallel"),
        "verdict": verdict.sentence if verdict else "",
    }


def _word(verdict: taps.Verdict | None, field: str) -> str:
    return "-" if verdict is None else "yes" if getattr(verdict, field) else "no"
