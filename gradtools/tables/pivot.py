"""Rows of a stored table, one a value, as the lines of a table to be read: what names a line, and the column of the value."""

from collections.abc import Callable, Iterable, Mapping

from gradtools.selection.results import Result
from gradtools.tables.model import Cell, Entry, count, number

Line = dict[str, Entry]
Shown = tuple[dict[str, str], str, Cell]  # the heads of a line, a column, and the cell there
Place = Callable[[Mapping], Iterable[Shown]]
Measured = tuple[
    str | None, dict[str, Result]
]  # a model's name, None where no column has it; results by name


def lines(results: Iterable[tuple[str | None, Result]], place: Place) -> list[Line]:
    """Put the values of stored tables into lines.

    Parameters
    ----------
    results
        Each with the name of its model, or None.
    place
        Returns for a row the cells that show it: the heads that name its line, its column and the cell; none to leave it out.
    """
    made: dict[tuple, Line] = {}
    for model, result in results:
        for row in result.rows():
            for heads, column, cell in place(row):
                named = heads if model is None else {"model": model, **heads}
                made.setdefault(tuple(named.items()), dict(named))[column] = cell
    return list(made.values())


def columns(made: Iterable[Line]) -> list[str]:
    """Return the columns of lines, in the order in which they come."""
    return list(dict.fromkeys(column for line in made for column in line))


def share(row: Mapping, digits: int | None = 3) -> Cell:
    """Return the value of a row with its interval and the number of images that it rests on."""
    low, high = number(row, "low"), number(row, "high")
    return Cell(row["value"], low, high, n=count(row, "images"), digits=digits)
