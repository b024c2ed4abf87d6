"""Two trees of the same leaves side by side: in which order their leaves stand so that lines between equal leaves cross least."""

import functools
from collections.abc import Mapping, Sequence

import numpy as np

from gradtools.math.trees import leaves

ROUNDS = 10
EQUAL = 1e-9  # share of the largest height below which two heights are one


def untangle(first: np.ndarray, second: np.ndarray) -> tuple[np.ndarray, np.ndarray, int]:
    """
    Turn the clusters of both trees so that few lines between equal leaves cross.

    Where each cluster joins two others, a tree turned against a fixed order has the fewest crossings there are: what two
    clusters' lines do to each other depends on the order of these two alone. The trees take turns until nothing is gained.

    Parameters
    ----------
    first, second : (n-1, 4) arrays of merges (`math.trees`)

    Returns
    -------
    first, second : (n,) int arrays
        The leaves of both, in order.
    crossings : int

    References
    ----------
    H. Fernau, M. Kaufmann, M. Poths, Comparing trees via crossing minimization, J. Computer and System Sciences 76 (2010).
    mathematics#tanglegrams
    """
    left, right = leaves(first), leaves(second)
    best = left, right, crossings(left, right)
    for _ in range(ROUNDS):
        right = turned(second, _places(left))
        left = turned(first, _places(right))
        now = crossings(left, right)
        if now >= best[2]:
            break
        best = left, right, now
    return best


def turned(merges: np.ndarray, places: np.ndarray) -> np.ndarray:
    """
    Return the leaf order of a tree that crosses little with leaves at fixed places.

    Parameters
    ----------
    merges : (n-1, 4) array
        Merges of one height are one cluster of several (a taxonomy's group), whose parts may stand in any order.
    places : (n,) array
        Place of every leaf on the other side.

    Returns
    -------
    (n,) int array

    References
    ----------
    mathematics#tanglegrams
    """
    n, same = len(merges) + 1, EQUAL * max(merges[-1, 2], 1e-300)
    places_of = {
        leaf: np.array([place]) for leaf, place in enumerate(places)
    }  # sorted places of the leaves of each cluster
    parts = {leaf: [leaf] for leaf in range(n)}

    def before(a: int, b: int) -> int:
        """Crossings of one's lines with the other's as they stand, beside half of all."""
        return 2 * np.searchsorted(places_of[b], places_of[a]).sum() - len(places_of[a]) * len(
            places_of[b]
        )

    for row, (left, right, height, _) in enumerate(merges):
        children = [
            part
            for child in (int(left), int(right))
            for part in (
                parts[child] if child >= n and height - merges[child - n, 2] <= same else [child]
            )
        ]
        parts[n + row] = sorted(children, key=functools.cmp_to_key(before))
        places_of[n + row] = np.sort(np.concatenate([places_of[int(left)], places_of[int(right)]]))
    return _expanded(parts, n)


def _expanded(parts: Mapping[int, Sequence[int]], n: int) -> np.ndarray:
    """Return the leaves below the root, in order."""
    order, waiting = [], [2 * n - 2]
    while waiting:
        node = waiting.pop()
        if node < n:
            order.append(node)
        else:
            waiting += reversed(parts[node])
    return np.array(order)


def _places(order: np.ndarray) -> np.ndarray:
    """Place of each leaf in an order (n,)."""
    places = np.empty(len(order), dtype=int)
    places[order] = np.arange(len(order))
    return places


def crossings(first: np.ndarray, second: np.ndarray) -> int:
    """
    Count the pairs of lines that cross between two orders of the same leaves ((n,) each); leaves in random order have
    n (n - 1) / 4 on average.

    References
    ----------
    mathematics#tanglegrams
    """
    places = _places(second)[first]
    return int(sum(np.count_nonzero(places[:i] > place) for i, place in enumerate(places)))
