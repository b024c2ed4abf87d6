"""Tables as text, Markdown and LaTeX for people, and as CSV, TSV and JSON for programs."""

import csv
import io
import json
import re
import sys
from collections.abc import Callable, Iterable, Iterator, Sequence
from typing import TextIO

from gradtools.tables.model import Cell, Table, as_cell
from gradtools.tables.wording import BETTER, PART

PAGE = 96  # characters across a page of LaTeX in \footnotesize
FIELDS = ("model", "row", "column", "value", "low", "high", "n", "left_out", "note")
SEPARATED = (
    *("table", "model", "row", "column", "value", "low", "high"),
    *("spread", "p", "n", "left_out", "note"),
)
Lines = list[list[str]]


def write_tables(
    tables: Iterable[Table],
    form: str = "text",
    stream: TextIO | None = None,
    width: int | None = None,
) -> None:
    """Write tables one below the other or, for programs, as one document.

    Parameters
    ----------
    tables : iterable of Table
    form : key of FORMS
    stream : text stream
        Standard output by default.
    width : int, optional
        Columns of the terminal: a wider table of text is split into parts that repeat the row heads.
    """
    stream = sys.stdout if stream is None else stream
    stream.write(FORMS[form](list(tables), width))


def values(tables: Iterable[Table]) -> Iterator[dict]:
    """Yield a row for every value of the tables: `table`, FIELDS and, where there is one, `spread` and `p`."""
    for table in tables:
        heads = table.row_heads()
        for row in table.rows:
            names = [str(row[head]) for head in heads if head.lower() != "model"]
            models = [str(row[head]) for head in heads if head.lower() == "model"]
            about = {
                "table": table.id,
                "model": models[0] if models else "",
                "row": " ".join(names),
            }
            for column in table.columns:
                if column not in heads:
                    yield about | {"column": column} | _fields(as_cell(row.get(column)))


def _fields(cell: Cell) -> dict:
    """A cell's own part of `values`."""
    fields = {name: getattr(cell, name) for name in FIELDS if name in cell.__dataclass_fields__}
    further = {name: getattr(cell, name) for name in ("spread", "p")}
    return fields | {name: value for name, value in further.items() if value is not None}


def _json(tables: list[Table], width: int | None) -> str:
    documents = [
        {
            "id": table.id,
            "title": table.title,
            "better": table.better,
            "columns": table.columns,
            "rows": [
                {key: value for key, value in row.items() if key != "table"}
                for row in values([table])
            ],
            "notes": list(table.notes),
        }
        for table in tables
    ]
    return json.dumps({"tables": documents}, ensure_ascii=False, allow_nan=False) + "\n"


def _separated(separator: str) -> Callable[[list[Table], int | None], str]:
    def write(tables: list[Table], width: int | None) -> str:
        text = io.StringIO()
        writer = csv.DictWriter(
            text, SEPARATED, restval="", delimiter=separator, lineterminator="\n"
        )
        writer.writeheader()
        writer.writerows(values(tables))
        return text.getvalue()

    return write


def _text(tables: list[Table], width: int | None) -> str:
    return "".join(_text_table(table, width) for table in tables)


def _text_table(table: Table, width: int | None) -> str:
    lines, reasons = _lines(table)
    blocks = [_title(table)] if table.title else []
    for part in _parts(lines, len(table.row_heads()), width):
        blocks.append(_aligned(part))
    return "\n".join([*blocks, *(f"  {note}" for note in (*reasons, *table.notes))]) + "\n\n"


def _aligned(lines: Lines) -> str:
    """Lines under their heads; columns of numbers stand at the right."""
    widths = [max(map(len, column)) for column in zip(*lines)]
    right = [all(map(_is_number, column[1:])) for column in zip(*lines)]
    return "\n".join(
        "  ".join(
            cell.rjust(width) if at_right else cell.ljust(width)
            for cell, width, at_right in zip(line, widths, right)
        ).rstrip()
        for line in lines
    )


def _is_number(text: str) -> bool:
    return bool(re.match(r"(-( \([a-z]\))?$|[-+]?[\d.,]+(e[-+]?\d+)?( [±\[(]|$))", text))


def _markdown(tables: list[Table], width: int | None) -> str:
    return "".join(map(_markdown_table, tables))


def _markdown_table(table: Table) -> str:
    (head, *body), reasons = _lines(table)
    rows = [
        "| " + " | ".join(cell.replace("|", "\\|") for cell in line) + " |"
        for line in (head, *body)
    ]
    right = [all(map(_is_number, column)) for column in zip(*body)] or [False] * len(head)
    rule = "|" + "".join("---:|" if at_right else "---|" for at_right in right)
    title = [f"**{_title(table)}**", ""] if table.title else []
    notes = [f"{note}  " for note in (*reasons, *table.notes)]
    return "\n".join([*title, rows[0], rule, *rows[1:], "", *notes]) + "\n\n"


