"""Bootstrap over images of the pair AUC (mathematics#bootstrap-over-images): pair (i, j) has weight c_i c_j in a resample."""

from collections.abc import Iterator, Sequence
from dataclasses import dataclass

import numpy as np
from scipy import sparse

from gradtools.math.pairs.influence import linear_replicates
from gradtools.math.pairs.pair_auc import (
    KINDS,
    SORTED_ROWS,
    STRATA,
    pair_auc_influence,
    score_step,
    scored_pairs,
)
from gradtools.math.pairs.pair_means import ratio

# Resamples go through in the columns of one cache line of float32, pairs in parts that stay in the cache.
COLUMNS, CACHED_PAIRS = 16, 2**14

# Pairs times resamples that are worth exact replicates, 6 ns each: 1,000 resamples of 1,000 images.
WORK = 5 * 10**8


def bootstrap_pair_auc(
    rows: np.ndarray,
    classes: np.ndarray,
    predictions: np.ndarray,
    counts: np.ndarray,
    metric: str = "cosine",
    work: int = WORK,
) -> tuple[np.ndarray, bool]:
    """
    Return the replicates of the pair AUC; copies of one image are not paired with themselves.

    Parameters
    ----------
    rows, classes, predictions, metric
        As for `pair_auc.pair_auc`.
    counts : (B, N) array
        From `bootstrap.resample_weights`.
    work : int
        Up to so many pairs x resamples (and 5,000 rows) every replicate is exact; beyond, it is linear in the counts.

    Returns
    -------
    replicates : (B, 3) float64 array in the order of `STRATA`
    exact : bool

    References
    ----------
    mathematics#pair-auc, mathematics#bootstrap-over-images, mathematics#influence
    """
    n = len(classes)
    if n > SORTED_ROWS or n * (n - 1) // 2 * len(counts) > work:
        return linear_replicates(
            *pair_auc_influence(rows, classes, predictions, metric), counts
        ), False
    if n < 2 or not len(counts):
        return np.full((len(counts), len(STRATA)), np.nan), True
    return _exact_replicates(rows, classes, predictions, counts, metric), True


@dataclass(frozen=True)
class PairRuns:
    """Pairs (P,) of neighbouring scores: their images, and which (R, P) pairs make run R of kind * width + place."""

    first: np.ndarray
    second: np.ndarray
    runs: sparse.csr_array
    code: np.ndarray
    width: int


def _exact_replicates(
    rows: np.ndarray, classes: np.ndarray, predictions: np.ndarray, counts: np.ndarray, metric: str
) -> np.ndarray:
    n = len(classes)
    _, _, scores, kind = next(
        scored_pairs(rows, classes, predictions, metric, score_step(rows, n, metric), n)
    )
    return _replicates_of_scores(scores, kind, counts)


def matrix_auc(
    matrix: np.ndarray, classes: np.ndarray, predictions: np.ndarray, counts: np.ndarray
) -> tuple[np.ndarray, np.ndarray]:
    """
    Return the AUC where only the similarities of all pairs are known, exact in every resample.

    Parameters
    ----------
    matrix : (N, N) float array
        Symmetric, the larger the more alike; its diagonal is not used.
    classes, predictions : (N,) int arrays
    counts : (B, N) array
        Ones give the value itself.

    Returns
    -------
    replicates : (B, 3) float64 array in the order of `STRATA`
    pairs : (3,) int array
        Pairs of different images in each stratum.

    References
    ----------
    mathematics#pair-auc, mathematics#bootstrap-over-images
    """
    classes, predictions = np.asarray(classes), np.asarray(predictions)
    same_prediction = predictions[:, None] == predictions
    kind = 2 * (classes[:, None] == classes) + same_prediction
    shared = int(np.count_nonzero(np.triu(same_prediction, 1)))
    total = len(classes) * (len(classes) - 1) // 2
    drawn = _replicates_of_scores(np.asarray(matrix), kind, counts)
    return drawn, np.array([total, shared, total - shared])


def _replicates_of_scores(scores: np.ndarray, kind: np.ndarray, counts: np.ndarray) -> np.ndarray:
    """Return the AUC under every row of counts (B, N) from scores and kinds (N, N) of the pairs."""
    first, second = np.triu_indices(len(scores), 1)
    parts = list(_pair_runs(first, second, scores[first, second], kind[first, second]))
    columns = (np.asarray(counts[k : k + COLUMNS]).T for k in range(0, len(counts), COLUMNS))
    return np.concatenate([_weighted_auc(part, parts) for part in columns])


def _pair_runs(
    first: np.ndarray, second: np.ndarray, scores: np.ndarray, kind: np.ndarray
) -> Iterator[PairRuns]:
    """
    Yield PairRuns in ascending order of score, about CACHED_PAIRS each, equal scores together.

    Only the T scores that a positive pair has matter: a pair has one of them (odd place 2t + 1) or lies between two
    (even place 2t).
    """
    levels = np.unique(scores[kind >= 2])
    place = np.searchsorted(levels, scores, side="left") + np.searchsorted(
        levels, scores, side="right"
    )
    sizes = np.bincount(place)
    chunk = ((np.cumsum(sizes) - sizes) // CACHED_PAIRS)[place]
    order = np.lexsort((place, kind, chunk))
    for members in np.split(order, np.flatnonzero(np.diff(chunk[order])) + 1):
        lowest, width = place[members].min(), np.ptp(place[members]) + 1
        code, starts = np.unique(kind[members] * width + place[members] - lowest, return_index=True)
        ones = np.ones(len(members), dtype=np.float32)
        runs = sparse.csr_array((ones, np.arange(len(members)), np.append(starts, len(members))))
        yield PairRuns(first[members], second[members], runs, code, width)


def _weighted_auc(counts: np.ndarray, parts: Sequence[PairRuns]) -> np.ndarray:
    """Return the AUC of b weightings: counts (N, b), PairRuns in ascending order -> (b, 3)."""
    counts = np.ascontiguousarray(counts, dtype=np.float32)
    below, above, wins = np.zeros((3, len(STRATA), counts.shape[1]))
    for part in parts:
        kinds = _run_weights(counts, part)
        for s, stratum in enumerate(KINDS):
            negative, positive = (kinds[[same + k for k in stratum]].sum(axis=0) for same in (0, 2))
            reached = np.cumsum(negative, axis=0)
            wins[s] += np.einsum("tb,tb->b", positive, reached - negative / 2 + below[s])
            below[s] += reached[-1]
            above[s] += positive.sum(axis=0)
    return ratio(wins, below * above).T


def _run_weights(counts: np.ndarray, part: PairRuns) -> np.ndarray:
    """Sum of c_i c_j over every run: (4, width, b) float64."""
    weights = np.take(counts, part.first, axis=0)
    weights *= np.take(counts, part.second, axis=0)
    sums = np.zeros((4 * part.width, counts.shape[1]))
    sums[part.code] = part.runs @ weights
    return sums.reshape(4, part.width, -1)
