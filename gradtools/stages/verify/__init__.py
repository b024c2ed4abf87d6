"""A table + its stores -> what differs: every cell recomputed, the stores' digests, and random images run again."""

import collections
import csv
import io
import json
import os
from collections.abc import Iterator, Sequence
from typing import NamedTuple

from gradtools import store
from gradtools.errors import GradtoolsError, UsageError
from gradtools.selection.differences import Difference
from gradtools.selection.subjects import Subject
from gradtools.stages import evaluate
from gradtools.tables import confusion, gradient_similarity, summary
from gradtools.tables.model import Table
from gradtools.tables.render import values

NUMBERS = ("value", "low", "high", "spread", "p", "n", "left_out")
NAMES = ("table", "model", "row", "column")
MAY_BE_CUT = ("errors", "summary", "gradient-similarity")  # of which a file may hold fewer rows
CLOSE = 1e-12  # of a number and its own decimal form
Cells = dict[tuple[str, ...], dict]


class Checked(NamedTuple):
    """What was compared, and what differs."""

    cells: int
    tables: int
    stores: int
    differences: list[Difference]


def verify(text: str, name: str, paths: Sequence[str]) -> Checked:
    """Compare the cells of a table with what the stores give, and the stores with their digests.

    Parameters
    ----------
    text : str
        JSON, CSV or TSV that evaluate wrote.
    name : str
        Of the file, for errors.
    paths : sequence of str
        The stores.

    Raises
    ------
    UsageError
        The text is not such a table, or the stores cannot fill it.
    """
    claimed = read(text, name)
    differences = list(_damaged(paths))
    if differences:
        return Checked(0, 0, len(paths), differences)
    subjects = evaluate.gather(paths)
    wanted = {key[0] for key in claimed}
    made = _cells(_tables(subjects, wanted))
    known = {key[0] for key in made}
    if wanted - known:
        lacking = ", ".join(sorted(wanted - known))
        raise UsageError(
            f"{name}: these stores do not fill {lacking}: give all that the table was made of; verify reads what evaluate wrote"
        )
    differences += _different(claimed, {key: made[key] for key in made if key[0] in wanted})
    return Checked(len(claimed), len(wanted), len(paths), differences)


def read(text: str, name: str) -> Cells:
    """Read the cells of a table by table, model, row and column.

    Raises
    ------
    UsageError
        It is neither JSON nor CSV nor TSV of evaluate.
    """
    try:
        rows = list(_rows_of_json(text) if text.lstrip().startswith("{") else _rows_of_text(text))
        cells = _numbered(rows)
    except (ValueError, KeyError, TypeError, RecursionError, csv.Error) as error:
        raise UsageError(
            f"{name} is not a table of gradtools evaluate: make it with --json, or --format csv or tsv"
        ) from error
    if not cells:
        raise UsageError(f"{name} holds no cell")
    return cells


def _rows_of_json(text: str) -> Iterator[dict]:
    for table in json.loads(text)["tables"]:
        for row in table["rows"]:
            yield {"table": table["id"], **row}


def _rows_of_text(text: str) -> Iterator[dict]:
    delimiter = "\t" if "\t" in text.split("\n", 1)[0] else ","
    yield from csv.DictReader(io.StringIO(text), delimiter=delimiter)


def _numbered(rows: Sequence[dict]) -> Cells:
    """Cells by their names, and by their turn where several have the same."""
    cells: Cells = {}
    turns: collections.Counter[tuple[str, ...]] = collections.Counter()
    for row in rows:
        names = tuple(str(row[key]) for key in NAMES)
        cells[(*names, str(turns[names]))] = row
        turns[names] += 1
    return cells


def _tables(subjects: list[Subject], wanted: set[str]) -> Iterator[Table]:
    """Every table that evaluate can write of the stores, as far as it is wanted."""
    made = [
        *evaluate.every_table(subjects),
        *summary.build(subjects),
        *gradient_similarity.build(subjects, published=True),
    ]
    if "errors" in wanted:
        made = [*(table for table in made if table.id != "errors")]
        made += [t for t in confusion.build(subjects, per_image=True) if t.id == "errors"]
    taken: set[str] = set()
    for table in made:
        if table.id in wanted and table.id not in taken:
            taken.add(table.id)
            yield table


def _cells(tables: Iterator[Table]) -> Cells:
    return _numbered(list(values(tables)))


def _different(claimed: Cells, made: Cells) -> Iterator[Difference]:
    """Cells that are not what the stores give; a list that was cut short may lack rows."""
    for key, cell in claimed.items():
        where = " | ".join(part for part in key[:4] if part)
        if key not in made:
            yield Difference("cell", where, "no store gives it")
            continue
        for name in NUMBERS:
            ours, theirs = _number(made[key].get(name)), _number(cell.get(name))
            if not _equal(ours, theirs):
                yield Difference(
                    "cell", where, f"{name} is {_shown(theirs)}, the stores give {_shown(ours)}"
                )
    for key in made.keys() - claimed.keys():
        if not key[0].startswith(MAY_BE_CUT):
            where = " | ".join(part for part in key[:4] if part)
            yield Difference("cell", where, "the stores give it, and the table lacks it")


def _number(value: str | float | None) -> str | float | None:
    """A number as float, a text as it is, nothing as None."""
    if value is None or value == "":
        return None
    try:
        return float(value)
    except (ValueError, TypeError, OverflowError):  # whatever a file holds in its place
        return str(value)


def _equal(a: str | float | None, b: str | float | None) -> bool:
    if isinstance(a, float) and isinstance(b, float):
        return abs(a - b) <= CLOSE * max(abs(a), abs(b))
    return a == b


def _shown(value: str | float | None) -> str:
    return "nothing" if value is None else str(value)


def _damaged(paths: Sequence[str]) -> Iterator[Difference]:
    """Stores whose values are not what was written.

    Raises
    ------
    UsageError
        A store is not there.
    """
    for path in paths:
        if path != "-" and not os.path.exists(path):
            raise UsageError(f"{path}: no such file")
        try:
            with store.read(path) as source:
                source.check()
        except GradtoolsError as error:
            yield Difference("store", path, str(error).removeprefix(f"{path}: "))
