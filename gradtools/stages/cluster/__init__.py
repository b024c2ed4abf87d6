"""features -> clusters: k-means, Gaussian mixtures and agglomerative clustering, and what their agreement with classes means.

Beside every agreement with the classes stand the agreement of the argmax itself, of the clusters with the argmax, of
the class rows of the prediction (feature `weight`) and of random labels (mathematics#agreement-of-labellings).
"""

from typing import TYPE_CHECKING

import numpy as np

from gradtools.errors import GradtoolsError
from gradtools.math.clusters import agreement, clustering, silhouettes
from gradtools.math.rows import components, vectors
from gradtools.selection import compared, features
from gradtools.selection.results import Columns, Facts, Result
from gradtools.stages import run
from gradtools.stages.cluster import indices, intervals, many, matrices
from gradtools.stages.cluster.options import METHODS, Options
from gradtools.store import Store, allocator, paths

if TYPE_CHECKING:
    from typing_extensions import Unpack

__all__ = ["METHODS", "Options", "cluster"]

PICTURE_COMPONENTS = 2


def cluster(
    source: Store, output: str | None, options: Options, **how: "Unpack[run.How]"
) -> tuple[list[Result], dict[str, tuple[np.ndarray, np.ndarray]]]:
    """Cluster the features of an open store and, where there is an output, write it.

    Parameters and errors as for `similarity.similarity`.

    Returns
    -------
    results : list of Result
    projections : dict of feature name to ((n, 2) coordinates, (2,) shares of the variance)
    """
    allocator.keep_freed_memory()
    job = run.begin(output, [source], **how)
    groups = compared.group(source, options.where, job.say)
    k = _number_of_clusters(source, groups, options)
    pairs = matrices.chosen(source, options.feature, options.method)
    chosen = [] if pairs else features.resolve(source, options.feature, with_maps=True)
    intervals.say_cost(groups, options, job.say)
    results, projections = [], {}
    controls: Facts = {**_controls(groups, options), "leaks": int(compared.target_leaks(source))}
    with job.progress((len(chosen) or 1) * len(options.method), 0, "clusterings") as advance:
        for pair in pairs:
            facts = controls | _facts(options, groups) | {"linkage": options.linkage}
            half = intervals.halves(options, groups, k) if options.intervals else None
            results.append(
                matrices.clustered(source, pair, k, groups, options.linkage, half, facts)
            )
            advance(1)
        for feature in chosen:
            if many.needs_passes(feature, len(groups.classes)) and not options.pca:
                rows = many.Rows(source, feature, groups.keep, options.normalize == "unit")
                many.check(rows, options.method, k)
                projections[feature.name] = _placed(*rows.components(PICTURE_COMPONENTS), rows.kept)
                asked = many.Asked(k, options.seed, options.repeats, options.n_init)
                facts = controls | _facts(options, groups)
                results.append(many.clustered(rows, asked, groups, facts))
                advance(1)
                continue
            x, kept = _vectors(source, feature, groups.keep, options)
            if len(x) < k:
                raise GradtoolsError(
                    f"{source.name}: {k} clusters of {len(x)} rows of {feature.name} that have a direction: ask for fewer with --k"
                )
            if not kept.all():
                job.say(
                    f"{feature.name}: {(~kept).sum()} rows of zeros have no direction and are left out"
                )
            projections[feature.name] = _projection(x, kept)
            for method in options.method:
                results.append(_clustered(feature, method, x, kept, k, groups, options, controls))
                advance(1)
    if controls["leaks"]:
        job.say(
            "target=label (leaks): the gradients were taken for the true label, so clusters of them are the labels by construction"
        )
    if output is not None:
        _write(job, source, groups, results, projections, options)
    return results, projections


def _number_of_clusters(source: Store, groups: compared.Groups, options: Options) -> int:
    """`--k`, or the number of classes."""
    n_classes = len(np.unique(groups.classes))
    if options.k is None and (not groups.labelled or n_classes < 2):
        why = "all samples are of one class" if groups.labelled else "no sample has a label"
        raise GradtoolsError(
            f"{source.name}: {why}, so the number of clusters is not known: give it with --k"
        )
    k = options.k or n_classes
    if k > len(groups.classes):
        raise GradtoolsError(
            f"{source.name}: {k} clusters of {len(groups.classes)} samples: ask for fewer with --k"
        )
    return k


def _vectors(
    source: Store, feature: features.Feature, keep: np.ndarray, options: Options
) -> tuple[np.ndarray, np.ndarray]:
    """What is clustered, (m, D) float64, and which of the n kept samples it is of: rows of zeros have no direction."""
    if options.pca and many.needs_passes(feature, int(keep.sum())):
        rows = many.Rows(source, feature, keep, options.normalize == "unit")
        return rows.components(options.pca)[0], rows.kept
    x = features.read_rows(feature, keep).astype(np.float64)
    unit, zero = features.checked(lambda: vectors.unit_rows(x), feature, keep, source)
    x = (unit if options.normalize == "unit" else x)[~zero]
    if options.pca and len(x):
        x, _ = components.pca(x, min(options.pca, *x.shape), options.seed)
    return x, ~zero


