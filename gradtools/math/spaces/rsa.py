"""
Representational similarity analysis: how alike two similarity matrices of the same samples are (mathematics#rsa).

The statistic is a correlation over all unordered pairs of samples. Pearson's needs five sums a sample (`RowSums`), so that
it comes from blocks of the matrices; its intervals beyond what is held are of first order (`influence`).

References
----------
N. Kriegeskorte, M. Mur, P. Bandettini, Representational similarity analysis, Frontiers in Systems Neuroscience 2 (2008).
N. Mantel, The detection of disease clustering and a generalized regression approach, Cancer Research 27 (1967).
"""

from collections.abc import Iterable
from dataclasses import dataclass

import numpy as np

from gradtools.math.pairs.pair_auc import COSINE_STEP, SORTED_STEPS
from gradtools.math.pairs.pair_means import ratio

Number = float | np.ndarray

# Variances below this share of the mean square are rounding: the values are constant.
CONSTANT = 1e-14
HELD = 2000  # samples whose matrices (32 MB each, some 900 MB in a comparison) are held


@dataclass(frozen=True)
class RowSums:
    """Sums over the other samples j != i of a_ij, b_ij, a_ij^2, b_ij^2, a_ij b_ij: (..., n) float64 each; weight: of the j, the same."""

    a: np.ndarray
    b: np.ndarray
    aa: np.ndarray
    bb: np.ndarray
    ab: np.ndarray
    weight: np.ndarray


def off_diagonal(matrix: np.ndarray) -> np.ndarray:
    """Return a copy of a square matrix with a diagonal of zeros, float64 (mathematics#rsa).

    Parameters
    ----------
    matrix : (n, n) array

    Returns
    -------
    (n, n) float64 array
    """
    matrix = np.array(matrix, dtype=np.float64)
    np.fill_diagonal(matrix, 0)
    return matrix


def row_sums(blocks: Iterable[tuple[np.ndarray, np.ndarray]], n: int) -> RowSums:
    """
    Return the sums of two matrices that come in blocks of rows.

    Parameters
    ----------
    blocks : iterable of (a, b)
        (r, n) float64 each, rows in order; they may be changed. Entries of a sample with itself are not used.
    n : int

    Returns
    -------
    RowSums

    References
    ----------
    mathematics#rsa
    """
    parts, start = [], 0
    for a, b in blocks:
        diagonal = np.arange(len(a))
        a[diagonal, start + diagonal] = b[diagonal, start + diagonal] = 0
        parts.append(
            [a.sum(axis=1), b.sum(axis=1)]
            + [np.einsum("ij,ij->i", *two) for two in ((a, a), (b, b), (a, b))]
        )
        start += len(a)
    columns = [np.concatenate(part) for part in zip(*parts)]
    return RowSums(*[*columns, np.full(n, n - 1.0)])


def resampled_sums(a: np.ndarray, b: np.ndarray, counts: np.ndarray) -> RowSums:
    """Return `RowSums` of (B, n) arrays under copies (B, n) of every sample; a, b (n, n) from `off_diagonal`.

    References
    ----------
    mathematics#rsa
    """
    weights = np.asarray(counts, dtype=np.float64)
    sums = [weights @ matrix for matrix in (a, b, a * a, b * b, a * b)]
    return RowSums(*[*sums, weights.sum(axis=1, keepdims=True) - weights])


def pearson(sums: RowSums, counts: np.ndarray | float = 1.0) -> np.ndarray:
    """
    Return Pearson's correlation over all pairs.

    Parameters
    ----------
    sums : RowSums
    counts : (..., n) array
        Copies of every sample, as the sums were made with: a pair has weight c_i c_j, and copies of one sample are no pair.

    Returns
    -------
    (...) float64 array, NaN where one of the two matrices is constant.

    References
    ----------
    mathematics#rsa
    """
    total = {
        name: np.sum(getattr(sums, name) * counts, axis=-1)
        for name in ("a", "b", "aa", "bb", "ab", "weight")
    }
    return _correlation(*total.values())


def row_pearson(sums: RowSums) -> np.ndarray:
    """Return the correlation of each sample's row in a with its row in b, (..., n): what stays of its relations to the others.

    References
    ----------
    mathematics#rsa
    """
    return _correlation(sums.a, sums.b, sums.aa, sums.bb, sums.ab, sums.weight)


def _correlation(
    a: Number, b: Number, aa: Number, bb: Number, ab: Number, weight: Number
) -> np.ndarray:
    """Return Pearson's correlation from sums of values, squares and products and their number."""
    a, b, aa, bb, ab = (ratio(value, weight) for value in (a, b, aa, bb, ab))
    variances = [
        np.where(square - mean**2 > CONSTANT * square, square - mean**2, 0)
        for square, mean in ((aa, a), (bb, b))
    ]
    return np.clip(ratio(ab - a * b, np.sqrt(variances[0] * variances[1])), -1, 1)


def influence(sums: RowSums) -> np.ndarray:
    """
    Return the derivatives of Pearson's correlation by the number of copies of each sample, (n,), where all are 1.

    Value + (c - 1) . influence is the resampled correlation to first order (mathematics#influence).
    """
    n = len(sums.a)
    pairs = n * (n - 1)
    mean = {name: getattr(sums, name).sum() / pairs for name in ("a", "b", "aa", "bb", "ab")}
    slope = {name: 2 * (getattr(sums, name) - mean[name] * (n - 1)) / pairs for name in mean}
    spread = [mean[square] - mean[name] ** 2 for name, square in (("a", "aa"), ("b", "bb"))]
    slopes = [
        slope[square] - 2 * mean[name] * slope[name] for name, square in (("a", "aa"), ("b", "bb"))
    ]
    covariance = mean["ab"] - mean["a"] * mean["b"]
    by_covariance = slope["ab"] - mean["a"] * slope["b"] - mean["b"] * slope["a"]
    scale = np.sqrt(spread[0] * spread[1])
    return (
        by_covariance - covariance / 2 * (slopes[0] / spread[0] + slopes[1] / spread[1])
    ) / scale


