"""Rows as vectors: unit length, centring, and blocks of a similarity matrix, all in float64."""

import numpy as np

from gradtools.errors import GradtoolsError

METRICS = ("cosine", "dot", "euclidean", "correlation")

# Squares of float64 entries beyond these norms lose digits to underflow or overflow.
SAFE_NORM = (1e-140, 1e140)

# Below this share of |a|^2 + |b|^2 the product form of |a-b|^2 keeps fewer than about 11 digits.
NEAR = 1e-4


def row_norms(x: np.ndarray, first: int = 0) -> np.ndarray:
    """
    Return the Euclidean norm of every row.

    Parameters
    ----------
    x : (n, D) float64 array
    first : int
        Number that row 0 has in the whole data set, for the error message.

    Returns
    -------
    (n,) float64 array, without underflow or overflow of the squares.

    Raises
    ------
    GradtoolsError
        A row holds NaN or infinity; the first such row is named.

    References
    ----------
    mathematics#similarity-of-vectors
    """
    norms = np.sqrt(np.einsum("nd,nd->n", x, x))
    odd = np.flatnonzero(~((norms > SAFE_NORM[0]) & (norms < SAFE_NORM[1])))
    if len(odd) and x.shape[1]:
        largest = np.abs(x[odd]).max(axis=1)
        bad = odd[~np.isfinite(largest)]
        if len(bad):
            raise GradtoolsError(
                f"row {first + bad[0]} of the features holds NaN or infinity: "
                "leave that sample out, or extract it again"
            )
        scaled = x[odd] / np.where(largest > 0, largest, 1)[:, None]
        norms[odd] = largest * np.sqrt(np.einsum("nd,nd->n", scaled, scaled))
    return norms


def centred_rows(x: np.ndarray) -> np.ndarray:
    """Return the rows less their own mean over D; exactly constant rows become exactly zero ((n, D) -> (n, D) float64).

    References
    ----------
    mathematics#similarity-of-vectors
    """
    x = np.asarray(x, dtype=np.float64)
    with np.errstate(
        invalid="ignore"
    ):  # an infinite value is refused by name where its norm is taken
        centred = x - x.mean(axis=1, keepdims=True)
    # The mean of n equal numbers need not be that number, and rounding noise has a direction too.
    centred[(x == x[:, :1]).all(axis=1)] = 0
    return centred


def unit_rows(x: np.ndarray) -> tuple[np.ndarray, np.ndarray]:
    """
    Scale rows to length 1.

    Parameters
    ----------
    x : (N, D) array of any real type

    Returns
    -------
    unit : (N, D) float64 array; zero rows stay zero.
    degenerate : (N,) bool array, True where a row is zero and has no direction.

    Raises
    ------
    GradtoolsError
        A row holds NaN or infinity; the first such row is named.

    References
    ----------
    mathematics#similarity-of-vectors
    """
    x = np.asarray(x, dtype=np.float64)
    norms = row_norms(x)
    degenerate = norms == 0
    return x / np.where(degenerate, 1, norms)[:, None], degenerate


def centred_unit_rows(x: np.ndarray) -> tuple[np.ndarray, np.ndarray]:
    """
    Centre rows over D, then scale them to length 1: their inner products are Pearson correlations.

    Parameters, results and errors as for `unit_rows`; degenerate rows are the constant ones.

    References
    ----------
    mathematics#similarity-of-vectors
    """
    x = np.asarray(x, dtype=np.float64)
    row_norms(x)  # a NaN must be refused before the mean hides which row had it
    return unit_rows(centred_rows(x))


def prepared_rows(x: np.ndarray, metric: str) -> tuple[np.ndarray, np.ndarray]:
    """
    Return the rows of which the metric is the plain inner product (for euclidean and dot: the rows themselves).

    Parameters
    ----------
    x : (N, D) array
    metric : str
        One of `METRICS`.

    Returns
    -------
    rows : (N, D) float64 array
    degenerate : (N,) bool array
        Rows without a direction (cosine) or without variation (correlation); none for dot and euclidean.

    References
    ----------
    mathematics#similarity-of-vectors
    """
    if metric == "cosine":
        return unit_rows(x)
    if metric == "correlation":
        return centred_unit_rows(x)
    _check(metric)
    x = np.asarray(x, dtype=np.float64)
    row_norms(x)
    return x, np.zeros(len(x), dtype=bool)


def similarity_block(a: np.ndarray, b: np.ndarray, metric: str) -> np.ndarray:
    """
    Return one block of a similarity (or, for euclidean, distance) matrix.

    Parameters
    ----------
    a : (n, D) array
    b : (m, D) array
    metric : str
        cosine | dot | euclidean | correlation. A pair with a degenerate row has cosine and correlation 0.

    Returns
    -------
    (n, m) float64 array. Cosine and correlation lie in [-1, 1]; the distance of equal rows is exactly 0.

    References
    ----------
    mathematics#similarity-of-vectors
    """
    a, _ = prepared_rows(a, metric)
    b, _ = prepared_rows(b, metric)
    return product_block(a, b, metric)


def product_block(a: np.ndarray, b: np.ndarray, metric: str) -> np.ndarray:
    """Return the `similarity_block` of rows that `prepared_rows` has already been given.

    Parameters
    ----------
    a, b : (n, D), (m, D) float64 arrays
        From `prepared_rows`.
    metric : str

    Returns
    -------
    (n, m) float64 array

    References
    ----------
    mathematics#similarity-of-vectors
    """
    if metric == "euclidean":
        return _distances(a, b)
    products = a @ b.T
    return products if metric == "dot" else np.clip(products, -1, 1, out=products)


def _distances(a: np.ndarray, b: np.ndarray) -> np.ndarray:
    """Return the Euclidean distances by one matrix product, and by differences where the product would cancel."""
    from scipy.spatial.distance import cdist

    shift = b.mean(axis=0) if len(b) else 0
    a, b = a - shift, b - shift
    total = np.einsum("nd,nd->n", a, a)[:, None] + np.einsum("md,md->m", b, b)
    squared = total - 2 * (a @ b.T)
    near = squared <= NEAR * total
    if near.mean() > 0.02:
        return cdist(a, b)
    rows, columns = np.nonzero(near)
    distances = np.sqrt(np.maximum(squared, 0, out=squared), out=squared)
    distances[rows, columns] = np.linalg.norm(a[rows] - b[columns], axis=1)
    return distances


def _check(metric: str) -> None:
    if metric not in METRICS:
        raise GradtoolsError(f"unknown metric {metric!r}: use one of {', '.join(METRICS)}")
