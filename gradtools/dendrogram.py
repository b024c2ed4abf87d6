"""features or similarity -> linkage: which classes, images or channels join, at which height, and whether that means anything.

Beside the cophenetic correlation and the stability of the cut stand those of rows whose values are permuted (SPEC 2).
"""

import dataclasses

import numpy as np

from gradtools import features, interrupt, provenance, samples, store
from gradtools.errors import GradtoolsError, UsageError
from gradtools.math import class_rows, trees, vectors
from gradtools.store import paths

MOST_BYTES = 2 << 30  # of the distances of all pairs
ORDERED_SAMPLES = 2000  # beyond, the optimal order of the leaves takes minutes and more


@dataclasses.dataclass(frozen=True)
class Options:
    """What decides the values."""

    features: tuple = ()
    rows: str | None = None  # how rows are normalised: post, raw, gauge; by default features.row_default
    metric: str | None = None  # by default euclidean of post, else cosine; of a matrix the one that is stored
    linkage: str = "ward"
    linkage_on: str = "rows"
    where: tuple = ()
    k: int | None = None
    cut_height: float | None = None
    color_threshold: float | None = None
    order: str | None = None  # by default optimal where it takes seconds
    resamples: int = 10
    seed: int = 0


@dataclasses.dataclass(frozen=True)
class Given:
    """What a tree is made from: rows, normalised, or the matrix of a metric; of which of the store's samples."""

    feature: str
    metric: str
    keep: np.ndarray  # (N,) bool, of the store's samples
    degenerate: int
    rows: np.ndarray | None = None  # (n, D) float64
    how: str = ""
    matrix: np.ndarray | None = None  # (n, n)


@dataclasses.dataclass(frozen=True)
class Tree:
    """A tree of n samples and its cut."""

    feature: str
    names: list  # n ids
    keep: np.ndarray  # (N,) bool, of the store's samples
    merges: np.ndarray  # (n-1, 4)
    order: np.ndarray  # (n,) leaves
    labels: np.ndarray  # (n,) int32: cluster, 0 the first in leaf order
    colours: np.ndarray  # (n,) int32: cluster below the threshold of colours
    clusters: dict  # columns of one row a cluster
    facts: dict


def dendrogram(source, output, options, *, carry=False, force=False, say=print, progress=None):
    """Make the tree of an open store's samples and, where there is an output, write it.

    Parameters
    ----------
    source : store.Store
        Of features, or of similarities with their matrix.
    output : str or None
        Path or '-'; None computes only.
    options : Options
    carry : bool
        Copy everything of the input.

    Returns
    -------
    Tree
    """
    begun = provenance.begin()
    if output is not None:
        store.check_output(output, force, [source])
    if options.k is not None and options.cut_height is not None:
        raise UsageError("--k and --cut-height both say where to cut: give one")
    given = _given(source, options)
    tree = _grown(source, given, options, say, progress or interrupt.unwatched)
    if output is not None:
        _write(source, output, tree, carry, force, say, begun, options)
    return tree


def around(source, tree, text):
    """The smallest cluster around a sample that a text names: its members ((n,) leaves in order) and its height."""
    row = samples.find(source, text)
    if not tree.keep[row]:
        raise UsageError(f"{source.ids[row]} is no leaf of this tree: --where leaves it out, or its row has no direction")
    return trees.around(tree.merges, int(tree.keep[:row].sum()))


def _given(source, options):
    """The rows of a feature, or the matrix of a store that has no features."""
    keep = samples.select(source, options.where)
    pairs = int(keep.sum()) * (int(keep.sum()) - 1) // 2
    if pairs * 8 > MOST_BYTES:
        raise GradtoolsError(f"{source.name}: {int(keep.sum())} samples have {pairs * 8 / 2 ** 30:.0f} GiB of distances: take fewer with --where")
    if features.names(source):
        return _rows(source, keep, options)
    return _matrix(source, keep, options)


