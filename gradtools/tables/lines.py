"""Tables as lines of texts: what text, Markdown and LaTeX share."""

import re

from gradtools.tables.model import Cell, Table, as_cell
from gradtools.tables.wording import BETTER

Lines = list[list[str]]


def title(table: Table) -> str:
    """Return the title, with which way is better."""
    return f"{table.title}, {BETTER[table.better]}" if table.better else table.title


def of_table(table: Table) -> tuple[Lines, list[str]]:
    """Return heads and rows as texts, and the reasons of cells without a value, each marked where there are several."""
    columns = table.shown_columns()
    cells = [[as_cell(row.get(column)) for column in columns] for row in table.rows]
    reasons = list(dict.fromkeys(cell.note for row in cells for cell in row if cell.value is None))
    marks = {
        reason: f"- ({_letters(place)})" if len(reasons) > 1 else "-"
        for place, reason in enumerate(reasons)
    }
    rows = [[_cell_text(cell, table, marks) for cell in row] for row in cells]
    return [columns, *rows], [f"{marks[why]}: {why}" for why in reasons]


def parts(lines: Lines, heads: int, width: int | None) -> list[Lines]:
    """Cut lines into groups of columns that fit a width, each under the same row heads.

    Parameters
    ----------
    lines
        The heads first; a head may be of several lines itself.
    heads
        Columns that name a row.
    """
    widths = [max(map(_wide, column)) + 2 for column in zip(*lines)]
    if width is None or sum(widths) - 2 <= width:
        return [lines]
    groups: list[list[int]] = [[]]
    for column in range(heads, len(widths)):
        taken = sum(widths[:heads]) + sum(widths[other] for other in groups[-1])
        if groups[-1] and taken + widths[column] - 2 > width:
            groups.append([])
        groups[-1].append(column)
    return [
        [[line[column] for column in (*range(heads), *group)] for line in lines] for group in groups
    ]


def is_number(text: str) -> bool:
    """Return True if a cell stands at the right."""
    return bool(re.match(r"(-( \([a-z]\))?$|[-+]?[\d.,]+(e[-+]?\d+)?( [±\[(]|$))", text))


def _wide(text: str) -> int:
    return max(map(len, text.split("\n")))


def _letters(place: int) -> str:
    """a to z, then aa to zz."""
    first, last = divmod(place, 26)
    return (chr(ord("a") + first - 1) if first else "") + chr(ord("a") + last)


def _cell_text(cell: Cell, table: Table, marks: dict[str, str]) -> str:
    if cell.value is None:
        return marks[cell.note]
    text = str(cell) if table.intervals else cell.short()
    return f"{text} ({cell.n})" if table.counts and cell.n is not None else text
