"""Tables of the similarities of vectors: of one command's results, of several models, and over taps."""

import dataclasses
import functools
from collections.abc import Iterable, Iterator

from gradtools.selection.results import Result
from gradtools.selection.subjects import Subject
from gradtools.tables import augmentation, maps, pair_distribution, paired, per_model, probes
from gradtools.tables.model import Cell, Table, number, statistic_cell
from gradtools.tables.wording import (
    CLASS_BY_PREDICTION,
    CLASS_OF_A_CHANNEL,
    CLASS_ROW,
    EFFECT,
    MAP_METRICS,
    ON_LAYERS,
    OVER_TAPS,
    SHOWN_OF_VECTORS,
    STATISTICS,
    WITHIN,
    computed_by,
    units,
)

WITHOUT_INTERVAL = ("same_class_same_prediction", "same_class_other_prediction", "between")


def of_results(
    results: Iterable[Result], unit: str = "image", every: bool = False
) -> Iterator[Table]:
    """Build the tables of `gradtools similarity`.

    Parameters
    ----------
    results : iterable of Result
        Similarities of vectors and maps, and what stands beside them: images' own versions, probes.
    unit : str
        What a sample is.
    every : bool
        Show every statistic, as programs read them.
    """
    kinds: dict[str, list[Result]] = {}
    for result in results:
        kinds.setdefault(_kind(result), []).append(result)
    if "vectors" in kinds:
        yield _of_vectors(kinds["vectors"], unit, every)
    if "unlabelled" in kinds:
        yield pair_distribution.of_results(kinds["unlabelled"], unit, every)
    yield from maps.of_results(kinds.get("maps", []), unit)
    yield from augmentation.of_results(kinds.get("augmentation", []))
    yield from probes.of_results(kinds.get("decoding", []))


def _kind(result: Result) -> str:
    """Return which table a result of the command is of."""
    part = result.path.split("/")[1]
    if part != "similarity":
        return part
    if result.metric in MAP_METRICS:
        return "maps"
    return "unlabelled" if pair_distribution.is_unlabelled([result]) else "vectors"


def _of_vectors(results: list[Result], unit: str, every: bool) -> Table:
    """Build the table of one row a feature and metric."""
    present = {name for result in results for name in result.columns["statistic"]}
    heads = STATISTICS if every else SHOWN_OF_VECTORS
    shown = {name: head for name, head in heads.items() if name in present}
    rows = []
    for result in results:
        cells = {head: _cell(result, name, every) for name, head in shown.items()}
        rows.append(per_model.row_heads(None, result.feature) | {"metric": result.metric} | cells)
    return Table(
        "similarity",
        title(results, unit),
        list(rows[0]),
        rows,
        (*per_model.zero_rows_of(results), *_notes(results, present, unit)),
    )


def _cell(result: Result, statistic: str, every: bool) -> Cell:
    """Return a statistic; the means of kinds of pairs without their intervals, unless `every` value is wanted."""
    cell = statistic_cell(result, statistic, every)
    if every or statistic not in WITHOUT_INTERVAL:
        return cell
    return dataclasses.replace(cell, low=None, high=None, digits=4)


def title(results: Iterable[Result], unit: str) -> str:
    """Return what is compared, how, and how many."""
    results = list(results)
    count = max(int(result.facts["rows"]) for result in results)
    metrics = ", ".join(dict.fromkeys(result.metric for result in results))
    return f"{metrics}, {count} {units(unit, count)}"


def _notes(results: list[Result], present: set[str], unit: str) -> Iterator[str]:
    """Yield what the columns that are there mean, and their controls."""
    if unit == "channel":
        yield CLASS_OF_A_CHANNEL
    yield WITHIN
    if "label_effect" in present:
        yield EFFECT
    if any(result.feature == "weight" for result in results):
        yield CLASS_ROW
    yield from per_model.intervals(results, unit)
    yield from per_model.few_distinct(results, unit)


def build(subjects: list[Subject]) -> Iterator[Table]:
    """Build pair AUC, label effect, means, differences and the class x prediction table, for every metric there is.

    Samples without labels have a table of their own.
    """
    yield from pair_distribution.build(list(filter(_is_unlabelled, subjects)))
    subjects = [subject for subject in subjects if not _is_unlabelled(subject)]
    for metric in _metrics(subjects):
        by_subject = [
            per_model.by_role(subject, subject.similarity, metric) for subject in subjects
        ]
        yield from _of_metric(subjects, by_subject, metric)
        yield _class_by_prediction(subjects, by_subject, metric)


def _is_unlabelled(subject: Subject) -> bool:
    return pair_distribution.is_unlabelled(subject.similarity.values())


