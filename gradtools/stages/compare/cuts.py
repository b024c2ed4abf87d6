"""Trees of two spaces: agreement of their cuts and correlation of their heights, and how far both move from sample to sample.

A tree is a clustering: resampling images under a fixed one is too narrow, so that the interval comes from half samples,
each of which grows its own trees (mathematics#half-samples).
"""

import dataclasses
from collections.abc import Sequence

import numpy as np

from gradtools.math import trees
from gradtools.math.clusters import agreement, half_samples
from gradtools.math.pairs.intervals import HALF_SAMPLES
from gradtools.math.spaces import rsa
from gradtools.selection.comparisons import Statistic
from gradtools.stages.compare.spaces import Relations

NO_TREE = np.empty((0, 4))  # of a taxonomy
# Samples up to which half samples are as many as of k-means; beyond, a tree takes longer than the sentence about it is worth.
MANY_ROWS = 500


@dataclasses.dataclass(frozen=True)
class Trees:
    """Merges of all samples (n - 1, 4) and of every half sample (m - 1, 4); a taxonomy is given, and halves restrict it."""

    merges: np.ndarray
    of_halves: list[np.ndarray]
    taxonomy: bool


def drawn_halves(labels: np.ndarray, asked: bool, seed: int) -> np.ndarray:
    """
    Draw the half samples that every space grows its trees of.

    Parameters
    ----------
    labels : (n,) int array
        Classes; halves are drawn within them where each has enough samples, else from all.
    asked : bool
        Whether intervals are wanted.
    seed : int

    Returns
    -------
    (B, n) bool array
    """
    labels = np.asarray(labels)
    number = half_samples.MANY if len(labels) <= MANY_ROWS else half_samples.FEW
    _, sizes = np.unique(labels, return_counts=True)
    within = labels if sizes.min() >= half_samples.SMALLEST_CLASS else np.zeros_like(labels)
    return half_samples.half_samples(within, number if asked else 0, seed)


def grown(relations: Relations, halves: np.ndarray) -> Trees:
    """Return the trees of a space: Ward's of vectors, the averages' of a reference's distances (its own, of a taxonomy)."""
    matrix = relations.similarities(0, relations.n)
    subsets = [] if relations.taxonomy else [np.flatnonzero(half) for half in halves]
    return Trees(
        merges(relations, matrix),
        [merges(relations, matrix[np.ix_(rows, rows)]) for rows in subsets if len(rows) > 1],
        relations.taxonomy,
    )


def merges(relations: Relations, matrix: np.ndarray, order: str = "none") -> np.ndarray:
    """Return merges (m - 1, 4) of a similarity matrix (m, m) of some samples of a space."""
    if relations.matrix is not None:
        return trees.linkage(rsa.triangle(-matrix), "average", order)
    if relations.metric == "euclidean":
        matrix = -matrix
    return trees.linkage(trees.distances_from_matrix(matrix, relations.metric), "ward", order)


def labels_of_cuts(
    first: Trees, second: Trees, k: tuple[int, ...]
) -> dict[int, tuple[np.ndarray, np.ndarray]]:
    """
    Cut both trees into the same numbers of clusters.

    A taxonomy is cut at its own levels alone, where merges of one height are not separated: the one with the number of
    groups nearest to each k.

    Returns
    -------
    {number of clusters: (labels of the first, labels of the second), (n,) each}
    """
    levels = [_levels(side.merges) for side in (first, second) if side.taxonomy]
    chosen = [
        min(levels[0], key=lambda level: abs(np.log(level / clusters)))
        if levels and levels[0]
        else clusters
        for clusters in k
    ]
    return {
        clusters: (trees.cut(first.merges, clusters), trees.cut(second.merges, clusters))
        for clusters in dict.fromkeys(chosen)
    }


def _levels(tree: np.ndarray) -> list[int]:
    """Numbers of clusters, from 2 to n - 1, at which a tree can be cut between two different heights."""
    heights = tree[:, 2]
    ends = np.flatnonzero(np.diff(heights) > 1e-9 * max(heights[-1], 1))
    return [len(heights) - int(end) for end in ends]


def agreements(
    first: Trees, second: Trees, halves: np.ndarray, k: tuple[int, ...]
) -> dict[str, Statistic]:
    """Return {"ari@K": ARI of the cuts into K clusters, with its replicates over half samples}."""
    return {
        f"ari@{clusters}": Statistic(
            agreement.ari(*labels),
            _replicates(first, second, halves, clusters, labels),
            shuffled=0.0,
            resampling=HALF_SAMPLES,
            drawn=int(halves[0].sum()) if len(halves) else 0,
            drawn_of=halves.shape[1],
            limits=half_samples.range_of("ari"),
        )
        for clusters, labels in labels_of_cuts(first, second, k).items()
    }


def _replicates(
    first: Trees,
    second: Trees,
    halves: np.ndarray,
    clusters: int,
    labels: tuple[np.ndarray, np.ndarray],
) -> np.ndarray | None:
    """ARI of every half sample (B,), or None where a half has no so many clusters."""
    if not len(halves) or halves.sum(axis=1).min() <= clusters:
        return None
    return np.array(
        [
            agreement.ari(
                *(
                    whole[half] if side.taxonomy else trees.cut(side.of_halves[row], clusters)
                    for side, whole in zip((first, second), labels)
                )
            )
            for row, half in enumerate(halves)
        ]
    )


def heights(
    relations: Relations, tree: np.ndarray | None, rows: np.ndarray | None = None
) -> np.ndarray:
    """Return cophenetic distances (n, n) of a tree of all samples or of some rows; a taxonomy's are its path lengths."""
    from scipy.cluster.hierarchy import cophenet
    from scipy.spatial.distance import squareform

    if not relations.taxonomy or relations.matrix is None:
        return squareform(cophenet(tree))
    rows = np.arange(relations.n) if rows is None else rows
    return rsa.off_diagonal(-relations.matrix[np.ix_(rows, rows)])


def of_heights(
    spaces: tuple[Relations, Relations],
    grown: Sequence[Trees],
    whole: list[np.ndarray],
    halves: np.ndarray,
) -> Statistic:
    """
    Correlate the heights at which pairs join in two trees.

    Parameters
    ----------
    spaces, grown : pair of Relations and of their Trees
    whole : pair of (n, n) arrays
        Heights in the trees of all samples.
    halves : (B, n) bool array
    """
    replicates = np.full(len(halves), np.nan)
    for place, half in enumerate(halves):
        rows = np.flatnonzero(half)
        drawn = [
            heights(side, NO_TREE if trees_of.taxonomy else trees_of.of_halves[place], rows)
            for side, trees_of in zip(spaces, grown)
        ]
        replicates[place] = _correlation(drawn)
    return Statistic(
        _correlation(whole),
        replicates if len(halves) else None,
        resampling=HALF_SAMPLES,
        drawn=int(halves[0].sum()) if len(halves) else 0,
        drawn_of=halves.shape[1],
        limits=(-1.0, 1.0),
    )


def _correlation(matrices: list[np.ndarray]) -> float:
    """Pearson's of the pairs of two (n, n) matrices."""
    first, second = (matrix.copy() for matrix in matrices)
    sums = rsa.row_sums([(first, second)], len(first))
    return float(rsa.pearson(sums))
