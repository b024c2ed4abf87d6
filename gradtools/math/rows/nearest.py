"""Nearest rows among all rows, block by block: ordered as float64 values, ties by number, whatever the blocks."""

from collections.abc import Iterable

import numpy as np

from gradtools.math.rows.vectors import product_block

NOBODY = np.iinfo(np.int64).max  # the number of what is no neighbour; it stands behind all others
# Rounding noise of float64 products is below these: cosines and correlations to 1e-13, others to 40 bits.
COSINE_STEP, BITS = 1e-13, 40
QUANTILE = 0.95


def nearest(
    rows: np.ndarray, numbers: np.ndarray, blocks: Iterable, k: int, metric: str
) -> tuple[np.ndarray, np.ndarray]:
    """
    Find the k nearest others of some rows.

    Parameters
    ----------
    rows : (q, D) float64 array
        From `vectors.prepared_rows`.
    numbers : (q,) int array
        The number of each among all rows: none is its own neighbour.
    blocks : iterable of ((m, D) float64 array, (m,) int array, (m,) bool array)
        All rows, prepared, with their numbers and whether they have no direction and are nobody's neighbour.
    k : int
    metric : str
        One of `vectors.METRICS`: the largest similarities, or the smallest distances.

    Returns
    -------
    index : (q, k) int32 array, -1 where there are fewer others
    values : (q, k) float32 array, NaN there; values equal in float64 stand in order of index

    References
    ----------
    mathematics#nearest-samples
    """
    best, whose = np.full((len(rows), k), np.inf), np.full((len(rows), k), NOBODY)
    for others, their_numbers, degenerate in blocks:
        values = product_block(rows, others, metric)
        if metric != "euclidean":
            np.negative(values, out=values)
        values[:, degenerate] = np.inf
        values[_places_of(numbers, their_numbers)] = np.inf
        parts = zip((best, whose), _smallest(values, their_numbers, k, metric))
        both, theirs = (np.concatenate(part, axis=1) for part in parts)
        order = np.lexsort((theirs, both), axis=1)[:, :k]
        best, whose = (np.take_along_axis(part, order, axis=1) for part in (both, theirs))
    missing = np.isinf(best)
    values = (best if metric == "euclidean" else -best) + 0.0
    return np.where(missing, -1, whose).astype("i4"), np.where(missing, np.nan, values).astype("f4")


def stepped(values: np.ndarray, metric: str) -> np.ndarray:
    """
    Return the values of which the smallest is the nearest, float64, in steps that merge rounding noise and nothing else.

    Parameters
    ----------
    values : (q, m) float array
        Similarities or distances; cosines and correlations are rounded to 1e-13, others to 40 bits.

    Returns
    -------
    (q, m) float64 array; -0 is 0.

    References
    ----------
    mathematics#nearest-samples
    """
    return _merged(np.asarray(values, np.float64) * (1 if metric == "euclidean" else -1), metric)


def _merged(values: np.ndarray, metric: str) -> np.ndarray:
    """Return values of which the smallest is the nearest in the steps of `stepped`."""
    if metric in ("cosine", "correlation"):
        return np.rint(values / COSINE_STEP) * COSINE_STEP + 0.0
    mantissa, exponent = np.frexp(values)
    return np.ldexp(np.rint(np.ldexp(mantissa, BITS)), exponent - BITS) + 0.0


def ranked(values: np.ndarray, numbers: np.ndarray, metric: str) -> np.ndarray:
    """Order (m,) of values (m,), the nearest first, equal ones by number.

    References
    ----------
    mathematics#nearest-samples
    """
    return np.lexsort((numbers, stepped(values, metric)))


def _places_of(numbers: np.ndarray, others: np.ndarray) -> tuple[np.ndarray, np.ndarray]:
    """Return the rows (r,) and columns (r,) at which others (m,) have the numbers (q,), each once at most."""
    order = np.argsort(others, kind="stable")
    at = np.searchsorted(others, numbers, sorter=order)
    column = order[np.minimum(at, len(others) - 1)]
    same = others[column] == numbers
    return np.flatnonzero(same), column[same]


