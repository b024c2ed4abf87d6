"""Maps in blocks: prepared a few at a time, and the tiles of the pairs that two blocks make."""

from collections.abc import Callable, Iterator, Sequence
from functools import lru_cache
from typing import TypeVar

import numpy as np

from gradtools.math.maps.map_metrics import MapSettings, PreparedMaps, prepare, rows_of
from gradtools.math.rows.sliced import Sliced

# Bytes that prepared maps may take together, and the arrays as large as a map that one is prepared into.
MEMORY, ARRAYS = 2**30, 8

Part = TypeVar("Part")
Shared = tuple[int, slice, slice]  # a group, and its rows and columns of a tile

# The pair values of a block of this many rows stay in the cache.
LARGEST_BLOCK = 256


def block_length(pixels: int, memory: int = MEMORY) -> int:
    """Return how many maps of so many pixels make a block, so that four blocks, prepared, fit into `memory` bytes.

    References
    ----------
    mathematics#means-over-pairs-of-maps
    """
    return max(1, min(LARGEST_BLOCK, memory // (4 * ARRAYS * 8 * max(pixels, 1))))


def prepared_cells(
    maps: Sliced,
    order: np.ndarray,
    metrics: Sequence[str],
    settings: MapSettings,
    block: int | None,
) -> tuple[int, Callable[[int], PreparedMaps]]:
    """Return the block length, and a function that gives block k of the maps in this order, prepared; the last few are kept.

    Parameters
    ----------
    maps : (N, H, W) array, or anything that gives an array for maps[rows], rows an ascending int array
    order : (N,) int array
    metrics, settings
        As for `map_metrics.prepare`.
    block : int, optional
        Maps a block; by default `block_length`.

    References
    ----------
    mathematics#means-over-pairs-of-maps
    """
    pixels = int(np.prod(np.shape(maps[:1])[1:]))
    block = block or block_length(pixels)

    @lru_cache(maxsize=max(2, MEMORY // (ARRAYS * 8 * max(pixels, 1) * block)))
    def cell(k: int) -> PreparedMaps:
        numbers = order[k * block : (k + 1) * block]
        ascending = np.sort(numbers)
        part = np.asarray(maps[ascending])[np.searchsorted(ascending, numbers)]
        return prepare(part, metrics, settings, numbers=numbers)

    return block, cell


def taken(cell: Callable[[int], PreparedMaps], rows: slice, block: int) -> PreparedMaps:
    """Return the prepared maps of a slice that lies in one block.

    References
    ----------
    mathematics#means-over-pairs-of-maps
    """
    start = rows.start // block * block
    return rows_of(cell(start // block), slice(rows.start - start, rows.stop - start))


def _segments(codes: np.ndarray, block: int) -> list[tuple[int, slice]]:
    """Return (group, slice) of every run of one group inside one block; codes ascend."""
    cuts = np.flatnonzero(np.diff(codes, prepend=-1) != 0)
    starts = np.union1d(cuts, np.arange(0, len(codes), block))
    return [
        (codes[start], slice(int(start), int(stop)))
        for start, stop in zip(starts, [*starts[1:], len(codes)])
    ]


def tiles(
    codes: np.ndarray, block: int, between: bool
) -> Iterator[tuple[slice, slice, list[Shared]]]:
    """
    Yield rows, columns and what they share: (group, rows, columns) of the pairs within a group, counted inside the tile.

    Only tiles on or above the diagonal; without between, only those of one group.

    References
    ----------
    mathematics#means-over-pairs-of-maps
    """
    segments = _segments(codes, block)
    whole = slice(None)
    if not between:
        by_group: dict[int, list[slice]] = {}
        for group, rows in segments:
            by_group.setdefault(group, []).append(rows)
        for group, parts in by_group.items():
            for k, rows in enumerate(parts):
                yield from (
                    (rows, columns, [(group, whole, whole)]) for columns in _turning(parts, k)
                )
        return
    cells = [slice(start, min(start + block, len(codes))) for start in range(0, len(codes), block)]
    inside = [
        [
            (group, slice(s.start - c.start, s.stop - c.start))
            for group, s in segments
            if c.start <= s.start < c.stop
        ]
        for c in cells
    ]
    for i, rows in enumerate(cells):
        for j in _turning(range(len(cells)), i):
            columns, others = cells[j], dict(inside[j])
            yield (
                rows,
                columns,
                [(group, part, others[group]) for group, part in inside[i] if group in others],
            )


def _turning(parts: Sequence[Part], k: int) -> Sequence[Part]:
    """Return the parts from k, to and fro: the blocks that were used last are the ones that are still prepared."""
    return parts[k:] if k % 2 == 0 else parts[k:][::-1]
