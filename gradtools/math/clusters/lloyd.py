"""k-means of many starts at once: starts, repeats and half samples are start points and subsets of the same rows.

Lloyd's steps need inner products alone. With the Gram matrix of a subset at hand, the product of its rows with the sum of
a cluster is a sum of the Gram matrix's rows, and after the first steps few rows change their cluster: one sparse product
of what has moved updates the clusters of all starts together.

References
----------
S. P. Lloyd, Least squares quantization in PCM, IEEE Trans. Information Theory 28 (1982).
"""

from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np
from scipy import sparse

from gradtools.math.clusters import plus_plus

MAX_STEPS = 300  # as scikit-learn's max_iter

# Rows whose Gram matrix (200 MB) is held, so that k-means of all starts, repeats and halves runs together.
GRAM_ROWS = 5000

# Entries of the sums and of the candidates' distances that a batch of subsets may hold: what the caches keep is fastest.
BATCH_ENTRIES = 2**21


@dataclass(frozen=True)
class Starts:
    """labels (S, m) int32 of each start, and inertia (S,): sum of squared distances to the centres."""

    labels: np.ndarray
    inertia: np.ndarray


def kmeans_of_subsets(
    gram: np.ndarray, subsets: np.ndarray, k: int, fits: int = 1, n_init: int = 10, seed: int = 0
) -> np.ndarray:
    """
    Cluster many subsets of the same rows by k-means (Lloyd, greedy k-means++).

    Parameters
    ----------
    gram : (N, N) float64 array
        Inner products of the rows about their mean (`gram_matrix`).
    subsets : (B, m) int array
        Rows of each subset, k <= m.
    k : int
    fits : int
        Clusterings of each subset, every one the best of its own `n_init` starts.
    n_init, seed : int

    Returns
    -------
    (B, fits, m) int32 array of labels, in the order of the subset's rows. Labels are from 0; fewer than k occur where a
    subset has fewer distinct rows.

    References
    ----------
    mathematics#clustering-methods
    """
    return best_of_starts(gram, subsets, k, fits, n_init, seed).labels


