"""
Pair AUC: does the similarity of two images tell that they are of the same class (mathematics#pair-auc)?

The score of a pair is its similarity as a whole number of steps (1e-6 for cosine and correlation), so the ties are
those of the definition and not of rounding, and counts per step give the exact Mann-Whitney statistic with half
credit for ties. Strata: all pairs, pairs of equal prediction, pairs of unequal prediction.
"""

from collections.abc import Iterable, Iterator
from dataclasses import dataclass

import numpy as np

from gradtools.math.pairs.pair_means import ratio, row_block_pairs
from gradtools.math.rows.sliced import Sliced
from gradtools.math.rows.vectors import product_block

Pairs = Iterable[tuple[int, int, np.ndarray, np.ndarray]]

Stratum = tuple[tuple[int, ...], tuple[int, ...], np.ndarray, np.ndarray]

STRATA = ("all", "same_prediction", "other_prediction")

# Kinds of a pair: 2 * same class + same prediction, or NO_PAIR (i >= j). Those of each stratum, other classes first.
KINDS, NO_PAIR = ((0, 1), (1,), (0,)), 4

COSINE_STEP = 1e-6

# Unbounded scores: steps that only merge rounding noise where pairs can be sorted, a histogram's bins beyond.
SORTED_STEPS, HISTOGRAM_STEPS = 2**40, 2**20
SORTED_ROWS = 5000

# Below this, sorting the pairs is faster than clearing a histogram of every cosine there is.
FEW_ROWS = 1200


@dataclass(frozen=True)
class PairAUC:
    """Arrays (3,) in the order of `STRATA`: AUC (NaN without positive or negative pairs), their numbers, its error."""

    auc: np.ndarray
    positives: np.ndarray
    negatives: np.ndarray
    error: np.ndarray


def pair_auc(
    rows: Sliced,
    classes: np.ndarray,
    predictions: np.ndarray,
    metric: str = "cosine",
    block: int = 1024,
) -> PairAUC:
    """
    Return the AUC of the similarity of a pair as score for "same class".

    Parameters
    ----------
    rows : (N, D) array, or anything that gives an array for rows[start:stop]
        Raw rows; leave degenerate ones out before (cosine, correlation).
    classes, predictions : (N,) int arrays
    metric : str
        cosine | correlation | dot | euclidean; distances count negated, so that AUC > .5 always means closer.
    block : int
        Rows a block of the streamed pair matrix.

    Returns
    -------
    PairAUC. `error` is half the tied share of positive x negative pairs where scores were binned only for want of
    room (dot and euclidean above 5,000 rows), else 0.

    References
    ----------
    mathematics#pair-auc
    """
    n, bounded = len(classes), metric in ("cosine", "correlation")
    pairs = scored_pairs(
        rows, classes, predictions, metric, score_step(rows, n, metric, block), block
    )
    if n <= (FEW_ROWS if bounded else SORTED_ROWS):
        return _auc_of_histogram(_ranked(pairs))
    top = round(1 / COSINE_STEP) if bounded else HISTOGRAM_STEPS
    return _auc_of_histogram(_histogram(pairs, top), binned=not bounded)


def score_step(rows: Sliced, n: int, metric: str, block: int = 1024) -> float:
    """Return the width of one step of the scores: 1e-6 for cosine and correlation, else a share of the largest they can be.

    Parameters
    ----------
    rows : (N, D) array, or anything that gives an array for rows[start:stop]
    n : int
        N.
    metric : str
    block : int
        Rows read at a time.

    Returns
    -------
    float

    References
    ----------
    mathematics#pair-auc
    """
    if metric in ("cosine", "correlation"):
        return COSINE_STEP
    blocks = (np.asarray(rows[i : i + block], dtype=np.float64) for i in range(0, n, block))
    largest = max((np.einsum("nd,nd->n", part, part).max() for part in blocks), default=0)
    bound = largest if metric == "dot" else 2 * np.sqrt(largest)
    return (bound or 1.0) / (SORTED_STEPS if n <= SORTED_ROWS else HISTOGRAM_STEPS)


def scored_pairs(
    rows: Sliced, classes: np.ndarray, predictions: np.ndarray, metric: str, step: float, block: int
) -> Iterator[tuple[int, int, np.ndarray, np.ndarray]]:
    """
    Yield i, j, scores (n, m) int64 in whole steps, kind (n, m) int64, over blocks of the upper triangle.

    References
    ----------
    mathematics#pair-auc
    """
    sign = -1 if metric == "euclidean" else 1
    classes, predictions = np.asarray(classes), np.asarray(predictions)
    for i, j, a, b in row_block_pairs(rows, len(classes), metric, block):
        scores = np.rint(product_block(a, b, metric) * (sign / step)).astype(np.int64)
        left, right = slice(i, i + len(a)), slice(j, j + len(b))
        kind = 2 * (classes[left, None] == classes[right]) + (
            predictions[left, None] == predictions[right]
        )
        if i == j:
            kind[np.tril_indices(len(a))] = NO_PAIR
        yield i, j, scores, kind


