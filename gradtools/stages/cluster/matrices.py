"""Agglomerative clustering of a stored matrix of every pair, in stores that hold no features: what another program made, or `similarity --matrix`."""

import numpy as np

from gradtools.errors import UsageError
from gradtools.math import trees
from gradtools.math.clusters import half_samples
from gradtools.math.pairs.intervals import HALF_SAMPLES
from gradtools.selection import compared, feature_names
from gradtools.selection.results import Columns, Facts, Result
from gradtools.stages.cluster import indices
from gradtools.store import Store, paths

METHOD = "agglomerative"


def chosen(
    source: Store, requests: tuple[str, ...], methods: tuple[str, ...]
) -> list[tuple[str, str]]:
    """Return (feature, metric) of the matrices to cluster; none where the store has features, which are clustered then.

    Raises
    ------
    UsageError
        A method that takes rows.
    """
    stored = feature_names.matrices(source)
    if feature_names.names(source) or feature_names.map_names(source) or not stored:
        return []
    if methods != (METHOD,):
        raise UsageError(
            f"{source.name} holds a matrix of every pair and no features, which kmeans and gmm take: "
            f"--method {METHOD} --linkage average clusters a matrix"
        )
    return [pair for pair in stored if not requests or pair[0] in requests]


def clustered(
    source: Store,
    pair: tuple[str, str],
    k: int,
    groups: compared.Groups,
    linkage: str,
    halves: np.ndarray | None,
    facts: Facts,
) -> Result:
    """Cluster the samples of a matrix by the cut of its tree, with intervals from half samples.

    Parameters
    ----------
    pair : (str, str)
        Feature and metric of the matrix.
    halves : (B, n) bool array, optional
        None: no intervals.
    """
    rows = source.needed_rows(paths.matrix(*pair))
    matrix = rows.read(0, rows.shape[0])[groups.keep][:, groups.keep].astype(np.float64)
    labels, distances = _cut(matrix, pair[1], linkage, k)
    classes = groups.classes if groups.labelled and len(np.unique(groups.classes)) > 1 else None
    predictions = groups.predictions if groups.predicted else None
    columns: Columns = {"seed": np.zeros(1, int)}
    columns |= dict.fromkeys(("inertia", "log_likelihood"), np.full(1, np.nan))
    columns |= indices.agreements([distances], labels[None], classes, predictions)
    replicates = np.empty((0, len(half_samples.INDICES)))
    drawn: Facts = {"resampling": HALF_SAMPLES, "resamples": 0, "no_interval": "not asked for"}
    if halves is not None and len(halves):
        seed, size = int(facts["seed"]), (int(halves[0].sum()), len(labels))
        made = [
            _of_half(matrix, half, pair[1], linkage, k, classes, predictions, [seed, place])
            for place, half in enumerate(halves)
        ]
        replicates, shuffled = np.stack(made, axis=1)
        of_all = indices.means(columns)
        replicates = half_samples.rescaled(
            replicates, shuffled, of_all, labels[None], classes, predictions, size, seed
        )
        drawn = {"resampling": HALF_SAMPLES, "resamples": len(halves), "fits": 1}
        drawn |= {"drawn": size[0], "drawn_of": size[1]}
    facts = facts | {"k": k, "rows": len(labels), "degenerate": 0, "metric": pair[1]}
    return Result(
        paths.clusters(pair[0], METHOD),
        pair[0],
        method=METHOD,
        columns=columns,
        facts=facts | drawn | indices.bounds(columns, replicates, drawn),
        title=f"{METHOD} clustering ({linkage}) of the stored matrix {pair[0]} by {pair[1]}",
        replicates=replicates,
        labels=labels[None].astype(np.int32),
    )


def _cut(matrix: np.ndarray, metric: str, linkage: str, k: int) -> tuple[np.ndarray, np.ndarray]:
    """The cluster of every sample (n,), and the distances (n, n) that the tree is of."""
    apart = trees.distances_from_matrix(matrix, metric, linkage)
    labels = trees.cut(trees.linkage(apart, linkage, "none"), k)
    distances = np.zeros_like(matrix)
    first, second = np.triu_indices(len(matrix), 1)
    distances[first, second] = distances[second, first] = apart
    return labels, distances


def _of_half(
    matrix: np.ndarray,
    half: np.ndarray,
    metric: str,
    linkage: str,
    k: int,
    classes: np.ndarray | None,
    predictions: np.ndarray | None,
    seed: list[int],
) -> np.ndarray:
    """The indices of one half, clustered anew, with its labels and with shuffled ones, (2, 6) in the order of `half_samples.INDICES`."""
    labels, distances = _cut(matrix[np.ix_(half, half)], metric, linkage, k)
    own, answers = (None if codes is None else codes[half] for codes in (classes, predictions))
    columns = indices.agreements([distances], labels[None], own, answers)
    values = [columns[name][0] for name in half_samples.INDICES]
    return np.array([values, half_samples.shuffled_indices(labels[None], own, answers, seed)])
