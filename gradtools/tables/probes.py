"""Tables of linear probes: one row a feature, whole and without the class row, all images and given the prediction."""

from collections.abc import Iterator

from gradtools.selection.results import Result
from gradtools.selection.subjects import Subject
from gradtools.tables import per_model
from gradtools.tables.model import Cell, Table
from gradtools.tables.wording import ON_PROBES, PROBE_SCOPES

NO_CLASS_ROW = "only a gradient with a channel a weight has a class row to take away"
NO_SCOPE = "no prediction has images of two labels"
MEASURES = {"balanced": "balanced accuracy", "accuracy": "accuracy"}


def of_results(results: list[Result]) -> Iterator[Table]:
    """Build the tables of `gradtools similarity --decode`."""
    yield from _tables(per_model.unnamed(results), ())


def build(subjects: list[Subject]) -> Iterator[Table]:
    """Build balanced and plain accuracy, each beside the same probe's on shuffled labels."""
    shown = [subject for subject in subjects if subject.decoding]
    by_subject = [per_model.by_role(subject, subject.decoding, "logistic") for subject in shown]
    notes = tuple(per_model.left_out(shown, by_subject))
    yield from _tables(per_model.named(shown, by_subject), notes)


def _tables(entries: list[per_model.Named], notes: tuple[str, ...]) -> Iterator[Table]:
    for measure, words in MEASURES.items() if entries else ():
        rows = [_row(*entry, measure) for entry in entries]
        scopes = [
            scope
            for scope, head in PROBE_SCOPES.items()
            if any(scope in result.columns["statistic"] for *_, result in entries)
        ]
        heads = [
            head
            for scope in scopes
            for head in (PROBE_SCOPES[scope], f"chance, {PROBE_SCOPES[scope]}")
        ]
        empty = {head: Cell(note=NO_CLASS_ROW if "W_c" in head else NO_SCOPE) for head in heads}
        named = [head for head in ("model", "feature") if head in rows[0]]
        facts = entries[0][-1].facts
        said = tuple(note.format(**facts) for note in ON_PROBES)
        yield Table(
            f"probe-{measure}",
            f"does a linear probe read the label? {words}",
            [*named, *heads, "images"],
            [empty | row for row in rows],
            (*said, *notes) if measure == "balanced" else (),
            "higher",
        )


def _row(model: str | None, feature: str, result: Result, measure: str) -> per_model.Row:
    """Return one feature's row."""
    row, columns = per_model.row_heads(model, feature), result.columns
    for at, scope in enumerate(columns["statistic"]):
        head = PROBE_SCOPES[scope]
        row[head] = _cell(result, at, measure, p=float(columns["p"][at]))
        row[f"chance, {head}"] = _cell(result, at, f"shuffled_{measure}")
    return row | {"images": int(max(columns["images"]))}


def _cell(result: Result, at: int, column: str, p: float | None = None) -> Cell:
    """Return mean and standard deviation of a column."""
    columns = result.columns
    value, spread = (float(columns[name][at]) for name in (column, f"{column}_sd"))
    n = int(columns["images"][at])
    return Cell(value, spread=spread, p=p, n=n, left_out=int(result.facts.get("left_out", 0)))