def best_of_starts(
    gram: np.ndarray, subsets: np.ndarray, k: int, fits: int = 1, n_init: int = 10, seed: int = 0
) -> Starts:
    """
    Cluster as `kmeans_of_subsets` does, with the inertia: Starts of labels (B, fits, m) and inertia (B, fits).

    References
    ----------
    mathematics#clustering-methods
    """
    n_subsets, m = subsets.shape
    best = Starts(np.empty((n_subsets, fits, m), np.int32), np.empty((n_subsets, fits)))
    per_subset = max(m * m, fits * n_init * m * max(k, plus_plus.candidates(k)))
    step = max(1, BATCH_ENTRIES // per_subset)
    for first in range(0, n_subsets, step):
        part = subsets[first : first + step]
        blocks = gram[part[:, :, None], part[:, None, :]]
        # A stream of its own for each subset: its clusterings do not depend on the batch.
        drawn = np.stack(
            [plus_plus.numbers([seed, first + b], k, fits * n_init) for b in range(len(part))]
        )
        place = slice(first, first + len(part))
        best.labels[place], best.inertia[place] = _best(blocks, drawn, n_init)
    return best


def kmeans_of_seeds(gram: np.ndarray, k: int, seeds: Sequence[int], n_init: int) -> Starts:
    """
    Cluster the same rows once for every seed, each the best of `n_init` starts that depend on the seed alone.

    Parameters
    ----------
    gram : (N, N) float64 array
        Of `gram_matrix`.
    k : int
    seeds : sequence of int
    n_init : int

    Returns
    -------
    Starts
        labels (S, N) int32 and inertia (S,).

    References
    ----------
    mathematics#clustering-methods
    """
    step = max(1, BATCH_ENTRIES // (n_init * len(gram) * max(k, plus_plus.candidates(k))))
    parts = []
    for first in range(0, len(seeds), step):
        drawn = [plus_plus.numbers(seed, k, n_init) for seed in seeds[first : first + step]]
        parts.append(_best(gram[None], np.concatenate(drawn)[None], n_init))
    labels, inertia = zip(*parts)
    return Starts(np.concatenate(labels, axis=1)[0], np.concatenate(inertia, axis=1)[0])


def _best(blocks: np.ndarray, drawn: np.ndarray, n_init: int) -> tuple[np.ndarray, np.ndarray]:
    """Return the labels (B, F, m) and inertia (B, F) of the best of every `n_init` starts drawn (B, F n_init, k, t)."""
    starts = lloyd(blocks, plus_plus.first_centres(blocks, drawn))
    inertia = starts.inertia.reshape(len(blocks), -1, n_init)
    labels = starts.labels.reshape(*inertia.shape, -1)
    best = inertia.argmin(axis=2)[:, :, None]
    labels = np.take_along_axis(labels, best[..., None], axis=2)[:, :, 0]
    return labels, np.take_along_axis(inertia, best, axis=2)[:, :, 0]


def gram_matrix(x: np.ndarray) -> np.ndarray:
    """Return the inner products (N, N) of rows (N, D) about their mean, which keeps the digits of rows far from the origin.

    References
    ----------
    mathematics#clustering-methods
    """
    centred = np.asarray(x, dtype=np.float64)
    centred = centred - centred.mean(axis=0)
    return centred @ centred.T


def lloyd(blocks: np.ndarray, centres: np.ndarray) -> Starts:
    """
    Run Lloyd's algorithm from rows as first centres until no row changes its cluster, all starts together.

    Parameters
    ----------
    blocks : (B, m, m) float64 array
        Gram matrix of each subset.
    centres : (B, s, k) int array
        Rows of the subset that each start begins from.

    Returns
    -------
    Starts
        Of B s starts, subset by subset. An empty cluster takes the row that is farthest from its centre, as in scikit-learn.

    References
    ----------
    mathematics#clustering-methods
    """
    n_subsets, m, _ = blocks.shape
    s, k = centres.shape[1:]
    subset = np.repeat(np.arange(n_subsets), s)
    squares = np.einsum("bii->bi", blocks)
    rows = blocks.reshape(-1, m)
    state = _State(np.zeros((len(subset), m), np.int32), np.full(len(subset), np.nan))
    # Products of all rows with each cluster's sum, the clusters' sizes, and the members that these are of.
    sums = rows[(subset[:, None] * m + centres.reshape(len(subset), k))]
    sizes = np.ones((len(subset), k))
    lengths = squares[subset[:, None], centres.reshape(len(subset), k)]
    members = np.full((len(subset), m), -1, np.int32)
    active, before = np.arange(len(subset)), None
    for _ in range(MAX_STEPS):
        labels, cost = _assigned(sums, sizes, lengths)
        done = np.zeros(len(active), bool) if before is None else (labels == before).all(axis=1)
        if done.any():
            ended = active[done]
            state.labels[ended] = labels[done]
            state.inertia[ended] = squares[subset[ended]].sum(axis=1) + cost[done].sum(axis=1)
            going = ~done
            active, labels, cost = active[going], labels[going], cost[going]
            sums, sizes, lengths, members = (
                part[going] for part in (sums, sizes, lengths, members)
            )
        if not len(active):
            return Starts(state.labels, state.inertia)
        before, filled = labels, _without_empty(labels, cost, squares[subset[active]], k)
        sums, sizes = _moved(rows, subset[active], sums, members, filled, k)
        members = filled
        lengths = _lengths(sums, sizes, members)
    state.labels[active] = before
    state.inertia[active] = squares[subset[active]].sum(axis=1) + cost.sum(axis=1)
    return Starts(state.labels, state.inertia)


@dataclass
class _State:
    """Results of the starts that have ended."""

    labels: np.ndarray
    inertia: np.ndarray


def _assigned(
    sums: np.ndarray, sizes: np.ndarray, lengths: np.ndarray
) -> tuple[np.ndarray, np.ndarray]:
    """Return the nearest centre of every row (A, m), and |x - c|^2 - |x|^2 there; empty clusters are nobody's."""
    slope = np.divide(-2, sizes, out=np.zeros_like(sizes), where=sizes > 0)
    offset = np.where(sizes > 0, lengths, np.inf)
    cost = slope[:, 0, None] * sums[:, 0]
    cost += offset[:, 0, None]
    labels, other, nearer = np.zeros(cost.shape, np.int32), np.empty_like(cost), cost < 0
    for j in range(1, sums.shape[1]):
        np.multiply(sums[:, j], slope[:, j, None], out=other)
        other += offset[:, j, None]
        np.copyto(labels, j, where=np.less(other, cost, out=nearer))
        np.minimum(cost, other, out=cost)
    return labels, cost


def _without_empty(labels: np.ndarray, cost: np.ndarray, squares: np.ndarray, k: int) -> np.ndarray:
    """Return the labels in which each empty cluster has taken one of the rows farthest from their centres, if any is off its centre."""
    sizes = _sizes(labels, k)
    lacking = np.flatnonzero((sizes == 0).any(axis=1))
    if not len(lacking):
        return labels
    labels = labels.copy()
    for start in lacking:
        empty = np.flatnonzero(sizes[start] == 0)
        distance = squares[start] + cost[start]
        far = np.argsort(-distance, kind="stable")[: len(empty)]
        far = far[distance[far] > 1e-12 * squares[start].max()]
        labels[start, far] = empty[: len(far)]
    return labels


def _sizes(labels: np.ndarray, k: int) -> np.ndarray:
    """Return the members of each cluster, (A, m) -> (A, k)."""
    codes = labels + np.arange(len(labels))[:, None] * k
    return np.bincount(codes.ravel(), minlength=len(labels) * k).reshape(-1, k)


def _moved(
    rows: np.ndarray,
    subset: np.ndarray,
    sums: np.ndarray,
    members: np.ndarray,
    labels: np.ndarray,
    k: int,
) -> tuple[np.ndarray, np.ndarray]:
    """Return the sums and sizes of the clusters after the rows that changed have moved; members of -1 were in none."""
    m = labels.shape[1]
    start, row = np.nonzero(members != labels)
    came, left = labels[start, row], members[start, row]
    if (members[:, 0] < 0).all():
        sums, left = np.zeros_like(sums), left[:0]
    at = subset[start] * m + row
    had = slice(0, len(left))
    change = sparse.coo_array(
        (
            np.repeat([1.0, -1.0], [len(came), len(left)]),
            (
                np.concatenate([start * k + came, start[had] * k + left]),
                np.concatenate([at, at[had]]),
            ),
        ),
        shape=(len(labels) * k, len(rows)),
    ).tocsr()
    touched = np.flatnonzero(np.diff(change.indptr))
    flat = sums.reshape(-1, m)
    flat[touched] += change[touched] @ rows
    return sums, _sizes(labels, k).astype(float)


def _lengths(sums: np.ndarray, sizes: np.ndarray, members: np.ndarray) -> np.ndarray:
    """Return the squared length of each centre, (A, k)."""
    k = sums.shape[1]
    to_centre = np.take_along_axis(sums, members[:, None], axis=1)[:, 0]
    codes = members + np.arange(len(members))[:, None] * k
    total = np.bincount(codes.ravel(), to_centre.ravel(), minlength=len(members) * k).reshape(-1, k)
    return np.divide(total, sizes**2, out=np.zeros_like(total), where=sizes > 0)
