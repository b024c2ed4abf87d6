"""Clusterings of rows: k-means, Gaussian mixtures, agglomeration; scikit-learn does what it can."""

import warnings
from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np

from gradtools.errors import GradtoolsError
from gradtools.math.clusters import lloyd, mixtures, plus_plus

# Rows up to which all starts of k-means run together whatever the dimension.
FEW_ROWS = 500


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
