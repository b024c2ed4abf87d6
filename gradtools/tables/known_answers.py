"""Tables of networks whose right answer is known: how right each method is, and which measure would have said so."""

from collections.abc import Iterable, Iterator, Sequence

import numpy as np

from gradtools.selection.results import Result
from gradtools.selection.subjects import Subject
from gradtools.tables.model import Cell, Table, notes_on_few
from gradtools.tables.wording import CONSTRUCTIONS, OF_RESAMPLED_IMAGES

TRUTH, PRECISION = "truth", "truth_ap"
MEASURES = {
    "adp_black": "ADP, black",
    "adp_blur": "ADP, blur",
    "pic_black": "PIC, black",
    "pic_blur": "PIC, blur",
    "deletion_black": "deletion, black",
    "deletion_blur": "deletion, blur",
    "insertion_black": "insertion, black",
    "insertion_blur": "insertion, blur",
    "energy": "energy in object",
    "pointing": "pointing game",
    "precision": "pixel AP of object",
    "iou": "IoU with object",
    "sanity": "sanity: head's rows permuted",
    "edges": "likeness to the edge filter",
    "centre": "likeness to a centred Gaussian",
    "random": "random numbers",
}
CONTROLS = ("edges", "centre", "random")
NO_TAP = "this network has one tap"
NO_RANKING = "equal for all methods, so it ranks none; 0 in the mean"
MOST = 2  # winners that are named
METHOD_NOTES = (
    "The truth of a pixel is its exact Shapley value for the target's logit, against black: what the answer depends on.",
    "Spearman's correlation over pixels, mean over images; a constant map counts 0. earlier tap, both taps: of networks with two.",
    "edge filter (Sobel), centred Gaussian, constant, shuffled truth, truth of another image: maps that do not depend on the network "
    "or on the image; a method that is no better than they are shows nothing.",
    OF_RESAMPLED_IMAGES,
)
MEASURE_NOTES = (
    "Kendall's tau-b between a measure's mean of each method and the method's correlation with the truth: 1, it ranks methods as the truth "
    "does; 0, as chance. Lower is better in ADP and deletion, which is turned round.",
    "The last three are controls: measures that do not depend on the network. 95 % of scores dealt at random stay below: {chance}.",
)
FIRST_NOTES = (
    "Share of resamples in which no method beats the truth and none that is worse than it reaches it, in percent; behind it "
    "what does, on all images: beaten by, or tied with.",
)


def build(subjects: Sequence[Subject]) -> Iterator[Table]:
    """Yield the tables that the stores can fill."""
    return tables(collected(subjects))


def collected(subjects: Sequence[Subject]) -> dict[str, tuple[Result, Result]]:
    """Return the results of every construction by its name: of its methods, and of the measures."""
    trials: dict[str, tuple[Result, Result]] = {}
    for subject in subjects:
        for construction, name in subject.trial:
            if name == "methods":
                key = construction if construction not in trials else subject.name
                methods, measures = (
                    subject.trial[construction, part] for part in ("methods", "measures")
                )
                trials[key] = methods, measures
    return trials


def tables(trials: dict[str, tuple[Result, Result]]) -> Iterator[Table]:
    """Yield the methods against the truth, then the measures' rank correlations and whom they put first.

    Parameters
    ----------
    trials : dict of str to (Result, Result)
        Of every construction the methods and the measures.
    """
    if not trials:
        return
    order = [name for name in CONSTRUCTIONS if name in trials]
    ordered = {name: trials[name] for name in (*order, *(set(trials) - set(order)))}
    yield _methods({name: pair[0] for name, pair in ordered.items()})
    measures = {name: pair[1] for name, pair in ordered.items()}
    yield _measures(measures)
    yield _first(measures)


