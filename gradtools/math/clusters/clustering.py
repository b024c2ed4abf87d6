"""Clusterings, their silhouettes and the principal components they are drawn in; scikit-learn does what it can."""

import warnings
from dataclasses import dataclass

import numpy as np
from scipy import sparse

from gradtools.errors import GradtoolsError

# Entries x the shorter side, beyond which the full decomposition gives way to the randomised one.
FULL_SVD_WORK = 10**10

# Rows x groups of one block of the cosine silhouette.
BLOCK_ENTRIES = 2**22

# Distances that only rounding keeps from 0.
ZERO_DISTANCE = 1e-12


@dataclass(frozen=True)
class Clustering:
    """labels (N,) int32; inertia: sum of squared distances to the centres (k-means), NaN for other methods."""

    labels: np.ndarray
    inertia: float = np.nan


def kmeans(x, k, seed=0, n_init=10):
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


def gmm(x, k, seed=0, n_init=5, covariance="diag", reg=1e-6):
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
        labels = mixture.fit_predict(np.asarray(x, dtype=np.float64))
    return Clustering(labels.astype(np.int32))


def agglomerative(x, k, linkage="ward"):
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


def pca(x, n, seed=0):
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


def silhouette_euclidean(x, labels):
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


def silhouette_cosine(unit, labels):
    """
    Mean silhouette with cosine distances in O(N G D).

    Parameters
    ----------
    unit : (N, D) float64 array
        From `vectors.unit_rows`.
    labels : (N,) int array

    Returns
    -------
    float, NaN with one cluster, or N.

    References
    ----------
    mathematics#silhouette: the mean distance to a group is 1 - u.S_g / n_g.
    """
    _, own, sizes = np.unique(labels, return_inverse=True, return_counts=True)
    if not 1 < len(sizes) < len(own):
        return np.nan
    groups = sparse.csr_array((np.ones(len(own)), (own, np.arange(len(own)))))
    sums, block = groups @ unit, max(1, BLOCK_ENTRIES // len(sizes))
    total = sum(
        _silhouettes(unit[i : i + block], own[i : i + block], sums, sizes).sum()
        for i in range(0, len(own), block)
    )
    return float(total / len(own))


def _silhouettes(unit, own, sums, sizes):
    """Silhouette of each of n rows: unit (n, D), own (n,), sums (G, D), sizes (G,)."""
    products, rows = unit @ sums.T, np.arange(len(own))
    others = np.maximum(sizes[own] - 1, 1)
    within = 1 - (products[rows, own] - np.einsum("nd,nd->n", unit, unit)) / others
    distances = 1 - products / sizes
    distances[rows, own] = np.inf
    nearest = distances.min(axis=1)
    larger = np.maximum(within, nearest)
    defined = (sizes[own] > 1) & (larger > ZERO_DISTANCE)
    return np.divide(nearest - within, larger, out=np.zeros(len(own)), where=defined)
