"""features or similarity -> linkage: which classes, images or channels join, at which height, and whether that means anything.

Beside the cophenetic correlation and the stability of the cut stand those of rows whose values are permuted (mathematics#stability-of-a-cut).
"""

from collections.abc import Callable
from typing import TYPE_CHECKING

import numpy as np

from gradtools.errors import UsageError
from gradtools.math import trees
from gradtools.math.rows import class_rows
from gradtools.selection import samples
from gradtools.selection.trees import Tree
from gradtools.stages import run
from gradtools.stages.dendrogram.inputs import Options, given  # noqa: F401
from gradtools.store import Store, paths
from gradtools.tables.wording import units

if TYPE_CHECKING:
    from typing_extensions import Unpack

    from gradtools.stages.dendrogram.inputs import Given

ORDERED_SAMPLES = 4000  # beyond, the optimal order of the leaves takes half a minute and more


def dendrogram(
    source: Store, output: str | None, options: Options, **how: "Unpack[run.How]"
) -> Tree:
    """Make the tree of an open store's samples and, where there is an output, write it.

    Parameters
    ----------
    source : store.Store
        Of features, or of similarities with their matrix.
    output : str or None
        Path or '-'; None computes only.
    options : Options
    how
        Fields of `run.Run`: carry, force, say, progress.

    Returns
    -------
    Tree
    """
    job = run.begin(output, [source], **how)
    if options.k is not None and options.cut_height is not None:
        raise UsageError("--k and --cut-height both say where to cut: give one")
    tree = _grown(source, given(source, options, job.say), options, job.say, job.progress)
    if output is not None:
        _write(job, source, tree, options)
    return tree


def around(source: Store, tree: Tree, text: str) -> tuple[np.ndarray, float]:
    """Return the smallest cluster around a sample that a text names: its members ((n,) leaves in order) and its height."""
    row = samples.find(source, text)
    if not tree.keep[row]:
        raise UsageError(
            f"{source.ids[row]} is not a leaf of this tree: --where leaves it out, or its row has no direction"
        )
    return trees.around(tree.merges, int(tree.keep[:row].sum()))


def _grown(
    source: Store,
    made_of: "Given",
    options: Options,
    say: Callable[[str], None],
    progress: Callable,
) -> Tree:
    """The tree with its cut, its stability and its controls."""

    def distances_of(rows: np.ndarray) -> np.ndarray:
        again = class_rows.normalised(rows, "post") if made_of.how == "post" else rows
        return trees.distances(again, made_of.metric, options.linkage, options.linkage_on)

    if made_of.rows is not None:
        condensed = distances_of(made_of.rows)
    elif made_of.matrix is not None:
        condensed = trees.distances_from_matrix(
            made_of.matrix, made_of.metric, options.linkage, options.linkage_on
        )
    else:
        raise ValueError("neither rows nor a matrix")
    n = int(made_of.keep.sum())
    order = options.order or ("optimal" if n <= ORDERED_SAMPLES else "none")
    if order != (options.order or "optimal"):
        say(
            f"{n} leaves stand as scipy has them: --order optimal takes long beyond {ORDERED_SAMPLES}"
        )
    merges = trees.linkage(condensed, options.linkage, order)
    labels = _cut(merges, options)
    with progress(options.resamples, 0, "trees") as advance:
        measured = _measured(made_of, distances_of, condensed, labels, options, advance)
    colours = (
        labels
        if options.color_threshold is None
        else trees.cut(merges, height=options.color_threshold)
    )
    facts = (
        _facts(made_of, merges, labels, order, options)
        | measured[1]
        | {
            "cophenetic": trees.cophenetic(merges, condensed),
            "below_floor": int((merges[:, 2] < measured[1]["floor"]).sum()),
            "samples": units(source.unit),
            "left_out": int(samples.originals(source).sum()) - n - made_of.degenerate,
        }
    )
    names = [name for name, kept in zip(source.ids, made_of.keep) if kept]
    return Tree(
        made_of.feature,
        names,
        made_of.keep,
        merges,
        trees.leaves(merges),
        labels,
        colours,
        _clusters(merges, labels, measured[0]),
        facts,
    )


def _cut(merges: np.ndarray, options: Options) -> np.ndarray:
    """Cluster of each leaf, by k or height; by default below the threshold of the colours."""
    if options.k is not None:
        return trees.cut(merges, options.k)
    height = next(
        (height for height in (options.cut_height, options.color_threshold) if height is not None),
        None,
    )
    return trees.cut(
        merges, height=trees.threshold(merges, options.linkage_on) if height is None else height
    )


