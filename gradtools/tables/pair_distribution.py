"""Tables of samples without labels, as classes and channels are: the distribution of the similarities of all pairs."""

from collections.abc import Iterable, Iterator

from gradtools.selection.results import Result
from gradtools.selection.subjects import Subject
from gradtools.tables import per_model
from gradtools.tables.model import Cell, Table, as_cell, statistic_cell
from gradtools.tables.wording import (
    ON_PAIR_DISTRIBUTION,
    PAIR_DISTRIBUTION,
    ROWS,
    STATISTICS,
    units,
)


def is_unlabelled(results: Iterable[Result]) -> bool:
    """Return True if the similarities are of samples without labels."""
    return any(result.has("most_alike") for result in results)


def of_results(results: list[Result], unit: str, every: bool = False) -> Table:
    """Build the table of `gradtools similarity`, one row a feature and metric.

    Parameters
    ----------
    unit : str
        What a sample is.
    every : bool
        Show every statistic, as programs read them.
    """
    count = max(int(result.facts["rows"]) for result in results)
    metrics = ", ".join(dict.fromkeys(result.metric for result in results))
    notes = (
        *_drawn(results),
        *per_model.zero_rows_of(results),
        *_agreement(results),
        *(
            note.format(shuffles=results[0].facts.get("shuffles", 0))
            for note in ON_PAIR_DISTRIBUTION
        ),
        *per_model.intervals(results, unit),
    )
    heads = STATISTICS if every else PAIR_DISTRIBUTION
    rows = [_row(entry, heads) for entry in per_model.unnamed(results)]
    return _table("pairs", f"{metrics}, {count} {units(unit, count)}", rows, notes)


def build(subjects: list[Subject]) -> Iterator[Table]:
    """Build one row a model and feature, a table for every metric."""
    for metric in sorted({metric for subject in subjects for _, metric in subject.similarity}):
        by_subject = [
            per_model.by_role(subject, subject.similarity, metric) for subject in subjects
        ]
        rows = [_row(entry, PAIR_DISTRIBUTION) for entry in per_model.named(subjects, by_subject)]
        title = f"all pairs of samples without labels, {metric}; shuffled: the dimensions of every row by themselves, what chance gives"
        yield _table("pairs" if metric == "cosine" else f"pairs-{metric}", title, rows, ())


def _table(table_id: str, title: str, rows: list[per_model.Row], notes: tuple[str, ...]) -> Table:
    """Put rows together; a statistic that none of them has is no column."""
    columns = [
        head
        for head, first in rows[0].items()
        if not isinstance(first, Cell) or any(as_cell(row[head]).value is not None for row in rows)
    ]
    heads = tuple(head for head in ("model", "feature", "metric") if head in columns)
    return Table(table_id, title, columns, rows, notes, heads=heads)


def _row(entry: per_model.Named, heads: dict[str, str]) -> per_model.Row:
    """Return one feature's row."""
    model, feature, result = entry
    metric = {"metric": result.metric} if model is None else {}
    cells = {head: statistic_cell(result, name) for name, head in heads.items()}
    pair = [str(result.facts.get(f"most_alike_{place}", "")) for place in ("first", "second")]
    return {
        **per_model.row_heads(model, feature),
        **metric,
        "rows": ROWS.get(str(result.facts["normalised"]), str(result.facts["normalised"])),
        **cells,
        "most alike pair": ", ".join(pair),
        "samples": int(result.facts["rows"]),
    }


def _drawn(results: Iterable[Result]) -> Iterator[str]:
    """Yield which features' pairs are of drawn samples."""
    for result in results:
        facts = result.facts
        if int(facts.get("pair_rows", facts["rows"])) < int(facts["rows"]):
            yield f"{per_model.feature_head(result.feature)}, {result.metric}: the distribution and the most alike pair are of {facts['pair_rows']} drawn samples"


def _agreement(results: Iterable[Result]) -> Iterator[str]:
    """Yield how the ways to normalise rows agree over the pairs of classes."""
    for result in results:
        names = [name for name in result.columns["statistic"] if name.startswith("spearman_")]
        words = (
            f"{STATISTICS[name].removeprefix('Spearman of ')} {result.get(name).value:.3f}"
            for name in names
        )
        if names:
            yield f"Spearman's correlation over pairs between ways to normalise rows: {', '.join(words)}"
