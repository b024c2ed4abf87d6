"""From vectors to a tree: distances, linkage, how well the tree keeps the distances."""

import warnings
from collections.abc import Callable

import numpy as np

from gradtools.errors import GradtoolsError, UsageError
from gradtools.math.rows import vectors
from gradtools.math.trees.ordering import arranged, optimal_order

METRICS = ("euclidean", "cosine", "correlation")  # of rows; a matrix may hold others
METHODS = (
    "ward",
    "average",
    "complete",
    "single",
    "weighted",
)  # heights never fall from a cluster to one that holds it
DIVERGENCES = ("KLD", "JSD", "distance")  # of maps, or imported: the larger, the less alike
LINKED_ON = ("rows", "as-published", "as-meant")
ORDERS = ("optimal", "none")
PAIRS = 2**22  # held at once
AT_ONCE = 1024  # rows whose similarities to all are held at once
NOT_FINITE = "the {} matrix holds NaN or infinity: leave those samples out"
ROUNDING = 1e-5  # of stored float32: eigenvalues, asymmetry, and what a similarity may exceed 1 by


def distances(
    rows: np.ndarray, metric: str = "euclidean", method: str = "ward", on: str = "rows"
) -> np.ndarray:
    """
    Return the distance of every pair of rows, which a linkage is made from.

    Parameters
    ----------
    rows : (N, D) array
    metric : str
        One of METRICS; the blog post's two variants take cosine.
    method, on : str
        As for `distances_from_matrix`.

    Returns
    -------
    (N(N-1)/2,) float64 array, in scipy's condensed order.

    References
    ----------
    mathematics#distances-of-a-tree
    """
    if on == "as-published" or len(rows) <= AT_ONCE or metric not in METRICS:
        matrix = vectors.similarity_block(rows, rows, metric)
        return distances_from_matrix(matrix, metric, method, on)
    _check_names(metric, method, on)
    n, above, start = len(rows), np.empty(len(rows) * (len(rows) - 1) // 2), 0
    for first in range(0, n - 1, AT_ONCE):
        part = rows[first : first + AT_ONCE]
        block = vectors.similarity_block(part, rows[first:], metric)
        if not np.isfinite(block).all():
            raise GradtoolsError(NOT_FINITE.format(metric))
        for place, row in enumerate(block):
            above[start : start + n - 1 - first - place] = row[place + 1 :]
            start += n - 1 - first - place
    return _from_pairs(above, metric, method, on)


def distances_from_matrix(
    matrix: np.ndarray, metric: str = "cosine", method: str = "ward", on: str = "rows"
) -> np.ndarray:
    """
    Return the distances from the matrix of all pairs.

    Parameters
    ----------
    matrix : (N, N) array
        Euclidean distances, inner products (dot), divergences, or similarities of at most 1.
    metric : str
        What the matrix holds: euclidean, dot, one of DIVERGENCES, cosine, correlation or any other similarity.
    method : str
        One of METHODS. Ward assumes Euclidean distances, so it takes sqrt(2 (1 - s)), for cosines the distance of the unit rows,
        and sqrt(JSD), which is one as well (Fuglede & Topsoe 2004); the others take 1 - s, and divergences as they are.
    on : str
        rows; or the blog post's, of cosines: `as-published`, whose uncondensed (1 - s)/2 linkage reads as N observations in R^N,
        and `as-meant`, (1 - s)/2 less its minimum (mathematics#trees-as-published-and-as-meant).

    Returns
    -------
    (N(N-1)/2,) float64 array

    Raises
    ------
    UsageError
        An unknown name, `as-published` or `as-meant` of anything but cosines, or Ward of similarities that are not Euclidean.
    GradtoolsError
        Fewer than two samples, NaN, an asymmetric matrix, or similarities above 1.
    """
    matrix = np.asarray(matrix, dtype=np.float64)
    _check(matrix, metric, method, on)
    if on == "as-published":
        return _between_rows(matrix)
    if metric == "dot" and on == "rows":
        squares = np.diagonal(matrix)
        apart = _condensed(
            matrix, lambda row, place: squares[place] + squares[place + 1 :] - 2 * row
        )
        return np.sqrt(np.maximum(apart, 0, out=apart), out=apart)
    if on == "rows" and method == "ward" and metric not in (*METRICS, *DIVERGENCES):
        _check_euclidean(matrix, metric)
    return _from_pairs(_condensed(matrix, lambda row, place: row), metric, method, on)


def _from_pairs(above: np.ndarray, metric: str, method: str, on: str) -> np.ndarray:
    """Return the distances of what a metric gives of every pair (P,), in its place."""
    if on == "as-meant":
        halves = np.subtract(1, above, out=above)
        halves /= 2
        return np.subtract(halves, halves.min(), out=halves)
    if metric == "euclidean":
        return above
    if metric in DIVERGENCES:
        return _apart(above, metric, method)
    apart = np.subtract(1, above, out=above)
    np.maximum(apart, 0, out=apart)
    if method != "ward":
        return apart
    apart *= 2
    return np.sqrt(apart, out=apart)


def _check_euclidean(matrix: np.ndarray, metric: str) -> None:
    """Refuse similarities that Ward cannot take."""
    if not _is_euclidean(matrix):
        raise UsageError(
            f"Ward assumes Euclidean distances, and no vectors have these similarities by {metric}: take --linkage average"
        )


def _condensed(matrix: np.ndarray, value: Callable[[np.ndarray, int], np.ndarray]) -> np.ndarray:
    """Return what `value(row, i)` gives of the entries behind the diagonal of every row i, one after the other: no index of all pairs is made."""
    n = len(matrix)
    pairs, start = np.empty(n * (n - 1) // 2), 0
    for place in range(n - 1):
        pairs[start : start + n - 1 - place] = value(matrix[place, place + 1 :], place)
        start += n - 1 - place
    return pairs


def _apart(divergences: np.ndarray, metric: str, method: str) -> np.ndarray:
    """Return the distances of divergences, which rounding may take below 0."""
    if method == "ward" and metric != "JSD":
        raise UsageError(
            f"Ward assumes Euclidean distances, and {metric} is not one: take --linkage average"
        )
    apart = np.maximum(divergences, 0)
    return np.sqrt(apart) if method == "ward" else apart


def _between_rows(cosines: np.ndarray) -> np.ndarray:
    """Return the Euclidean distances between the rows of (1 - s)/2, as linkage takes an uncondensed matrix."""
    from scipy.spatial.distance import pdist

    half = (1 - cosines) / 2
    np.fill_diagonal(half, 0)
    return pdist(half)


def _is_euclidean(similarities: np.ndarray) -> bool:
    """Return True if there are points at the distances sqrt(2 (1 - s)): their centred Gram matrix has no negative eigenvalue (Gower 1966)."""
    centred = similarities - similarities.mean(axis=0)
    values = np.linalg.eigvalsh(centred - centred.mean(axis=1)[:, None])
    return values[0] >= -ROUNDING * values[-1]


def _check_names(metric: str, method: str, on: str) -> None:
    for value, known, name in ((method, METHODS, "linkage"), (on, LINKED_ON, "linkage-on")):
        if value not in known:
            raise UsageError(f"--{name} {value}: write one of {', '.join(known)}")
    if on != "rows" and metric not in ("cosine", "correlation"):
        raise UsageError(
            f"--linkage-on {on} is the blog post's tree of cosines: it takes no --metric {metric}"
        )


def _check(matrix: np.ndarray, metric: str, method: str, on: str) -> None:
    _check_names(metric, method, on)
    if len(matrix) < 2:
        raise GradtoolsError(f"need at least 2 rows for a tree, got {len(matrix)}")
    if not np.isfinite(matrix).all():
        raise GradtoolsError(NOT_FINITE.format(metric))
    scale = max(matrix.max(), -matrix.min())
    blocks = (slice(start, start + 256) for start in range(0, len(matrix), 256))
    if max(np.abs(matrix[rows] - matrix[:, rows].T).max() for rows in blocks) > ROUNDING * scale:
        raise GradtoolsError(
            f"the {metric} matrix is not symmetric, and a tree needs one number a pair"
        )
    if metric not in ("euclidean", "dot", *DIVERGENCES) and matrix.max() > 1 + ROUNDING:
        raise GradtoolsError(
            f"similarities by {metric} reach {matrix.max():.4g}: only those of at most 1 become distances"
        )


def linkage(condensed: np.ndarray, method: str = "ward", order: str = "optimal") -> np.ndarray:
    """
    Merge the two nearest clusters until one is left.

    Parameters
    ----------
    condensed : (N(N-1)/2,) float64 array
        From `distances`.
    method : str
        One of METHODS.
    order : str
        optimal: neighbouring leaves are as near as the tree allows (`ordering.optimal_order`); none: as scipy has them.

    Returns
    -------
    (N-1, 4) float64 array of merges, heights ascending, children in leaf order.

    References
    ----------
    mathematics#linkage-and-cuts
    """
    from scipy.cluster import hierarchy

    with warnings.catch_warnings():
        warnings.simplefilter("ignore", hierarchy.ClusterWarning)
        merges = hierarchy.linkage(condensed, method)
    return arranged(merges, optimal_order(merges, condensed)) if order == "optimal" else merges


def cophenetic(merges: np.ndarray, condensed: np.ndarray) -> float:
    """
    Return the cophenetic correlation: Pearson's r, over all pairs, of the distance and the height at which the two join.

    Returns
    -------
    float, NaN where all distances or all heights are equal.

    References
    ----------
    R. R. Sokal, F. J. Rohlf, The comparison of dendrograms by objective methods, Taxon 11 (1962).
    mathematics#cophenetic-correlation
    """
    from scipy.cluster import hierarchy

    heights = hierarchy.cophenet(merges)
    if len(heights) < 2 or np.ptp(heights) == 0 or np.ptp(condensed) == 0:
        return np.nan
    return _correlation(heights, condensed)


def _correlation(a: np.ndarray, b: np.ndarray) -> float:
    """Return Pearson's r of two arrays (P,), float, without a copy of either: of some millions at a time."""
    middles, sums = (a.mean(), b.mean()), np.zeros(3)
    for start in range(0, len(a), PAIRS):
        x, y = (values[start : start + PAIRS] - mean for values, mean in zip((a, b), middles))
        sums += x @ y, x @ x, y @ y
    return float(np.clip(sums[0] / np.sqrt(sums[1] * sums[2]), -1, 1))
