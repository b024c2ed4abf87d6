"""
Mean similarity over all unordered pairs of images, by class and prediction, without an N x N matrix (mathematics#means-over-pairs).

The sum over the pairs of a group is (|S_g|^2 - sum |x|^2) / 2, S_g the sum of its rows. Weights count the copies of
an image in a resample: copies are never paired with themselves (mathematics#bootstrap-over-images).
"""

from collections.abc import Iterator
from dataclasses import dataclass

import numpy as np
from scipy import sparse

from gradtools.math.pairs.group_sums import CellSums
from gradtools.math.rows.sliced import Sliced
from gradtools.math.rows.vectors import prepared_rows, product_block

STATISTICS = (
    "within",
    "within_macro",
    "between",
    "all",
    "same_prediction",
    "same_class_same_prediction",
    "same_class_other_prediction",
    "other_class_same_prediction",
    "other_class_other_prediction",
    "label_effect",
    "prediction_effect",
)

Sums = tuple[np.ndarray, np.ndarray]  # over the pairs of a grouping, and how many they are
EFFECTS = {
    "label_effect": ("same_class_same_prediction", "other_class_same_prediction"),
    "prediction_effect": ("same_class_same_prediction", "same_class_other_prediction"),
}


@dataclass(frozen=True)
class PairMean:
    """A mean over pairs, NaN where there are none; for an effect, `pairs` is the smaller of its two sides."""

    value: float
    pairs: int


def pair_statistics(
    totals: CellSums, cell_class: np.ndarray, cell_prediction: np.ndarray, metric: str = "cosine"
) -> dict[str, PairMean]:
    """
    Return every mean over pairs by class and prediction, from the sums of the cells.

    Parameters
    ----------
    totals : CellSums
    cell_class, cell_prediction : (M,) int arrays, from `cells`
    metric : str
        The one that `cell_sums` was given.

    Returns
    -------
    dict of name (`STATISTICS`, in that order) to PairMean. within is the mean over pairs (micro), within_macro the
    mean of the class means; label_effect = same_class_same_prediction - other_class_same_prediction;
    prediction_effect = same_class_same_prediction - same_class_other_prediction. NaN where a mean has no pairs.

    References
    ----------
    mathematics#means-over-pairs, mathematics#label-effect
    """
    n = totals.counts.astype(np.float64)[:, None]
    parts = totals.sums[:, None], totals.squares[:, None], n, n
    values, pairs = table_of_cells(*parts, cell_class, cell_prediction, metric)
    return named(values[0], pairs[0])


def named(values: np.ndarray, pairs: np.ndarray) -> dict[str, PairMean]:
    """Return one row of `STATISTICS` values and pair counts as a dict of PairMean.

    Parameters
    ----------
    values, pairs : (S,) arrays

    Returns
    -------
    dict of str to PairMean

    References
    ----------
    mathematics#means-over-pairs
    """
    return {name: PairMean(float(v), int(p)) for name, v, p in zip(STATISTICS, values, pairs)}


def table_of_cells(
    sums: np.ndarray,
    squares: np.ndarray,
    weight: np.ndarray,
    weight_squares: np.ndarray,
    cell_class: np.ndarray,
    cell_prediction: np.ndarray,
    metric: str = "cosine",
) -> tuple[np.ndarray, np.ndarray]:
    """
    Return the statistics of B weightings of the images at once.

    Parameters
    ----------
    sums : (M, B, D) float64, sum of c_i x_i of every cell
    squares : (M, B), sum of c_i^2 |x_i|^2
    weight, weight_squares : (M, B), sum of c_i and of c_i^2
    cell_class, cell_prediction : (M,) int arrays

    Returns
    -------
    values, pairs : (B, S) float64 arrays

    References
    ----------
    mathematics#means-over-pairs
    """

    def grouped(codes: np.ndarray) -> tuple[np.ndarray, np.ndarray]:
        a, b, c, d = (gathered(codes, part) for part in (sums, squares, weight, weight_squares))
        return _pair_sums(a, b, c, d, metric)

    by_class = grouped(cell_class)
    others = [
        tuple(part.sum(axis=0) for part in grouped(codes))
        for codes in (cell_prediction, np.arange(len(cell_class)), np.zeros(len(cell_class)))
    ]
    return table_of_groupings(by_class, *others)


def gathered(codes: np.ndarray, part: np.ndarray) -> np.ndarray:
    """Sum an (M, ...) array over equal codes (M,), ascending: (G, ...).

    References
    ----------
    mathematics#means-over-pairs
    """
    _, inverse = np.unique(codes, return_inverse=True)
    groups = sparse.csr_array((np.ones(len(codes)), (inverse, np.arange(len(codes)))))
    return (groups @ part.reshape(len(part), -1)).reshape(groups.shape[0], *part.shape[1:])


def _pair_sums(
    sums: np.ndarray,
    squares: np.ndarray,
    weight: np.ndarray,
    weight_squares: np.ndarray,
    metric: str,
) -> tuple[np.ndarray, np.ndarray]:
    """Sum over the pairs i < j of each group, and the number of pairs."""
    lengths = np.einsum("gbd,gbd->gb", sums, sums)
    pairs = (weight**2 - weight_squares) / 2
    sums_over_pairs = (
        weight * squares - lengths if metric == "sqeuclidean" else (lengths - squares) / 2
    )
    # A lone image leaves rounding noise, and noise over no pairs is no mean.
    return np.where(pairs > 0, sums_over_pairs, 0), pairs


