"""
Permutation tests of the class labels (mathematics#permutation-tests): is similarity within classes more than any labelling would give?

The sum over same-label pairs is (||Y^T U||_F^2 - sum |u|^2) / 2 for one-hot Y. Shuffling within strata of equal
prediction keeps the number of pairs of each kind, so every mean is monotone in that sum.
"""

from collections.abc import Callable
from dataclasses import dataclass

import numpy as np
from scipy import sparse

from gradtools.math.pairs.bootstrap import compact_rows

Number = float | np.ndarray

Statistic = Callable[[Number, float, int, int], Number]

# Sums this close, relative to their terms, are the same number computed in another order.
TIE = 1e-10

# Float64 entries of the sums of one batch of shuffles.
BATCH_ENTRIES = 4_000_000


@dataclass(frozen=True)
class Permutation:
    """p = (1 + #>=) / (1 + permutations), NaN where no sample can move; the statistic, and its null mean and sd."""

    p: float
    observed: float
    null_mean: float
    null_sd: float
    permutations: int
    movable: int


def permutation_label_effect(
    rows: np.ndarray,
    classes: np.ndarray,
    predictions: np.ndarray,
    permutations: int = 1000,
    seed: int = 0,
) -> Permutation:
    """
    Test the label effect given the same prediction: labels are shuffled among images of equal prediction.

    Parameters
    ----------
    rows : (N, D) float64 array
        From `vectors.prepared_rows` (inner-product metrics), degenerate rows left out.
    classes, predictions : (N,) int arrays
    permutations, seed : int

    Returns
    -------
    Permutation; the statistic is mean(same class, same prediction) - mean(other class, same prediction), and movable
    counts the samples in strata with at least two labels.

    References
    ----------
    mathematics#label-effect, mathematics#permutation-tests
    """
    return _test(rows, np.asarray(classes), np.asarray(predictions), permutations, seed, _effect)


def permutation_within(
    rows: np.ndarray, classes: np.ndarray, permutations: int = 1000, seed: int = 0
) -> Permutation:
    """
    Test the mean over same-class pairs: labels are shuffled freely. Parameters and result as for `permutation_label_effect`.

    References
    ----------
    mathematics#permutation-tests
    """
    return _test(
        rows, np.asarray(classes), np.zeros(len(classes), dtype=int), permutations, seed, _mean
    )


def _effect(same: Number, total: float, same_pairs: int, all_pairs: int) -> Number:
    return same / same_pairs - (total - same) / (all_pairs - same_pairs)


def _mean(same: Number, _total: float, same_pairs: int, _all_pairs: int) -> Number:
    return same / same_pairs


def _test(
    rows: np.ndarray,
    classes: np.ndarray,
    strata: np.ndarray,
    permutations: int,
    seed: int,
    statistic: Statistic,
) -> Permutation:
    rows = compact_rows(np.asarray(rows, dtype=np.float64))
    rng = np.random.default_rng(seed)
    squares, movable = np.einsum("nd,nd->", rows, rows), 0
    observed, null, total, same_pairs, all_pairs = 0.0, np.zeros(permutations), 0.0, 0, 0
    for stratum in np.unique(strata):
        members = np.flatnonzero(strata == stratum)
        _, labels, sizes = np.unique(classes[members], return_inverse=True, return_counts=True)
        movable += len(members) if len(sizes) > 1 else 0
        observed += _same_label_squares(rows[members], labels[None], sizes)[0]
        null += _shuffled_squares(rows[members], labels, sizes, permutations, rng)
        total += np.square(rows[members].sum(axis=0)).sum()
        same_pairs += int((sizes * (sizes - 1)).sum()) // 2
        all_pairs += len(members) * (len(members) - 1) // 2
    if movable == 0 or same_pairs == 0:
        return Permutation(np.nan, np.nan, np.nan, np.nan, permutations, movable)
    p = (1 + np.count_nonzero(null >= observed - TIE * max(observed, squares))) / (1 + permutations)
    value = [
        statistic((s - squares) / 2, (total - squares) / 2, same_pairs, all_pairs)
        for s in (observed, null)
    ]
    return Permutation(
        float(p),
        float(value[0]),
        float(np.mean(value[1])),
        float(np.std(value[1])),
        permutations,
        movable,
    )


def _shuffled_squares(
    rows: np.ndarray,
    labels: np.ndarray,
    sizes: np.ndarray,
    permutations: int,
    rng: np.random.Generator,
) -> np.ndarray:
    """Return ||Y^T U||_F^2 of one stratum under every shuffle, (B,)."""
    if len(sizes) == 1:
        return np.full(permutations, np.square(rows.sum(axis=0)).sum())
    batch = max(1, BATCH_ENTRIES // (len(sizes) * rows.shape[1] + len(labels)))
    return np.concatenate(
        [
            _same_label_squares(
                rows,
                rng.permuted(np.tile(labels, (min(batch, permutations - start), 1)), axis=1),
                sizes,
            )
            for start in range(0, permutations, batch)
        ]
    )


def _same_label_squares(rows: np.ndarray, labels: np.ndarray, sizes: np.ndarray) -> np.ndarray:
    """
    Sum over the labels of |sum of the label's rows|^2 for b labellings: rows (n, D), labels (b, n) -> (b,).

    The commonest label's sum is what the others leave of the total: most images of a stratum have it.
    """
    b, common = len(labels), np.argmax(sizes)
    shuffle, image = np.nonzero(labels != common)
    one_hot = sparse.csr_array(
        (np.ones(len(image)), (shuffle * len(sizes) + labels[shuffle, image], image)),
        shape=(b * len(sizes), len(rows)),
    )
    sums = (one_hot @ rows).reshape(b, len(sizes), -1)
    sums[:, common] = rows.sum(axis=0) - sums.sum(axis=1)
    return np.einsum("bgd,bgd->b", sums, sums)
