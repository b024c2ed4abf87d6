"""
Means over all pairs of maps within groups and between them, block by block, with their bootstrap over images (mathematics#means-over-pairs-of-maps).

Maps are taken group by group. A weighting of the images, all ones or a resample's counts c, weighs a pair by c_i c_j;
copies of one image are not paired with each other.
"""

from collections.abc import Callable, Sequence

import numpy as np

from gradtools.math.maps.map_metrics import METRICS, MapSettings, pair_block, prepare
from gradtools.math.maps.map_pairs.blocks import block_length, prepared_cells, taken, tiles
from gradtools.math.maps.map_pairs.means import (
    STATISTICS,
    MapPairs,
    add,
    add_equal,
    summary,
    unordered,
)
from gradtools.math.rows.sliced import Sliced

__all__ = ["STATISTICS", "MapPairs", "block_length", "matrix_rows", "within_groups"]


def within_groups(
    maps: Sliced,
    groups: np.ndarray,
    metrics: Sequence[str] = METRICS,
    settings: MapSettings = MapSettings(),
    counts: np.ndarray | None = None,
    between: bool = False,
    block: int | None = None,
    images: np.ndarray | None = None,
    predictions: np.ndarray | None = None,
) -> dict[str, MapPairs]:
    """
    Return the mean of every metric over the unordered pairs of maps within groups.

    Parameters
    ----------
    maps : (N, H, W) array, or anything that gives an array for maps[rows], rows an ascending int array
        After `cams.read_maps`.
    groups : (N,) int array
        Classes; all zero for all pairs.
    metrics : sequence of str
    settings : MapSettings
    counts : (B, N) array, optional
        From `bootstrap.resample_weights(groups, ...)`.
    between : bool
        Pairs of maps of two groups as well: all N (N - 1) / 2 pairs are computed.
    block : int, optional
        Maps a block: by default as many as four blocks fit into a gibibyte, at most 256. It changes no value beyond
        rounding.
    images : (N,) int array, optional
        The image that each map is of, where images have several: two maps of one image are no pair. Maps of one image
        have one group and the same counts.
    predictions : (N,) int array, optional
        Of the images; with between, the means by class and prediction too (`pairs.STATISTICS`).

    Returns
    -------
    dict of metric to MapPairs, KLD, AUC and NSS as the mean of both directions. within is the mean over pairs (micro),
    within_macro the mean of the groups that have a pair; between is NaN where it was not asked for. NaN where a mean has
    no pairs. Groups come in ascending order.

    References
    ----------
    mathematics#means-over-pairs-of-maps, mathematics#bootstrap-over-images
    """
    groups = np.asarray(groups)
    order = (
        np.argsort(groups, kind="stable")
        if predictions is None
        else np.lexsort((predictions, groups))
    )
    _, codes = np.unique(groups[order], return_inverse=True)
    predicted = (
        None
        if predictions is None or not between
        else np.unique(np.asarray(predictions)[order], return_inverse=True)[1]
    )
    images = (np.arange(len(groups)) if images is None else np.asarray(images))[order]
    several = len(np.unique(images)) < len(images)
    weights = np.ones((1, len(groups)), dtype=np.float32)
    if counts is not None:
        weights = np.concatenate([weights, np.asarray(counts)[:, order]])
    block, cell = prepared_cells(maps, order, metrics, settings, block)
    sums = {metric: np.zeros((codes.max(initial=-1) + 2, len(weights))) for metric in metrics}
    equal = {metric: np.zeros((2, len(weights))) for metric in metrics}
    usable = {metric: np.ones(len(codes), dtype=bool) for metric in metrics}
    for rows, columns, shared in tiles(codes, block, between):
        a = taken(cell, rows, block)
        b = a if rows == columns else taken(cell, columns, block)
        left, right = weights[:, rows].astype(np.float64), weights[:, columns].astype(np.float64)
        for metric in metrics:
            usable[metric][rows] = ~a.degenerate[metric]
            values = unordered(pair_block(a, b, metric), rows == columns)
            if several:
                values[images[rows][:, None] == images[columns]] = 0
            add(sums[metric], values, left, right, shared, between)
            if predicted is not None:
                add_equal(
                    equal[metric],
                    values * (predicted[rows][:, None] == predicted[columns]),
                    left,
                    right,
                    shared,
                )
    return {
        metric: summary(
            sums[metric], weights, codes, images, usable[metric], between, predicted, equal[metric]
        )
        for metric in metrics
    }


def matrix_rows(
    maps: Sliced,
    metrics: Sequence[str] = METRICS,
    settings: MapSettings = MapSettings(),
    block: int | None = None,
) -> Callable[[int, int], dict[str, np.ndarray]]:
    """
    Return the whole matrix of every metric, some rows at a time.

    Parameters as for `within_groups`.

    Returns
    -------
    A function of start and stop that gives {metric: (stop - start, N) float64 array}, NaN in the rows and columns of degenerate maps

    References
    ----------
    mathematics#means-over-pairs-of-maps
    """
    n = len(maps)
    block, cell = prepared_cells(maps, np.arange(n), metrics, settings, block)

    def rows(start: int, stop: int) -> dict[str, np.ndarray]:
        matrix = {metric: np.empty((stop - start, n)) for metric in metrics}
        for first in range(start, stop, block):
            numbers = np.arange(first, min(first + block, stop))
            left = prepare(np.asarray(maps[numbers]), metrics, settings, numbers=numbers)
            for column in range(0, n, block):
                for metric in metrics:
                    matrix[metric][numbers - start, column : column + block] = pair_block(
                        left, cell(column // block), metric
                    )
        return matrix

    return rows
