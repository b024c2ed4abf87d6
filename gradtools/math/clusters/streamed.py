"""k-means, components and silhouette of more rows than memory holds: several passes over blocks of them (mathematics#clusters-of-many-rows)."""

from collections.abc import Callable, Iterable, Iterator
from typing import NamedTuple

import numpy as np

from gradtools.errors import GradtoolsError
from gradtools.math.clusters import clustering, silhouettes
from gradtools.math.clusters.clustering import Clustering

DRAWN = 20_000  # rows that starts are made from
LOOKED_AT = 5000  # rows that a silhouette is made from
STEPS = 50  # of Lloyd's, at most
GAIN = 1e-5  # of the inertia: what a further step must gain at least

# One pass over all rows: yields (b, D) float64 arrays, the same rows in the same order whenever it is called.
Blocks = Callable[[], Iterator[np.ndarray]]


class Estimate(NamedTuple):
    """A mean over drawn rows and its standard error; NaN where it is not defined."""

    value: float
    error: float


def drawn_rows(blocks: Blocks, count: int, wanted: int, seed: int) -> tuple[np.ndarray, np.ndarray]:
    """
    Draw rows without replacement, in one pass.

    Parameters
    ----------
    blocks : callable
    count : int
        Rows that there are.
    wanted, seed : int

    Returns
    -------
    numbers : (min(wanted, count),) int array, ascending
    rows : (min(wanted, count), D) float64 array

    References
    ----------
    mathematics#clusters-of-many-rows
    """
    numbers = np.sort(np.random.default_rng([seed, count]).permutation(count)[:wanted])
    parts, start = [], 0
    for block in blocks():
        inside = numbers[
            np.searchsorted(numbers, start) : np.searchsorted(numbers, start + len(block))
        ]
        parts.append(block[inside - start])
        start += len(block)
    return numbers, np.concatenate(parts)


def kmeans(blocks: Blocks, count: int, k: int, seed: int = 0, n_init: int = 10) -> Clustering:
    """
    Cluster by k-means: the best of n_init starts on drawn rows, then Lloyd's steps over all.

    Parameters
    ----------
    blocks : callable
    count : int
        Rows that there are.
    k, seed, n_init : int

    Returns
    -------
    Clustering
        Labels of all rows, and their inertia.

    Raises
    ------
    GradtoolsError
        There are fewer rows than clusters.

    References
    ----------
    mathematics#clusters-of-many-rows
    """
    if not 1 <= k <= count:
        raise GradtoolsError(
            f"cannot make {k} clusters of {count} rows: ask for between 1 and {count} clusters"
        )
    _, rows = drawn_rows(blocks, count, max(DRAWN, 20 * k), seed)
    labels = clustering.kmeans(rows, k, seed, n_init).labels
    sums, sizes = _sums(rows, labels, k)
    centres = sums[sizes > 0] / sizes[sizes > 0, None]
    before = np.inf
    for _ in range(STEPS):
        sums, sizes, labels, inertia = _step(blocks, centres)
        if before - inertia <= GAIN * inertia:
            break
        before = inertia
        centres = np.where(sizes[:, None] > 0, sums / np.maximum(sizes, 1)[:, None], centres)
    return Clustering(labels, inertia)


def _step(
    blocks: Callable[[], Iterable[np.ndarray]], centres: np.ndarray
) -> tuple[np.ndarray, np.ndarray, np.ndarray, float]:
    """Assign rows to their nearest centres: return the sums (k, D) and sizes (k,) of the clusters, labels (N,), inertia."""
    sums, sizes = np.zeros_like(centres), np.zeros(len(centres))
    norms, labels, inertia = np.einsum("kd,kd->k", centres, centres), [], 0.0
    for block in blocks():
        distances = norms - 2 * (block @ centres.T)
        nearest = distances.argmin(axis=1)
        inertia += float(
            distances[np.arange(len(block)), nearest].sum() + np.einsum("nd,nd->", block, block)
        )
        of_block, counts = _sums(block, nearest, len(centres))
        sums, sizes = sums + of_block, sizes + counts
        labels.append(nearest.astype(np.int32))
    return sums, sizes, np.concatenate(labels), max(inertia, 0.0)


def _sums(rows: np.ndarray, labels: np.ndarray, k: int) -> tuple[np.ndarray, np.ndarray]:
    """Return the sums (k, D) and sizes (k,) of groups of rows."""
    order = np.argsort(labels, kind="stable")
    present, starts = np.unique(labels[order], return_index=True)
    sums = np.zeros((k, rows.shape[1]))
    sums[present] = np.add.reduceat(rows[order], starts, axis=0)
    return sums, np.bincount(labels, minlength=k).astype(float)


def pca(blocks: Blocks, count: int, n: int) -> tuple[np.ndarray, np.ndarray]:
    """
    Compute principal components from the rows' covariance, in three passes.

    Parameters
    ----------
    blocks : callable
    count : int
        Rows that there are.
    n : int
        Components wanted, at most the number of dimensions.

    Returns
    -------
    coordinates : (N, n) float64 array; signs as those of `components.pca`
    explained : (n,) float64 array, shares of the variance; zeros where there is none

    References
    ----------
    mathematics#clusters-of-many-rows
    """
    mean = sum(block.sum(axis=0) for block in blocks()) / count
    scatter = sum((block - mean).T @ (block - mean) for block in blocks())
    values, vectors = np.linalg.eigh(scatter)
    values, axes = np.maximum(values[::-1][:n], 0), vectors[:, ::-1][:, :n].T
    axes = axes * np.where(axes[np.arange(n), np.abs(axes).argmax(axis=1)] < 0, -1, 1)[:, None]
    total = float(np.trace(scatter))
    coordinates = np.concatenate([(block - mean) @ axes.T for block in blocks()])
    return coordinates, values / total if total > 0 else np.zeros(n)


def silhouette(rows: np.ndarray, labels: np.ndarray) -> Estimate:
    """
    Estimate the mean silhouette of many rows from drawn ones.

    Parameters
    ----------
    rows : (m, D) float64 array
        From `drawn_rows`.
    labels : (m,) int array

    Returns
    -------
    Estimate
        Its error is the spread over ten parts of the rows, divided by the root of their number.

    References
    ----------
    mathematics#clusters-of-many-rows
    """
    value = silhouettes.of_clusterings(silhouettes.distance_blocks(rows), labels[None])[0]
    order = np.random.default_rng(0).permutation(len(rows))
    parts = [
        silhouettes.of_clusterings(silhouettes.distance_blocks(rows[part]), labels[None, part])[0]
        for part in np.array_split(order, 10)
    ]
    return Estimate(float(value), float(np.std(parts, ddof=1) / np.sqrt(len(parts))))
