"""
Bootstrap of large data sets to first order: how much each image's weight moves a mean over pairs.

A replicate is value + sum (c_i - 1) psi_i, psi_i the derivative by the weight of image i. It asks for a second pass
over the rows and no sums per resample, so the number of resamples is not bounded by memory.
"""

from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass
from typing import TYPE_CHECKING

import numpy as np
from scipy import sparse

from gradtools.math.pairs.bootstrap import poisson_counts
from gradtools.math.pairs.group_sums import CellSums, scaled_rows
from gradtools.math.pairs.pair_means import (
    EFFECTS,
    STATISTICS,
    gathered,
    kinds_of_pairs,
    pair_statistics,
    ratio,
)

if TYPE_CHECKING:
    from gradtools.math.pairs.pair_means import PairMean

# Rows whose counts, in every resample, stay in the cache.
COUNTED_ROWS = 1024


def linear_replicates(value: np.ndarray, influence: np.ndarray, counts: np.ndarray) -> np.ndarray:
    """
    Return the replicates to first order: value (S,) + (counts (B, N) - 1) @ influence (N, S) -> (B, S).

    The part left out is of order 1/N beside a spread of order 1/sqrt(N); for a pair AUC near .5 of a few hundred
    images it is a sixth of the spread.

    References
    ----------
    B. Efron, The Jackknife, the Bootstrap and Other Resampling Plans (SIAM 1982), ch. 6 (infinitesimal jackknife).
    mathematics#influence
    """
    return value + (np.asarray(counts, dtype=np.float64) - 1) @ influence


def bootstrap_pair_statistics_streamed(
    blocks: Iterable[tuple[np.ndarray, np.ndarray]],
    totals: CellSums,
    cell_class: np.ndarray,
    cell_prediction: np.ndarray,
    resamples: int = 1000,
    seed: int = 0,
    metric: str = "cosine",
) -> np.ndarray:
    """
    Return the replicates of `pairs.STATISTICS` for data sets of any size, with Poisson(1) counts, centred within each class.

    Parameters
    ----------
    blocks : iterable of (rows (n, D), cell (n,) int)
        The same rows that `cells.cell_sums` made totals of, in the order of the data set.
    totals : CellSums
    cell_class, cell_prediction : (M,) int arrays
    resamples, seed : int
    metric : str
        cosine | correlation | dot

    Returns
    -------
    (B, S) float64 array; the same counts for every feature of a data set, however it is cut into blocks.

    References
    ----------
    mathematics#influence: to first order (`linear_replicates`).
    """
    groupings = _groupings(totals, cell_class, cell_prediction)
    values, class_of_cell = (
        pair_statistics(totals, cell_class, cell_prediction, metric),
        groupings[0].code,
    )
    n_classes, scale = len(groupings[0].size), _scale_of_classes(groupings[0].size)
    moved, first = np.zeros((resamples, len(STATISTICS))), 0
    excess, class_influence = (
        np.zeros((n_classes, resamples)),
        np.zeros((n_classes, len(STATISTICS))),
    )
    for rows, cell in blocks:
        for start in range(0, len(rows), COUNTED_ROWS):
            at = first + start
            part, code = _selected(
                rows[start : start + COUNTED_ROWS], cell[start : start + COUNTED_ROWS], metric, at
            )
            counts = (
                poisson_counts(at, at + len(code), resamples, seed)[:, code >= 0].astype(np.float64)
                - 1
            )
            code = code[code >= 0]
            psi = _pair_influence(part, code, groupings, values)
            psi *= scale[class_of_cell[code], None]
            of_class = sparse.csr_array(
                (np.ones(len(code)), (class_of_cell[code], np.arange(len(code)))),
                shape=(n_classes, len(code)),
            )
            moved += counts @ psi
            excess += of_class @ counts.T
            class_influence += of_class @ psi
        first += len(rows)
    # Images are resampled within their class: a class that happens to grow is no news.
    mean_influence = class_influence / np.maximum(groupings[0].size, 1)[:, None]
    return np.array([mean.value for mean in values.values()]) + moved - excess.T @ mean_influence


def _scale_of_classes(sizes: np.ndarray) -> np.ndarray:
    """Return the square root of m / (m - 1) for classes of m images, (G,): centring takes (m - 1) / m of the variance."""
    sizes = np.maximum(sizes, 2)
    return np.sqrt(sizes / (sizes - 1))


@dataclass(frozen=True)
class Grouping:
    """Group (M,) of every cell; of every group the sum of its rows (G, D), of |x|^2 (G,), and its size (G,)."""

    code: np.ndarray
    sums: np.ndarray
    squares: np.ndarray
    size: np.ndarray


def _groupings(
    totals: CellSums, cell_class: np.ndarray, cell_prediction: np.ndarray
) -> list[Grouping]:
    """Return the groupings by class, prediction, cell, and all together."""
    parts = totals.sums, totals.squares, totals.counts
    return [
        Grouping(
            np.unique(codes, return_inverse=True)[1], *(gathered(codes, part) for part in parts)
        )
        for codes in (
            cell_class,
            cell_prediction,
            np.arange(len(cell_class)),
            np.zeros(len(cell_class)),
        )
    ]


def _selected(
    rows: np.ndarray, cell: np.ndarray, metric: str, first: int
) -> tuple[np.ndarray, np.ndarray]:
    """Return the rows that count, scaled ((m, D) float64), and every row's cell ((n,) int), -1 where it does not count."""
    rows, scale, keep = scaled_rows(rows, cell, metric, first)
    return rows[keep] * scale[keep, None], np.where(keep, cell, -1)


def _pair_influence(
    rows: np.ndarray,
    code: np.ndarray,
    groupings: Sequence[Grouping],
    values: "Mapping[str, PairMean]",
) -> np.ndarray:
    """Return the derivative of every statistic by the weight of each image: rows (n, D), code (n,) -> (n, S)."""
    squares = np.einsum("nd,nd->n", rows, rows)
    partners = [
        np.stack(
            [
                np.einsum("nd,nd->n", rows, by.sums[by.code[code]]) - squares,
                by.size[by.code[code]] - 1,
            ]
        )
        for by in groupings
    ]
    psi = {
        name: (sums - values[name].value * pairs) / values[name].pairs
        if values[name].pairs
        else np.zeros(len(code))
        for name, (sums, pairs) in kinds_of_pairs(*partners).items()
    }
    psi["within_macro"] = _macro_influence(partners[0], groupings[0], code)
    psi.update({effect: psi[first] - psi[second] for effect, (first, second) in EFFECTS.items()})
    return np.stack([psi[name] for name in STATISTICS], axis=1)


def _macro_influence(partners: np.ndarray, by_class: Grouping, code: np.ndarray) -> np.ndarray:
    """Return the derivative of the mean of the class means: partners (2, n), sums over an image's pairs and their number."""
    pairs = by_class.size * (by_class.size - 1) / 2
    sums = (np.einsum("gd,gd->g", by_class.sums, by_class.sums) - by_class.squares) / 2
    group = by_class.code[code]
    of_image = partners[0] - ratio(sums, pairs)[group] * partners[1]
    return np.where(pairs[group] > 0, ratio(of_image, pairs[group]), 0) / max(
        np.count_nonzero(pairs), 1
    )
