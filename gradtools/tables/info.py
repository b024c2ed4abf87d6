"""What a store holds as tables, for programs: `gradtools info --json` and its `--digest`."""

from collections.abc import Iterator, Mapping, Sequence

from gradtools.tables.model import Cell, Entry, Table
from gradtools.tables.wording import NOT_RECORDED

Fact = str | int | float | None | Sequence["Fact"] | Mapping[str, "Fact"]  # as JSON has it


def of_store(name: str, facts: Mapping[str, Fact]) -> Iterator[Table]:
    """Yield what is known of a store: itself, its classes, versions, model, taps, datasets and history.

    Parameters
    ----------
    name : str
        Of the store, for the titles.
    facts : dict
        As of `stages.info.describe`. Texts and numbers are facts of the store itself, the others a table
        each: a list of names or a dict of values a row an entry, records a row each with their keys as
        columns. Lists of numbers are shown as 64x7x7.
    """
    alone = {key: fact for key, fact in facts.items() if not isinstance(fact, Mapping | list)}
    yield _of_values("store", name, "fact", alone)
    for key, fact in facts.items():
        about = f"store-{key}", f"{name}: {key}"
        if isinstance(fact, list):
            fact = {str(number): entry for number, entry in enumerate(fact)}
        if not isinstance(fact, Mapping):
            continue
        records = {row: entry for row, entry in fact.items() if isinstance(entry, Mapping)}
        head = HEADS.get(key, "fact")
        if records:
            yield _of_records(*about, head, records)
        else:
            yield _of_values(*about, head, fact)


HEADS = {  # what names a row
    "classes": "index",
    "datasets": "dataset",
    "history": "step",
    "taps": "tap",
    "versions": "version",
}


def of_digests(name: str, digests: Mapping[str, str]) -> Table:
    """Return a table of the SHA-256 of every dataset, by its path."""
    return _of_values("store-digests", f"{name}: SHA-256 of every dataset", "dataset", digests)


def _of_values(table_id: str, title: str, head: str, values: Mapping[str, Fact]) -> Table:
    """Return a table of one row for each value."""
    rows: list[dict[str, Entry]] = [
        {head: row, "value": _cell(value)} for row, value in values.items()
    ]
    return Table(table_id, title, [head, "value"], rows, heads=(head,))


def _of_records(
    table_id: str, title: str, head: str, records: Mapping[str, Mapping[str, Fact]]
) -> Table:
    """Return a table of one row for each record; the columns are the keys of all of them, in order."""
    keys = list(dict.fromkeys(key for record in records.values() for key in record))
    rows: list[dict[str, Entry]] = [
        {head: row, **{key: _cell(record.get(key)) for key in keys}}
        for row, record in records.items()
    ]
    return Table(table_id, title, [head, *keys], rows, heads=(head,))


def _cell(fact: Fact) -> Cell:
    """Return a fact as a cell: a number or text as it is, lists and dicts as text."""
    if isinstance(fact, Mapping):
        return Cell(", ".join(f"{key} {_text(entry)}" for key, entry in fact.items()))
    if isinstance(fact, str | int | float) or fact is None:
        return Cell(fact, digits=None, why=NOT_RECORDED)
    return Cell(_text(fact))


def _text(fact: Fact) -> str:
    """Return numbers as 64x7x7, texts with commas between."""
    if isinstance(fact, str | int | float | Mapping) or fact is None:
        return str(fact)
    return ("x" if all(isinstance(entry, int) for entry in fact) else ", ").join(map(str, fact))
