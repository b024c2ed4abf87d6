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


def contingency(a, b):
    """How many samples have label i in a and j in b: (N,), (N,) -> (Ka, Kb) sparse int64 array, labels ascending.

    References
    ----------
    mathematics#agreement-of-labellings
    """
    (_, i), (_, j) = (np.unique(labels, return_inverse=True) for labels in (a, b))
    return sparse.coo_array((np.ones(len(i), dtype=np.int64), (i, j))).tocsr()


def ari(a, b):
    """
    Adjusted Rand index of two labellings ((N,) each), as sklearn's adjusted_rand_score.

    References
    ----------
    L. Hubert, P. Arabie, Comparing partitions, J. Classification 2 (1985), eq. 5.
    mathematics#agreement-of-labellings
    """
    counts = np.ones((1, len(a)), dtype=np.int64)
    value = bootstrap_ari(a, b, counts)[0]
    # One cluster each, or all apart each: nothing is left to chance, and the two agree.
    return 1.0 if np.isnan(value) else float(value)


def bootstrap_ari(a, b, counts):
    """
    ARI of resampled images; copies of one image are not paired with themselves.

    Parameters
    ----------
    a, b : (N,) int arrays
        Clusters and classes, say.
    counts : (B, N) int array
        From `bootstrap.resample_counts`.

    Returns
    -------
    (B,) float64 array, NaN where chance alone decides (0 / 0).

    References
    ----------
    Hubert and Arabie, eq. 5, each pair {i, j}, i != j, with weight c_i c_j (mathematics#bootstrap-over-images).
    """
    (_, i), (_, j) = (np.unique(labels, return_inverse=True) for labels in (a, b))
    counts = np.asarray(counts, dtype=np.float64)
    _, cell = np.unique(i * np.int64(len(j) + 1) + j, return_inverse=True)
    both, in_a, in_b, total = (
        _weighted_pairs(codes, counts) for codes in (cell, i, j, np.zeros(len(i), dtype=int))
    )
    expected = ratio(in_a * in_b, total)
    highest = (in_a + in_b) / 2
    # Never negative; with one cluster each it is 0, but for the rounding of a product of pair counts.
    room = highest - expected
    return ratio(both - expected, np.where(room > ROUNDING * highest, room, 0))


def _weighted_pairs(codes, counts):
    """Weight of the pairs within equal codes, (N,), (B, N) -> (B,)."""
    groups = sparse.csr_array((np.ones(len(codes)), (codes, np.arange(len(codes)))))
    within = groups @ counts.T
    return (np.square(within).sum(axis=0) - np.square(counts).sum(axis=1)) / 2


def nmi(a, b):
    """
    Normalised mutual information with the arithmetic mean of the entropies, as sklearn's default; labels (N,) each.

    References
    ----------
    mathematics#agreement-of-labellings
    """
    joint = contingency(a, b).tocoo()
    row, column = joint.row, joint.col
    p, in_a, in_b = (
        joint.data / len(a),
        *(np.asarray(joint.sum(axis=axis)).ravel() / len(a) for axis in (1, 0)),
    )
    if len(in_a) == len(in_b) == 1:
        return 1.0
    information = np.sum(p * (np.log(p) - np.log(in_a[row]) - np.log(in_b[column])))
    entropies = [-np.sum(q * np.log(q)) for q in (in_a, in_b)]
    return float(np.clip(2 * information / sum(entropies), 0, 1))


def random_label_control(labels, classes, repeats=100, seed=0):
    """
    What chance gives: agreement of the classes with permuted cluster labels of the same sizes.

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
    aris, nmis = [ari(s, classes) for s in shuffled], [nmi(s, classes) for s in shuffled]
    return RandomLabels(*(float(f(values)) for values in (aris, nmis) for f in (np.mean, np.std)))
