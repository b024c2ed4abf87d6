"""Nearest rows among all rows, block by block: ordered as float32 values, ties by number, whatever the blocks."""

import numpy as np

from gradtools.math.rows.vectors import product_block

NEVER = np.uint64(
    2**64 - 1
)  # the key of what is no neighbour: a row itself, rows without a direction
QUANTILE = 0.95


def nearest(rows, numbers, blocks, k, metric):
    """
    The k nearest others of some rows.

    Parameters
    ----------
    rows : (q, D) float64 array
        From `vectors.prepared_rows`.
    numbers : (q,) int array
        The number of each among all rows: none is its own neighbour.
    blocks : iterable of ((m, D) float64 array, (m,) int array, (m,) bool array)
        All rows, prepared, with their numbers (below 2^32) and whether they have no direction and are nobody's neighbour.
    k : int
    metric : str
        One of `vectors.METRICS`: the largest similarities, or the smallest distances.

    Returns
    -------
    index : (q, k) int32 array, -1 where there are fewer others
    values : (q, k) float32 array, NaN there; equal values stand in order of index

    References
    ----------
    mathematics#nearest-samples
    """
    best = np.full((len(rows), k), NEVER)
    for others, their_numbers, degenerate in blocks:
        values = _rising(product_block(rows, others, metric), metric)
        values[:, degenerate] = np.inf
        values[np.asarray(numbers)[:, None] == their_numbers] = np.inf
        both = np.concatenate([best, _smallest(values, their_numbers, k)], axis=1)
        best = np.partition(both, k - 1, axis=1)[:, :k]
    best.sort(axis=1)
    index, values = (
        (best & np.uint64(0xFFFFFFFF)).astype("i8"),
        _floats(best >> np.uint64(32), metric),
    )
    missing = best == NEVER
    return np.where(missing, -1, index).astype("i4"), np.where(missing, np.float32(np.nan), values)


def _rising(values, metric):
    """Values as float32 of which the smallest is the nearest; -0 is 0."""
    values = np.asarray(values, "f4")
    return (values if metric == "euclidean" else -values) + np.float32(0)


def _smallest(values, numbers, k):
    """Keys (q, c) of the k smallest of each row of `_rising` values, and of those equal to the last; infinite ones are never nearest."""
    last = np.partition(values, min(k, values.shape[1]) - 1, axis=1)[:, min(k, values.shape[1]) - 1]
    row, column = np.nonzero((values <= last[:, None]) & (values < np.inf))
    count = np.bincount(row, minlength=len(values))
    place = np.arange(len(row)) - np.repeat(np.cumsum(count) - count, count)
    found = np.full((len(values), count.max(initial=0)), NEVER)
    found[row, place] = _keys(values[row, column], np.asarray(numbers)[column])
    return found


def keys(values, numbers, metric):
    """
    Whole numbers that sort as values do, the nearest first, and by number where these are equal as float32.

    Parameters
    ----------
    values : (q, m) float array
    numbers : (m,) int array

    Returns
    -------
    (q, m) uint64 array: the order of the value above, the number below.

    References
    ----------
    mathematics#nearest-samples
    """
    return _keys(_rising(values, metric), numbers)


def _keys(values, numbers):
    """The same of `_rising` values."""
    bits = values.view("u4")
    ordered = np.where(bits >> 31, ~bits, bits | np.uint32(1 << 31))
    return ordered.astype("u8") << np.uint64(32) | np.asarray(numbers).astype("u8")


def _floats(ordered, metric):
    """The float32 values of the upper halves of keys."""
    ordered = ordered.astype("u4")
    values = np.where(ordered >> 31, ordered & np.uint32(0x7FFFFFFF), ~ordered).view("f4")
    return values if metric == "euclidean" else -values + np.float32(0)


def floor(row, blocks, metric, permutations, seed=0):
    """
    How near the nearest row is to a row whose values have been shuffled: what is no nearer says nothing.

    Parameters
    ----------
    row : (D,) float64 array
        Prepared.
    blocks : iterable of (m, D) float64 arrays
        The other rows, prepared.
    permutations : int

    Returns
    -------
    float
        The 95 % quantile of the largest similarities (the 5 % quantile of the smallest distances); NaN without other rows or permutations.

    References
    ----------
    mathematics#neighbour-floor
    """
    random = np.random.default_rng(seed)
    shuffled = random.permuted(np.tile(row, (permutations, 1)), axis=1)
    far = metric == "euclidean"
    best = np.full(permutations, np.inf if far else -np.inf)
    for others in blocks:
        if len(others):
            values = product_block(shuffled, others, metric)
            best = (
                np.minimum(best, values.min(axis=1))
                if far
                else np.maximum(best, values.max(axis=1))
            )
    best = best[np.isfinite(best)]  # infinite where there was no other row
    return float(np.quantile(best, 1 - QUANTILE if far else QUANTILE)) if len(best) else np.nan