def _rows(source, keep, options):
    """The chosen feature's rows; those without a direction are left out where the metric asks for one."""
    found = features.resolve(source, options.features, control=not options.features)
    if options.features and len(found) > 1:
        raise UsageError(f"--feature names {', '.join(feature.name for feature in found)}: a tree is of one, so give one")
    feature, how = found[0], options.rows or features.row_default(source)
    metric = options.metric or ("euclidean" if how == "post" and options.linkage_on == "rows" else "cosine")
    if metric not in trees.METRICS:
        raise UsageError(f"--metric {metric}: write one of {', '.join(trees.METRICS)}")
    rows = features.read_rows(features.normalised(source, feature, how), keep).astype(np.float64)
    _, degenerate = features.checked(lambda: vectors.prepared_rows(rows, metric), feature, keep, source)
    kept = keep.copy()
    kept[keep] = ~degenerate
    return Given(feature.name, metric, kept, int(degenerate.sum()), rows[~degenerate], how)


def _matrix(source, keep, options):
    """The stored matrix of a similarity store."""
    stored = [(feature, metric) for feature in source.tree(paths.SIMILARITY) for metric in source.tree(f"{paths.SIMILARITY}/{feature}")
              if source.rows(f"{paths.similarity(feature, metric)}/matrix") is not None]
    if not stored:
        raise GradtoolsError(f"{source.name} has neither features nor a matrix of similarities: gradtools extract and classes make features, "
                             "gradtools similarity --matrix a matrix")
    found = [(feature, metric) for feature, metric in stored
             if feature in (options.features or (feature,)) and metric == (options.metric or metric)]
    if len(found) != 1:
        have = ", ".join(f"{metric} of {feature}" for feature, metric in stored)
        raise UsageError(f"{source.name} has the matrices {have}: name one with --feature and --metric")
    if options.rows:
        raise UsageError(f"--rows {options.rows} is of features, and {source.name} has only a matrix: give it to similarity")
    (feature, metric), = found
    matrix = source.rows(f"{paths.similarity(feature, metric)}/matrix").read(0, len(keep))[keep][:, keep]
    how = source.attributes(paths.similarity(feature, metric)).get("normalised", "")
    return Given(feature, metric, keep, 0, how=how, matrix=matrix.astype(np.float64))


def _grown(source, given, options, say, progress):
    """The tree with its cut, its stability and its controls."""
    def distances_of(rows):
        again = class_rows.normalised(rows, "post") if given.how == "post" else rows
        return trees.distances(again, given.metric, options.linkage, options.linkage_on)

    if given.rows is not None:
        condensed = distances_of(given.rows)
    else:
        condensed = trees.distances_from_matrix(given.matrix, given.metric, options.linkage, options.linkage_on)
    n = int(given.keep.sum())
    order = options.order or ("optimal" if n <= ORDERED_SAMPLES else "none")
    if order != (options.order or "optimal"):
        say(f"{n} leaves stand as scipy has them: --order optimal takes long beyond {ORDERED_SAMPLES}")
    merges = trees.linkage(condensed, options.linkage, order)
    labels = _cut(merges, options)
    with progress(options.resamples, 0, "trees") as advance:
        measured = _measured(given, distances_of, condensed, labels, options, advance)
    colours = labels if options.color_threshold is None else trees.cut(merges, height=options.color_threshold)
    facts = _facts(given, merges, labels, order, options) | measured[1] | {
        "cophenetic": trees.cophenetic(merges, condensed), "unit": source.unit,
        "left_out": int(samples.originals(source).sum()) - n - given.degenerate}
    names = [name for name, kept in zip(source.ids, given.keep) if kept]
    return Tree(given.feature, names, given.keep, merges, trees.leaves(merges), labels, colours, _clusters(merges, labels, measured[0]), facts)


def _cut(merges, options):
    """Cluster of each leaf, by k or height; by default below the threshold of the colours."""
    if options.k is not None:
        return trees.cut(merges, options.k)
    height = next((height for height in (options.cut_height, options.color_threshold) if height is not None), None)
    return trees.cut(merges, height=trees.threshold(merges, options.linkage_on) if height is None else height)


