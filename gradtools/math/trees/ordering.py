"""The order of the leaves in which neighbours are as near as the tree allows.

scipy has a function for it whose orders are not optimal (scipy issue 11227: wrong in most trees of eight leaves that were tried),
and slower, so this is our own.
"""

import dataclasses

import numpy as np

from gradtools.math.trees.cutting import leaves

BLOCK_ENTRIES = 1 << 18  # of sums of which minima are taken at once: they stay in the cache


def optimal_order(merges: np.ndarray, condensed: np.ndarray) -> np.ndarray:
    """
    Return the order with the least sum of distances between neighbours, of all 2^(N-1) that turning clusters round allows.

    Parameters
    ----------
    merges : (N-1, 4) array
    condensed : (N(N-1)/2,) array of distances

    Returns
    -------
    (N,) int array of leaves. Of an order and its reverse, the one in which the larger part of the root comes first.

    References
    ----------
    Z. Bar-Joseph, D. K. Gifford, T. S. Jaakkola, Fast optimal leaf ordering for hierarchical clustering, Bioinformatics 17 (2001),
    in O(N^3) time: M(i, j) of a cluster is the shortest path through its leaves from i in one part to j in the other.
    mathematics#leaf-order
    """
    from scipy.spatial.distance import squareform

    n, start = len(merges) + 1, leaves(merges)
    apart = squareform(condensed, checks=False)[np.ix_(start, start)]  # clusters are contiguous
    parts = _parts(merges, start)
    best = np.zeros((n, n))  # every pair's M, of the smallest cluster that holds both
    for left, right in parts[n:]:
        through = np.empty(
            (left.size, right.size)
        )  # from i in left through all of left to k in right
        for ends, others in left.turns:
            through[ends.start - left.start : ends.stop - left.start] = _min_plus(
                best[ends, others], apart[others, right.places]
            )
        for ends, others in right.turns:
            inside = slice(others.start - right.start, others.stop - right.start)
            best[left.places, ends] = _min_plus(through[:, inside], best[others, ends])
        best[right.places, left.places] = best[left.places, right.places].T
    order = start[_traced(parts, best, apart)]
    return order if _larger_first(merges, order) else order[::-1]


@dataclasses.dataclass(frozen=True)
class _Part:
    """A cluster as a range of places; `turns`: where one end of a path through it lies, and where the other."""

    node: int
    start: int
    stop: int
    turns: tuple  # of pairs of slices

    @property
    def size(self) -> int:
        return self.stop - self.start

    @property
    def places(self) -> slice:
        return slice(self.start, self.stop)

    def other_end(self, place: int) -> slice:
        """Return where a path that begins at a place ends (slice)."""
        return next(others for ends, others in self.turns if ends.start <= place < ends.stop)


def _parts(merges: np.ndarray, start: np.ndarray) -> list:
    """Return both parts of each cluster, in the order of the places; None for leaves."""
    n = len(start)
    by_node: list = [None] * n
    for place, leaf in enumerate(start):
        itself = slice(place, place + 1)
        by_node[leaf] = _Part(leaf, place, place + 1, ((itself, itself),))
    pairs: list = [None] * n
    for node, (first, second, _, _) in enumerate(merges, n):
        left, right = sorted(
            (by_node[int(first)], by_node[int(second)]), key=lambda part: part.start
        )
        by_node.append(
            _Part(
                node,
                left.start,
                right.stop,
                ((left.places, right.places), (right.places, left.places)),
            )
        )
        pairs.append((left, right))
    return pairs


def _min_plus(a: np.ndarray, b: np.ndarray) -> np.ndarray:
    """Return the min over q of a[p, q] + b[q, s]: (P, Q), (Q, S) -> (P, S)."""
    least = np.empty((len(a), b.shape[1]))
    step = max(1, BLOCK_ENTRIES // max(b.size, 1))
    for first in range(0, len(a), step):
        least[first : first + step] = (a[first : first + step, :, None] + b).min(axis=1)
    return least


def _traced(parts: list, best: np.ndarray, apart: np.ndarray) -> np.ndarray:
    """Return the places along the shortest path through all leaves."""
    left, right = parts[-1]
    block = best[left.places, right.places]
    first, last = np.unravel_index(block.argmin(), block.shape)
    order, waiting = [], [(len(parts) - 1, left.start + first, right.start + last)]
    while waiting:
        node, first, last = waiting.pop()
        if parts[node] is None:
            order.append(first)
            continue
        near, far = parts[node] if first < parts[node][1].start else parts[node][::-1]
        out, into = near.other_end(first), far.other_end(last)
        paths = best[first, out][:, None] + apart[out, into] + best[into, last]
        end, begin = np.unravel_index(paths.argmin(), paths.shape)
        waiting += [(far.node, into.start + begin, last), (near.node, first, out.start + end)]
    return np.array(order)


def _larger_first(merges: np.ndarray, order: np.ndarray) -> bool:
    """Return True if the order begins with the larger part of the root; of two equal ones, with the one that holds together lower down."""
    n, places = len(merges) + 1, np.argsort(order)
    parts = [leaves(merges, node) for node in merges[-1, :2]]
    heights = [merges[int(node) - n, 2] if node >= n else 0.0 for node in merges[-1, :2]]
    keys = [(-len(part), height) for part, height in zip(parts, heights)]
    first = int(places[parts[0]].min() > 0)
    return keys[first] <= keys[1 - first]


def arranged(merges: np.ndarray, order: np.ndarray) -> np.ndarray:
    """Arrange the children of each cluster of a tree in the order of the leaves ((N-1, 4) array).

    References
    ----------
    mathematics#leaf-order
    """
    n, merges = len(merges) + 1, merges.copy()
    first = np.empty(2 * n - 1, int)
    first[order] = np.arange(n)
    for node, row in enumerate(merges, n):
        pair = sorted((int(row[0]), int(row[1])), key=lambda child: first[child])
        row[:2], first[node] = pair, first[pair[0]]
    return merges
