"""Tables as text for people, folded to the width of a terminal: heads over several lines, then groups of columns."""

import re
import textwrap
from collections.abc import Iterator, Mapping, Sequence

from gradtools.tables import lines
from gradtools.tables.lines import Lines
from gradtools.tables.model import Entry, Table, as_cell

BREAKS = re.compile(r"(?<=[ /])|(?=[@+])")  # where a head may go on in the next line

NARROWEST = 10  # columns to which the lines of a head are filled


def write(tables: Sequence[Table], width: int | None = None) -> str:
    """Return tables one below the other.

    Parameters
    ----------
    width : int, optional
        Columns of the terminal; without it every line has its full width.
    """
    texts = [_table(table, width) for table in tables]
    for place, (table, after) in enumerate(zip(tables, tables[1:])):
        if table.inline and not after.inline:
            texts[place] += "\n"
    return "".join(texts)


def _table(table: Table, width: int | None) -> str:
    if table.inline:
        return _folded(_sentence(table), width, "", "  ") + "\n"
    body, reasons = lines.of_table(table)
    blocks = [_folded(lines.title(table), width, "", "  ")] if table.title else []
    if not table.columns:
        return "\n".join([*blocks, *_notes(table.notes, width)]) + "\n\n"
    heads = table.shown_heads()
    if width is not None and _width(body) > width:
        body = [_fold_heads(body), *body[1:]]
    blocks += [_aligned(part) for part in lines.parts(body, heads, width)]
    return "\n".join([*blocks, *_notes((*reasons, *table.notes), width)]) + "\n\n"


def _notes(notes: Sequence[str], width: int | None) -> list[str]:
    return [_folded(note, width, "  ", "    ") for note in notes]


def _sentence(table: Table) -> str:
    """The title of a table, and its rows behind it."""
    if table.spoken or not table.columns:
        return lines.title(table)
    heads = table.row_heads()
    columns = [column for column in table.columns if column not in heads]
    return f"{lines.title(table)}: " + "; ".join(
        " ".join([*(str(row[head]) for head in heads), _values(row, columns)]) for row in table.rows
    )


def _values(row: Mapping[str, Entry], columns: Sequence[str]) -> str:
    """The cells of a row, with their reasons where they have no value."""
    cells = {column: as_cell(row.get(column)) for column in columns}
    reasons = {cell.note for cell in cells.values()}
    if len(reasons) == 1 and all(cell.value is None for cell in cells.values()):
        return f"- ({reasons.pop()})"
    texts = {
        column: str(cell) if cell.value is not None else f"- ({cell.note})"
        for column, cell in cells.items()
    }
    named = len(columns) > 1
    return ", ".join(f"{column} {text}" if named else text for column, text in texts.items())


def _folded(text: str, width: int | None, first: str, later: str) -> str:
    """A sentence in lines of at most a width."""
    if width is None:
        return first + text
    wrapped = textwrap.wrap(
        *(text, max(width, 20)),
        initial_indent=first,
        subsequent_indent=later,
        break_long_words=False,
        break_on_hyphens=False,
    )
    return "\n".join(wrapped)


def _width(body: Lines) -> int:
    return sum(max(map(len, column)) + 2 for column in zip(*body)) - 2


def _fold_heads(body: Lines) -> list[str]:
    """Heads in as many lines as it takes to be no wider than the cells below, or than their longest word."""
    return [
        "\n".join(_pieces(head, max(NARROWEST, *(len(cell) for cell in cells))))
        for head, *cells in zip(*body)
    ]


def _pieces(head: str, width: int) -> Iterator[str]:
    """Lines of a head."""
    line = ""
    for word in BREAKS.split(head):
        if line and len(line + word.rstrip()) > width:
            yield line.rstrip()
            line = ""
        line += word
    yield line.rstrip()


def _aligned(part: Lines) -> str:
    """Lines under their heads, which end on one line; columns of numbers stand at the right."""
    heads = [head.split("\n") for head in part[0]]
    depth = max(map(len, heads))
    stacked = [[""] * (depth - len(head)) + head for head in heads]
    rows = [*map(list, zip(*stacked)), *part[1:]]
    widths = [max(map(len, column)) for column in zip(*rows)]
    right = [all(map(lines.is_number, column[1:])) for column in zip(*part)]
    return "\n".join(
        "  ".join(
            cell.rjust(width) if at_right else cell.ljust(width)
            for cell, width, at_right in zip(row, widths, right)
        ).rstrip()
        for row in rows
    )
