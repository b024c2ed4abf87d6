"""The table of a model's taps."""

from gradtools.tables.model import Cell, Entry, Table

WHY = {
    "auto": "no auto: name chooses it",
    "constant": "a model without classes has no head to probe",
    "independent": "a model without classes has no head to probe",
    "parallel": "a model without classes has no head to probe",
    "verdict": "nothing is known against a gradient here",
}


def build(model: str, rows: list[dict[str, str | int]]) -> Table:
    """Build the table of `gradtools layers` from the rows of `stages.layers`."""
    cells = [{key: _entry(key, value) for key, value in row.items()} for row in rows]
    return Table("taps", f"taps of {model}", list(rows[0]), cells, heads=("tap",))


def _entry(column: str, value: str | int) -> Entry:
    return Cell(why=WHY[column]) if value in ("", "-") else value
