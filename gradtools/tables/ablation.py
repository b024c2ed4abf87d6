"""Tables of measured channels: rankings beside the measured loss, subsets, areas under curves with their differences, training steps."""

import dataclasses
from collections.abc import Callable, Iterator, Mapping, Sequence

from gradtools.selection.results import Facts, Result
from gradtools.tables import pivot
from gradtools.tables.model import Cell, Table, notes_on_few
from gradtools.tables.wording import (
    ABLATED,
    CHANNEL_NOTES,
    RANDOM_WEIGHTS,
    RANK_BY,
    RANKINGS_OF_CHANNELS,
    SUBSETS,
)

PREFIX = "channel_"
FIRST_KERNELS = 10


@dataclasses.dataclass(frozen=True)
class Layout:
    """How a stored table is printed.

    Attributes
    ----------
    title : str
    place : callable
        The cells of a row (see `pivot.Place`).
    page : callable
        Whether a row is shown where a page holds not every value.
    """

    title: str
    place: pivot.Place
    page: Callable[[Mapping], bool] = lambda row: True


def tables(measured: Sequence[pivot.Measured], every: bool = False) -> Iterator[Table]:
    """Yield the tables of some models: a row a model and tap, fill, subset, curve or channel.

    Parameters
    ----------
    measured
        Of every model its results, by their names in the store.
    every
        Every value, not what a page holds.
    """
    for name, layout in LAYOUTS.items():
        results = [
            (model, by_name[PREFIX + name])
            for model, by_name in measured
            if PREFIX + name in by_name
        ]

        def place(row: Mapping, layout: Layout = layout) -> Iterator[pivot.Shown]:
            for heads, head, cell in layout.place(row) if every or layout.page(row) else ():
                yield heads, head, cell
                if every and "rank" in row:
                    yield heads, RANK_BY.format(head), Cell(row["rank"], n=row["images"])

        made = pivot.lines(results, place)
        if made:
            about = dict.fromkeys(whose(result.facts) for _, result in results)
            notes = dict.fromkeys(
                f"{model}: {line}" if model else line
                for model, result in results
                for line in (*left_out(result), *warnings(result.facts))
            )
            yield Table(
                f"channel-{name}",
                f"{layout.title}, {' | '.join(about)}",
                pivot.columns(made),
                made,
                (
                    *(note.format(count=FIRST_KERNELS) for note in CHANNEL_NOTES[name]),
                    *notes,
                    *notes_on_few(made),
                ),
            )


def whose(facts: Facts) -> str:
    """Return how many images, and which score of which target."""
    images = f"{facts['images']} image{'s' * (facts['images'] != 1)}"
    score = f", score {facts['score']}" if facts["score"] != "logit" else ""
    return f"{images}, target {facts['target']}{score}"


def left_out(result: Result) -> Iterator[str]:
    """Yield a sentence for the values of a table that rest on fewer images, with the reason."""
    facts = result.facts
    if facts["left_out"]:
        yield f"{facts['left_out']} unreadable images are left out."
    fewer = {
        (str(row["tap"]), str(row.get("quantity", row.get("curve", "")))): row["images"]
        for row in result.rows()
        if int(row["images"]) < int(facts["images"])
    }
    for (tap, what), images in fewer.items():
        why = (
            "whose sum or score is above 0, so that there are shares of it"
            if what
            else "whose channels differ in both values"
        )
        yield f"{' '.join([tap, SUBSETS.get(what, what)]).strip()}: mean over the {images} images {why}."


def warnings(facts: Facts) -> Iterator[str]:
    """Yield what the numbers do not mean, a sentence each."""
    if facts.get("undefined"):
        yield f"{facts['undefined']} images have a score that is not a finite number: the network's output for them is broken"
    if facts.get("weights") == "random":
        yield RANDOM_WEIGHTS


def _ablation(row: Mapping) -> list[pivot.Shown]:
    heads = {"tap": row["tap"], "fill": row["fill"]}
    return [(heads, RANKINGS_OF_CHANNELS[row["ranking"]], pivot.share(row))]


def _subset(row: Mapping) -> list[pivot.Shown]:
    heads = {"tap": row["tap"], "subset": row["subset"].replace("random:", "random, as ")}
    return [(heads, SUBSETS[row["quantity"]], pivot.share(row))]


def _curve(row: Mapping) -> list[pivot.Shown]:
    heads = {"tap": row["tap"], "curve": row["curve"]}
    return [(heads, RANKINGS_OF_CHANNELS[row["ranking"]], pivot.share(row))]


def _point(row: Mapping) -> list[pivot.Shown]:
    heads = {"tap": row["tap"], "curve": row["curve"], "channels": str(row["taken"])}
    return [(heads, RANKINGS_OF_CHANNELS[row["ranking"]], pivot.share(row))]


def _difference(row: Mapping) -> list[pivot.Shown]:
    heads = {name: row[name] for name in ("tap", "curve")}
    heads["ranking"] = RANKINGS_OF_CHANNELS[row["ranking"]]
    return [(heads, f"- {RANKINGS_OF_CHANNELS[row['other']]}", pivot.share(row))]


def _step(row: Mapping) -> list[pivot.Shown]:
    sides = " ~ ".join(ABLATED[row[side]] for side in ("first", "second"))
    return [({"tap": row["tap"]}, sides, pivot.share(row))]


def _kernel(row: Mapping) -> Iterator[pivot.Shown]:
    heads, head = {"tap": row["tap"], "channel": str(row["channel"])}, ABLATED[row["quantity"]]
    yield heads, head, Cell(row["value"], n=row["images"], note=f"({row['rank']:g})", digits=None)


LAYOUTS = {  # by the names of the stored tables, less PREFIX
    "ablation": Layout("rankings against the measured loss", _ablation),
    "subsets": Layout("subsets of channels", _subset, lambda row: row["subset"] != "random:all"),
    "curves": Layout("deletion and insertion", _curve),
    "points": Layout("deletion and insertion, step by step", _point, lambda row: False),
    "differences": Layout(
        "deletion and insertion, paired differences",
        _difference,
        lambda row: row["ranking"] == "contribution",
    ),
    "steps": Layout("training steps", _step),
    "kernels": Layout(
        "training steps of single channels", _kernel, lambda row: int(row["place"]) < FIRST_KERNELS
    ),
}
