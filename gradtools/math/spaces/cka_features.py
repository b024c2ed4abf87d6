"""
Linear CKA in the space of the features, for more samples than a Gram matrix is made of: O(N D^2) in three passes.

With centred rows every row of K = X X' sums to 0, so sums over the Gram matrices come from X'Y and the squared lengths
p = diag K, q = diag L (Kornblith et al. 2019, eq. 3; definitions in `cka`).
"""

from collections.abc import Callable, Iterable
from dataclasses import dataclass

import numpy as np

from gradtools.math.pairs.pair_means import ratio
from gradtools.math.spaces import cka

Blocks = Iterable[tuple[np.ndarray, np.ndarray]]


@dataclass(frozen=True)
class Cross:
    """What two sides' centred rows x, y have together: X'Y (D, E), squared lengths p and q (n,), X'q (D,) and Y'p (E,)."""

    product: np.ndarray
    p: np.ndarray
    q: np.ndarray
    x_by_q: np.ndarray
    y_by_p: np.ndarray


def of_rows(
    passes: Callable[[], Iterable[tuple[np.ndarray, np.ndarray]]],
) -> tuple[cka.Alignment, np.ndarray]:
    """
    Return the CKA of two feature matrices that are read in blocks.

    Parameters
    ----------
    passes : callable
        Each call gives an iterable of (x, y): blocks of rows of the same samples, (r, D) and (r, E).

    Returns
    -------
    alignment : cka.Alignment
    influence : (n,) float64 array
        Derivatives of the debiased CKA by the number of copies of each sample, where all are 1.

    References
    ----------
    mathematics#cka
    """
    means = _means(passes())

    def centred() -> Blocks:
        return ((x - means[0], y - means[1]) for x, y in passes())

    sides = [_cross(choose(x, y) for x, y in centred()) for choose in (_both, _first, _second)]
    (kl, kl_slope), *norms = (
        _hsic(side, (choose(x, y) for x, y in centred()))
        for side, choose in zip(sides, (_both, _first, _second))
    )
    (kk, kk_slope), (ll, ll_slope) = norms
    debiased = cka._aligned(kl, kk, ll)
    with np.errstate(invalid="ignore", divide="ignore"):
        influence = kl_slope / np.sqrt(kk * ll) - debiased / 2 * (kk_slope / kk + ll_slope / ll)
    norm = np.sqrt(np.sum(sides[1].product ** 2) * np.sum(sides[2].product ** 2))
    plain, shuffled = (
        ratio(value, norm)
        for value in (
            np.sum(sides[0].product ** 2),
            sides[0].p.sum() * sides[0].q.sum() / (len(sides[0].p) - 1),
        )
    )
    return cka.Alignment(float(plain), float(shuffled), float(debiased)), influence


def _both(x: np.ndarray, y: np.ndarray) -> tuple[np.ndarray, np.ndarray]:
    return x, y


def _first(x: np.ndarray, _y: np.ndarray) -> tuple[np.ndarray, np.ndarray]:
    return x, x


def _second(_x: np.ndarray, y: np.ndarray) -> tuple[np.ndarray, np.ndarray]:
    return y, y


def _means(blocks: Blocks) -> tuple[np.ndarray, np.ndarray]:
    """Return the mean rows of both sides."""
    n, total = 0, (np.zeros(1), np.zeros(1))
    for x, y in blocks:
        n, total = (
            n + len(x),
            (
                total[0] + x.sum(axis=0, dtype=np.float64),
                total[1] + y.sum(axis=0, dtype=np.float64),
            ),
        )
    return total[0] / n, total[1] / n


def _cross(blocks: Blocks) -> Cross:
    """Return `Cross` of centred blocks."""
    product: np.ndarray | int = 0
    x_by_q: np.ndarray | int = 0
    y_by_p: np.ndarray | int = 0
    p, q = [], []
    for x, y in blocks:
        p.append(np.einsum("nd,nd->n", x, x))
        q.append(np.einsum("nd,nd->n", y, y))
        product, x_by_q, y_by_p = product + x.T @ y, x_by_q + x.T @ q[-1], y_by_p + y.T @ p[-1]
    return Cross(
        np.asarray(product),
        np.concatenate(p),
        np.concatenate(q),
        np.asarray(x_by_q),
        np.asarray(y_by_p),
    )


def _hsic(cross: Cross, blocks: Blocks) -> tuple[np.ndarray, np.ndarray]:
    """Return the unbiased HSIC of K and L, and its derivatives by the copies c_k of every sample, (n,), where all are 1."""
    p, q, ones = cross.p, cross.q, np.ones(len(cross.p))
    pairs = np.sum(cross.product**2) - p @ q
    value = cka._hsic(
        dict.fromkeys(((1, 1), (2, 1), (3, 1), (2, 2)), pairs), (-p, -p), (-q, -q), ones
    )
    # Of each sample: sum_j K_kj L_kj, sum_j K_kj (L 1)_j and sum_j L_kj (K 1)_j, over j != k, where L 1 = -q and K 1 = -p.
    parts = [
        (np.einsum("nd,nd->n", x @ cross.product, y), x @ cross.x_by_q, y @ cross.y_by_p)
        for x, y in blocks
    ]
    together, by_q, by_p = (np.concatenate(part) for part in zip(*parts))
    together, along = together - p * q, (p * q - by_q) + (p * q - by_p)
    return value, _slopes(together, along, p, q, pairs)


def _slopes(
    together: np.ndarray, along: np.ndarray, p: np.ndarray, q: np.ndarray, pairs: float
) -> np.ndarray:
    """Sum over the quadruples that hold each sample, less their share of the whole: derivatives of a mean over quadruples."""
    n = len(p)
    triples = p @ q - pairs
    of_triples = p * q + along - 3 * together
    quadruples = p.sum() * q.sum() - 4 * (p @ q) + 2 * pairs
    of_quadruples = 2 * (p * q.sum() + q * p.sum()) - 4 * (2 * p * q + along) + 8 * together
    total = (n - 2) * (n - 3) * pairs + quadruples - 2 * (n - 3) * triples
    slope = (
        2 * (n - 3) * ((n - 2) * together + pairs - 2 * together)
        + of_quadruples
        - 2 * ((n - 3) * of_triples + triples - of_triples)
    )
    return (slope - 4 * total / n) / np.prod(np.arange(n, n - 4, -1.0))
