"""Clusterings, their silhouettes and the principal components they are drawn in; scikit-learn does what it can."""

import warnings
from collections.abc import Iterable
from dataclasses import dataclass

import numpy as np

from gradtools.errors import GradtoolsError

# Entries x the shorter side, beyond which the full decomposition gives way to the randomised one.
FULL_SVD_WORK = 10**10

# Distances that only rounding keeps from 0.
ZERO_DISTANCE = 1e-12


@dataclass(frozen=True)
class Clustering:
    """
    labels (N,) int32; inertia: sum of squared distances to the centres (k-means); log_likelihood: mean over the rows of
    the logarithm of a mixture's density (nats). NaN for other methods.
    """

    labels: np.ndarray
    inertia: float = np.nan
    log_likelihood: float = np.nan


def kmeans(x: np.ndarray, k: int, seed: int = 0, n_init: int = 10) -> Clustering:
    """
    k-means (Lloyd, k-means++), the best of n_init starts.

    Parameters
    ----------
    x : (N, D) float array
    k : int
    seed, n_init : int

    Returns
    -------
    Clustering; fewer than k labels occur where x has fewer distinct rows.

    Raises
    ------
    GradtoolsError
        N < k.

    References
    ----------
    mathematics#clustering-methods
    """
    from sklearn.cluster import KMeans
    from sklearn.exceptions import ConvergenceWarning

    _check_size(x, k)
    with warnings.catch_warnings():
        # Fewer distinct rows than clusters is a finding here (gradients at the head's input), not a failure.
        warnings.simplefilter("ignore", ConvergenceWarning)
        fitted = KMeans(n_clusters=k, n_init=n_init, random_state=seed).fit(x)
    return Clustering(fitted.labels_.astype(np.int32), float(fitted.inertia_))


def gmm(
    x: np.ndarray,
    k: int,
    seed: int = 0,
    n_init: int = 5,
    covariance: str = "diag",
    reg: float = 1e-6,
) -> Clustering:
    """
    Gaussian mixture by expectation-maximisation, the best of n_init starts; each row goes to its likeliest component.

    Parameters
    ----------
    x : (N, D) float array
    k : int
    seed, n_init : int
    covariance : str
        diag (full dimension) or full (after PCA).
    reg : float
        Added to the variances.

    Returns
    -------
    Clustering

    Raises
    ------
    GradtoolsError
        N < k.

    References
    ----------
    mathematics#clustering-methods
    """
    from sklearn.exceptions import ConvergenceWarning
    from sklearn.mixture import GaussianMixture

    _check_size(x, k)
    with warnings.catch_warnings():
        warnings.simplefilter("ignore", ConvergenceWarning)
        mixture = GaussianMixture(
            k, covariance_type=covariance, reg_covar=reg, n_init=n_init, random_state=seed
        )
        x = np.asarray(x, dtype=np.float64)
        labels = mixture.fit_predict(x)
    return Clustering(labels.astype(np.int32), log_likelihood=float(mixture.score(x)))


def agglomerative(x: np.ndarray, k: int, linkage: str = "ward") -> Clustering:
    """
    Agglomerative clustering on Euclidean distances, cut at k clusters.

    Parameters
    ----------
    x : (N, D) float array
    k : int
    linkage : str
        ward | complete | average | single

    Returns
    -------
    Clustering

    Raises
    ------
    GradtoolsError
        N < k.

    References
    ----------
    mathematics#clustering-methods
    """
    from sklearn.cluster import AgglomerativeClustering

    _check_size(x, k)
    if len(x) == 1:
        return Clustering(np.zeros(1, dtype=np.int32))
    return Clustering(AgglomerativeClustering(k, linkage=linkage).fit(x).labels_.astype(np.int32))


def _check_size(x, k):
    if not 1 <= k <= len(x):
        raise GradtoolsError(
            f"cannot make {k} clusters of {len(x)} rows: ask for between 1 and {len(x)} clusters"
        )


def pca(x: np.ndarray, n: int, seed: int = 0) -> tuple[np.ndarray, np.ndarray]:
    """
    Principal components.

    Parameters
    ----------
    x : (N, D) float array
    n : int
        Components wanted, at most min(N, D).
    seed : int
        For the randomised decomposition that large arrays take.

    Returns
    -------
    coordinates : (N, n) float64 array; the largest entry (by size) of each component's axis is positive.
    explained : (n,) float64 array, shares of the variance; zeros where there is none.

    Raises
    ------
    GradtoolsError
        n is not between 1 and min(N, D).

    References
    ----------
    mathematics#principal-components
    """
    centred = np.asarray(x, dtype=np.float64)
    if not 1 <= n <= min(centred.shape):
        raise GradtoolsError(
            f"cannot take {n} principal components of an array of {centred.shape[0]} rows and "
            f"{centred.shape[1]} columns: ask for between 1 and {min(centred.shape)}"
        )
    centred = centred - centred.mean(axis=0)
    _, s, axes = _leading_svd(centred, n, seed)
    axes = axes * np.where(axes[np.arange(n), np.abs(axes).argmax(axis=1)] < 0, -1, 1)[:, None]
    variance = np.einsum("nd,nd->", centred, centred)
    return centred @ axes.T, s**2 / variance if variance > 0 else np.zeros(n)


def _leading_svd(centred, n, seed):
    """The n largest singular values with their vectors: u (N, n), s (n,), axes (n, D)."""
    if centred.size * min(centred.shape) <= FULL_SVD_WORK:
        u, s, axes = np.linalg.svd(centred, full_matrices=False)
        return u[:, :n], s[:n], axes[:n]
    from sklearn.utils.extmath import randomized_svd

    return randomized_svd(centred, n, random_state=seed)


def silhouette_euclidean(x: np.ndarray, labels: np.ndarray) -> float:
    """
    Mean silhouette with Euclidean distances, by scikit-learn; x (N, D), labels (N,). NaN with one cluster, or N.

    References
    ----------
    P. J. Rousseeuw, Silhouettes, J. Comput. Appl. Math. 20 (1987).
    mathematics#silhouette
    """
    from sklearn.metrics import silhouette_score

    return (
        float(silhouette_score(x, labels)) if 1 < len(np.unique(labels)) < len(labels) else np.nan
    )


def silhouettes(blocks: Iterable[np.ndarray], labels: np.ndarray) -> np.ndarray:
    """
    Mean silhouettes of several clusterings of the same rows in one pass over their distances.

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
            own = row[start : start + len(distances)]
            total[f] += _silhouettes(sums[:, ends[f] : ends[f + 1]], own, size).sum()
        start += len(distances)
    n = labels.shape[1]
    defined = [1 < len(size) < n for size in sizes]
    return np.where(defined, total / n, np.nan)


def _silhouettes(sums, own, sizes):
    """Silhouette of each of n rows: sums of distances to the groups (n, G), own (n,), sizes (G,)."""
    rows = np.arange(len(own))
    within = sums[rows, own] / np.maximum(sizes[own] - 1, 1)
    means = sums / sizes
    means[rows, own] = np.inf
    nearest = means.min(axis=1)
    larger = np.maximum(within, nearest)
    defined = (sizes[own] > 1) & (larger > ZERO_DISTANCE) & np.isfinite(larger)
    return np.divide(nearest - within, larger, out=np.zeros(len(own)), where=defined)
