"""Tables as lines of texts, which Markdown and LaTeX share; and as text for people, folded to the width of a terminal: heads over several lines, then groups of columns."""

import itertools
import re
import textwrap
from collections.abc import Iterator, Mapping, Sequence

from gradtools.tables.model import Cell, Entry, Table, as_cell
from gradtools.tables.wording import BETTER

BREAKS = re.compile(r"(?<=[ /])|(?=[@+\[])")  # where a head may go on in the next line

Lines = list[list[str]]
NARROWEST = 10  # columns to which the lines of a head are filled
NAMES = 20  # columns that names of rows keep where they are folded so that all columns fit


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
        return folded(_sentence(table), width, "", "  ") + "\n"
    body, reasons = of_table(table)
    blocks = [folded(title(table), width, "", "  ")] if table.title else []
    if not table.columns:
        return "\n".join([*blocks, *_notes(table.notes, width)]) + "\n\n"
    heads = table.shown_heads()
    if width is not None and _width(body) > width:
        body = _fold_names([_fold_heads(body), *body[1:]], heads, width)
    blocks += [_aligned(part) for part in parts(body, heads, width)]
    return "\n".join([*blocks, *_notes((*reasons, *table.notes), width)]) + "\n\n"


def _notes(notes: Sequence[str], width: int | None) -> list[str]:
    return [folded(note, width, "  ", "    ") for note in notes]


def _sentence(table: Table) -> str:
    """Return the title of a table, and its rows behind it."""
    if table.spoken or not table.columns:
        return title(table)
    heads = table.row_heads()
    columns = [column for column in table.columns if column not in heads]
    return f"{title(table)}: " + "; ".join(
        " ".join([*(str(row[head]) for head in heads), _values(row, columns)]) for row in table.rows
    )


def _values(row: Mapping[str, Entry], columns: Sequence[str]) -> str:
    """Return the cells of a row, with their reasons where they have no value."""
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


def folded(text: str, width: int | None, first: str, later: str) -> str:
    """Return a sentence in lines of at most a width; the first begins with one text, the later ones with another."""
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
    """Return the heads in as many lines as it takes to be no wider than the cells below, or than their longest word."""
    return [
        "\n".join(_pieces(head, max(NARROWEST, *(len(cell) for cell in cells))))
        for head, *cells in zip(*body)
    ]


def _fold_names(body: Lines, heads: int, width: int) -> Lines:
    """Return lines whose row heads go on in further lines: so that all columns fit where that leaves names some length, else the widest."""
    widths = [max(map(_wide, column)) for column in zip(*body)]
    room = width - max(widths[heads:], default=0) - 2 * heads
    least = [
        max(len(word.rstrip()) for cell in column for word in BREAKS.split(cell))
        for column in list(zip(*body))[:heads]
    ]
    long = [max(low, min(wide, NAMES)) for low, wide in zip(least, widths)]
    for_all = width - sum(widths[heads:]) - 2 * (len(widths) - 1)
    if sum(long) <= for_all:
        limits = _narrowed(widths[:heads], long, for_all)
    else:
        limits = _narrowed(widths[:heads], least, room)
    names = [
        ["\n".join(_pieces(cell, limit)) for cell, limit in zip(line, limits)] for line in body[1:]
    ]
    room = width - sum(max(map(_wide, column), default=0) + 2 for column in zip(*names))
    texts = [
        [_within(cell, room) if _wide(cell) > room else cell for cell in line[heads:]]
        for line in body[1:]
    ]
    return [body[0], *(name + text for name, text in zip(names, texts))]


def _within(cell: str, room: int) -> str:
    """Return a long text, such as a list of names, in lines of at most a room."""
    return "\n".join(_pieces(cell, max(room, NAMES)))


def _narrowed(limits: list[int], least: list[int], room: int) -> list[int]:
    """Return limits, each no less than its least, that sum up to a room where they can."""
    limits = list(limits)
    while sum(limits) > room and limits != least:
        widest = max(range(len(limits)), key=lambda place: limits[place] - least[place])
        limits[widest] -= 1
    return limits


def _pieces(head: str, width: int) -> Iterator[str]:
    """Yield the lines of a head."""
    line = ""
    for word in BREAKS.split(head):
        if line and len(line + word.rstrip()) > width:
            yield line.rstrip()
            line = ""
        line += word
    yield line.rstrip()


def _aligned(part: Lines) -> str:
    """Return the lines under their heads, which end on one line; columns of numbers stand at the right."""
    heads = [head.split("\n") for head in part[0]]
    depth = max(map(len, heads))
    stacked = [[""] * (depth - len(head)) + head for head in heads]
    rows = list(map(list, zip(*stacked)))
    for line in part[1:]:
        cells = [cell.split("\n") for cell in line]
        rows += map(list, itertools.zip_longest(*cells, fillvalue=""))
    widths = [max(map(len, column)) for column in zip(*rows)]
    right = [all(map(is_number, column[1:])) for column in zip(*part)]
    return "\n".join(
        "  ".join(
            cell.rjust(width) if at_right else cell.ljust(width)
            for cell, width, at_right in zip(row, widths, right)
        ).rstrip()
        for row in rows
    )


def title(table: Table) -> str:
    """Return the title, with which way is better."""
    if not table.better:
        return table.title
    between = " " if table.title.endswith("?") else ", "
    return f"{table.title}{between}{BETTER[table.better]}"


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
    """Return a to z, then aa to zz."""
    first, last = divmod(place, 26)
    return (chr(ord("a") + first - 1) if first else "") + chr(ord("a") + last)


def _cell_text(cell: Cell, table: Table, marks: dict[str, str]) -> str:
    if cell.value is None:
        return marks[cell.note]
    text = str(cell) if table.intervals else cell.short()
    return f"{text} ({cell.n})" if table.counts and cell.n is not None else text
