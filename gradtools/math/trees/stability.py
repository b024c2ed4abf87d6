"""Do the clusters of a tree come back when other dimensions are drawn? And would they if there were nothing to find?"""

import dataclasses
from collections.abc import Callable

import numpy as np

from gradtools.math.clusters import agreement
from gradtools.math.trees.cutting import cut
from gradtools.math.trees.merging import cophenetic, linkage


@dataclasses.dataclass(frozen=True)
class Stability:
    """What B trees of resampled dimensions, and B of rows without structure, have to say of a cut into k clusters."""

    ari: np.ndarray  # (B,) of the cut with that of each resampled tree
    jaccard: np.ndarray  # (B, k) of each cluster with the one there that is most like it
    control_ari: (
        np.ndarray
    )  # (B,) the same of rows whose values are permuted, each with a resample of its own
    control_jaccard: np.ndarray  # (B, k)
    control_cophenetic: np.ndarray  # (B,) of the trees of permuted rows
    control_lowest: np.ndarray  # (B,) height of their first merge


def stability(
    rows: np.ndarray,
    distances_of: Callable[[np.ndarray], np.ndarray],
    labels: np.ndarray,
    method: str = "ward",
    resamples: int = 10,
    seed: int = 0,
    advance: Callable[[int], None] = lambda n: None,
) -> Stability:
    """
    Cut trees of drawn dimensions into as many clusters, and compare.

    Parameters
    ----------
    rows : (N, D) float64 array
    distances_of : callable
        (N, D) rows -> condensed distances.
    labels : (N,) int array
        The cut, clusters 0 to k - 1.
    resamples : int
        B.

    Returns
    -------
    Stability

    References
    ----------
    C. Hennig, Cluster-wise assessment of cluster stability, Comput. Stat. Data Anal. 52 (2007), with dimensions in the place of
    points. Control: each row's D values in an order of their own, which keeps its mean and length and ends what rows share.
    mathematics#stability-of-a-cut
    """
    k, drawn = int(labels.max()) + 1, []
    for draw in range(resamples):
        rng = np.random.default_rng([seed, draw])
        columns, shuffled = (
            rng.integers(rows.shape[1], size=rows.shape[1]),
            rng.permuted(rows, axis=1),
        )
        again = cut(linkage(distances_of(rows[:, columns]), method, "none"), k)
        condensed = distances_of(shuffled)
        merges = linkage(condensed, method, "none")
        null, null_again = (
            cut(merges, k),
            cut(linkage(distances_of(shuffled[:, columns]), method, "none"), k),
        )
        drawn.append(
            (
                agreement.ari(labels, again),
                jaccard(labels, again),
                agreement.ari(null, null_again),
                jaccard(null, null_again),
                cophenetic(merges, condensed),
                merges[0, 2],
            )
        )
        advance(1)
    aris, alike, control_aris, control_alike, *others = zip(*drawn) if drawn else ((),) * 6
    return Stability(
        np.array(aris),
        np.array(alike).reshape(-1, k),
        np.array(control_aris),
        np.array(control_alike).reshape(-1, k),
        *map(np.array, others),
    )


def shuffled_cophenetic(
    condensed: np.ndarray, method: str = "ward", repeats: int = 10, seed: int = 0
) -> np.ndarray:
    """Return the cophenetic correlations (B,) of trees of the same distances between other pairs: the control where there are no rows.

    References
    ----------
    mathematics#cophenetic-correlation
    """
    shuffles = (
        np.random.default_rng([seed, draw]).permutation(condensed) for draw in range(repeats)
    )
    return np.array([cophenetic(linkage(other, method, "none"), other) for other in shuffles])


def jaccard(labels: np.ndarray, others: np.ndarray) -> np.ndarray:
    """
    Return, for each cluster, the largest Jaccard index |A and B| / |A or B| with one of another labelling.

    Parameters
    ----------
    labels, others : (N,) int arrays

    Returns
    -------
    (k,) float64 array, clusters of `labels` ascending.

    References
    ----------
    mathematics#stability-of-a-cut
    """
    both = agreement.contingency(labels, others).toarray()
    union = both.sum(axis=1)[:, None] + both.sum(axis=0) - both
    return (both / union).max(axis=1)
