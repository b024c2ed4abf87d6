"""Agreement of two labellings: adjusted Rand index, normalised mutual information, their bootstrap and control."""

from dataclasses import dataclass

import numpy as np
from scipy import sparse

from gradtools.math.pairs.pair_means import ratio

ROUNDING = 1e-12


@dataclass(frozen=True)
class RandomLabels:
    """Mean and standard deviation of ARI and NMI over random permutations of one labelling."""

    ari_mean: float
    ari_sd: float
    nmi_mean: float
    nmi_sd: float


def contingency(a: np.ndarray, b: np.ndarray) -> sparse.csr_array:
    """Count the samples that have label i in a and j in b: (N,), (N,) -> (Ka, Kb) sparse int64 array, labels ascending.

    References
    ----------
    mathematics#agreement-of-labellings
    """
    (_, i), (_, j) = (np.unique(labels, return_inverse=True) for labels in (a, b))
    return sparse.coo_array((np.ones(len(i), dtype=np.int64), (i, j))).tocsr()


def ari(a: np.ndarray, b: np.ndarray) -> float:
    """Return the adjusted Rand index of two labellings ((N,) each), as sklearn's adjusted_rand_score.

    References
    ----------
    mathematics#agreement-of-labellings
    """
    return float(agreements(np.asarray(a)[None], b)[0][0])


def nmi(a: np.ndarray, b: np.ndarray) -> float:
    """Return the normalised mutual information of two labellings ((N,) each), as sklearn's default.

    References
    ----------
    mathematics#agreement-of-labellings
    """
    return float(agreements(np.asarray(a)[None], b)[1][0])


def agreements(labels: np.ndarray, others: np.ndarray) -> tuple[np.ndarray, np.ndarray]:
    """
    Return the agreement of several labellings with one.

    Parameters
    ----------
    labels : (F, N) int array
    others : (N,) int array

    Returns
    -------
    ari : (F,) float64 array
        Adjusted Rand index; 1 where nothing is left to chance (one cluster each, or all apart each).
    nmi : (F,) float64 array
        Mutual information over the mean of the entropies, in [0, 1]; 1 where both have one cluster.

    References
    ----------
    L. Hubert, P. Arabie, Comparing partitions, J. Classification 2 (1985), eq. 5.
    mathematics#agreement-of-labellings
    N. X. Vinh, J. Epps, J. Bailey, Information theoretic measures for clusterings comparison, JMLR 11 (2010).
    """
    n = len(others)
    _, i = np.unique(labels, return_inverse=True)
    _, j = np.unique(others, return_inverse=True)
    i = i.reshape(np.shape(labels))
    counts = [_counts(codes) for codes in (i * (j.max() + 1) + j, i, j[None])]
    both, in_a, in_b = ((_sums(np.square(size), rows) - n) / 2 for rows, size in counts)
    joint, of_a, of_b = (_sums(-size / n * np.log(size / n), rows) for rows, size in counts)
    index = _adjusted(both, in_a, in_b, np.full(len(i), (n**2 - n) / 2))
    information = ratio(2 * (of_a + of_b - joint), of_a + of_b)
    return (
        np.where(np.isnan(index), 1.0, index),
        np.where(np.isnan(information), 1.0, np.clip(information, 0, 1)),
    )


def _counts(codes: np.ndarray) -> tuple[np.ndarray, np.ndarray]:
    """Return the sizes of the groups of equal codes in each row of (F, N): their rows (c,), and sizes (c,) float64."""
    width = codes.max() + 1
    keys, sizes = np.unique(codes + np.arange(len(codes))[:, None] * width, return_counts=True)
    return keys // width, sizes.astype(np.float64)


def _sums(values: np.ndarray, rows: np.ndarray) -> np.ndarray:
    """Sum of the values of each row, (F,)."""
    return np.bincount(rows, values)


def _adjusted(
    both: np.ndarray, in_a: np.ndarray, in_b: np.ndarray, total: np.ndarray
) -> np.ndarray:
    """Return the Hubert and Arabie's index from numbers of pairs, NaN where nothing is left to chance."""
    expected = ratio(in_a * in_b, total)
    highest = (in_a + in_b) / 2
    # Never negative; with one cluster each it is 0, but for the rounding of a product of pair counts.
    room = highest - expected
    return ratio(both - expected, np.where(room > ROUNDING * highest, room, 0))


def random_label_control(
    labels: np.ndarray, classes: np.ndarray, repeats: int = 100, seed: int = 0
) -> RandomLabels:
    """
    Return what chance gives: agreement of the classes with permuted cluster labels of the same sizes.

    Parameters
    ----------
    labels, classes : (N,) int arrays
    repeats, seed : int

    Returns
    -------
    RandomLabels

    References
    ----------
    mathematics#agreement-of-labellings
    """
    rng = np.random.default_rng(seed)
    shuffled = [rng.permutation(labels) for _ in range(repeats)]
    values = np.array([agreements(row[None], classes) for row in shuffled])[:, :, 0].T
    return RandomLabels(*(float(f(value)) for value in values for f in (np.mean, np.std)))
