"""One pair of spaces -> its statistics: RSA, CKA, trees, and how far each sample moved (mathematics#whole-spaces).

Up to HELD samples the matrices are held, and everything is computed. Beyond, RSA's Pearson and the samples' movements come
from blocks of the matrices and CKA from the features, with intervals of first order; the rest is not computed.
"""

import dataclasses
from collections.abc import Iterator, Sequence
from typing import TYPE_CHECKING

import numpy as np

from gradtools.math.pairs import bootstrap
from gradtools.math.pairs.influence import linear_replicates
from gradtools.math.spaces import cka, cka_features, rsa
from gradtools.selection.comparisons import Measures, Moved, Statistic
from gradtools.stages.compare import cuts
from gradtools.stages.compare.spaces import HELD_BYTES

if TYPE_CHECKING:
    from gradtools.stages.compare import Options

BLOCK_ENTRIES = 1 << 24  # of a block of rows of a matrix that is not
WORK = (
    5 * 10**8
)  # pairs x permutations, beyond which there are fewer permutations; of Spearman's resamples a third
LEAST_REPLICATES = 50  # resamples or permutations that say something
FLOOR = 0.95  # quantile of the permuted statistics


def measure(
    a: cuts.Relations,
    b: cuts.Relations,
    counts: np.ndarray,
    options: "Options",
    grown: "tuple[cuts.Trees, cuts.Trees] | None" = None,
    halves: np.ndarray | None = None,
) -> Measures:
    """Measure a pair of spaces: every statistic with its interval and test, their trees, and what moved.

    Parameters
    ----------
    a, b : spaces.Relations
    counts : (B, n) int array
        Copies of the samples, the same for every pair.
    options : compare.Options
    grown : pair of cuts.Trees, optional
        Of the two, where they are held.
    halves : (B, n) bool array, optional
        Half samples that the trees are of.

    Returns
    -------
    Measures
    """
    if a.n > rsa.HELD or grown is None or halves is None:
        return _measured_in_blocks(a, b, counts)
    first, second = (rsa.off_diagonal(side.similarities(0, side.n)) for side in (a, b))
    statistics, moved = _of_matrices(first, second, counts)
    steps = rsa.stepped(first, a.metric), rsa.stepped(second, b.metric)
    statistics |= _of_ranks(*steps, counts)
    statistics |= _of_vectors(a, b, counts)
    trees_a, trees_b = grown
    heights = [cuts.heights(a, trees_a.merges), cuts.heights(b, trees_b.merges)]
    statistics |= cuts.agreements(trees_a, trees_b, halves, options.k)
    statistics["cophenetic"] = cuts.of_heights((a, b), grown, heights, halves)
    tested: dict[str, Sequence[np.ndarray]] = {
        "rsa_pearson": (first, second),
        "rsa_spearman": [rsa.ranked(matrix) for matrix in steps],
        "cophenetic": heights,
    }
    return Measures(_tested(statistics, tested, options), moved)


def _of_matrices(
    first: np.ndarray, second: np.ndarray, counts: np.ndarray
) -> tuple[dict[str, Statistic], Moved]:
    """RSA by Pearson, and the movements."""
    value = rsa.row_sums([(first.copy(), second.copy())], len(first))
    moved, replicates, bounds = 1 - rsa.row_pearson(value), None, np.full((len(first), 2), np.nan)
    if len(counts):
        drawn = rsa.resampled_sums(first, second, counts)
        replicates = rsa.pearson(drawn, counts)
        bounds = bootstrap.interval(1 - rsa.row_pearson(drawn))
    movement = Moved(moved, *bounds.T, *_nearest(first.copy(), second.copy()))
    return {"rsa_pearson": Statistic(float(rsa.pearson(value)), replicates)}, movement


def _nearest(first: np.ndarray, second: np.ndarray, start: int = 0) -> list[np.ndarray]:
    """Row of each sample's nearest other in both spaces, (r,) each; of several equally near ones that nearer in the other space.

    Rows start, start + 1, ... of two matrices, (r, n) each, which are changed.
    """
    rows = np.arange(len(first))
    first[rows, start + rows] = second[rows, start + rows] = -np.inf
    return [
        np.where(matrix == matrix.max(axis=1, keepdims=True), other, -np.inf).argmax(axis=1)
        for matrix, other in ((first, second), (second, first))
    ]