def _methods(trials: dict[str, Result]) -> Table:
    """Return how right each method is on each network."""
    names: list[str] = []
    for result in trials.values():
        every = (text.removesuffix(f": {TRUTH}") for text in result.columns["statistic"])
        names += [name for name in every if ": " not in name and name not in names]
    rows = []
    for method in _in_order(names):
        row: dict = {"method": method}
        for name, result in trials.items():
            statistic = f"{method}: {TRUTH}"
            value, low, high, count = result.get(statistic)
            row[name] = (
                Cell(value, low, high, n=count) if result.has(statistic) else Cell(note=NO_TAP)
            )
        rows.append(row)
    title = f"how right maps are: correlation with the exact Shapley values, {_counts(trials)}"
    notes = (
        *METHOD_NOTES,
        *(f"{name}: {CONSTRUCTIONS.get(name, '')}" for name in trials),
        *notes_on_few(rows),
    )
    return Table("known-methods", title, ["method", *trials], rows, notes, "higher")


def _in_order(names: list[str]) -> list[str]:
    """Return the methods with those of earlier taps behind the one they belong to, the others as they come."""
    heads = list(dict.fromkeys(name.partition(",")[0] for name in names))
    return sorted(names, key=lambda name: (heads.index(name.partition(",")[0]), names.index(name)))


def _counts(trials: dict[str, Result]) -> str:
    """Say how many images each network saw."""
    counts = sorted({int(result.facts["images"]) for result in trials.values()})
    return f"{' or '.join(map(str, counts))} images each"


def _measures(trials: dict[str, Result]) -> Table:
    """Return each measure's rank correlation with the truth, and its mean over the networks."""
    rows = []
    for measure, head in MEASURES.items():
        row: dict = {"measure": head}
        for name, result in trials.items():
            value, low, high, count = result.get(measure)
            row[name] = Cell(value, low, high, n=count, digits=2, why=NO_RANKING)
        if len(trials) > 1:
            row["mean"] = mean_agreement(list(trials.values()), measure)
        rows.append(row)
    columns = ["measure", *trials, *(["mean"] if len(trials) > 1 else [])]
    chance = ", ".join(f"{name} {_chance(result):.2f}" for name, result in trials.items())
    notes = (
        MEASURE_NOTES[0],
        MEASURE_NOTES[1].format(chance=chance),
        OF_RESAMPLED_IMAGES,
        *notes_on_few(rows),
    )
    title = f"how measures rank the methods, against the truth, {_counts(trials)}"
    return Table("known-measures", title, columns, rows, notes, "higher")


def _chance(result: Result) -> float:
    """Return the largest of the measures' 95 % quantiles under chance."""
    return float(np.nanmax(np.asarray(result.columns["chance"], float)))


def mean_agreement(results: list[Result], measure: str) -> Cell:
    """Return the mean tau over networks; one on which a measure ranks nothing counts 0."""
    value = np.mean(np.nan_to_num([result.get(measure).value for result in results]))
    drawn = [np.nan_to_num(result.replicate(measure)) for result in results]
    if not len({len(replicates) for replicates in drawn}) == 1 or not len(drawn[0]):
        return Cell(float(value), digits=2)
    low, high = np.quantile(np.mean(drawn, axis=0), [0.025, 0.975])
    return Cell(float(value), float(low), float(high), n=len(results), digits=2)


def _first(trials: dict[str, Result]) -> Table:
    """Return whether each measure puts the truth first, and what it prefers."""
    rows = []
    for measure, head in MEASURES.items():
        row: dict = {"measure": head}
        for name, result in trials.items():
            place = list(result.columns["statistic"]).index(measure)
            row[name] = Cell(
                float(result.columns["first"][place]),
                digits=0,
                note=_winners(str(result.columns["best"][place]).split("; ")),
            )
        rows.append(row)
    title = f"does a measure put the truth first? {_counts(trials)}"
    return Table("known-first", title, ["measure", *trials], rows, FIRST_NOTES, "higher")


def _winners(best: Iterable[str]) -> str:
    """Say what beats the truth or ties with it; nothing where it stands alone."""
    names = list(best)
    worse = [name for name in names if name != TRUTH]
    if not worse:
        return ""
    more = f" and {len(worse) - MOST} more" if len(worse) > MOST else ""
    return f"{'= ' if TRUTH in names else '< '}{'; '.join(worse[:MOST])}{more}"
