"""Clusterings, their silhouettes and the principal components they are drawn in; scikit-learn does what it can."""

import warnings
from collections.abc import Iterable, Iterator, Sequence
from dataclasses import dataclass

import numpy as np

from gradtools.errors import GradtoolsError
from gradtools.math.clusters import lloyd, mixtures, plus_plus
from gradtools.math.rows.vectors import product_block

# Entries x the shorter side, beyond which the full decomposition gives way to the randomised one.
FULL_SVD_WORK = 10**10

# Rows up to which all starts of k-means run together whatever the dimension.
FEW_ROWS = 500

# Entries of one block of distances.
BLOCK_ENTRIES = 2**22

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
    Cluster rows by k-means (Lloyd, k-means++), the best of n_init starts.

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
    return kmeans_of_seeds(x, k, [seed], n_init)[0]


def kmeans_of_seeds(
    x: np.ndarray, k: int, seeds: Sequence[int], n_init: int = 10
) -> list[Clustering]:
    """
    Cluster as `kmeans` does, once for each seed: all starts together where rows are few (`_few`), else by scikit-learn.

    References
    ----------
    mathematics#clustering-methods
    """
    _check_size(x, k)
    if not _few(x, k):
        return [_kmeans_by_sklearn(x, k, seed, n_init) for seed in seeds]
    fitted = lloyd.kmeans_of_seeds(lloyd.gram_matrix(x), k, seeds, n_init)
    return [
        Clustering(labels, float(inertia)) for labels, inertia in zip(fitted.labels, fitted.inertia)
    ]


def _few(x: np.ndarray, k: int) -> bool:
    """Return True where a product of all rows with all costs less than Lloyd's steps from each start (measured)."""
    return len(x) <= min(lloyd.GRAM_ROWS, max(FEW_ROWS, k * x.shape[1]))


def _kmeans_by_sklearn(x: np.ndarray, k: int, seed: int, n_init: int) -> Clustering:
    from sklearn.cluster import KMeans
    from sklearn.exceptions import ConvergenceWarning

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
    Fit a Gaussian mixture by expectation-maximisation, the best of n_init starts; each row goes to its likeliest component.

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
    return gmm_of_seeds(x, k, [seed], n_init, covariance, reg)[0]


def gmm_of_seeds(
    x: np.ndarray,
    k: int,
    seeds: Sequence[int],
    n_init: int = 5,
    covariance: str = "diag",
    reg: float = 1e-6,
) -> list[Clustering]:
    """
    Fit as `gmm` does, once for each seed: all starts together with diagonal covariances up to `lloyd.GRAM_ROWS` rows, else by
    scikit-learn.

    References
    ----------
    mathematics#clustering-methods
    """
    _check_size(x, k)
    x = np.asarray(x, dtype=np.float64)
    if covariance != "diag" or len(x) > lloyd.GRAM_ROWS:
        return [_gmm_by_sklearn(x, k, seed, n_init, covariance, reg) for seed in seeds]
    drawn = np.stack([plus_plus.numbers(seed, k, n_init) for seed in seeds])
    fitted = mixtures.mixtures(x, lloyd.gram_matrix(x), k, drawn, reg)
    return [Clustering(labels, log_likelihood=float(mean)) for labels, mean in zip(*fitted)]


def _gmm_by_sklearn(
    x: np.ndarray, k: int, seed: int, n_init: int, covariance: str, reg: float
) -> Clustering:
    from sklearn.exceptions import ConvergenceWarning
    from sklearn.mixture import GaussianMixture

    with warnings.catch_warnings():
        warnings.simplefilter("ignore", ConvergenceWarning)
        mixture = GaussianMixture(
            k, covariance_type=covariance, reg_covar=reg, n_init=n_init, random_state=seed
        )
        labels = mixture.fit_predict(x)
    return Clustering(labels.astype(np.int32), log_likelihood=float(mixture.score(x)))


def agglomerative(x: np.ndarray, k: int, linkage: str = "ward") -> Clustering:
    """
    Cluster rows by agglomeration on Euclidean distances, cut at k clusters.

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


def _check_size(x: np.ndarray, k: int) -> None:
    if not 1 <= k <= len(x):
        raise GradtoolsError(
            f"cannot make {k} clusters of {len(x)} rows: ask for between 1 and {len(x)} clusters"
        )


def pca(x: np.ndarray, n: int, seed: int = 0) -> tuple[np.ndarray, np.ndarray]:
    """
    Return the principal components.

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


def _leading_svd(
    centred: np.ndarray, n: int, seed: int
) -> tuple[np.ndarray, np.ndarray, np.ndarray]:
    """Return the n largest singular values with their vectors: u (N, n), s (n,), axes (n, D)."""
    if centred.size * min(centred.shape) <= FULL_SVD_WORK:
        u, s, axes = np.linalg.svd(centred, full_matrices=False)
        return u[:, :n], s[:n], axes[:n]
    from sklearn.utils.extmath import randomized_svd

    return randomized_svd(centred, n, random_state=seed)


def silhouette_euclidean(x: np.ndarray, labels: np.ndarray) -> float:
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
    Yield Euclidean distances (b, N) of rows x (N, D) to all rows, for `silhouettes`.

    References
    ----------
    mathematics#silhouette
    """
    step = max(1, BLOCK_ENTRIES // len(x))
    return (product_block(x[i : i + step], x, "euclidean") for i in range(0, len(x), step))


def silhouettes(blocks: Iterable[np.ndarray], labels: np.ndarray) -> np.ndarray:
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
