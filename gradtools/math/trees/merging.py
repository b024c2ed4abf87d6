"""From vectors to a tree: distances, linkage, how well the tree keeps the distances."""

import warnings

import numpy as np

from gradtools.errors import GradtoolsError, UsageError
from gradtools.math import vectors

METHODS = ("ward", "average", "complete", "single", "weighted")  # heights never fall from a cluster to one that holds it
COMPATIBLE = ("rows", "seed", "intent")
ORDERS = ("optimal", "none")


def distances(rows, metric="euclidean", method="ward", on="rows"):
    """
    What a linkage is made from: the distance of every pair of rows.

    Parameters
    ----------
    rows : (N, D) array
    metric : str
        euclidean | cosine | correlation; the seed's two variants take cosine.
    method, on : str
        As for `distances_from_matrix`.

    Returns
    -------
    (N(N-1)/2,) float64 array, in scipy's condensed order.
    """
    return distances_from_matrix(vectors.similarity_block(rows, rows, metric), metric, method, on)


def distances_from_matrix(matrix, metric="cosine", method="ward", on="rows"):
    """
    The same from a matrix of similarities.

    Parameters
    ----------
    matrix : (N, N) array
        Of cosine, correlation or dot; or of euclidean distances.
    metric : str
        What the matrix holds.
    method : str
        One of METHODS. Ward assumes Euclidean distances, so it takes sqrt(2 (1 - s)), the distance of the unit rows; the others
        take 1 - s.
    on : str
        rows; or the seed's, of cosines: `seed` as written, whose uncondensed (1 - s)/2 linkage reads as N observations in R^N,
        and `intent` as meant, (1 - s)/2 less its minimum (SPEC 2).

    Returns
    -------
    (N(N-1)/2,) float64 array

    Raises
    ------
    UsageError
        An unknown name, or `seed` or `intent` of a metric without an upper bound of 1.
    GradtoolsError
        Fewer than two samples, or NaN.
    """
    matrix = np.array(matrix, dtype=np.float64)
    _check(matrix, metric, method, on)
    if on == "seed":
        return _between_rows(matrix)
    above = matrix[np.triu_indices(len(matrix), 1)]
    if on == "intent":
        return (1 - above) / 2 - ((1 - above) / 2).min()
    if metric == "euclidean":
        return above
    if metric == "dot":
        squares = np.diagonal(matrix)
        first, second = np.triu_indices(len(matrix), 1)
        return np.sqrt(np.maximum(squares[first] + squares[second] - 2 * above, 0))
    apart = np.maximum(1 - above, 0)
    return np.sqrt(2 * apart) if method == "ward" else apart


def _between_rows(cosines):
    """Euclidean distances between the rows of (1 - s)/2, as the seed's linkage sees them."""
    from scipy.spatial.distance import pdist

    half = (1 - cosines) / 2
    np.fill_diagonal(half, 0)
    return pdist(half)


def _check(matrix, metric, method, on):
    for value, known, name in ((metric, vectors.METRICS, "metric"), (method, METHODS, "linkage"), (on, COMPATIBLE, "linkage-on")):
        if value not in known:
            raise UsageError(f"--{name} {value}: write one of {', '.join(known)}")
    if on != "rows" and metric not in ("cosine", "correlation"):
        raise UsageError(f"--linkage-on {on} is the seed's, of cosines: leave --metric {metric} out")
    if len(matrix) < 2:
        raise GradtoolsError(f"{len(matrix)} sample makes no tree: it takes two")
    if not np.isfinite(matrix).all():
        raise GradtoolsError("the similarities hold NaN or infinity: leave those samples out")


def linkage(condensed, method="ward", order="optimal"):
    """
    Merge the two nearest clusters until one is left.

    Parameters
    ----------
    condensed : (N(N-1)/2,) float64 array
        From `distances`.
    method : str
        One of METHODS.
    order : str
        optimal: neighbouring leaves are as near as the tree allows (Bar-Joseph, Gifford, Jaakkola 2001), in O(N^3) time; none: as
        scipy has them.

    Returns
    -------
    (N-1, 4) float64 array of merges, heights ascending. Children stand in leaf order; at the root the larger comes first, so
    that an order and its reverse are one.
    """
    from scipy.cluster import hierarchy

    with warnings.catch_warnings():
        warnings.simplefilter("ignore", hierarchy.ClusterWarning)
        merges = hierarchy.linkage(condensed, method)
        if order == "optimal" and len(merges) > 1:
            merges = hierarchy.optimal_leaf_ordering(merges, condensed)
    first, second = (_size(merges, node) for node in merges[-1, :2])
    if first < second:
        merges[:, :2] = merges[:, 1::-1]
    return merges


def _size(merges, node):
    """Number of leaves of a cluster."""
    place = int(node) - len(merges) - 1
    return 1 if place < 0 else int(merges[place, 3])


def cophenetic(merges, condensed):
    """
    Cophenetic correlation: Pearson's r, over all pairs, of the distance and the height at which the two join.

    Returns
    -------
    float, NaN where all distances or all heights are equal.

    References
    ----------
    R. R. Sokal, F. J. Rohlf, The comparison of dendrograms by objective methods, Taxon 11 (1962).
    """
    from scipy.cluster import hierarchy

    heights = hierarchy.cophenet(merges)
    if len(heights) < 2 or np.ptp(heights) == 0 or np.ptp(condensed) == 0:
        return np.nan
    return float(np.corrcoef(heights, condensed)[0, 1])
