"""Tables of leave-one-out retrieval: one row a feature, each measure beside its chance level."""

from collections.abc import Iterator

from gradtools.math.pairs.intervals import HALF_SAMPLES
from gradtools.selection.results import Result
from gradtools.selection.subjects import Subject
from gradtools.tables import per_model
from gradtools.tables.model import Cell, Table, notes_on_few
from gradtools.tables.wording import (
    CHANCE,
    CHANCE_GIVEN_PREDICTION,
    CLASS_OF_A_CHANNEL,
    GIVEN_PREDICTION,
    GIVEN_THE_PREDICTION,
    NO_QUERIES,
    OF_QUERIES,
    QUERIES,
    RETRIEVAL,
    units,
)

SCOPES = {"": "", GIVEN_PREDICTION: ", given the same prediction"}


def of_results(results: list[Result], unit: str = "image") -> Iterator[Table]:
    """Build the tables of `gradtools neighbors`; `unit` is what a sample is."""
    yield from _tables(per_model.unnamed(results), unit, per_model.zero_rows_of(results))


def build(subjects: list[Subject]) -> Iterator[Table]:
    """Build recall, mean average precision and the vote's accuracy, among all images and among those of the same prediction."""
    shown = [subject for subject in subjects if subject.retrieval]
    by_subject = [per_model.by_role(subject, subject.retrieval, "retrieval") for subject in shown]
    yield from _tables(
        per_model.named(shown, by_subject), "image", per_model.left_out(shown, by_subject)
    )


def _tables(entries: list[per_model.Named], unit: str, left_out: Iterator[str]) -> Iterator[Table]:
    for scope, words in SCOPES.items() if entries else ():
        rows = [_row(*entry, scope) for entry in entries if entry[-1].has("recall_1" + scope)]
        if rows:
            facts = entries[0][-1].facts
            name = "retrieval" + scope.replace("_", "-")
            title = f"leave-one-out retrieval by {facts['metric']}{words} (a vote of {facts['k']})"
            notes = (GIVEN_THE_PREDICTION.format(units=units(unit)),) if scope else tuple(left_out)
            notes = (*notes, *_notes(entries, unit), *notes_on_few(rows))
            yield Table(name, title, list(rows[0]), rows, notes, "higher")


def _notes(entries: list[per_model.Named], unit: str) -> Iterator[str]:
    """Yield what the numbers are, and their control."""
    if unit == "channel":
        yield CLASS_OF_A_CHANNEL
    yield CHANCE
    if any(result.has("recall_1" + GIVEN_PREDICTION) for *_, result in entries):
        yield CHANCE_GIVEN_PREDICTION
    kinds = {
        result.facts.get("resampling") for *_, result in entries if result.facts.get("resamples")
    }
    if kinds:
        yield (QUERIES if HALF_SAMPLES in kinds else OF_QUERIES).format(units=units(unit))


def _row(model: str | None, feature: str, result: Result, scope: str) -> per_model.Row:
    """Return one feature's row."""
    row, columns = per_model.row_heads(model, feature), result.columns
    for measure, head in RETRIEVAL.items():
        at = list(columns["statistic"]).index(measure + scope)
        value, low, high, queries = result.get(measure + scope)
        row[head] = Cell(value, low, high, n=queries, why=NO_QUERIES)
        row[f"chance, {head}"] = Cell(float(columns["chance"][at]), n=queries, why=NO_QUERIES)
    return row | {"queries": queries}
