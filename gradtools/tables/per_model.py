"""What the builders share: cells of stored statistics, tables of one row a model, and what they do not rest on."""

from collections.abc import Callable, Iterable, Iterator

from gradtools.selection.results import Result
from gradtools.selection.subjects import Subject, Verdicts, role
from gradtools.tables.model import Cell, Entry, Table
from gradtools.tables.wording import (
    CANCELS,
    CLASS_ROW_ALONE,
    CLASS_ROW_DIRECTION,
    FEW_DISTINCT,
    IN_TWOS,
    INTERVALS,
    computed_by,
    feature_head,
    on_files,
    units,
)

OWN = "gradient@last-conv"
AGAINST = ("activation@last-block", "logits", "probabilities", "weight")
FIRST = (OWN, *AGAINST)
BLOCK_OUTPUT = "gradient@last-block"
SMALL_SET = 100  # samples: beyond it no trial was made
Row = dict[str, Entry]
Results = dict[str, Result]  # by the feature's role
Named = tuple[str | None, str, Result]  # the model's name (None: no column has it), feature, result


def by_role(subject: Subject, results: dict[tuple[str, str], Result], method: str) -> Results:
    """Return a model's results of one metric or method by the features' roles."""
    return {
        role(subject, feature): result
        for (feature, name), result in results.items()
        if name == method
    }


def named(subjects: Iterable[Subject], by_subject: Iterable[Results]) -> list[Named]:
    """Return the results of several models one below the other, in the order of `ordered`."""
    return [
        (subject.name, feature, results[feature])
        for subject, results in zip(subjects, by_subject)
        for feature in ordered(results)
    ]


def unnamed(results: Iterable[Result]) -> list[Named]:
    """Return the results of a command, whose tables have no column for the model."""
    return [(None, result.feature, result) for result in results]


def row_heads(model: str | None, feature: str, column: str = "feature") -> Row:
    """Return the cells that name a row."""
    heads: Row = {} if model is None else {"model": model}
    return heads | {column: feature_head(feature)}


def ordered(names: Iterable[str]) -> list[str]:
    """Sort features: those of the blog post and the controls first, sweeps after them."""
    names = list(names)
    return [name for name in FIRST if name in names] + sorted(set(names) - set(FIRST))


def headline(by_subject: Iterable[Results]) -> list[str]:
    """Choose the features of a table of one row a model: imported ones and those of `FIRST`, else all of them."""
    by_subject = list(by_subject)
    names = {name for results in by_subject for name in results}
    without_rows = any(
        BLOCK_OUTPUT in results and "weight" not in results for results in by_subject
    )
    shown = (*FIRST, BLOCK_OUTPUT) if without_rows else FIRST
    others = sorted(name for name in names - {*shown, "embedding"} if "@" not in name)
    return [*others, *(name for name in shown if name in names)] or ordered(names)


def intervals(results: Iterable[Result], unit: str = "image") -> Iterator[str]:
    """Yield what the intervals are, where there are any."""
    results = list(results)
    if any(low == low for result in results for low in result.columns.get("low", ())):
        yield INTERVALS.format(units=units(unit))
        yield from classes_of_two(results, unit)


def classes_of_two(results: Iterable[Result], unit: str = "image") -> Iterator[str]:
    """Yield how many samples have a class of two, where there are any."""
    count = max((int(result.facts.get("in_twos", 0)) for result in results), default=0)
    if count:
        yield IN_TWOS.format(count=count, units=units(unit, count))


def few_distinct(results: Iterable[Result], unit: str = "image") -> Iterator[str]:
    """Yield how often intervals of features with few distinct rows cover, where there are some of at most SMALL_SET samples."""
    if any(
        result.feature in ("probabilities", "weight")
        and int(result.facts["rows"]) <= SMALL_SET
        and any(low == low for low in result.columns.get("low", ()))
        for result in results
    ):
        yield FEW_DISTINCT.format(units=units(unit))