def _of_ranks(first: np.ndarray, second: np.ndarray, counts: np.ndarray) -> dict[str, Statistic]:
    """RSA by Spearman; as many resamples as WORK allows."""
    many = min(len(counts), WORK // 3 // max(len(first) * (len(first) - 1) // 2, 1))
    value = rsa.bootstrap_spearman(first, second, np.ones((1, len(first))))[0]
    return {
        "rsa_spearman": Statistic(
            float(value),
            rsa.bootstrap_spearman(first, second, counts[:many])
            if many >= LEAST_REPLICATES
            else None,
        )
    }


def _of_vectors(a: cuts.Relations, b: cuts.Relations, counts: np.ndarray) -> dict[str, Statistic]:
    """CKA; a reference has no vectors."""
    if a.matrix is not None or b.matrix is not None:
        return {}
    grams = _gram(a), _gram(b)
    value = cka.of_grams(*grams)
    replicates = cka.bootstrap_debiased(*grams, counts) if len(counts) else None
    return {
        "cka": Statistic(value.plain, shuffled=value.shuffled),
        "cka_debiased": Statistic(value.debiased, replicates, shuffled=0.0),
    }


def _gram(side: cuts.Relations) -> np.ndarray:
    """Inner products (n, n)."""
    rows = np.concatenate(list(side.blocks()))
    return rows @ rows.T


def _tested(
    statistics: dict[str, Statistic],
    matrices: dict[str, Sequence[np.ndarray]],
    options: "Options",
) -> dict[str, Statistic]:
    """Mantel's test of the statistics that are correlations of two matrices, all under the same permutations."""
    n = len(matrices["rsa_pearson"][0])
    many = min(options.permutations, max(LEAST_REPLICATES, WORK // (n * (n - 1) // 2)))
    if not options.permutations:
        return statistics
    first, second = (np.stack(side) for side in zip(*matrices.values()))
    observed, null = rsa.mantel(first, second, many, options.seed)
    for place, (name, p) in enumerate(zip(matrices, rsa.p_value(observed, null))):
        if not np.isnan(observed[place]):
            statistics[name] = dataclasses.replace(
                statistics[name],
                p=float(p),
                floor=float(np.quantile(null[:, place], FLOOR)),
                shuffled=float(null[:, place].mean()),
                permutations=many,
            )
    return statistics


def _measured_in_blocks(a: cuts.Relations, b: cuts.Relations, counts: np.ndarray) -> Measures:
    """RSA by Pearson, movements and CKA of more samples than are held."""
    nearest: list[list[np.ndarray]] = []
    sums = rsa.row_sums(_pairs_of_blocks(a, b, nearest), a.n)
    value = float(rsa.pearson(sums))
    moved = 1 - rsa.row_pearson(sums)
    statistics = {
        "rsa_pearson": Statistic(value, _linear(value, rsa.influence(sums), counts)),
        "rsa_spearman": Statistic(np.nan),
    }
    if (
        a.matrix is None
        and b.matrix is None
        and 8 * max(side.rows[:1].shape[1] for side in (a, b)) ** 2 <= HELD_BYTES
    ):
        aligned, slopes = cka_features.of_rows(lambda: zip(a.blocks(), b.blocks()))
        statistics["cka"] = Statistic(aligned.plain, shuffled=aligned.shuffled)
        statistics["cka_debiased"] = Statistic(
            aligned.debiased, _linear(aligned.debiased, slopes, counts), shuffled=0.0
        )
    statistics["cophenetic"] = Statistic(np.nan)
    unknown = np.full(a.n, np.nan)
    return Measures(
        statistics,
        Moved(moved, unknown, unknown, *(np.concatenate(part) for part in zip(*nearest))),
    )


def _linear(value: float, slopes: np.ndarray, counts: np.ndarray) -> np.ndarray | None:
    """Replicates to first order, (B,)."""
    return (
        linear_replicates(np.array([value]), slopes[:, None], counts)[:, 0] if len(counts) else None
    )


def _pairs_of_blocks(
    a: cuts.Relations, b: cuts.Relations, nearest: list[list[np.ndarray]]
) -> Iterator[tuple[np.ndarray, np.ndarray]]:
    """Blocks of rows of both similarity matrices; notes the nearest other of each row on the way."""
    step = max(1, BLOCK_ENTRIES // a.n)
    for start in range(0, a.n, step):
        stop = min(start + step, a.n)
        first, second = a.similarities(start, stop), b.similarities(start, stop)
        nearest.append(_nearest(first, second, start))
        yield first, second
