"""Trees of merges over samples (mathematics#trees); scipy does the clustering.

A tree of N leaves is scipy's array of merges (N-1, 4): the two clusters that join (leaves are 0 to N-1, row i makes cluster
N + i), the height at which they do, and how many leaves they have together.
"""

from gradtools.math.trees.cutting import (
    around,
    cluster_nodes,
    cut,
    joins,
    leaves,
    merged_below,
    threshold,
    top,
)
from gradtools.math.trees.merging import (
    DIVERGENCES,
    LINKED_ON,
    METHODS,
    METRICS,
    ORDERS,
    cophenetic,
    distances,
    distances_from_matrix,
    linkage,
)
from gradtools.math.trees.newick import newick
from gradtools.math.trees.stability import Stability, jaccard, shuffled_cophenetic, stability

__all__ = [
    "LINKED_ON",
    "DIVERGENCES",
    "METHODS",
    "METRICS",
    "ORDERS",
    "Stability",
    "around",
    "cluster_nodes",
    "cophenetic",
    "cut",
    "distances",
    "distances_from_matrix",
    "jaccard",
    "joins",
    "leaves",
    "linkage",
    "merged_below",
    "newick",
    "shuffled_cophenetic",
    "stability",
    "threshold",
    "top",
]
