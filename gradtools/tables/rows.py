"""Rows of plain values as a table: what has no builder of its own yet."""

import csv
import io
import json
import sys


def number(value, digits=4):
    """A value as a table shows it: '-' where there is none."""
    if value is None or (isinstance(value, float) and value != value):
        return "-"
    if isinstance(value, float):
        return f"{value:.{digits}f}"
    return str(value)


def with_interval(value, low, high, digits=3):
    """A value with its interval, `0.882 [0.870, 0.893]`."""
    if value != value or low is None or low != low:
        return number(value, digits)
    return f"{value:.{digits}f} [{low:.{digits}f}, {high:.{digits}f}]"


def left_out(found):
    """A line for every feature of which some rows have no direction."""
    for result in found:
        if result.facts["degenerate"]:
            yield f"{result.feature}: {result.facts['degenerate']} rows without a direction are left out"


def write_table(rows, columns, form="text", title=None, notes=(), stream=None):
    """Write rows as aligned text, Markdown, LaTeX, CSV, TSV or JSON.

    Parameters
    ----------
    rows : list of dict
    columns : list of str
    form : one of FORMS
    """
    stream = stream or sys.stdout
    stream.write(FORMS[form](rows, columns, title, notes))


def _cells(rows, columns):
    return [[number(row.get(column)) for column in columns] for row in rows]


def _text(rows, columns, title, notes):
    cells = _cells(rows, columns)
    widths = [max(len(line[i]) for line in [columns, *cells]) for i in range(len(columns))]
    numeric = [all(_is_number(line[i]) for line in cells) for i in range(len(columns))]
    lines = [title] if title else []
    for line in [columns, *cells]:
        lines.append(
            "  ".join(
                cell.rjust(w) if right else cell.ljust(w)
                for cell, w, right in zip(line, widths, numeric)
            ).rstrip()
        )
    return "\n".join([*lines, *(f"  {note}" for note in notes)]) + "\n\n"


def _is_number(cell):
    return (
        cell == "-"
        or cell.lstrip("+-").replace(".", "", 1).replace("e", "").isdigit()
        or cell[:1] in "[±"
    )


def _markdown(rows, columns, title, notes):
    lines = [f"**{title}**", ""] if title else []
    lines += [
        "| " + " | ".join(column.replace("|", "\\|") for column in columns) + " |",
        "|" + "---|" * len(columns),
    ]
    lines += [
        "| " + " | ".join(cell.replace("|", "\\|") for cell in line) + " |"
        for line in _cells(rows, columns)
    ]
    return "\n".join([*lines, "", *(f"{note}  " for note in notes)]) + "\n\n"


LATEX = {
    **{c: f"\\{c}" for c in "&%_#${}"},
    "~": r"\textasciitilde{}",
    "^": r"\^{}",
    "\\": r"\textbackslash{}",
}


def _latex(rows, columns, title, notes):
    def escape(cell):
        return "".join(LATEX.get(c, c) for c in cell)

    lines = [rf"% {title}"] if title else []
    lines += [
        rf"\begin{{tabular}}{{{'l' + 'r' * (len(columns) - 1)}}}",
        r"\hline",
        " & ".join(map(escape, columns)) + r" \\",
        r"\hline",
    ]
    lines += [" & ".join(map(escape, line)) + r" \\" for line in _cells(rows, columns)]
    return (
        "\n".join([*lines, r"\hline", r"\end{tabular}", *(f"% {note}" for note in notes)]) + "\n\n"
    )


def _separated(separator):
    def write(rows, columns, title, notes):
        text = io.StringIO()
        writer = csv.writer(text, delimiter=separator, lineterminator="\n")
        writer.writerow(columns)
        writer.writerows(
            [
                ["" if row.get(column) is None else row.get(column) for column in columns]
                for row in rows
            ]
        )
        return text.getvalue()

    return write


def _json(rows, columns, title, notes):
    def plain(value):
        return None if isinstance(value, float) and value != value else value

    kept = [{column: plain(row.get(column)) for column in columns} for row in rows]
    return (
        json.dumps({"title": title, "rows": kept, "notes": list(notes)}, ensure_ascii=False) + "\n"
    )


FORMS = {
    "text": _text,
    "markdown": _markdown,
    "latex": _latex,
    "csv": _separated(","),
    "tsv": _separated("\t"),
    "json": _json,
}
