"""
Means over all pairs of maps within groups and between them, block by block, with their bootstrap over images (SPEC 6).

Maps are taken group by group. A weighting of the images, all ones or a resample's counts c, weighs a pair by c_i c_j;
copies of one image are not paired with each other.
"""

from dataclasses import dataclass
from functools import lru_cache

import numpy as np

from gradtools.math.map_metrics import METRICS, MapSettings, pair_block, prepare, rows_of
from gradtools.math.pairs import PairMean, named, ratio, table_of_groupings

STATISTICS = ("within", "within_macro", "between")

# Bytes that prepared maps may take together, and the arrays as large as a map that one is prepared into.
MEMORY, ARRAYS = 2 ** 30, 8

# The pair values of a block of this many rows stay in the cache.
LARGEST_BLOCK = 256


@dataclass(frozen=True)
class MapPairs:
    """
    One metric: means by name (`STATISTICS`, or those of `pairs` where predictions were given), the groups' own values and
    pairs (G,), degenerate maps that were left out, and replicates (B, S) in the order of the means.
    """

    means: dict
    group_values: np.ndarray
    group_pairs: np.ndarray
    degenerate: int
    replicates: np.ndarray


def within_groups(maps, groups, metrics=METRICS, settings=MapSettings(), counts=None, between=False, block=None, images=None,
                  predictions=None):
    """
    Mean of every metric over the unordered pairs of maps within groups.

    Parameters
    ----------
    maps : (N, H, W) array, or anything that gives an array for maps[rows], rows an ascending int array
        After `cams.read_maps`.
    groups : (N,) int array
        Classes; all zero for all pairs.
    metrics : sequence of str
    settings : MapSettings
    counts : (B, N) int array, optional
        From `bootstrap.resample_counts(groups, ...)`.
    between : bool
        Pairs of maps of two groups as well: all N (N - 1) / 2 pairs are computed.
    block : int, optional
        Maps a block: by default as many as four blocks fit into a gibibyte, at most 256. It changes no value beyond
        rounding.
    images : (N,) int array, optional
        The image that each map is of, where images have several: two maps of one image are no pair. Maps of one image
        have one group and the same counts.
    predictions : (N,) int array, optional
        Of the images; with between, the means by class and prediction too (`pairs.STATISTICS`).

    Returns
    -------
    dict of metric to MapPairs, KLD, AUC and NSS as the mean of both directions. within is the mean over pairs (micro),
    within_macro the mean of the groups that have a pair; between is NaN where it was not asked for. NaN where a mean has
    no pairs. Groups come in ascending order.

    References
    ----------
    SPEC 1.2, 6.1-6.4, 6.6.
    """
    groups = np.asarray(groups)
    order = np.argsort(groups, kind="stable") if predictions is None else np.lexsort((predictions, groups))
    _, codes = np.unique(groups[order], return_inverse=True)
    predicted = None if predictions is None or not between else np.unique(np.asarray(predictions)[order], return_inverse=True)[1]
    images = (np.arange(len(groups)) if images is None else np.asarray(images))[order]
    several = len(np.unique(images)) < len(images)
    weights = np.ones((1, len(groups)), dtype=np.uint16)
    if counts is not None:
        weights = np.concatenate([weights, np.asarray(counts)[:, order]])
    block, cell = _prepared_cells(maps, order, metrics, settings, block)
    sums = {metric: np.zeros((codes.max(initial=-1) + 2, len(weights))) for metric in metrics}
    equal = {metric: np.zeros((2, len(weights))) for metric in metrics}
    usable = {metric: np.ones(len(codes), dtype=bool) for metric in metrics}
    for rows, columns, shared in _tiles(codes, block, between):
        a = _taken(cell, rows, block)
        b = a if rows == columns else _taken(cell, columns, block)
        left, right = weights[:, rows].astype(np.float64), weights[:, columns].astype(np.float64)
        for metric in metrics:
            usable[metric][rows] = ~a.degenerate[metric]
            values = _unordered(pair_block(a, b, metric), rows == columns)
            if several:
                values[images[rows][:, None] == images[columns]] = 0
            _add(sums[metric], values, left, right, shared, between)
            if predicted is not None:
                _add_equal(equal[metric], values * (predicted[rows][:, None] == predicted[columns]), left, right, shared)
    return {metric: _summary(sums[metric], weights, codes, images, usable[metric], between, predicted, equal[metric])
            for metric in metrics}


