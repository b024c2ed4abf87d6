"""First centres of k-means: rows chosen one after the other, far from those that are chosen already.

References
----------
D. Arthur, S. Vassilvitskii, k-means++: the advantages of careful seeding, SODA 2007 (the greedy variant of section 6).
"""

from collections.abc import Sequence

import numpy as np


def numbers(seed: int | Sequence[int], k: int, starts: int) -> np.ndarray:
    """Draw the random numbers from which `first_centres` chooses: (starts, k, candidates) float64 in [0, 1).

    References
    ----------
    mathematics#clustering-methods
    """
    return np.random.default_rng(seed).random((starts, k, candidates(k)))


def candidates(k: int) -> int:
    """Return the number of candidates for each further centre, as scikit-learn takes.

    References
    ----------
    mathematics#clustering-methods
    """
    return 2 + int(np.log(k))


def first_centres(blocks: np.ndarray, drawn: np.ndarray) -> np.ndarray:
    """
    Choose rows as first centres: each the best of a few candidates drawn with probability of their squared distance.

    Parameters
    ----------
    blocks : (B, m, m) float64 array
        Gram matrix of each subset.
    drawn : (B, s, k, t) float64 array
        Uniform random numbers: t candidates for each of k centres of s starts.

    Returns
    -------
    (B, s, k) int array of rows of the subset.

    References
    ----------
    mathematics#clustering-methods
    """
    n_subsets, m, _ = blocks.shape
    _, s, k, trials = drawn.shape
    squares = np.einsum("bii->bi", blocks)
    subset = np.repeat(np.arange(n_subsets), s)
    drawn = drawn.reshape(n_subsets * s, k, trials)
    centres = np.empty((n_subsets * s, k), int)
    centres[:, 0] = (drawn[:, 0, 0] * m).astype(int)
    closest = _distances(blocks, squares, subset[:, None], centres[:, :1])[:, 0]
    for place in range(1, k):
        reached = np.cumsum(closest, axis=1)
        wanted = drawn[:, place] * reached[:, -1:]
        candidates = _search(reached, wanted)
        distances = np.minimum(
            _distances(blocks, squares, subset[:, None], candidates), closest[:, None]
        )
        best = distances.sum(axis=2).argmin(axis=1)
        rows = np.arange(len(subset))
        centres[:, place], closest = candidates[rows, best], distances[rows, best]
    return centres.reshape(n_subsets, s, k)


def _search(reached: np.ndarray, wanted: np.ndarray) -> np.ndarray:
    """Place of each wanted number (A, t) in ascending rows (A, m), as np.searchsorted, at most m - 1."""
    places = np.stack([(reached < column[:, None]).sum(axis=1) for column in wanted.T], axis=1)
    return np.minimum(places, reached.shape[1] - 1)


def _distances(
    blocks: np.ndarray, squares: np.ndarray, subset: np.ndarray, rows: np.ndarray
) -> np.ndarray:
    """Return the squared distances (A, t, m) of rows (A, t) of the subsets `subset` (A, 1) to all rows of theirs."""
    products = blocks[subset, rows]
    products *= -2
    products += squares[subset, rows][:, :, None]
    products += squares[subset[:, 0]][:, None]
    return np.maximum(products, 0, out=products)