def triangle(matrix: np.ndarray) -> np.ndarray:
    """Return the values of the pairs i < j, (n (n - 1) / 2,), of an (n, n) matrix (mathematics#rsa)."""
    return matrix[np.triu_indices(len(matrix), 1)]


def stepped(matrix: np.ndarray, metric: str) -> np.ndarray:
    """
    Return the similarities in whole steps, as pair AUC counts them: equal values have equal ranks whatever the rounding of products.

    Parameters
    ----------
    matrix : (n, n) float64 array
    metric : str
        cosine and correlation: steps of 1e-6; others: the largest value over 2^40.

    References
    ----------
    mathematics#rsa
    """
    if metric in ("cosine", "correlation"):
        return np.rint(matrix / COSINE_STEP)
    largest = np.abs(matrix).max(initial=0)
    return np.rint(matrix * (SORTED_STEPS / largest)) if largest > 0 else matrix


def ranked(matrix: np.ndarray) -> np.ndarray:
    """Return (n, n) matrix of the average ranks of the pairs, from 1, with a diagonal of zeros.

    References
    ----------
    mathematics#rsa
    """
    from scipy.stats import rankdata

    upper = np.triu_indices(len(matrix), 1)
    ranks = np.zeros(np.shape(matrix))
    ranks[upper] = rankdata(matrix[upper])
    return ranks + ranks.T


def bootstrap_spearman(a: np.ndarray, b: np.ndarray, counts: np.ndarray) -> np.ndarray:
    """
    Return Spearman's correlation of resampled samples: ranks are those among the resampled pairs, each with weight c_i c_j.

    Parameters
    ----------
    a, b : (n, n) arrays
    counts : (B, n) array

    Returns
    -------
    (B,) float64 array

    References
    ----------
    mathematics#rsa
    """
    i, j = np.triu_indices(len(a), 1)
    ranks = [_Ranks(matrix[i, j]) for matrix in (a, b)]
    replicates = np.empty(len(counts))
    for place, copies in enumerate(np.asarray(counts, dtype=np.float64)):
        weights = copies[i] * copies[j]
        x, y = (side.weighted(weights) for side in ranks)
        sums = [np.dot(weights, value) for value in (x, y, x * x, y * y, x * y)]
        replicates[place] = _correlation(*[*sums, weights.sum()])
    return replicates


class _Ranks:
    """The order of some values, kept so that ranks under any weights need no sorting."""

    def __init__(self, values: np.ndarray) -> None:
        self.order = np.argsort(values, kind="stable")
        _, self.tied = np.unique(values, return_inverse=True)
        self.first = np.flatnonzero(np.diff(self.tied[self.order], prepend=-1))

    def weighted(self, weights: np.ndarray) -> np.ndarray:
        """Average rank of every value where it is there `weights` times, less the mean rank."""
        of_ties = np.add.reduceat(weights[self.order], self.first)
        rank = np.cumsum(of_ties) - of_ties / 2
        return (rank - weights.sum() / 2)[self.tied]


def mantel(
    a: np.ndarray, b: np.ndarray, permutations: int = 1000, seed: int = 0
) -> tuple[np.ndarray, np.ndarray]:
    """
    Test by Mantel's permutations whether two matrices correlate more than samples in any order would.

    Parameters
    ----------
    a, b : (m, n, n) arrays
        m pairs of symmetric matrices that are tested under the same permutations, such as values and ranks.
    permutations, seed : int

    Returns
    -------
    observed : (m,) float64 array
    null : (permutations, m) float64 array
        Correlations with the samples of b permuted. p = (1 + #(null >= observed)) / (1 + permutations), see `p_value`.

    References
    ----------
    mathematics#mantels-test
    """
    n = a.shape[-1]
    a, b = (np.stack([_standardised(matrix) for matrix in side]) for side in (a, b))
    rng, null = np.random.default_rng(seed), np.empty((permutations, len(a)))
    for place in range(permutations):
        order = rng.permutation(n)
        null[place] = [
            np.vdot(first, second.take(order, axis=0).take(order, axis=1))
            for first, second in zip(a, b)
        ]
    return np.array([np.vdot(first, second) for first, second in zip(a, b)]), null


def _standardised(matrix: np.ndarray) -> np.ndarray:
    """Return the off-diagonal entries less their mean, over their norm: inner products are correlations; NaN for a constant one."""
    pairs = triangle(matrix)
    spread = np.sqrt(2 * np.sum((pairs - pairs.mean()) ** 2)) if np.ptp(pairs) > 0 else np.nan
    return off_diagonal((matrix - pairs.mean()) / spread)


def p_value(observed: np.ndarray, null: np.ndarray) -> np.ndarray:
    """Return (1 + #(null >= observed)) / (1 + permutations) of each statistic ((m,), (B, m) -> (m,)); NaN where it does not exist.

    References
    ----------
    mathematics#mantels-test
    """
    at_least = np.count_nonzero(null >= observed - 1e-10, axis=0)
    return np.where(np.isnan(observed), np.nan, (1 + at_least) / (1 + len(null)))