def table_of_groupings(
    by_class: Sums, by_prediction: Sums, by_cell: Sums, over_all: Sums
) -> tuple[np.ndarray, np.ndarray]:
    """
    Return the statistics from (pair sum, pair count) of four groupings: by_class (G, B) each, the others (B,) each.

    Returns values and pairs, (B, S) each.

    References
    ----------
    mathematics#class-x-prediction
    """
    of_classes = np.stack([part.sum(axis=0) for part in by_class])
    stacked = (np.stack(part) for part in (by_prediction, by_cell, over_all))
    by_kind = kinds_of_pairs(of_classes, *stacked)
    values = {name: ratio(*q) for name, q in by_kind.items()}
    pairs = {name: q[1] for name, q in by_kind.items()}
    values["within_macro"], pairs["within_macro"] = _mean_of_classes(*by_class), pairs["within"]
    for effect, (first, second) in EFFECTS.items():
        values[effect] = values[first] - values[second]
        pairs[effect] = np.minimum(pairs[first], pairs[second])
    in_order = [np.stack([part[name] for name in STATISTICS], axis=-1) for part in (values, pairs)]
    return in_order[0], in_order[1]


def kinds_of_pairs(
    c: np.ndarray, p: np.ndarray, cp: np.ndarray, total: np.ndarray
) -> dict[str, np.ndarray]:
    """
    Split what adds up over pairs by kind of pair, from its sums over pairs within classes, predictions, cells, and all.

    References
    ----------
    mathematics#class-x-prediction: same/same = q(cp), same class only = q(c) - q(cp), same prediction only = q(p) - q(cp), neither =
    q(all) - q(c) - q(p) + q(cp).
    """
    return {
        "within": c,
        "between": total - c,
        "all": total,
        "same_prediction": p,
        "same_class_same_prediction": cp,
        "same_class_other_prediction": c - cp,
        "other_class_same_prediction": p - cp,
        "other_class_other_prediction": total - c - p + cp,
    }


def ratio(numerator: np.ndarray | float, denominator: np.ndarray | float) -> np.ndarray:
    """Return the numerator / denominator, NaN where the denominator is not positive.

    Parameters
    ----------
    numerator, denominator : float or float arrays that broadcast

    Returns
    -------
    float64 array

    References
    ----------
    mathematics#means-over-pairs
    """
    undefined = np.full(np.shape(numerator), np.nan)
    return np.divide(numerator, denominator, out=undefined, where=np.asarray(denominator) > 0)


def _mean_of_classes(sums: np.ndarray, pairs: np.ndarray) -> np.ndarray:
    """Return the mean over the classes that have a pair, (G, B) -> (B,)."""
    return ratio(np.where(pairs > 0, ratio(sums, pairs), 0).sum(axis=0), (pairs > 0).sum(axis=0))


def pair_statistics_streamed(
    rows: Sliced,
    classes: np.ndarray,
    predictions: np.ndarray,
    metric: str = "euclidean",
    block: int = 1024,
) -> dict[str, PairMean]:
    """
    Return the statistics of `pair_statistics` for a metric that is not an inner product, over blocks of the pair matrix.

    Parameters
    ----------
    rows : (N, D) array, or anything that gives an array for rows[start:stop]
    classes, predictions : (N,) int arrays
    metric : str
        One of `vectors.METRICS`; degenerate rows (cosine, correlation) have similarity 0: leave them out before.
    block : int
        Rows a block; memory is O(block (block + D)).

    Returns
    -------
    dict of name to PairMean, as `pair_statistics`.

    References
    ----------
    mathematics#means-over-pairs
    """
    _, classes = np.unique(classes, return_inverse=True)
    n_classes = classes.max(initial=-1) + 1
    predictions = np.asarray(predictions)
    class_sums, class_pairs, other = np.zeros(n_classes), np.zeros(n_classes), np.zeros((3, 2))
    for i, j, a, b in row_block_pairs(rows, len(classes), metric, block):
        scores = product_block(a, b, metric)
        valid = np.arange(i, i + len(a))[:, None] < np.arange(j, j + len(b))
        same_class = valid & (classes[i : i + len(a), None] == classes[j : j + len(b)])
        same_prediction = valid & (predictions[i : i + len(a), None] == predictions[j : j + len(b)])
        codes = classes[i : i + len(a)]
        class_sums += np.bincount(codes, np.where(same_class, scores, 0).sum(axis=1), n_classes)
        class_pairs += np.bincount(codes, same_class.sum(axis=1), n_classes)
        for k, mask in enumerate((same_prediction, same_class & same_prediction, valid)):
            other[k] += np.where(mask, scores, 0).sum(), np.count_nonzero(mask)
    values, pairs = table_of_groupings(
        (class_sums[:, None], class_pairs[:, None]), *other[:, :, None]
    )
    return named(values[0], pairs[0])


def row_block_pairs(
    rows: Sliced, n: int, metric: str, block: int
) -> Iterator[tuple[int, int, np.ndarray, np.ndarray]]:
    """Yield (i, j, rows from i, rows from j), i <= j, for every block of the upper triangle of the pair matrix.

    References
    ----------
    mathematics#means-over-pairs
    """
    for i in range(0, n, block):
        a, _ = prepared_rows(rows[i : i + block], metric)
        for j in range(i, n, block):
            yield i, j, a, a if i == j else prepared_rows(rows[j : j + block], metric)[0]
