"""A tree in characters: one line a leaf, the root on the left, columns in proportion to height."""

from collections.abc import Sequence

import numpy as np

from gradtools.math import trees

WIDTH = 44  # characters from the root to the leaves
NARROWEST = 24  # to which long names narrow the tree on a terminal
NAME, SHORTEST = 60, 12
UP, DOWN, LEFT, RIGHT = 1, 2, 4, 8
BOXES = " │││─┘┐┤─└┌├─┴┬┼"  # by the sum of the directions that meet in a cell
PLAIN = " |||-''+-`.+-+++"


def draw(
    merges: np.ndarray,
    names: Sequence[str],
    marks: Sequence[str],
    encoding: str | None = "utf-8",
    columns: int | None = None,
) -> list[str]:
    """
    Return the lines of a tree.

    Parameters
    ----------
    merges : (N-1, 4) array
    names : sequence of str, N
    marks : sequence of str, N
        What stands before each name: its cluster.
    encoding : str
        Of the terminal: where it has no box characters, others stand for them.
    columns : int, optional
        Of the terminal: the tree is narrowed, then names are shortened, so that no line is longer.

    Returns
    -------
    list of str
        A scale of the heights, then a line a leaf, with the height at which it joins the leaf below.
    """
    order, highest = trees.leaves(merges), float(merges[-1, 2])
    characters = BOXES if _can(encoding, BOXES) else PLAIN
    places = decimals(highest)
    heights = [*(f"{height:.{places}f}" for height in trees.joins(merges)), ""]
    wide, mark = max(map(len, heights)), max(map(len, marks))
    across, most = _room(columns, wide + mark + 6, max(map(len, names)))
    grid = _cells(merges, order, highest or 1.0, across)
    scale = (
        f"{highest:.{places}f}".ljust(across // 2)
        + f"{highest / 2:.{places}f}".ljust(across - across // 2 - 1)
        + "0"
    )
    lines = [f"{scale}  {'joins'.rjust(wide)}"]
    for cells, leaf, height in zip(grid, order, heights):
        drawn = "".join(characters[cell] for cell in cells)
        lines.append(
            f"{drawn}  {height.rjust(wide)}  {marks[leaf].rjust(mark)}  {shortened(names[leaf], most)}".rstrip()
        )
    return lines


def _room(columns: int | None, between: int, longest: int) -> tuple[int, int]:
    """Return how many characters the tree has from root to leaves, and a name at most."""
    if columns is None:
        return WIDTH, NAME
    across = min(WIDTH, max(NARROWEST, columns - between - min(longest, NAME)))
    return across, min(NAME, max(SHORTEST, columns - between - across))


def decimals(highest: float) -> int:
    """Return the decimal places with which the largest height has four digits, and the smaller ones as many places."""
    return int(np.clip(3 - np.floor(np.log10(highest)), 0, 8)) if highest > 0 else 0


def _cells(merges: np.ndarray, order: np.ndarray, highest: float, across: int) -> list[list[int]]:
    """Return which directions meet in each cell: N rows of `across` numbers."""
    n = len(order)
    grid = [[0] * across for _ in range(n)]
    rows = [0] * n
    for row, leaf in enumerate(order):
        rows[leaf] = row
    columns = [across] * n
    for left, right, height, _ in merges:
        column, ends = round((1 - height / highest) * (across - 2)), []
        for child in sorted((int(left), int(right)), key=lambda node: rows[node]):
            ends.append(rows[child])
            _branch(grid[rows[child]], column, columns[child], child < n)
        _trunk(grid, column, *ends)
        rows.append(sum(ends) // 2)
        columns.append(column)
    return grid


def _branch(cells: list[int], start: int, stop: int, leaf: bool) -> None:
    """Draw the branch from the trunk of a cluster to a child's trunk, or to the end of the line."""
    if start == stop:
        return
    cells[start] |= RIGHT
    for column in range(start + 1, stop):
        cells[column] |= LEFT | RIGHT
    if not leaf:
        cells[stop] |= LEFT


def _trunk(grid: list[list[int]], column: int, top: int, bottom: int) -> None:
    """Draw the trunk down from one child's line to the other's."""
    for row in range(top, bottom):
        grid[row][column] |= DOWN
        grid[row + 1][column] |= UP


def _can(encoding: str | None, characters: str) -> bool:
    try:
        characters.encode(encoding or "ascii")
    except (LookupError, UnicodeEncodeError):
        return False
    return True


def shortened(name: str, most: int = NAME) -> str:
    """Return a name of at most so many characters: the end of a path is kept, and the beginning of a list of names."""
    if len(name) <= most:
        return name
    return name[: most - 3] + "..." if ", " in name else "..." + name[3 - most :]
