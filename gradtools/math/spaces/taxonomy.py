"""Path lengths between the nodes of a taxonomy, and how well a tree of samples keeps to them (mathematics#taxonomies)."""

from collections.abc import Hashable, Sequence

import numpy as np


def path_lengths(
    edges: Sequence[tuple[Hashable, Hashable]], wanted: Sequence[Hashable]
) -> np.ndarray:
    """
    Return the number of edges on the shortest way between nodes that goes up to a common ancestor and down again.

    Parameters
    ----------
    edges : sequence of (child, parent)
        Hashable nodes, at most some thousands; a node may have several parents (WordNet). Nodes without a parent are put
        below one more node, the root of all.
    wanted : sequence of nodes
        n of them.

    Returns
    -------
    (n, n) float64 array

    Raises
    ------
    ValueError
        A node is its own ancestor, or all its ancestors are on a cycle; args[0] is that node.

    References
    ----------
    WordNet's path length: T. Pedersen et al., WordNet::Similarity, 2004.
    mathematics#taxonomies
    """
    parents: dict[Hashable, set[Hashable]] = {}
    for child, parent in edges:
        parents.setdefault(child, set()).add(parent)
        parents.setdefault(parent, set())
    above = [_ancestors(node, parents) for node in wanted]
    members: dict[Hashable, list[tuple[int, int]]] = {}
    for place, reached in enumerate(above):
        for node, steps in reached.items():
            members.setdefault(node, []).append((place, steps))
    lengths = np.full((len(wanted), len(wanted)), np.inf)
    for pairs in members.values():
        places, steps = np.array(pairs).T
        inside = np.ix_(places, places)
        lengths[inside] = np.minimum(lengths[inside], steps[:, None] + steps)
    np.fill_diagonal(lengths, 0)
    return lengths


ROOT = object()


def _ancestors(node: Hashable, parents: dict[Hashable, set[Hashable]]) -> dict[Hashable, int]:
    """Return {ancestor: fewest steps up to it}, the node itself with 0 and the root of all included."""
    steps, edge = {node: 0}, [node]
    while edge:
        above = []
        for current in edge:
            for parent in parents[current] or ((ROOT,) if current is not ROOT else ()):
                if parent == node:
                    raise ValueError(node)
                if parent not in steps:
                    steps[parent] = steps[current] + 1
                    above.append(parent)
                    parents.setdefault(ROOT, set())
        edge = above
    if ROOT not in steps:
        raise ValueError(node)
    return steps