LATEX = {
    **{c: f"\\{c}" for c in "&%_#${}"},
    **{"~": r"\textasciitilde{}", "^": r"\^{}", "\\": r"\textbackslash{}"},
    **{"<": r"\textless{}", ">": r"\textgreater{}", "|": r"\textbar{}"},
    **{"±": r"$\pm$", "×": r"$\times$", "→": r"$\to$", "≤": r"$\le$", "≥": r"$\ge$"},
}


def escaped(text: str) -> str:
    """Return a text as LaTeX prints it."""
    return "".join(LATEX.get(c, c) for c in text)


def _latex(tables: list[Table], width: int | None) -> str:
    return "% needs \\usepackage{booktabs}\n" + "".join(map(_latex_table, tables))


def _latex_table(table: Table) -> str:
    """One float for each part of a table that is wider than the page; the notes stand under the last."""
    lines, reasons = _lines(table)
    heads = len(table.row_heads())
    parts, floats = _parts(lines, heads, PAGE), []
    for number, part in enumerate(parts, 1):
        caption = escaped(_title(table) or table.id)
        label = f"tab:{table.id}"
        if len(parts) > 1:
            caption += f" ({PART.format(number=number, count=len(parts))})"
            label += f"-{number}" if number > 1 else ""
        notes = (*reasons, *table.notes) if number == len(parts) else ()
        floats.append(_float(part, max(heads, 1), caption, label, notes))
    return "".join(floats)


def _float(lines: Lines, heads: int, caption: str, label: str, notes: Sequence[str]) -> str:
    """A `table` of LaTeX in booktabs' rules."""
    head, *body = lines
    heads = min(heads, len(head))
    below = []
    if notes:
        below = [r"\par\smallskip", r"\begin{minipage}{\linewidth}\footnotesize\raggedright"]
        below += [escaped(note) + r"\par" for note in notes] + [r"\end{minipage}"]
    return (
        "\n".join(
            [
                r"\begin{table}[htbp]",
                r"\centering\footnotesize",
                rf"\caption{{{caption}}}",
                rf"\label{{{label}}}",
                rf"\begin{{tabular}}{{{'l' * heads + 'r' * (len(head) - heads)}}}",
                r"\toprule",
                _latex_row(head),
                r"\midrule",
                *map(_latex_row, body),
                r"\bottomrule",
                r"\end{tabular}",
                *below,
                r"\end{table}",
            ]
        )
        + "\n\n"
    )


def _latex_row(line: list[str]) -> str:
    # A row that begins with a bracket would be read as the argument of the \\ before it.
    row = " & ".join(map(escaped, line)) + r" \\"
    return "{}" + row if row.startswith(("[", "*")) else row


def _title(table: Table) -> str:
    """The title, with which way is better."""
    return f"{table.title}, {BETTER[table.better]}" if table.better else table.title


def _lines(table: Table) -> tuple[Lines, list[str]]:
    """Heads and rows as texts, and the reasons of cells without a value, each marked where there are several."""
    cells = [[as_cell(row.get(column)) for column in table.columns] for row in table.rows]
    reasons = list(dict.fromkeys(cell.note for row in cells for cell in row if cell.value is None))
    marks = {
        reason: f"- ({_letters(place)})" if len(reasons) > 1 else "-"
        for place, reason in enumerate(reasons)
    }
    lines = [[_cell_text(cell, table.counts, marks) for cell in row] for row in cells]
    return [list(table.columns), *lines], [f"{marks[why]}: {why}" for why in reasons]


def _letters(place: int) -> str:
    """a to z, then aa to zz."""
    first, last = divmod(place, 26)
    return (chr(ord("a") + first - 1) if first else "") + chr(ord("a") + last)


def _cell_text(cell: Cell, counts: bool, marks: dict[str, str]) -> str:
    if cell.value is None:
        return marks[cell.note]
    return f"{cell} ({cell.n})" if counts and cell.n is not None else str(cell)


def _parts(lines: Lines, heads: int, width: int | None) -> list[Lines]:
    """Lines cut into groups of columns that fit a width, each under the same row heads."""
    widths = [max(map(len, column)) + 2 for column in zip(*lines)]
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


FORMS: dict[str, Callable[[list[Table], int | None], str]] = {
    "text": _text,
    "markdown": _markdown,
    "latex": _latex,
    "csv": _separated(","),
    "tsv": _separated("\t"),
    "json": _json,
}
FOR_PROGRAMS = ("json", "csv", "tsv")  # forms that hold every value; the others what a page holds