def matrix_rows(maps, metrics=METRICS, settings=MapSettings(), block=None):
    """
    The whole matrix of every metric, some rows at a time.

    Parameters as for `within_groups`.

    Returns
    -------
    A function of start and stop that gives {metric: (stop - start, N) float64 array}, NaN in the rows and columns of degenerate maps
    """
    n = len(maps)
    block, cell = _prepared_cells(maps, np.arange(n), metrics, settings, block)

    def rows(start, stop):
        found = {metric: np.empty((stop - start, n)) for metric in metrics}
        for first in range(start, stop, block):
            numbers = np.arange(first, min(first + block, stop))
            own = prepare(np.asarray(maps[numbers]), metrics, settings, numbers=numbers)
            for column in range(0, n, block):
                for metric in metrics:
                    found[metric][numbers - start, column:column + block] = pair_block(own, cell(column // block), metric)
        return found

    return rows


def block_length(pixels, memory=MEMORY):
    """Maps of so many pixels that four blocks of them, prepared, fit into memory (bytes)."""
    return max(1, min(LARGEST_BLOCK, memory // (4 * ARRAYS * 8 * max(pixels, 1))))


def _prepared_cells(maps, order, metrics, settings, block):
    """The block length, and a function that gives block k of the maps in this order, prepared; the last few are kept."""
    pixels = int(np.prod(np.shape(maps[:1])[1:]))
    block = block or block_length(pixels)

    @lru_cache(maxsize=max(2, MEMORY // (ARRAYS * 8 * max(pixels, 1) * block)))
    def cell(k):
        chosen = order[k * block:(k + 1) * block]
        ascending = np.sort(chosen)
        part = np.asarray(maps[ascending])[np.searchsorted(ascending, chosen)]
        return prepare(part, metrics, settings, numbers=chosen)

    return block, cell


def _taken(cell, rows, block):
    """The prepared maps of a slice that lies in one block."""
    start = rows.start // block * block
    return rows_of(cell(start // block), slice(rows.start - start, rows.stop - start))


def _segments(codes, block):
    """(group, slice) of every run of one group inside one block; codes ascend."""
    cuts = np.flatnonzero(np.diff(codes, prepend=-1) != 0)
    starts = np.union1d(cuts, np.arange(0, len(codes), block))
    return [(codes[start], slice(int(start), int(stop))) for start, stop in zip(starts, [*starts[1:], len(codes)])]


def _tiles(codes, block, between):
    """
    Yield rows, columns and what they share: (group, rows, columns) of the pairs within a group, counted inside the tile.

    Only tiles on or above the diagonal; without between, only those of one group.
    """
    segments = _segments(codes, block)
    whole = slice(None)
    if not between:
        by_group = {}
        for group, rows in segments:
            by_group.setdefault(group, []).append(rows)
        for group, parts in by_group.items():
            for k, rows in enumerate(parts):
                yield from ((rows, columns, [(group, whole, whole)]) for columns in _turning(parts, k))
        return
    cells = [slice(start, min(start + block, len(codes))) for start in range(0, len(codes), block)]
    inside = [[(group, slice(s.start - c.start, s.stop - c.start)) for group, s in segments if c.start <= s.start < c.stop]
              for c in cells]
    for i, rows in enumerate(cells):
        for j in _turning(range(len(cells)), i):
            columns, others = cells[j], dict(inside[j])
            yield rows, columns, [(group, own, others[group]) for group, own in inside[i] if group in others]


def _turning(parts, k):
    """The parts from k, to and fro: the blocks that were used last are the ones that are still prepared."""
    return parts[k:] if k % 2 == 0 else parts[k:][::-1]


def _unordered(values, diagonal):
    """Pair values with 0 where there is no pair: below the diagonal, and at degenerate maps."""
    values = np.triu(values, 1) if diagonal else values
    values[np.isnan(values)] = 0
    return values


def _add(sums, values, left, right, shared, between):
    """Add a tile to the sums within groups, sums[:-1] (G, 1 + B), and to the sum over all pairs, sums[-1]."""
    for group, rows, columns in shared:
        sums[group] += _weighted(values[rows, columns], left[:, rows], right[:, columns])
    if between:
        sums[-1] += _weighted(values, left, right)


def _add_equal(equal, values, left, right, shared):
    """Add a tile's pairs of equal prediction, the others being 0, to the sum over all and to that over one class, (2, 1 + B)."""
    if values.any():
        equal[0] += _weighted(values, left, right)
        for _, rows, columns in shared:
            equal[1] += _weighted(values[rows, columns], left[:, rows], right[:, columns])


def _weighted(values, left, right):
    """Sum of c_i v_ij c_j of every weighting: values (n, m), left (B, n), right (B, m) -> (B,)."""
    return np.einsum("bm,bm->b", left @ values, right)


def _summary(sums, weights, codes, images, usable, between, predicted, equal):
    """Means of every weighting from the sums over pairs; weighting 0 is the value itself, the others are replicates."""
    within, n_groups = sums[:-1], len(sums) - 1
    pairs = _pairs_of_groups(weights, codes, images, usable, n_groups)
    all_pairs = _pairs_of_groups(weights, np.zeros_like(codes), images, usable, 1)[0] if between else pairs.sum(axis=0)
    over_all = sums[-1] if between else within.sum(axis=0)
    if predicted is None:
        means, numbers = _of_groups(within, pairs, over_all, all_pairs)
        found = {name: PairMean(float(m), int(p)) for name, m, p in zip(STATISTICS, means[0], numbers[0])}
    else:
        same = [(equal[k], _equal_pairs(weights, keys, images, usable)) for k, keys in enumerate((predicted, codes * len(codes) + predicted))]
        means, numbers = table_of_groupings((within, pairs), *same, (over_all, all_pairs))
        found = named(means[0], numbers[0])
    return MapPairs(found, ratio(within, pairs)[:, 0], pairs[:, 0].astype(np.int64), int(np.count_nonzero(~usable)), means[1:])


def _of_groups(within, pairs, over_all, all_pairs):
    """`STATISTICS` and their pairs, (1 + B, 3) each, from sums over the pairs of groups (G, 1 + B) and over all (1 + B,)."""
    macro = ratio(np.where(pairs > 0, ratio(within, pairs), 0).sum(axis=0), (pairs > 0).sum(axis=0))
    micro_sum, micro_pairs = within.sum(axis=0), pairs.sum(axis=0)
    between_pairs = all_pairs - micro_pairs
    means = [ratio(micro_sum, micro_pairs), macro, ratio(over_all - micro_sum, between_pairs)]
    return np.stack(means, axis=-1), np.stack([micro_pairs, micro_pairs, between_pairs], axis=-1)


def _equal_pairs(weights, keys, images, usable):
    """Weight of the pairs of usable maps of two images of equal keys (N,), in any order: (1 + B,)."""
    order = np.argsort(keys, kind="stable")
    _, codes = np.unique(keys[order], return_inverse=True)
    return _pairs_of_groups(weights[:, order], codes, images[order], usable[order], codes.max(initial=-1) + 1).sum(axis=0)


def _pairs_of_groups(weights, codes, images, usable, n_groups):
    """Weight of the pairs of usable maps of two images of each group, ((sum c)^2 - sum of (sum c of an image)^2) / 2: (G, 1 + B)."""
    ends = np.searchsorted(codes, np.arange(n_groups + 1))
    pairs = np.zeros((n_groups, len(weights)))
    for group, (start, stop) in enumerate(zip(ends, ends[1:])):
        chosen = usable[start:stop]
        c = _of_images(weights[:, start:stop][:, chosen].astype(np.float64), images[start:stop][chosen])
        pairs[group] = (c.sum(axis=1) ** 2 - (c ** 2).sum(axis=1)) / 2
    return pairs


def _of_images(c, images):
    """Sums of the columns of c (B, n) over equal images (n,)."""
    order = np.argsort(images, kind="stable")
    starts = np.flatnonzero(np.diff(images[order], prepend=-1))
    return c if len(starts) == len(images) else np.add.reduceat(c[:, order], starts, axis=1)
