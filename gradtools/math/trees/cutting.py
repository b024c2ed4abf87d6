"""Parts of a tree: leaf order, cuts, the cluster around a leaf, the tree above a cut."""

import numpy as np

from gradtools.errors import UsageError

COLOURED_SHARE = 0.7  # scipy's default threshold of the colours, as a share of the largest height
PUBLISHED_THRESHOLD = 2.0  # of the blog post


def leaves(merges: np.ndarray, node: int | None = None) -> np.ndarray:
    """
    Return the leaves of a cluster from one end of the picture to the other.

    Parameters
    ----------
    merges : (N-1, 4) array
    node : int, optional
        The cluster; by default the root.

    Returns
    -------
    (n,) int array

    References
    ----------
    mathematics#linkage-and-cuts
    """
    n = len(merges) + 1
    order, waiting = [], [2 * n - 2 if node is None else int(node)]
    while waiting:
        node = waiting.pop()
        if node < n:
            order.append(node)
        else:
            waiting += [int(merges[node - n, 1]), int(merges[node - n, 0])]
    return np.array(order)


def joins(merges: np.ndarray) -> np.ndarray:
    """Return the height at which each leaf and the next one in leaf order join, (N-1,) float64; with the order they are the whole tree.

    References
    ----------
    mathematics#linkage-and-cuts
    """
    n = len(merges) + 1
    first = np.zeros(2 * n - 1, int)
    first[leaves(merges)] = np.arange(n)
    heights, sizes = np.empty(n - 1), np.append(np.ones(n, int), merges[:, 3].astype(int))
    for place, (left, _, height, _) in enumerate(merges):
        left = int(left)
        first[n + place] = first[left]
        heights[first[left] + sizes[left] - 1] = height
    return heights


def cut(merges: np.ndarray, k: int | None = None, height: float | None = None) -> np.ndarray:
    """
    Cut a tree into clusters.

    Parameters
    ----------
    merges : (N-1, 4) array
    k : int
        So many clusters: the last k - 1 merges are undone, also where some have equal heights.
    height : float
        Instead: merges at this height or below hold, as scipy's fcluster by distance.

    Returns
    -------
    (N,) int32 array of cluster numbers, 0 for the first in leaf order.

    Raises
    ------
    UsageError
        k is not between 1 and N.

    References
    ----------
    mathematics#linkage-and-cuts
    """
    if k is None:
        if height is None:
            raise ValueError("cut needs k or a height")
        k = len(merges) + 1 - merged_below(merges, height)
    roots = cluster_nodes(merges, k)
    labels = np.empty(len(merges) + 1, np.int32)
    for number, node in enumerate(roots):
        labels[leaves(merges, node)] = number
    return labels


def merged_below(merges: np.ndarray, height: float) -> int:
    """Return the number of merges at a height or below it (int).

    References
    ----------
    mathematics#linkage-and-cuts
    """
    return int(np.searchsorted(merges[:, 2], height, side="right"))


def cluster_nodes(merges: np.ndarray, k: int) -> list[int]:
    """Return the clusters (list of int) that are left when the last k - 1 merges are undone, in leaf order.

    References
    ----------
    mathematics#linkage-and-cuts
    """
    n = len(merges) + 1
    if not 1 <= k <= n:
        raise UsageError(
            f"cannot cut a tree of {n} leaves into {k} clusters: ask for between 1 and {n}"
        )
    clusters, waiting = [], [2 * n - 2]
    while waiting:
        node = waiting.pop()
        if node > 2 * n - 1 - k:
            waiting += [int(merges[node - n, 1]), int(merges[node - n, 0])]
        else:
            clusters.append(node)
    return clusters


def threshold(merges: np.ndarray, on: str = "rows") -> float:
    """
    Return the default height of the cut, below which clusters have colours of their own.

    Parameters
    ----------
    merges : (N-1, 4) array
    on : str
        rows: scipy's share of the way from the lowest merge to the highest (scipy starts at 0, where long rows never merge);
        as-published, as-meant: the blog post's 2.

    Returns
    -------
    float

    References
    ----------
    mathematics#linkage-and-cuts
    """
    lowest, highest = float(merges[0, 2]), float(merges[-1, 2])
    return lowest + COLOURED_SHARE * (highest - lowest) if on == "rows" else PUBLISHED_THRESHOLD


def around(merges: np.ndarray, leaf: int, least: int = 2) -> tuple[np.ndarray, float]:
    """
    Return the smallest cluster around a leaf.

    Parameters
    ----------
    merges : (N-1, 4) array
    leaf : int
    least : int
        Leaves that it has at least.

    Returns
    -------
    members : (n,) int array, in leaf order
    height : float
        At which the cluster is whole.

    References
    ----------
    mathematics#linkage-and-cuts
    """
    n = len(merges) + 1
    if not 1 <= least <= n:
        raise UsageError(f"no cluster of {least} leaves in a tree of {n}")
    node, size, height = leaf, 1, 0.0
    for place, (first, second, at, count) in enumerate(merges):
        if size >= least:
            break
        if node in (first, second):
            node, size, height = n + place, count, float(at)
    return leaves(merges, node), height


def top(merges: np.ndarray, k: int) -> np.ndarray:
    """
    Return the tree above a cut: its leaves are the k clusters in leaf order.

    Returns
    -------
    (k-1, 4) float64 array of merges; sizes count clusters.

    References
    ----------
    mathematics#linkage-and-cuts
    """
    n = len(merges) + 1
    numbers = {node: number for number, node in enumerate(cluster_nodes(merges, k))}
    sizes, above = dict.fromkeys(range(k), 1), np.empty((k - 1, 4))
    for row, place in enumerate(range(n - k, n - 1)):
        pair = [numbers[int(node)] for node in merges[place, :2]]
        numbers[n + place] = k + row
        sizes[k + row] = sum(sizes[node] for node in pair)
        above[row] = *pair, merges[place, 2], sizes[k + row]
    return above
