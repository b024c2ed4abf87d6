"""What stores are compared against that is no store: a taxonomy, or a matrix of similarities or distances, as CSV.

A taxonomy has lines `class,parent` or `class,group`; a matrix has its names in the first line and the first column. Which of
the two, and whether a matrix holds similarities or distances, is read off the file and said.
"""

import csv
import dataclasses
import os
from collections.abc import Callable

import numpy as np

from gradtools.errors import GradtoolsError, UsageError
from gradtools.images import labels
from gradtools.math.spaces import taxonomy

HEADS = {"class", "child", "name", "node"}, {"parent", "group", "superclass"}
ASYMMETRIC = 1e-9


@dataclasses.dataclass(frozen=True)
class Reference:
    """Names (m), how many of them are leaves, and `distances(places)`, the (n, n) float64 distances of some of them."""

    name: str
    names: list
    leaves: int
    taxonomy: bool
    distances: Callable


def read(path: str, say: Callable[[str], None] = print) -> Reference:
    """Return the reference of a CSV file.

    Raises
    ------
    UsageError
        The file cannot be read, or is neither of the two forms; names the line.
    """
    lines = _lines(path)
    name = os.path.splitext(os.path.basename(path))[0]
    if all(len(cells) == 2 for _, cells in lines):
        return _taxonomy(path, name, lines, say)
    if len(lines) > 2 and all(len(cells) == len(lines) for _, cells in lines):
        return _matrix(path, name, lines, say)
    odd, cells = next(
        ((line, cells) for line, cells in lines if len(cells) not in (2, len(lines))), lines[0]
    )
    raise UsageError(
        f"--reference {path}, line {odd}: {len(cells)} cells in a file of {len(lines)} lines: write class,parent in each line, "
        "or a square matrix with its names in the first line and column"
    )


def _lines(path: str) -> list[tuple[int, list[str]]]:
    """Return (line number, stripped cells) of every line that is not empty."""
    try:
        with open(path, newline="", encoding="utf-8-sig", errors="surrogateescape") as stream:
            reader = csv.reader(stream)
            lines = [
                (reader.line_num, [cell.strip() for cell in cells])
                for cells in reader
                if any(cells)
            ]
    except OSError as error:
        raise UsageError(f"--reference {path}: {error.strerror}: name a CSV file") from error
    except csv.Error as error:
        raise UsageError(f"--reference {path} is not a CSV file: {error}") from error
    if len(lines) < 2:
        raise UsageError(
            f"--reference {path} has {len(lines)} lines: write class,parent in each, or a matrix with names"
        )
    return lines


def _taxonomy(
    path: str, name: str, lines: list[tuple[int, list[str]]], say: Callable[[str], None]
) -> Reference:
    """Return the path lengths of a taxonomy; nodes whose names are equal (`labels.normalise`) are one."""
    if all(labels.normalise(cell) in words for cell, words in zip(lines[0][1], HEADS)):
        lines = lines[1:]
    shown: dict[str, str] = {}
    for _, cells in lines:
        for cell in cells:
            shown.setdefault(canonical(cell), cell)
    edges = [(canonical(child), canonical(parent)) for _, (child, parent) in lines if parent]
    leaves = len(shown.keys() - {parent for _, parent in edges})
    say(
        f"{path}: a taxonomy of {len(shown)} nodes, {leaves} of them leaves; distance is the path length"
    )
    nodes = list(shown)

    def distances(places: np.ndarray) -> np.ndarray:
        try:
            return taxonomy.path_lengths(edges, [nodes[place] for place in places])
        except ValueError as error:
            raise GradtoolsError(
                f"--reference {path}: {shown[error.args[0]]!r} is its own ancestor: correct its lines"
            ) from error

    return Reference(name, list(shown.values()), leaves, True, distances)


def _matrix(
    path: str, name: str, lines: list[tuple[int, list[str]]], say: Callable[[str], None]
) -> Reference:
    """Return a matrix as distances: itself, or the largest similarity minus it."""
    names = lines[0][1][1:]
    for column, (line, cells) in zip(names, lines[1:]):
        if cells[0] != column:
            raise UsageError(
                f"--reference {path}, line {line} is of {cells[0]!r} where the first line has {column!r}: give both the same order"
            )
    values = np.array([_numbers(path, line, cells[1:]) for line, cells in lines[1:]])
    if np.abs(values - values.T).max() > ASYMMETRIC * np.abs(values).max():
        say(f"{path} is not symmetric: each pair has the mean of its two values")
    values = (values + values.T) / 2
    distances = _as_distances(path, values, say)
    others = values[~np.eye(len(values), dtype=bool)]
    if np.ptp(others) == 0:
        raise UsageError(
            f"--reference {path}: all pairs have the value {others[0]:g}, so nothing can agree with it: give pairs that differ"
        )
    return Reference(
        name, names, len(names), False, lambda places: distances[np.ix_(places, places)]
    )


def _numbers(path: str, line: int, cells: list[str]) -> list[float]:
    """Return a line's values as floats."""
    for cell in cells:
        try:
            if not np.isfinite(float(cell)):
                raise ValueError
        except ValueError:
            raise UsageError(
                f"--reference {path}, line {line}: {cell!r} is not a number: every pair needs one"
            ) from None
    return list(map(float, cells))


def _as_distances(path: str, values: np.ndarray, say: Callable[[str], None]) -> np.ndarray:
    """Return a matrix as distances; refuse one that is neither distances (diagonal 0, no negative entry) nor similarities (no entry above the diagonal)."""
    diagonal, others = np.diagonal(values), values[~np.eye(len(values), dtype=bool)]
    if not diagonal.any() and others.min() >= 0 and others.max() > 0:
        say(f"{path}: a matrix of {len(values)} names, read as distances: its diagonal is 0")
        return values
    if diagonal.min() >= others.max():
        say(
            f"{path}: a matrix of {len(values)} names, read as similarities: none passes its diagonal"
        )
        return diagonal.max() - values
    raise UsageError(
        f"--reference {path}: neither distances (a diagonal of 0 and no negative entry) nor similarities "
        "(no entry above the diagonal): correct the diagonal"
    )


def canonical(name: str) -> str:
    """Return a name as it is compared: ImageNet's name where it is a WordNet id of its classes, without case, space, hyphen, underscore."""
    match = labels.WNID.fullmatch(name)
    known = _imagenet() if match else {}
    return labels.normalise(known.get(match[1], name) if match else name)


def _imagenet() -> dict[str, str]:
    """Return {WordNet id: name} of ImageNet's classes."""
    table = labels.imagenet_classes()
    return dict(zip(table.wnid, table.name))
