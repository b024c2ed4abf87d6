"""Silhouettes of clusterings, by scikit-learn for one and in one pass over the distances for several."""

from collections.abc import Iterable, Iterator

import numpy as np

from gradtools.math.rows.vectors import product_block

# Entries of one block of distances.
BLOCK_ENTRIES = 2**22

# Distances that only rounding keeps from 0.
ZERO_DISTANCE = 1e-12


def euclidean(x: np.ndarray, labels: np.ndarray) -> float:
    """
    Return the mean silhouette with Euclidean distances, by scikit-learn; x (N, D), labels (N,). NaN with one cluster, or N.

    References
    ----------
    P. J. Rousseeuw, Silhouettes, J. Comput. Appl. Math. 20 (1987).
    mathematics#silhouette
    """
    from sklearn.metrics import silhouette_score

    return (
        float(silhouette_score(x, labels)) if 1 < len(np.unique(labels)) < len(labels) else np.nan
    )


def distance_blocks(x: np.ndarray) -> Iterator[np.ndarray]:
    """
    Yield Euclidean distances (b, N) of rows x (N, D) to all rows, for `of_clusterings`.

    References
    ----------
    mathematics#silhouette
    """
    step = max(1, BLOCK_ENTRIES // len(x))
    return (product_block(x[i : i + step], x, "euclidean") for i in range(0, len(x), step))


def of_clusterings(blocks: Iterable[np.ndarray], labels: np.ndarray) -> np.ndarray:
    """
    Return the mean silhouettes of several clusterings of the same rows in one pass over their distances.

    Parameters
    ----------
    blocks : iterable of (b, N) float64 arrays
        Distances of rows, in order, to all rows.
    labels : (F, N) int array

    Returns
    -------
    (F,) float64 array, NaN with one cluster, or N.

    References
    ----------
    mathematics#silhouette
    """
    codes = [np.unique(row, return_inverse=True)[1] for row in labels]
    sizes = [np.bincount(row) for row in codes]
    member = np.concatenate([np.eye(len(size))[row] for size, row in zip(sizes, codes)], axis=1)
    ends, total, start = np.cumsum([0, *map(len, sizes)]), np.zeros(len(labels)), 0
    for distances in blocks:
        sums = distances @ member
        for f, (size, row) in enumerate(zip(sizes, codes)):
            group = row[start : start + len(distances)]
            total[f] += _silhouettes(sums[:, ends[f] : ends[f + 1]], group, size).sum()
        start += len(distances)
    n = labels.shape[1]
    defined = [1 < len(size) < n for size in sizes]
    return np.where(defined, total / n, np.nan)


def _silhouettes(sums: np.ndarray, group: np.ndarray, sizes: np.ndarray) -> np.ndarray:
    """Return the silhouette of each of n rows: sums of distances to the groups (n, G), own (n,), sizes (G,)."""
    rows = np.arange(len(group))
    within = sums[rows, group] / np.maximum(sizes[group] - 1, 1)
    means = sums / sizes
    means[rows, group] = np.inf
    nearest = means.min(axis=1)
    larger = np.maximum(within, nearest)
    defined = (sizes[group] > 1) & (larger > ZERO_DISTANCE) & np.isfinite(larger)
    return np.divide(nearest - within, larger, out=np.zeros(len(group)), where=defined)
