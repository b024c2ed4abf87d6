"""Tables as HTML: for a page, a notebook or a report. No script, no style and no address is in it; the report brings these."""

import html
import json
from collections.abc import Iterable, Mapping, Sequence

from gradtools.tables import plain_text
from gradtools.tables.model import Cell, Entry, Table, as_cell

CLASS = "gradtools"
ROW_HEAD = ' class="row-head"'  # of a column that names the rows


def write(tables: Iterable[Table]) -> str:
    """Return tables one below the other, each with its title and notes."""
    return "\n".join(map(of_table, tables))


def of_table(table: Table, anchor: str = "") -> str:
    """Return one table; a table that people read as a sentence is a paragraph.

    `anchor` is its id, by default the table's. Every cell has its exact value as `data-value`, and what it rests on as its tooltip.
    """
    if table.inline or not table.columns:
        lines = plain_text.write([table]).strip().splitlines()
        return "\n".join(f"<p>{escaped(line.strip())}</p>" for line in lines if line.strip())
    (head, *body), reasons = plain_text.of_table(table)
    heads = table.shown_heads()
    columns = table.shown_columns()
    rows = [_row(line, row, columns, heads) for line, row in zip(body, table.rows)]
    names = "".join(
        f'<th scope="col"{ROW_HEAD if place < heads else ""}>{_breaking(name)}</th>'
        for place, name in enumerate(head)
    )
    notes = "".join(f"<li>{escaped(note)}</li>" for note in (*reasons, *table.notes))
    return (
        f'<div class="{CLASS}-table"><table id="{escaped(anchor or table.id)}">\n'
        f"<caption><span>{escaped(plain_text.title(table))}</span></caption>\n"
        f"<thead><tr>{names}</tr></thead>\n<tbody>\n" + "\n".join(rows) + "\n</tbody></table>\n"
    ) + (f'<ul class="notes">{notes}</ul></div>\n' if notes else "</div>\n")


def _row(line: Sequence[str], row: Mapping[str, Entry], columns: Sequence[str], heads: int) -> str:
    """Return a row: its heads, then its cells."""
    cells = []
    for place, (text, column) in enumerate(zip(line, columns)):
        cell = as_cell(row.get(column))
        tag = 'th scope="row"' if place < heads else "td"
        cells.append(f"<{tag}{_facts(cell)}>{_interval_apart(text)}</{tag.split()[0]}>")
    return f"<tr>{''.join(cells)}</tr>"


def _facts(cell: Cell) -> str:
    """Return the attributes of a cell: its exact value, and what it rests on."""
    facts = [
        f"{name} {value}" for name, value in (("n", cell.n), ("p", cell.p)) if value is not None
    ]
    facts += [f"{cell.left_out} left out"] if cell.left_out else []
    facts += [cell.note] if cell.note else []
    number = isinstance(cell.value, (int, float))
    value = f' data-value="{json.dumps(cell.value)}"' if number else ""
    return value + (f' title="{escaped(", ".join(facts))}"' if facts else "")


def _breaking(text: str) -> str:
    """Return a head's text; a feature's name may break before its tap."""
    return escaped(text).replace("@", "<wbr>@")


def _interval_apart(text: str) -> str:
    """Return a cell's text; its interval in an element of its own."""
    value, bracket, rest = escaped(text).partition(" [")
    inner, closed, after = rest.partition("]")
    return (
        f'{value} <small class="interval">[{inner}]</small>{after}'
        if bracket and closed
        else escaped(text)
    )


def escaped(text: str) -> str:
    """Return a text as HTML shows it; bytes that are not UTF-8 as question marks."""
    return html.escape(str(text).encode("utf-8", "replace").decode("utf-8"), quote=True)
