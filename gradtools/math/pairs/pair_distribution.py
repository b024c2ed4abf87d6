"""How similarities of all pairs spread where no labels divide them: quantiles, the most alike pair, and what chance would give."""

import numpy as np

from gradtools.math.pairs.pair_auc import COSINE_STEP
from gradtools.math.rows.vectors import product_block

QUANTILES = {"quantile_05": 0.05, "median": 0.5, "quantile_95": 0.95}


def spread(rows: np.ndarray, metric: str) -> tuple[dict[str, float], tuple[int, int]]:
    """
    Return the quantiles over all unordered pairs, and the most alike pair.

    Parameters
    ----------
    rows : (n, D) float64 array, n >= 2
        From `vectors.prepared_rows`, degenerate ones left out.
    metric : str
        One of `vectors.METRICS`; the most alike pair has the largest similarity, or the smallest distance.

    Returns
    -------
    values : dict of name (`QUANTILES`, most_alike) to float
    pair : (int, int), rows of the most alike pair; of equal ones the first.

    References
    ----------
    mathematics#distribution-of-all-pairs
    """
    matrix = product_block(rows, rows, metric)
    of_pairs = np.triu_indices(len(rows), 1)
    values = matrix[of_pairs]
    at = int(values.argmin() if metric == "euclidean" else values.argmax())
    quantiles = dict(zip(QUANTILES, np.quantile(values, list(QUANTILES.values())).tolist()))
    return quantiles | {"most_alike": float(values[at])}, (
        int(of_pairs[0][at]),
        int(of_pairs[1][at]),
    )


def shuffled_spread(
    rows: np.ndarray, metric: str, shuffles: int, seed: int = 0
) -> tuple[np.ndarray, np.ndarray]:
    """
    Return the mean and most alike pair where the dimensions of every row are shuffled by themselves: only its values are left.

    Parameters
    ----------
    rows, metric
        As for `spread`.
    shuffles : int
    seed : int

    Returns
    -------
    all, most_alike : (shuffles,) float64 arrays

    References
    ----------
    mathematics#distribution-of-all-pairs
    """
    random, drawn = np.random.default_rng(seed), []
    of_pairs = np.triu_indices(len(rows), 1)
    for _ in range(shuffles):
        shuffled = random.permuted(rows, axis=1)
        values = product_block(shuffled, shuffled, metric)[of_pairs]
        drawn.append((values.mean(), values.min() if metric == "euclidean" else values.max()))
    mean, most_alike = np.array(drawn).reshape(-1, 2).T
    return mean, most_alike


def rank_agreement(rows: np.ndarray, others: np.ndarray) -> float:
    """
    Return the Spearman correlation of the cosines of all unordered pairs of two sets of rows ((n, D) float64 unit rows each); NaN where all of one are equal.

    References
    ----------
    mathematics#row-normalisation, mathematics#distribution-of-all-pairs
    """
    from scipy import stats

    of_pairs = np.triu_indices(len(rows), 1)
    first, second = (
        np.rint(product_block(x, x, "cosine")[of_pairs] / COSINE_STEP) for x in (rows, others)
    )
    if np.ptp(first) == 0 or np.ptp(second) == 0:
        return np.nan
    return float(stats.spearmanr(first, second).statistic)
