"""Controls beside the pairs of maps: each map against the mean map of its class's other images, and against the centre."""

import numpy as np

from gradtools.math.map_metrics import METRICS, MapSettings, pair_block, prepare, rows_of
from gradtools.math.map_pairs import block_length

# Aligned pairs are the diagonals of small blocks: a block of tiny maps costs no more than one pair.
ALIGNED, ALIGNED_ENTRIES = 32, 2 ** 14


def centred_gaussian(size, sd=.5):
    """
    A Gaussian in the middle of the map, the photographer's prior.

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
    SPEC 5 (control masks).
    """
    y, x = ((np.arange(n) + .5) * (2 / n) - 1 for n in size)
    return np.exp(-.5 * (y[:, None] ** 2 + x ** 2) / sd ** 2)


def against(maps, reference, metrics=METRICS, settings=MapSettings(), direction="both", block=None):
    """
    Every map against one reference map.

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
    """
    prepared = prepare(np.asarray(reference)[None], metrics, settings)
    block = block or block_length(np.size(reference))
    values = {metric: np.empty(len(maps)) for metric in metrics}
    for start in range(0, len(maps), block):
        part = maps[start:start + block]
        part = prepare(part, metrics, settings, numbers=range(start, start + len(part)))
        for metric in metrics:
            values[metric][start:start + block] = pair_block(part, prepared, metric, direction)[:, 0]
    return values


def against_mean(maps, groups, metrics=METRICS, settings=MapSettings(), direction="both", block=None):
    """
    Every map against the mean of the other maps of its group.

    Parameters
    ----------
    maps : (N, H, W) array, or anything that gives an array for maps[rows], rows an ascending int array
    groups : (N,) int array
    metrics, settings, direction, block
        As for `against`.

    Returns
    -------
    dict of metric to (N,) float64 array, NaN for degenerate maps or means, and for the only map of a group
    """
    groups = np.asarray(groups)
    values = {metric: np.full(len(groups), np.nan) for metric in metrics}
    for group in np.unique(groups):
        members = np.flatnonzero(groups == group)
        if len(members) > 1:
            for rows, found in _against_others(maps, members, metrics, settings, direction, block):
                for metric in metrics:
                    values[metric][rows] = found[metric]
    return values


def _against_others(maps, members, metrics, settings, direction, block):
    """Yield members of one group, block by block, and their values."""
    block = block or block_length(int(np.prod(np.shape(maps[members[:1]]))))
    blocks = [members[start:start + block] for start in range(0, len(members), block)]
    total = sum(np.sum(maps[rows], axis=0, dtype=np.float64) for rows in blocks)
    for rows in blocks:
        part = np.asarray(maps[rows], dtype=np.float64)
        others = (total - part) / (len(members) - 1)
        prepared = (prepare(m, metrics, settings, numbers=rows) for m in (part, others))
        yield rows, aligned_values(*prepared, metrics, direction)


def aligned_values(a, b, metrics, direction="both"):
    """
    Map i of one set against map i of the other.

    Parameters
    ----------
    a, b : PreparedMaps of n maps
    metrics, direction
        As for `against`.

    Returns
    -------
    dict of metric to (n,) float64 array
    """
    pixels = max((part[0].size for part in a.parts.values()), default=1) if len(a) else 1
    step = max(1, min(ALIGNED, ALIGNED_ENTRIES // pixels))
    values = {metric: np.empty(len(a)) for metric in metrics}
    for start in range(0, len(a), step):
        rows = slice(start, start + step)
        own, other = rows_of(a, rows), rows_of(b, rows)
        for metric in metrics:
            values[metric][rows] = np.diagonal(pair_block(own, other, metric, direction))
    return values
