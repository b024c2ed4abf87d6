"""Tables as text, Markdown and LaTeX for people, and as CSV, TSV and JSON for programs."""

import csv
import io
import json
import re
import sys
from collections.abc import Callable, Iterable, Iterator, Sequence
from typing import TextIO

from gradtools.errors import printable
from gradtools.tables import html, plain_text
from gradtools.tables.model import Cell, Table, as_cell
from gradtools.tables.plain_text import Lines
from gradtools.tables.wording import PART

PAGE = 96  # characters across a page of LaTeX in \footnotesize
FIELDS = ("model", "row", "column", "value", "low", "high", "n", "left_out", "note")
SEPARATED = (
    *("table", "model", "row", "column", "value", "low", "high"),
    *("spread", "p", "n", "left_out", "note"),
)


CONTROL = re.compile("[^\\n -~\\xa0-\\ud7ff\\ue000-\\U0010ffff]")  # and bytes that are not UTF-8


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
    form : one of wording.FORMS
    stream : text stream
        Standard output by default.
    width : int, optional
        Columns of the terminal: text is folded to it (see `plain_text`).
    """
    stream = sys.stdout if stream is None else stream
    text = WRITERS[form](list(tables), width)
    if form == "text" and stream.isatty():  # names may hold control bytes
        text = CONTROL.sub(lambda control: printable(control[0]), text)
    stream.write(text)


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
    """Return a cell's own part of `values`."""
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


def _markdown(tables: list[Table], width: int | None) -> str:
    return "".join(map(_markdown_table, tables))


def _markdown_table(table: Table) -> str:
    (head, *body), reasons = plain_text.of_table(table)
    rows = [
        "| " + " | ".join(cell.replace("|", "\\|") for cell in line) + " |"
        for line in (head, *body)
    ]
    right = [all(map(plain_text.is_number, column)) for column in zip(*body)] or [False] * len(head)
    rule = "|" + "".join("---:|" if at_right else "---|" for at_right in right)
    title = [f"**{plain_text.title(table)}**", ""] if table.title else []
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
    """Return one float for each part of a table that is wider than the page; the notes stand under the last."""
    body, reasons = plain_text.of_table(table)
    heads = table.shown_heads()
    parts, floats = plain_text.parts(body, heads, PAGE), []
    for number, part in enumerate(parts, 1):
        caption = escaped(plain_text.title(table) or table.id)
        label = f"tab:{table.id}"
        if len(parts) > 1:
            caption += f" ({PART.format(number=number, count=len(parts))})"
            label += f"-{number}" if number > 1 else ""
        notes = (*reasons, *table.notes) if number == len(parts) else ()
        floats.append(_float(part, max(heads, 1), caption, label, notes))
    return "".join(floats)


def _float(part: Lines, heads: int, caption: str, label: str, notes: Sequence[str]) -> str:
    """Return a `table` of LaTeX in booktabs' rules."""
    head, *body = part
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


WRITERS: dict[str, Callable[[list[Table], int | None], str]] = {
    "text": plain_text.write,
    "markdown": _markdown,
    "latex": _latex,
    "html": lambda tables, width: html.write(tables) + "\n",
    "csv": _separated(","),
    "tsv": _separated("\t"),
    "json": _json,
}
