"""From sums over tiles of pairs to means: of every weighting of the images, and by class and prediction."""

from collections.abc import Iterable
from dataclasses import dataclass

import numpy as np

from gradtools.math.pairs.pair_means import PairMean, named, ratio, table_of_groupings

Shared = tuple[int, slice, slice]  # a group, and its rows and columns of a tile
STATISTICS = ("within", "within_macro", "between")


@dataclass(frozen=True)
class MapPairs:
    """
    One metric: means by name (`STATISTICS`, or those of `pairs` where predictions were given), the groups' own values and
    pairs (G,), degenerate maps that were left out, and replicates (B, S) in the order of the means.
    """

    means: dict[str, PairMean]
    group_values: np.ndarray
    group_pairs: np.ndarray
    degenerate: int
    replicates: np.ndarray


def unordered(values: np.ndarray, diagonal: bool) -> np.ndarray:
    """Return the pair values with 0 where there is no pair: below the diagonal, and at degenerate maps.

    Parameters
    ----------
    values : (a, b) float64 array
        NaN at degenerate maps.
    diagonal : bool
        Whether the block lies on the diagonal: then only the pairs above it count.

    Returns
    -------
    (a, b) float64 array

    References
    ----------
    mathematics#means-over-pairs-of-maps
    """
    values = np.triu(values, 1) if diagonal else values
    values[np.isnan(values)] = 0
    return values


def add(
    sums: np.ndarray,
    values: np.ndarray,
    left: np.ndarray,
    right: np.ndarray,
    shared: Iterable[Shared],
    between: bool,
) -> None:
    """Add a tile to the sums within groups, sums[:-1] (G, 1 + B), and to the sum over all pairs, sums[-1].

    References
    ----------
    mathematics#means-over-pairs-of-maps
    """
    for group, rows, columns in shared:
        sums[group] += _weighted(values[rows, columns], left[:, rows], right[:, columns])
    if between:
        sums[-1] += _weighted(values, left, right)


def add_equal(
    equal: np.ndarray,
    values: np.ndarray,
    left: np.ndarray,
    right: np.ndarray,
    shared: Iterable[Shared],
) -> None:
    """Add a tile's pairs of equal prediction, the others being 0, to the sum over all and to that over one class, (2, 1 + B).

    References
    ----------
    mathematics#means-over-pairs-of-maps
    """
    if values.any():
        equal[0] += _weighted(values, left, right)
        for _, rows, columns in shared:
            equal[1] += _weighted(values[rows, columns], left[:, rows], right[:, columns])


def _weighted(values: np.ndarray, left: np.ndarray, right: np.ndarray) -> np.ndarray:
    """Sum of c_i v_ij c_j of every weighting: values (n, m), left (B, n), right (B, m) -> (B,)."""
    return np.einsum("bm,bm->b", left @ values, right)


def summary(
    sums: np.ndarray,
    weights: np.ndarray,
    codes: np.ndarray,
    images: np.ndarray,
    usable: np.ndarray,
    between: bool,
    predicted: np.ndarray | None,
    equal: np.ndarray,
) -> MapPairs:
    """Return the means of every weighting from the sums over pairs; weighting 0 is the value itself, the others are replicates.

    Parameters
    ----------
    sums : (G + 1, 1 + B) float64 array
        Sums over the pairs of each group and, last, over all pairs.
    weights : (1 + B, N) array
        Copies of every map; row 0 is all ones.
    codes, images : (N,) int arrays
        Group (ascending) and image of every map.
    usable : (N,) bool array
        False for degenerate maps.
    between : bool
        Whether pairs of two groups were summed.
    predicted : (N,) int array or None
    equal : (2, 1 + B) float64 array
        Sums over pairs of equal prediction, and of equal group and prediction.

    References
    ----------
    mathematics#means-over-pairs-of-maps
    """
    within, n_groups = sums[:-1], len(sums) - 1
    pairs = _pairs_of_groups(weights, codes, images, usable, n_groups)
    all_pairs = (
        _pairs_of_groups(weights, np.zeros_like(codes), images, usable, 1)[0]
        if between
        else pairs.sum(axis=0)
    )
    over_all = sums[-1] if between else within.sum(axis=0)
    if predicted is None:
        means, numbers = _of_groups(within, pairs, over_all, all_pairs)
        table = {
            name: PairMean(float(m), int(p)) for name, m, p in zip(STATISTICS, means[0], numbers[0])
        }
    else:
        by_prediction, by_cell = (
            (equal[k], _equal_pairs(weights, keys, images, usable))
            for k, keys in enumerate((predicted, codes * len(codes) + predicted))
        )
        means, numbers = table_of_groupings(
            (within, pairs), by_prediction, by_cell, (over_all, all_pairs)
        )
        table = named(means[0], numbers[0])
    return MapPairs(
        table,
        ratio(within, pairs)[:, 0],
        pairs[:, 0].astype(np.int64),
        int(np.count_nonzero(~usable)),
        means[1:],
    )


def _of_groups(
    within: np.ndarray, pairs: np.ndarray, over_all: np.ndarray, all_pairs: np.ndarray
) -> tuple[np.ndarray, np.ndarray]:
    """Return `STATISTICS` and their pairs, (1 + B, 3) each, from sums over the pairs of groups (G, 1 + B) and over all (1 + B,)."""
    macro = ratio(np.where(pairs > 0, ratio(within, pairs), 0).sum(axis=0), (pairs > 0).sum(axis=0))
    micro_sum, micro_pairs = within.sum(axis=0), pairs.sum(axis=0)
    between_pairs = all_pairs - micro_pairs
    means = [ratio(micro_sum, micro_pairs), macro, ratio(over_all - micro_sum, between_pairs)]
    return np.stack(means, axis=-1), np.stack([micro_pairs, micro_pairs, between_pairs], axis=-1)


def _equal_pairs(
    weights: np.ndarray, keys: np.ndarray, images: np.ndarray, usable: np.ndarray
) -> np.ndarray:
    """Return the weight of the pairs of usable maps of two images of equal keys (N,), in any order: (1 + B,)."""
    order = np.argsort(keys, kind="stable")
    _, codes = np.unique(keys[order], return_inverse=True)
    return _pairs_of_groups(
        weights[:, order], codes, images[order], usable[order], codes.max(initial=-1) + 1
    ).sum(axis=0)


def _pairs_of_groups(
    weights: np.ndarray, codes: np.ndarray, images: np.ndarray, usable: np.ndarray, n_groups: int
) -> np.ndarray:
    """Return the weight of the pairs of usable maps of two images of each group, ((sum c)^2 - sum of (sum c of an image)^2) / 2: (G, 1 + B)."""
    ends = np.searchsorted(codes, np.arange(n_groups + 1))
    pairs = np.zeros((n_groups, len(weights)))
    for group, (start, stop) in enumerate(zip(ends, ends[1:])):
        kept = usable[start:stop]
        c = _of_images(weights[:, start:stop][:, kept].astype(np.float64), images[start:stop][kept])
        pairs[group] = (c.sum(axis=1) ** 2 - (c**2).sum(axis=1)) / 2
    return pairs


def _of_images(c: np.ndarray, images: np.ndarray) -> np.ndarray:
    """Return the sums of the columns of c (B, n) over equal images (n,)."""
    order = np.argsort(images, kind="stable")
    starts = np.flatnonzero(np.diff(images[order], prepend=-1))
    return c if len(starts) == len(images) else np.add.reduceat(c[:, order], starts, axis=1)
