"""
Linear centred kernel alignment: how alike two sets of vectors of the same samples are, whatever their axes (mathematics#cka).

Plain CKA is biased upwards where there are few samples a dimension: rows in random order already have the value of
`shuffled`. The debiased form takes the unbiased HSIC instead, which is 0 on average for rows that have nothing in common.

References
----------
S. Kornblith, M. Norouzi, H. Lee, G. Hinton, Similarity of neural network representations revisited, ICML 2019, eqs. 2 to 5.
L. Song, A. Smola, A. Gretton, J. Bedo, K. Borgwardt, Feature selection via dependence maximization, JMLR 13 (2012), eq. 5.
"""

from collections.abc import Mapping
from dataclasses import dataclass

import numpy as np

from gradtools.math.pairs.pair_means import ratio

Products = Mapping[tuple[int, int], np.ndarray | float]  # by exponents of the copies

LEAST = 4  # samples that the unbiased HSIC takes: it is a mean over quadruples


@dataclass(frozen=True)
class Alignment:
    """CKA, its exact mean over rows of one side in random order, and its debiased form (float each)."""

    plain: float
    shuffled: float
    debiased: float


def of_grams(k: np.ndarray, l: np.ndarray) -> Alignment:  # noqa: E741 (Kornblith's letters)
    """
    Return the CKA of two Gram matrices of inner products, (n, n) each.

    Returns
    -------
    Alignment; NaN where one side has equal rows, or too few.

    References
    ----------
    mathematics#cka
    """
    k, l = _centred(k), _centred(l)  # noqa: E741
    n = len(k)
    products = [np.vdot(first, second) for first, second in ((k, l), (k, k), (l, l))]
    norm = np.sqrt(products[1] * products[2])
    # E over permutations of <K, P L P'> = tr K tr L / (n - 1) for centred K and L.
    shuffled = ratio(np.trace(k) * np.trace(l), (n - 1) * norm)
    return Alignment(
        float(ratio(products[0], norm)),
        float(shuffled),
        float(_aligned(*_unbiased(k, l, np.ones(n)))),
    )


def _centred(gram: np.ndarray) -> np.ndarray:
    """Return H K H with H = I - 11'/n."""
    gram = np.asarray(gram, dtype=np.float64)
    rows = gram.mean(axis=0)
    return gram - rows - rows[:, None] + rows.mean()


def _aligned(kl: np.ndarray, kk: np.ndarray, ll: np.ndarray) -> np.ndarray:
    """Return HSIC(K, L) over the geometric mean of HSIC(K, K) and HSIC(L, L); NaN where one of these is not positive."""
    return ratio(kl, np.sqrt(np.maximum(kk, 0) * np.maximum(ll, 0)))


def bootstrap_debiased(k: np.ndarray, l: np.ndarray, counts: np.ndarray) -> np.ndarray:  # noqa: E741
    """
    Return the debiased CKA of resampled samples.

    Parameters
    ----------
    k, l : (n, n) arrays
        Gram matrices.
    counts : (B, n) array

    Returns
    -------
    (B,) float64 array. The unbiased HSIC is a mean over quadruples of different samples, each counted as often as copies of
    its samples make it: a copy is never paired with another of the same sample (mathematics#cka).
    """
    return _aligned(*_unbiased(_centred(k), _centred(l), np.asarray(counts, dtype=np.float64)))


def _unbiased(k: np.ndarray, l: np.ndarray, counts: np.ndarray) -> list[np.ndarray]:  # noqa: E741
    """
    Return the unbiased HSIC of (K, L), (K, K), (L, L) under copies c, (..., n) -> 3 x (...).

    Song's eq. 5 is the mean of K_ij L_ij + K_ij L_qr - 2 K_ij L_iq over quadruples of different samples; with copies each
    quadruple counts c_i c_j c_q c_r. Sums over different indices come from the free ones by inclusion and exclusion.
    """
    (k, in_k), (l, in_l) = (_weighted_rows(gram, counts) for gram in (k, l))
    return [
        _hsic(_products(first * second, counts), a, b, counts)
        for first, second, a, b in ((k, l, in_k, in_l), (k, k, in_k, in_k), (l, l, in_l, in_l))
    ]


def _weighted_rows(
    gram: np.ndarray, counts: np.ndarray
) -> tuple[np.ndarray, tuple[np.ndarray, np.ndarray]]:
    """Return a Gram matrix without its diagonal, and sum_j c_j K_ij, sum_j c_j^2 K_ij of every row."""
    gram = gram.copy()
    np.fill_diagonal(gram, 0)
    return gram, (counts @ gram, counts**2 @ gram)


def _products(products: np.ndarray, counts: np.ndarray) -> Products:
    """Return the sums of c_i^a c_j^b M_ij for M = K o L, by exponents (a, b)."""
    once, squared = counts @ products, counts**2 @ products
    return {
        (a, b): np.sum(counts**a * row, axis=-1)
        for (a, b, row) in ((1, 1, once), (2, 1, once), (3, 1, once), (2, 2, squared))
    }


def _hsic(
    products: Products,
    in_k: tuple[np.ndarray, np.ndarray],
    in_l: tuple[np.ndarray, np.ndarray],
    counts: np.ndarray,
) -> np.ndarray:
    """Return the unbiased HSIC from `_products` and both sides' `_weighted_rows`."""
    (once_k, twice_k), (once_l, twice_l) = in_k, in_l
    p1, p2, p3, p4 = (np.sum(counts**power, axis=-1) for power in (1, 2, 3, 4))

    def summed(*factors: np.ndarray) -> np.ndarray:
        return np.sum(np.prod(np.broadcast_arrays(*factors), axis=0), axis=-1)

    crossed = summed(counts**2, once_k, once_l)
    pairs = (
        (p1**2 - p2) * products[1, 1]
        - 4 * p1 * products[2, 1]
        + 4 * products[3, 1]
        + 2 * products[2, 2]
    )
    triples = (
        p1 * (summed(counts, once_k, once_l) - products[2, 1])
        - (crossed - products[2, 2])
        - summed(counts, twice_k, once_l)
        - summed(counts, once_k, twice_l)
        + 2 * products[3, 1]
    )
    quadruples = summed(counts, once_k) * summed(counts, once_l) - 4 * crossed + 2 * products[2, 2]
    weight = (
        p1**4 - 6 * p1**2 * p2 + 8 * p1 * p3 + 3 * p2**2 - 6 * p4
    )  # of the quadruples: Newton's identities
    return ratio(pairs + quadruples - 2 * triples, weight)
