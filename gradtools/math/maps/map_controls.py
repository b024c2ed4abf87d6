"""Controls beside the pairs of maps: each map against the mean map of its class's other images, and against the centre."""

from collections.abc import Iterator, Sequence

import numpy as np

from gradtools.math.maps.map_metrics import (
    METRICS,
    MapSettings,
    PreparedMaps,
    pair_block,
    prepare,
    rows_of,
)
from gradtools.math.maps.map_pairs import block_length
from gradtools.math.rows.sliced import Sliced

# Aligned pairs are the diagonals of small blocks: a block of tiny maps costs no more than one pair.
ALIGNED, ALIGNED_ENTRIES = 32, 2**14


def centred_gaussian(size: tuple[int, int], sd: float = 0.5) -> np.ndarray:
    """
    Return a Gaussian in the middle of the map, the photographer's prior.

    Parameters
    ----------
    size : (int, int)
        Height and width.
    sd : float
        Standard deviation, in halves of the side, along either axis.

    Returns
    -------
    (height, width) float64 array, 1 at the centre

    References
    ----------
    mathematics#controls-of-maps
    """
    # Of integers, so that mirrored pixels are equal to the last bit: AUC counts them as ties.
    y, x = ((2 * np.arange(n) + 1 - n) / n for n in size)
    return np.exp(-0.5 * (y[:, None] ** 2 + x**2) / sd**2)


def against(
    maps: Sliced,
    reference: np.ndarray,
    metrics: Sequence[str] = METRICS,
    settings: MapSettings = MapSettings(),
    direction: str = "both",
    block: int | None = None,
) -> dict[str, np.ndarray]:
    """
    Compare every map with one reference map.

    Parameters
    ----------
    maps : (N, H, W) array, or anything that gives an array for maps[start:stop]
    reference : (H, W) array
        Such as `centred_gaussian`.
    metrics, settings, block
        As for `map_pairs.within_groups`.
    direction : str
        As for `map_metrics.pair_block`, the maps first.

    Returns
    -------
    dict of metric to (N,) float64 array, NaN for degenerate maps

    References
    ----------
    mathematics#controls-of-maps
    """
    prepared = prepare(np.asarray(reference)[None], metrics, settings)
    block = block or block_length(np.size(reference))
    values = {metric: np.empty(len(maps)) for metric in metrics}
    for start in range(0, len(maps), block):
        part = maps[start : start + block]
        numbers = np.arange(start, start + len(part))
        others = prepare(part, metrics, settings, numbers=numbers)
        for metric in metrics:
            with_reference = pair_block(others, prepared, metric, direction)
            values[metric][start : start + block] = with_reference[:, 0]
    return values


def against_mean(
    maps: Sliced,
    groups: np.ndarray,
    metrics: Sequence[str] = METRICS,
    settings: MapSettings = MapSettings(),
    direction: str = "both",
    block: int | None = None,
    images: np.ndarray | None = None,
) -> dict[str, np.ndarray]:
    """
    Compare every map with the mean of the maps of its group's other images.

    Parameters
    ----------
    maps : (N, H, W) array, or anything that gives an array for maps[rows], rows an ascending int array
    groups : (N,) int array
    metrics, settings, direction, block
        As for `against`.
    images : (N,) int array, optional
        The image that each map is of, where images have several.

    Returns
    -------
    dict of metric to (N,) float64 array, NaN for degenerate maps or means, and for the only image of a group

    References
    ----------
    mathematics#controls-of-maps
    """
    groups = np.asarray(groups)
    images = np.arange(len(groups)) if images is None else np.asarray(images)
    values = {metric: np.full(len(groups), np.nan) for metric in metrics}
    for group in np.unique(groups):
        members = np.flatnonzero(groups == group)
        if len(np.unique(images[members])) > 1:
            for rows, of_rows in _against_others(
                maps, members, images, metrics, settings, direction, block
            ):
                for metric in metrics:
                    values[metric][rows] = of_rows[metric]
    return values


def _against_others(
    maps: Sliced,
    members: np.ndarray,
    images: np.ndarray,
    metrics: Sequence[str],
    settings: MapSettings,
    direction: str,
    block: int | None,
) -> Iterator[tuple[np.ndarray, dict[str, np.ndarray]]]:
    """Yield members of one group, block by block, and their values."""
    block = block or block_length(int(np.prod(np.shape(maps[members[:1]]))))
    blocks = list(_blocks_of_images(members, images, block))
    total = sum(np.sum(maps[rows], axis=0, dtype=np.float64) for rows in blocks)
    for rows in blocks:
        part = np.asarray(maps[rows], dtype=np.float64)
        _, image, sizes = np.unique(images[rows], return_inverse=True, return_counts=True)
        sums = np.zeros((len(sizes), *part.shape[1:]))
        np.add.at(sums, image, part)
        others = (total - sums[image]) / (len(members) - sizes[image])[:, None, None]
        a, b = (prepare(m, metrics, settings, numbers=rows) for m in (part, others))
        yield rows, aligned_values(a, b, metrics, direction)


def _blocks_of_images(members: np.ndarray, images: np.ndarray, block: int) -> Iterator[np.ndarray]:
    """Yield the ascending members in blocks that hold all maps of an image; longer than `block` only where one image has more."""
    members = members[np.argsort(images[members], kind="stable")]
    ends = np.flatnonzero(np.diff(images[members], append=-1)) + 1
    start = 0
    while start < len(members):
        stop = int(
            ends[
                max(
                    np.searchsorted(ends, start + block, "right") - 1,
                    np.searchsorted(ends, start, "right"),
                )
            ]
        )
        yield np.sort(members[start:stop])
        start = stop


def aligned_values(
    a: PreparedMaps, b: PreparedMaps, metrics: Sequence[str], direction: str = "both"
) -> dict[str, np.ndarray]:
    """
    Compare map i of one set with map i of the other.

    Parameters
    ----------
    a, b : PreparedMaps of n maps
    metrics, direction
        As for `against`.

    Returns
    -------
    dict of metric to (n,) float64 array

    References
    ----------
    mathematics#controls-of-maps
    """
    pixels = max((part[0].size for part in a.parts.values()), default=1) if len(a) else 1
    step = max(1, min(ALIGNED, ALIGNED_ENTRIES // pixels))
    values = {metric: np.empty(len(a)) for metric in metrics}
    for start in range(0, len(a), step):
        rows = slice(start, start + step)
        left, right = rows_of(a, rows), rows_of(b, rows)
        for metric in metrics:
            values[metric][rows] = np.diagonal(pair_block(left, right, metric, direction))
    return values
