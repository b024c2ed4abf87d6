"""The table of a model's taps."""

from collections.abc import Mapping

from gradtools.tables.model import Cell, Entry, Table

Row = Mapping[str, str | int]
NO_HEAD = "a model without classes has no head to probe"
WHY = {
    "auto": "no auto: name chooses it",
    "constant": NO_HEAD,
    "independent": NO_HEAD,
    "parallel": NO_HEAD,
    "verdict": "nothing is known against a gradient here",
}
IMAGE, CLASS_ROW, TIMES, NOTED = "the image", "class row", "class row x number", "see below"


def build(model: str, rows: list[dict[str, str | int]]) -> Table:
    """Build the table of `gradtools layers` for programs from the rows of `stages.layers`."""
    cells = [{key: _entry(key, value) for key, value in row.items()} for row in rows]
    return Table("taps", f"taps of {model}", list(rows[0]), cells, heads=("tap",))


def for_people(model: str, rows: list[dict[str, str | int]]) -> Table:
    """Build the same in few columns: the shape as one, and what a gradient depends on in a word, explained below."""
    cells: list[dict[str, Entry]] = [
        {
            "tap": row["tap"],
            "module": row["module"],
            "calls": row["calls"],
            "shape": f"{row['channels']}x{row['height']}x{row['width']}",
            "auto:": str(row["auto"]).replace("auto:", ""),
            "gradient of": _depends_on(row),
        }
        for row in rows
    ]
    notes = tuple(dict.fromkeys(str(row["verdict"]) for row in rows if row["verdict"]))
    return Table("taps", f"taps of {model}", list(cells[0]), cells, notes, heads=("tap",))


def _depends_on(row: Row) -> Entry:
    """Return what a gradient at a tap depends on, in a word."""
    if row["constant"] == "-":
        return Cell(why=NO_HEAD)
    if not row["verdict"]:
        return IMAGE
    if row["constant"] == row["independent"] == "yes" and "class" in str(row["verdict"]):
        return CLASS_ROW
    return TIMES if row["parallel"] == "yes" else NOTED


def _entry(column: str, value: str | int) -> Entry:
    return Cell(why=WHY[column]) if value in ("", "-") else value