def _projection(x: np.ndarray, kept: np.ndarray) -> tuple[np.ndarray, np.ndarray]:
    """Coordinates of the picture, (n, 2), NaN for rows without a direction, and their shares of the variance."""
    return _placed(*components.pca(x, min(PICTURE_COMPONENTS, *x.shape)), kept)


def _placed(
    coordinates: np.ndarray, explained: np.ndarray, kept: np.ndarray
) -> tuple[np.ndarray, np.ndarray]:
    """Coordinates (m, n) of the kept rows as (all rows, 2), and their shares of the variance."""
    missing = PICTURE_COMPONENTS - len(explained)
    placed = np.full((len(kept), PICTURE_COMPONENTS), np.nan)
    placed[kept] = np.pad(coordinates, ((0, 0), (0, missing)))
    return placed, np.pad(explained, (0, missing))


def _controls(groups: compared.Groups, options: Options) -> Facts:
    """Agreement of the argmax itself, and of random labels, with the classes; nothing where there are no two classes."""
    if not groups.has_classes:
        return {}
    random = agreement.random_label_control(groups.classes, groups.classes, seed=options.seed)
    facts: Facts = {
        "random_ari": random.ari_mean,
        "random_ari_sd": random.ari_sd,
        "random_nmi": random.nmi_mean,
        "random_nmi_sd": random.nmi_sd,
    }
    if groups.predicted:
        facts |= {
            "argmax_ari": agreement.ari(groups.predictions, groups.classes),
            "argmax_nmi": agreement.nmi(groups.predictions, groups.classes),
        }
    return facts


def _clustered(
    feature: features.Feature,
    method: str,
    x: np.ndarray,
    kept: np.ndarray,
    k: int,
    groups: compared.Groups,
    options: Options,
    facts: Facts,
) -> Result:
    """All repeats of one method on one feature."""
    repeats = 1 if method == "agglomerative" else options.repeats
    seeds = [options.seed + repeat for repeat in range(repeats)]
    once = _repeated(method, x, k, seeds, options)
    of_repeats, classes = np.stack([repeat.labels for repeat in once]), groups.classes[kept]
    columns: Columns = {
        "seed": options.seed + np.arange(repeats),
        "inertia": np.array([repeat.inertia for repeat in once]),
        "log_likelihood": np.array([repeat.log_likelihood for repeat in once]),
    }
    columns |= indices.agreements(
        silhouettes.distance_blocks(x),
        of_repeats,
        classes if groups.has_classes else None,
        groups.predictions[kept] if groups.predicted else None,
    )
    facts = {
        **facts,
        **_facts(options, groups),
        "k": k,
        "rows": len(x),
        "degenerate": int((~kept).sum()),
        "dimension": x.shape[1],
    }
    if method == "gmm":
        facts["covariance"] = options.covariance_of_mixtures
    replicates, drawn = intervals.replicates(
        method, x, kept, k, groups, options, columns, of_repeats
    )
    facts |= drawn | indices.bounds(columns, replicates, drawn)
    labels = np.full((repeats, len(kept)), -1, np.int32)
    labels[:, kept] = of_repeats
    return Result(
        paths.clusters(feature.name, method),
        feature.name,
        method=method,
        columns=columns,
        facts=facts,
        title=f"{method} of {feature.name}",
        replicates=replicates,
        labels=labels,
    )


def _facts(options: Options, groups: compared.Groups) -> Facts:
    """What every clustering of a run is made with."""
    return {
        "normalize": options.normalize,
        "pca": options.pca,
        "n_init": options.n_init,
        "seed": options.seed,
        "left_out": groups.left_out,
        "unlabelled": groups.unlabelled,
    }


def _repeated(
    method: str, x: np.ndarray, k: int, seeds: list[int], options: Options
) -> list[clustering.Clustering]:
    """One clustering a seed."""
    if method == "kmeans":
        return clustering.kmeans_of_seeds(x, k, seeds, options.n_init)
    if method == "gmm":
        return clustering.gmm_of_seeds(
            x, k, seeds, options.mixture_starts, options.covariance_of_mixtures
        )
    return [clustering.agglomerative(x, k, options.linkage)]


def _write(
    job: run.Run,
    source: Store,
    groups: compared.Groups,
    results: list[Result],
    projections: dict[str, tuple[np.ndarray, np.ndarray]],
    options: Options,
) -> None:
    """Clusterings and the coordinates of their picture."""
    replacing = [result.path for result in results] + [
        paths.projection(name) for name in projections
    ]
    with job.written("clusters", source, groups.keep, replacing, seed=options.seed) as sink:
        for result in results:
            result.write(sink)
        for name, (coordinates, explained) in projections.items():
            sink.put(
                paths.inside(paths.projection(name), "pca"),
                coordinates,
            )
            sink.put(
                paths.inside(paths.projection(name), "explained"),
                explained,
            )