def _of_metric(
    subjects: list[Subject], by_subject: list[per_model.Results], metric: str
) -> Iterator[Table]:
    """Build the tables of one row a model under a metric, and the paired differences in pair AUC."""
    notes = (
        *per_model.where_taps_are(subjects),
        *_about_auc(subjects, by_subject),
        *per_model.left_out(subjects, by_subject),
        *per_model.classes_of_two(
            [result for results in by_subject for result in results.values()]
        ),
        *per_model.few_distinct([result for results in by_subject for result in results.values()]),
    )
    tables = {
        "auc": (
            "pair-auc",
            f"pair AUC by {metric}: are images of one class more alike than others?",
            notes,
        ),
        "auc_same_prediction": (
            "pair-auc-same-prediction",
            f"pair AUC by {metric}, given the same prediction",
            (),
        ),
        "label_effect": (
            "label-effect",
            f"label effect given the same prediction ({metric}): same class minus other class",
            tuple(_movable(subjects, by_subject)),
        ),
        "within": (
            "within",
            f"mean {metric} within classes (a level: compare spaces by pair AUC)",
            (),
        ),
    }
    for statistic, (name, words, below) in tables.items():
        yield per_model.one_row_a_model(
            subjects,
            by_subject,
            _id(name, metric),
            words,
            functools.partial(statistic_cell, statistic=statistic),
            "similarity",
            notes=below,
            better=_better(statistic, metric),
        )
    pair = (lambda result: result.get("auc").value), (lambda result: result.replicate("auc"))
    words = f"{per_model.OWN} minus the others: pair AUC by {metric}, paired intervals"
    yield from paired.differences(
        subjects, by_subject, _id("pair-auc-difference", metric), words, *pair
    )
    words = f"pair AUC by {metric}"
    yield from paired.between_models(
        subjects, by_subject, _id("pair-auc-models", metric), words, *pair
    )


def _better(statistic: str, metric: str) -> str:
    """Return which way is better: a label effect of distances is below 0 where classes are apart."""
    if statistic == "within":
        return ""
    return "lower" if statistic == "label_effect" and metric == "euclidean" else "higher"


def layers(subjects: list[Subject]) -> Iterator[Table]:
    """Build the sweep over taps: one row a model and tap, gradient and activation side by side."""
    subjects = [subject for subject in subjects if not _is_unlabelled(subject)]
    kinds = ("gradient", "activation")
    for metric in _metrics(subjects):
        rows = [
            _tap_row(subject, tap, metric)
            for subject in subjects
            for tap in subject.order
            if any((f"{kind}@{tap}", metric) in subject.similarity for kind in kinds)
        ]
        heads = [f"{kind}: {head}" for kind in kinds for head in OVER_TAPS.values()]
        columns = ["model", "tap", *heads, "samples"]
        if rows:
            yield Table(_id("layers", metric), f"over taps, {metric}", columns, rows, (ON_LAYERS,))


def _metrics(subjects: list[Subject]) -> list[str]:
    return sorted({metric for subject in subjects for _, metric in subject.similarity})


def _id(name: str, metric: str) -> str:
    """Return the table's id: that of cosines has no metric in it."""
    return name if metric == "cosine" else f"{name}-{metric}"


def _movable(subjects: list[Subject], by_subject: list[per_model.Results]) -> Iterator[str]:
    """Yield how many samples a shuffle within predictions can move."""
    for subject, results in zip(subjects, by_subject):
        facts = next(
            (result.facts for result in results.values() if "movable" in result.facts), None
        )
        if facts:
            yield f"{subject.name}: p shuffles labels among images of equal prediction, which can move {facts['movable']} of {facts['rows']} samples"


def _about_auc(subjects: list[Subject], by_subject: list[per_model.Results]) -> Iterator[str]:
    """Yield the tie rule, and where a pair AUC rests on a draw of the images."""
    stored = (
        number(result.facts, "score_step") for results in by_subject for result in results.values()
    )
    steps = [step for step in stored if step]
    if steps:
        yield f"pairs whose similarities are equal within {max(steps):g} are ties and count half"
    for subject, results in zip(subjects, by_subject):
        drawn = {
            result.facts["auc_rows"] for result in results.values() if "auc_rows" in result.facts
        }
        if drawn:
            yield f"{subject.name}: pair AUC of {max(drawn)} images drawn with the seed"


def _class_by_prediction(
    subjects: list[Subject], by_subject: list[per_model.Results], metric: str
) -> Table:
    """Build the means of pairs of same or other class, same or other prediction, with the number of pairs."""
    rows = [
        per_model.row_heads(model, feature)
        | {
            head: dataclasses.replace(statistic_cell(result, statistic), low=None, high=None)
            for statistic, head in CLASS_BY_PREDICTION.items()
        }
        for model, feature, result in per_model.named(subjects, by_subject)
    ]
    return Table(
        _id("class-by-prediction", metric),
        f"class x prediction: mean {metric} (pairs)",
        ["model", "feature", *CLASS_BY_PREDICTION.values()],
        rows,
        counts=True,
    )


def _tap_row(subject: Subject, tap: str, metric: str) -> per_model.Row:
    """Return the cells of one tap of one model."""
    row: per_model.Row = {"model": subject.name, "tap": tap}
    for kind in ("gradient", "activation"):
        result = subject.similarity.get((f"{kind}@{tap}", metric))
        for statistic, head in OVER_TAPS.items():
            row[f"{kind}: {head}"] = (
                Cell(why=computed_by("layers"))
                if result is None
                else dataclasses.replace(
                    statistic_cell(result, statistic), low=None, high=None, p=None
                )
            )
        if result is not None:
            row["samples"] = int(result.facts["rows"])
    return row