def _measured(given, distances_of, condensed, labels, options, advance):
    """Stability of each cluster (k,), NaN where it was not asked for, and the facts about all of them and their controls."""
    k = int(labels.max()) + 1
    if given.rows is None:
        control, found = trees.shuffled_cophenetic(condensed, options.linkage, options.resamples, options.seed), None
    else:
        found = trees.stability(given.rows, distances_of, labels, options.linkage, options.resamples, options.seed, advance)
        control = found.control_cophenetic
    facts = _spread("cophenetic_control", control)
    of = {"ari": "ari", "control_ari": "ari_control", "jaccard": "jaccard", "control_jaccard": "jaccard_control"}
    for field, name in of.items():
        values = np.empty(0) if found is None or k == 1 else getattr(found, field)
        facts |= _spread(name, values.mean(axis=1) if values.ndim > 1 and len(values) else values.ravel())
    each = np.full(k, np.nan) if found is None or not len(found.jaccard) else found.jaccard.mean(axis=0)
    return each, facts


def _spread(name, values):
    """Mean and standard deviation as facts, NaN of nothing."""
    values = values[np.isfinite(values)]
    return {name: float(values.mean()) if len(values) else np.nan, f"{name}_sd": float(values.std()) if len(values) else np.nan}


def _facts(given, merges, labels, order, options):
    """What the tree is of."""
    k = int(labels.max()) + 1
    return {
        "method": options.linkage,
        "metric": given.metric,
        "linkage_on": options.linkage_on,
        "height": height_in_words(given.metric, options.linkage, options.linkage_on),
        "rows": len(labels),
        "normalised": given.how,
        "dimension": 0 if given.rows is None else given.rows.shape[1],
        "degenerate": given.degenerate,
        "order": order,
        "k": k,
        "cut_low": float(merges[len(labels) - k - 1, 2]) if k < len(labels) else 0.,
        "cut_high": float(merges[len(labels) - k, 2]) if k > 1 else float("inf"),
        "resamples": options.resamples,
        "seed": options.seed,
    }


def height_in_words(metric, method, on):
    """What heights are distances of (str)."""
    if on != "rows":
        return {"seed": "euclidean distance of the rows of (1 - cosine)/2", "intent": "(1 - cosine)/2 less its minimum"}[on]
    if metric in ("euclidean", "dot"):
        return "euclidean distance"
    return f"sqrt(2 (1 - {metric}))" if method == "ward" else f"1 - {metric}"


def _clusters(merges, labels, stability):
    """One row a cluster, in leaf order: how many leaves, the height at which it is whole, the height at which it joins another, stability."""
    n, k = len(labels), int(labels.max()) + 1
    nodes = trees.cluster_nodes(merges, k)
    heights = [float(merges[node - n, 2]) if node >= n else 0. for node in nodes]
    joins = {int(node): float(height) for first, second, height, _ in merges for node in (first, second)}
    return {"size": np.bincount(labels), "height": np.array(heights), "joins": np.array([joins.get(node, np.inf) for node in nodes]),
            "stability": stability}


def _write(source, output, tree, carry, force, say, begun, options):
    """Merges, leaf order, the cut and what is known of its clusters."""
    where = paths.linkage(tree.feature)
    with store.create(output, "linkage", force=force) as sink:
        behind = sink.carry(source, tree.keep, carry, [where])
        if behind:
            say(f"left behind, for they rest on samples that are left out here: {', '.join(behind)}")
        sink.table(where, tree.clusters, f"clusters of {tree.feature}", tree.facts, row="cluster")
        sink.put(f"{where}/merges", tree.merges, ["merge", "field"],
                 "what joins, as scipy has it: two clusters (samples, then merge i as n + i), height, samples in both", tree.facts["height"])
        sink.put(f"{where}/order", tree.order.astype("i4"), ["/sample"], "sample at each place in leaf order")
        sink.put(f"{where}/label", tree.labels, ["/sample"], "cluster of each sample, 0 the first in leaf order")
        sink.history([source], provenance.step(begun, [source], seed=options.seed, rows=len(tree.names)))