def _measured(
    made_of: "Given",
    distances_of: Callable,
    condensed: np.ndarray,
    labels: np.ndarray,
    options: Options,
    advance: Callable,
) -> tuple[np.ndarray, dict[str, float]]:
    """Stability of each cluster (k,), NaN where it was not asked for, and the facts about all of them and their controls."""
    k = int(labels.max()) + 1
    if made_of.rows is None:
        control, stability = (
            trees.shuffled_cophenetic(condensed, options.linkage, options.resamples, options.seed),
            None,
        )
    else:
        stability = trees.stability(
            made_of.rows,
            distances_of,
            labels,
            options.linkage,
            options.resamples,
            options.seed,
            advance,
        )
        control = stability.control_cophenetic
    facts = _spread("cophenetic_control", control) | _spread(
        "floor", np.empty(0) if stability is None else stability.control_lowest
    )
    of = {
        "ari": "ari",
        "control_ari": "ari_control",
        "jaccard": "jaccard",
        "control_jaccard": "jaccard_control",
    }
    for field, name in of.items():
        values = np.empty(0) if stability is None or k == 1 else getattr(stability, field)
        facts |= _spread(
            name, values.mean(axis=1) if values.ndim > 1 and len(values) else values.ravel()
        )
    each = (
        np.full(k, np.nan)
        if stability is None or not len(stability.jaccard)
        else stability.jaccard.mean(axis=0)
    )
    return each, facts


def _spread(name: str, values: np.ndarray) -> dict[str, float]:
    """Mean and standard deviation as facts, NaN of nothing."""
    values = values[np.isfinite(values)]
    return {
        name: float(values.mean()) if len(values) else np.nan,
        f"{name}_sd": float(values.std()) if len(values) else np.nan,
    }


def _facts(
    made_of: "Given", merges: np.ndarray, labels: np.ndarray, order: str, options: Options
) -> dict[str, float | str]:
    """What the tree is of."""
    k = int(labels.max()) + 1
    return {
        "feature": made_of.feature,
        "method": options.linkage,
        "metric": made_of.metric,
        "linkage_on": options.linkage_on,
        "height": height_in_words(made_of.metric, options.linkage, options.linkage_on),
        "rows": len(labels),
        "normalised": made_of.how,
        "dimension": 0 if made_of.rows is None else made_of.rows.shape[1],
        "degenerate": made_of.degenerate,
        "order": order,
        "k": k,
        "cut_low": float(merges[len(labels) - k - 1, 2]) if k < len(labels) else 0.0,
        "cut_high": float(merges[len(labels) - k, 2]) if k > 1 else np.nan,
        "resamples": options.resamples,
        "seed": options.seed,
    }


def height_in_words(metric: str, method: str, on: str) -> str:
    """Return what heights are distances of (str)."""
    if on != "rows":
        return {
            "as-published": "euclidean distance of the rows of (1 - cosine)/2",
            "as-meant": "(1 - cosine)/2 less its minimum",
        }[on]
    if metric in ("euclidean", "dot"):
        return "euclidean distance"
    if metric in trees.DIVERGENCES:
        return f"sqrt({metric})" if method == "ward" else metric
    return f"sqrt(2 (1 - {metric}))" if method == "ward" else f"1 - {metric}"


def _clusters(
    merges: np.ndarray, labels: np.ndarray, stability: np.ndarray
) -> dict[str, np.ndarray]:
    """One row a cluster, in leaf order: how many leaves, the height at which it is whole, the height at which it joins another, stability."""
    n, k = len(labels), int(labels.max()) + 1
    nodes = trees.cluster_nodes(merges, k)
    heights = [float(merges[node - n, 2]) if node >= n else 0.0 for node in nodes]
    joins = {
        int(node): float(height) for first, second, height, _ in merges for node in (first, second)
    }
    return {
        "size": np.bincount(labels),
        "height": np.array(heights),
        "joins": np.array([joins.get(node, np.nan) for node in nodes]),
        "stability": stability,
    }


def _write(job: run.Run, source: Store, tree: Tree, options: Options) -> None:
    """Merges, leaf order, the cut and what is known of its clusters."""
    about = {"seed": options.seed, "rows": len(tree.names)}
    where = paths.linkage(tree.feature)
    with job.written("linkage", source, tree.keep, [where], **about) as sink:
        tree.write(sink)