def _smallest(
    values: np.ndarray, numbers: np.ndarray, k: int, metric: str
) -> tuple[np.ndarray, np.ndarray]:
    """Return the k smallest of each row and those equal to the last, (q, c) values in steps and numbers; infinite ones are never nearest.

    Steps keep the order, so only the candidates are brought to them: those below the k-th smallest and a step more.
    """
    place = min(k, values.shape[1]) - 1
    last = _merged(np.partition(values, place, axis=1)[:, place], metric)
    step = COSINE_STEP if metric in ("cosine", "correlation") else np.abs(last) * 2.0 ** (1 - BITS)
    limit = np.minimum(last + step, np.finfo(np.float64).max)
    row, column = np.divmod(np.flatnonzero(values <= limit[:, None]), values.shape[1])
    candidates = _merged(values[row, column], metric)
    near = candidates <= last[row]
    row, column, candidates = row[near], column[near], candidates[near]
    count = np.bincount(row, minlength=len(values))
    place = np.arange(len(row)) - np.repeat(np.cumsum(count) - count, count)
    shape = len(values), count.max(initial=0)
    smallest, whose = np.full(shape, np.inf), np.full(shape, NOBODY)
    smallest[row, place] = candidates
    whose[row, place] = np.asarray(numbers)[column]
    return smallest, whose


def shuffled_values(row: np.ndarray, permutations: int, seed: int = 0) -> np.ndarray:
    """Shuffle the values of a row among its dimensions, (D,) -> (permutations, D): right where these are exchangeable.

    References
    ----------
    mathematics#neighbour-floor
    """
    random = np.random.default_rng(seed)
    return random.permuted(np.tile(row, (permutations, 1)), axis=1)


def shuffled_samples(
    blocks: Iterable[np.ndarray], n: int, permutations: int, seed: int = 0
) -> np.ndarray:
    """
    Draw rows each of whose values is that of a random sample in the same dimension: every dimension keeps its distribution.

    Parameters
    ----------
    blocks : iterable of (m, D) float64 arrays
        n rows in all.
    n, permutations, seed : int

    Returns
    -------
    (permutations, D) float64 array; what all rows share is in it too.

    References
    ----------
    mathematics#neighbour-floor
    """
    drawn, shuffled, start = np.empty((0, 0), int), np.empty((0, 0)), 0
    for rows in blocks:
        if not start:
            shape = permutations, rows.shape[1]
            drawn, shuffled = np.random.default_rng(seed).integers(n, size=shape), np.empty(shape)
        at, dimension = np.nonzero((drawn >= start) & (drawn < start + len(rows)))
        shuffled[at, dimension] = rows[drawn[at, dimension] - start, dimension]
        start += len(rows)
    return shuffled


def floor(chance: np.ndarray, blocks: Iterable[np.ndarray], metric: str) -> float:
    """
    Return how near the nearest row is to a row made by chance (the floor): a neighbour that is no nearer is no evidence.

    Parameters
    ----------
    chance : (P, D) float64 array
        From `shuffled_samples` or `shuffled_values`, prepared.
    blocks : iterable of (m, D) float64 arrays
        The other rows, prepared.
    metric : str

    Returns
    -------
    float
        The 95 % quantile of the largest similarities (the 5 % quantile of the smallest distances); NaN without other rows or permutations.

    References
    ----------
    mathematics#neighbour-floor
    """
    far = metric == "euclidean"
    best = np.full(len(chance), np.inf if far else -np.inf)
    for others in blocks:
        if len(others) and len(chance):
            values = product_block(chance, others, metric)
            best = (
                np.minimum(best, values.min(axis=1))
                if far
                else np.maximum(best, values.max(axis=1))
            )
    best = best[np.isfinite(best)]  # infinite where there was no other row
    return float(np.quantile(best, 1 - QUANTILE if far else QUANTILE)) if len(best) else np.nan
