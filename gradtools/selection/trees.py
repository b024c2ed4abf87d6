"""A tree of samples and its cut: what `gradtools dendrogram` makes, as its tables and pictures take it."""

import dataclasses

import numpy as np

from gradtools.selection import words
from gradtools.store import paths
from gradtools.store.reading import Store
from gradtools.store.sink import Sink


@dataclasses.dataclass(frozen=True)
class Tree:
    """A tree of n samples and its cut.

    Attributes
    ----------
    names : list of n str
        Ids.
    keep : (N,) bool array
        Which of the store's samples are leaves.
    merges : (n - 1, 4) float64 array
        As scipy has them.
    order : (n,) int array
        Leaves from the first to the last.
    labels, colours : (n,) int32 array
        Cluster of each leaf, 0 the first in leaf order: of the cut, and below the threshold of colours.
    clusters : dict of str to (k,) array
        size, height, joins, stability.
    facts : dict
        What the tree was made with, and the measures of how well it holds.
    """

    feature: str
    names: list[str]
    keep: np.ndarray
    merges: np.ndarray
    order: np.ndarray
    labels: np.ndarray
    colours: np.ndarray
    clusters: dict[str, np.ndarray]
    facts: dict[str, str | int | float]

    def write(self, sink: Sink) -> None:
        """Write it into an open store."""
        where = paths.linkage(self.feature)
        facts = self.facts | {"linkage_on": words.LINKAGE_ON[str(self.facts["linkage_on"])]}
        sink.table(where, self.clusters, f"clusters of {self.feature}", facts, row="cluster")
        sink.put(paths.inside(where, "merges"), self.merges, units=str(self.facts["height"]))
        sink.put(paths.inside(where, "order"), self.order.astype("i4"))
        sink.put(paths.inside(where, "label"), self.labels)


def read(source: Store, feature: str) -> Tree:
    """Read the tree of a feature from an open store; its colours are those of the cut."""
    where = paths.linkage(feature)
    clusters, facts = source.table(where)
    option = {stored: word for word, stored in words.LINKAGE_ON.items()}
    labels = source.needed(paths.inside(where, "label"))
    return Tree(
        feature,
        list(source.ids),
        np.ones(source.n_samples, dtype=bool),
        source.needed(paths.inside(where, "merges")),
        source.needed(paths.inside(where, "order")),
        labels,
        labels,
        clusters,
        facts | {"linkage_on": option[facts["linkage_on"]]},
    )
