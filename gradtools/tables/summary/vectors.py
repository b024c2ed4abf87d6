"""The summary of features: pair AUC, what is left given the same prediction, clusters; the class row, their control, last."""

from collections.abc import Callable, Iterator, Mapping

from gradtools.selection.feature_names import CONTROL
from gradtools.selection.results import Result
from gradtools.selection.subjects import Subject
from gradtools.tables import clustering, pair_distribution, per_model
from gradtools.tables.model import Cell, Entry, statistic_cell
from gradtools.tables.per_model import Results
from gradtools.tables.summary.blocks import Block, Rows, of_rows
from gradtools.tables.summary.feature_sentences import most_alike, sentences, similarities
from gradtools.tables.wording import (
    LABEL_EFFECT,
    NO_QUERIES,
    RETRIEVAL,
    computed_by,
    feature_head,
)
from gradtools.tables.wording import summary as words

Statistic = tuple[str, str, Callable[[Result], Cell], list[Results]]  # name, layout, cell, results


def blocks(subjects: list[Subject]) -> Iterator[Block]:
    """Yield the block of the features of labelled samples, and that of samples without labels."""
    unlabelled = [
        subject
        for subject in subjects
        if pair_distribution.is_unlabelled(subject.similarity.values())
    ]
    labelled = [subject for subject in subjects if subject not in unlabelled]
    if any(subject.similarity or subject.clusters or subject.retrieval for subject in labelled):
        yield _labelled(labelled)
    if unlabelled:
        yield _unlabelled(unlabelled)


def _labelled(subjects: list[Subject]) -> Block:
    statistics = list(_statistics(subjects))
    names = per_model.headline([results for *_, by_subject in statistics for results in by_subject])
    names = [name for name in names if name != CONTROL] + [CONTROL] * (CONTROL in names)
    rows = [
        {"statistic": head, "model": subject.name}
        | {feature_head(name): _cell(results.get(name), cell, layout) for name in names}
        for head, layout, cell, by_subject in statistics
        for subject, results in zip(subjects, by_subject)
    ]
    rows = [row for row in rows if row["statistic"] in words.ALWAYS or _has_value(rows, row)]
    table = of_rows("summary", words.HEADLINE, [*map(feature_head, names)], rows, "higher")
    return Block(table, tuple(sentences(subjects)))


def _has_value(rows: Rows, row: Mapping[str, Entry]) -> bool:
    """Return True if a row, or another of its statistic, has a value."""
    return any(
        isinstance(cell, Cell) and cell.value is not None
        for other in rows
        if other["statistic"] == row["statistic"]
        for cell in other.values()
    )


def _cell(result: Result | None, cell: Callable[[Result], Cell], layout: str) -> Cell:
    return Cell(note=computed_by(layout)) if result is None else cell(result)


def _statistics(subjects: list[Subject]) -> Iterator[Statistic]:
    """Yield the headline statistics that the stores hold, the most important first."""
    compared = similarities(subjects)
    clustered = {
        method: [per_model.by_role(subject, subject.clusters, method) for subject in subjects]
        for method in clustering.METHODS
    }
    retrieved = [per_model.by_role(subject, subject.retrieval, "retrieval") for subject in subjects]

    def ari(result: Result) -> Cell:
        return clustering.index_cell(result, "ari")

    if any(compared):
        yield words.PAIR_AUC, "similarity", _statistic("auc"), compared
        yield words.GIVEN, "similarity", _statistic("auc_same_prediction"), compared
    for method, by_subject in clustered.items():
        if any(by_subject):
            yield f"ARI, {words.METHODS[method]}", "clustering", ari, by_subject
    if any(compared):
        yield LABEL_EFFECT, "similarity", _statistic("label_effect"), compared
    if any(retrieved):
        for name in ("average_precision", "recall_1"):
            yield RETRIEVAL[name], "retrieval", _retrieval(name), retrieved


def _statistic(name: str) -> Callable[[Result], Cell]:
    return lambda result: statistic_cell(result, name)


def _retrieval(name: str) -> Callable[[Result], Cell]:
    def cell(result: Result) -> Cell:
        value, low, high, n = result.get(name)
        return Cell(value, low, high, n=n, why=NO_QUERIES)

    return cell


def _unlabelled(subjects: list[Subject]) -> Block:
    """Return the similarities of all pairs of samples without labels, each beside what shuffled values give."""
    by_subject = similarities(subjects)
    names = per_model.headline(by_subject)
    rows: Rows = [
        {"statistic": head, "model": subject.name}
        | {
            feature_head(name): _cell(results.get(name), _statistic(key), "similarity")
            for name in names
        }
        for key, head in words.OF_ALL_PAIRS.items()
        for subject, results in zip(subjects, by_subject)
    ]
    table = of_rows("summary-pairs", words.PAIRS, [*map(feature_head, names)], rows)
    return Block(table, tuple(most_alike(by_subject)))