def _histogram(pairs: Pairs, top: int) -> np.ndarray:
    """Return the pairs of each kind at each score from -top to top: (4, 2 top + 1) int64."""
    histogram = np.zeros((NO_PAIR + 1, 2 * top + 1), dtype=np.int64)
    for _, _, scores, kind in pairs:
        np.add.at(histogram.reshape(-1), (kind * (2 * top + 1) + scores + top).ravel(), 1)
    return histogram[:NO_PAIR]


def _ranked(pairs: Pairs) -> np.ndarray:
    """Return the pairs of each kind at each distinct score, (4, T) int64."""
    present = [(scores[kind < NO_PAIR], kind[kind < NO_PAIR]) for _, _, scores, kind in pairs]
    scores, kind = (np.concatenate([np.empty(0, dtype=np.int64), *part]) for part in zip(*present))
    distinct, rank = np.unique(scores, return_inverse=True)
    return np.bincount(kind * len(distinct) + rank, minlength=NO_PAIR * len(distinct)).reshape(
        NO_PAIR, -1
    )


def _strata(histogram: np.ndarray) -> Iterator[Stratum]:
    """Yield (other-class kinds, same-class kinds, negatives (T,), positives (T,)) of each stratum."""
    for kinds in KINDS:
        positive_kinds = tuple(2 + k for k in kinds)
        yield (
            kinds,
            positive_kinds,
            histogram[list(kinds)].sum(axis=0),
            histogram[list(positive_kinds)].sum(axis=0),
        )


def _auc_of_histogram(histogram: np.ndarray, binned: bool = False) -> PairAUC:
    """Return the pair AUC of a histogram (4, T), by kind and ascending score."""
    rows = []
    for _, _, negative, positive in _strata(histogram):
        n_positive, n_negative = int(positive.sum()), int(negative.sum())
        product, tied = float(n_positive) * n_negative, positive.astype(np.float64) @ negative
        wins = positive.astype(np.float64) @ (np.cumsum(negative) - negative) + tied / 2
        auc, error = ratio(np.array([wins, tied / 2 if binned else 0]), np.full(2, product))
        rows.append((auc, n_positive, n_negative, error))
    return PairAUC(*map(np.array, zip(*rows)))


def pair_auc_influence(
    rows: Sliced,
    classes: np.ndarray,
    predictions: np.ndarray,
    metric: str = "cosine",
    block: int = 1024,
) -> tuple[np.ndarray, np.ndarray]:
    """
    Return the derivative of the pair AUC by the weight of each image, at weight 1.

    Parameters as for `pair_auc`. Unbounded scores are binned (2^20 steps each way) at any N.

    Returns
    -------
    auc : (3,) float64 array
    influence : (N, 3) float64 array; sums to 0 over the images, because only shares of the weight matter.

    References
    ----------
    A = W / (P Q) with W, P, Q sums over pairs with weight c_i c_j; B. Efron, The Jackknife, the Bootstrap and Other
    Resampling Plans (SIAM 1982), ch. 6 (infinitesimal jackknife).
    mathematics#influence
    """
    bounded, n = metric in ("cosine", "correlation"), len(classes)
    step = COSINE_STEP if bounded else score_step(rows, max(n, SORTED_ROWS + 1), metric, block)
    top = round(1 / COSINE_STEP) if bounded else HISTOGRAM_STEPS
    histogram = _histogram(scored_pairs(rows, classes, predictions, metric, step, block), top)
    auc = _auc_of_histogram(histogram).auc
    tables = [_pair_derivatives(part, value) for part, value in zip(_strata(histogram), auc)]
    influence = np.zeros((n, len(STRATA)))
    for i, j, scores, kind in scored_pairs(rows, classes, predictions, metric, step, block):
        for s, table in enumerate(tables):
            parts = table[kind, scores + top]
            influence[i : i + len(parts), s] += parts.sum(axis=1)
            influence[j : j + parts.shape[1], s] += parts.sum(axis=0)
    return auc, influence


def _pair_derivatives(stratum: Stratum, auc: float) -> np.ndarray:
    """Return dA / dw of one pair, by kind and score: (5, T) float64."""
    negative_kinds, positive_kinds, negative, positive = stratum
    n_negative, n_positive = negative.sum(), positive.sum()
    table = np.zeros((NO_PAIR + 1, len(negative)))
    if n_positive and n_negative:
        below, above = (
            np.cumsum(negative) - negative / 2,
            n_positive - np.cumsum(positive) + positive / 2,
        )
        table[list(positive_kinds)] = (below / n_negative - auc) / n_positive
        table[list(negative_kinds)] = (above / n_positive - auc) / n_negative
    return table