def one_row_a_model(
    subjects: list[Subject],
    by_subject: list[Results],
    table_id: str,
    title: str,
    cell: Callable[[Result], Cell],
    layout: str,
    *,
    notes: Iterable[str] = (),
    more: Callable[[Results], Row] | None = None,
    better: str = "higher",
) -> Table:
    """Build a table of one row a model and one column a feature.

    Parameters
    ----------
    layout : key of FILLED_BY
        Names the command for cells that nobody computed.
    more : callable, optional
        Makes further columns of a model's results.
    """
    names, rows = headline(by_subject), []
    for subject, results in zip(subjects, by_subject):
        row: Row = {"model": subject.name}
        for name in names:
            missing = name not in results
            row[feature_head(name)] = (
                Cell(note=computed_by(layout)) if missing else cell(results[name])
            )
        row |= more(results) if more else {}
        counts = [int(result.facts["rows"]) for result in results.values()]
        rows.append(row | {"samples": max(counts) if counts else Cell(note=computed_by(layout))})
    columns = list(dict.fromkeys(key for row in rows for key in row if key != "samples"))
    return Table(table_id, title, [*columns, "samples"], rows, tuple(notes), better)


def _known_gradients(subject: Subject, results: Results) -> Iterator[str]:
    """Yield which of the features shown are the class row, have its direction, or are noise, in every image."""
    verdicts = Verdicts(subject.verdicts, str(subject.taps.get("default_gradient", "")))
    for name, result in results.items():
        known = known_gradient(result.feature, verdicts)
        if known:
            yield f"{subject.name}, {feature_head(name)}: {known}"


def known_gradient(feature: str, verdicts: Verdicts) -> str:
    """Return the words for a gradient that is the class row, or has its direction, in every image, and for noise; '' for others."""
    kind, _, tap = feature.partition("@")
    if kind not in ("gradient", "activation"):
        return ""
    default = verdicts.default if kind == "gradient" else ""
    facts = verdicts.of_taps.get(tap or default, {})
    if facts.get(f"{kind}_cancels"):
        return CANCELS
    if kind == "activation":
        return ""
    if facts.get("spatially_constant") and facts.get("input_independent"):
        return CLASS_ROW_ALONE
    return CLASS_ROW_DIRECTION if facts.get("parallel", 0) >= 1 else ""


def known_gradients(features: Iterable[str], verdicts: Verdicts) -> tuple[str, ...]:
    """Return a note for every feature that is the class row, has its direction, or is noise, in every image."""
    words = {feature: known_gradient(feature, verdicts) for feature in features}
    return tuple(f"{feature}: {known}" for feature, known in words.items() if known)


def left_out(subjects: Iterable[Subject], by_subject: Iterable[Results]) -> Iterator[str]:
    """Yield what the rows of several models do not rest on, and why."""
    for subject, results in zip(subjects, by_subject):
        yield from on_files(subject.name, subject.skipped, subject.ended_early)
        yield from _known_gradients(subject, results)
        facts = [result.facts for result in results.values()]
        if any(fact.get("left_out") for fact in facts):
            most = max(facts, key=lambda fact: fact.get("left_out", 0))
            yield f"{subject.name}: {most['left_out']} samples are left out ({most.get('unlabelled', 0)} of them without one label)"
        for name, result in results.items():
            if result.facts.get("degenerate"):
                yield f"{subject.name}, {feature_head(name)}: {zero_rows(result)}"


def zero_rows(result: Result) -> str:
    """Return how many rows have no direction."""
    return f"{result.facts['degenerate']} rows without a direction (zero, or constant) are left out"


def zero_rows_of(results: Iterable[Result]) -> Iterator[str]:
    """Yield the features of which some rows have no direction, each once."""
    lines = (
        f"{feature_head(result.feature)}: {zero_rows(result)}"
        for result in results
        if result.facts["degenerate"]
    )
    yield from dict.fromkeys(lines)


def where_taps_are(subjects: Iterable[Subject]) -> Iterator[str]:
    """Yield which tap the columns' last-conv and last-block are, a line a model."""
    for subject in subjects:
        places = {
            "last-conv": subject.taps.get("default_gradient"),
            "last-block": subject.taps.get("default_activation"),
        }
        if any(places.values()):
            yield f"{subject.name}: " + ", ".join(
                f"{name} is {tap}" for name, tap in places.items() if tap
            )
