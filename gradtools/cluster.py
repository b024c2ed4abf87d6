"""features -> clusters: k-means, Gaussian mixtures and agglomerative clustering, and what their agreement with classes means.

Beside every agreement with the classes stand the agreement of the argmax itself, of the clusters with the argmax, of
the class rows of the prediction (feature `weight`) and of random labels (SPEC 1.2).
"""

import dataclasses

import numpy as np

from gradtools import features, interrupt, provenance, samples, store
from gradtools.errors import GradtoolsError
from gradtools.math import agreement, bootstrap, clusters, vectors

METHODS = ("kmeans", "gmm", "agglomerative")
PICTURE_COMPONENTS = 2


@dataclasses.dataclass(frozen=True)
class Options:
    """What decides the values."""

    features: tuple = ()
    methods: tuple = ("kmeans", "gmm")
    where: tuple = ()
    k: int | None = None
    pca: int = 0
    normalize: str = "unit"
    n_init: int = 10
    covariance: str = "auto"
    linkage: str = "ward"
    seed: int = 0
    repeats: int = 10
    resamples: int = 1000


@dataclasses.dataclass(frozen=True)
class Result:
    """Clusterings of one feature by one method: labels (R, n), a table of one row a repeat, facts, ARI replicates (B,)."""

    feature: str
    method: str
    labels: np.ndarray
    columns: dict
    facts: dict
    replicates: np.ndarray


def cluster(source, output, options, *, carry=False, force=False, say=print, progress=None):
    """Cluster the features of an open store and, where there is an output, write it.

    Parameters and errors as for `similarity.similarity`.

    Returns
    -------
    results : list of Result
    projections : dict of feature name to ((n, 2) coordinates, (2,) shares of the variance)
    """
    begun = provenance.begin()
    if output is not None:
        store.check_output(output, force)
    groups = samples.group(source, options.where, say)
    k = options.k or len(np.unique(groups.classes))
    if k > len(groups.classes):
        raise GradtoolsError(f"{source.name}: {k} clusters of {len(groups.classes)} samples: ask for fewer with --k")
    chosen = features.resolve(source, options.features)
    results, projections = [], {}
    controls = _controls(groups, options)
    with (progress or interrupt.unwatched)(len(chosen) * len(options.methods), 0, "clusterings") as advance:
        for feature in chosen:
            x, zero = _vectors(feature, groups.keep, options)
            projections[feature.name] = _projection(x)
            for method in options.methods:
                results.append(_clustered(feature, method, x, k, groups, options, {**controls, "zero_rows": zero}))
                advance(1)
    if samples.target_leaks(source):
        say(
            "target=label (leaks): the gradients were taken for the true label, so clusters of them are the labels by construction"
        )
    if output is not None:
        with store.create(output, "clusters", force=force) as sink:
            sink.carry(
                source,
                groups.keep,
                carry,
                [f"/clusters/{result.feature}/{result.method}" for result in results]
                + [f"/projection/{name}" for name in projections],
            )
            _write(sink, results, projections)
            sink.history([source], provenance.step(begun, [source], seed=options.seed, rows=int(groups.keep.sum())))
    return results, projections


def _vectors(feature, keep, options):
    """What is clustered, (n, D) float64, and how many rows are zero and have no direction."""
    x = features.read_rows(feature, keep).astype(np.float64)
    try:
        unit, zero = vectors.unit_rows(x)
    except GradtoolsError as error:
        raise GradtoolsError(f"{feature.name}: {error}") from error
    x = unit if options.normalize == "unit" else x
    if options.pca:
        x, _ = clusters.pca(x, min(options.pca, *x.shape), options.seed)
    return x, int(zero.sum())


def _projection(x):
    """Coordinates of the picture, (n, 2), and their shares of the variance."""
    n = min(PICTURE_COMPONENTS, *x.shape)
    coordinates, explained = clusters.pca(x, n)
    missing = PICTURE_COMPONENTS - n
    return np.pad(coordinates, ((0, 0), (0, missing))), np.pad(explained, (0, missing))


def _controls(groups, options):
    """Agreement of the argmax itself, and of random labels, with the classes."""
    random = agreement.random_label_control(groups.classes, groups.classes, seed=options.seed)
    facts = {
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


def _clustered(feature, method, x, k, groups, options, facts):
    """All repeats of one method on one feature."""
    repeats = 1 if method == "agglomerative" else options.repeats
    rows = [_once(method, x, k, options.seed + repeat, options) for repeat in range(repeats)]
    labels = np.stack([found.labels for found in rows])
    columns = {"seed": options.seed + np.arange(repeats), "inertia": np.array([found.inertia for found in rows])}
    columns |= _agreements(x, labels, groups)
    counts = bootstrap.resample_counts(groups.classes, options.resamples, options.seed)
    replicates = (
        np.mean([agreement.bootstrap_ari(row, groups.classes, counts) for row in labels], axis=0)
        if options.resamples
        else np.empty(0)
    )
    low, high = bootstrap.interval(replicates) if len(replicates) else (np.nan, np.nan)
    facts = {
        **facts,
        "k": k,
        "rows": len(x),
        "dimension": x.shape[1],
        "normalize": options.normalize,
        "pca": options.pca,
        "ari_low": float(low),
        "ari_high": float(high),
        "n_init": options.n_init,
        "resamples": options.resamples,
        "left_out": int((~groups.keep).sum()),
    }
    if method == "gmm":
        facts["covariance"] = _covariance(options)
    return Result(feature.name, method, labels, columns, facts, replicates)


def _once(method, x, k, seed, options):
    """One clustering."""
    if method == "kmeans":
        return clusters.kmeans(x, k, seed, options.n_init)
    if method == "gmm":
        return clusters.gmm(x, k, seed, min(options.n_init, 5), _covariance(options))
    return clusters.agglomerative(x, k, options.linkage)


def _covariance(options):
    """'diag' in the full dimension, 'full' after PCA, unless one is asked for (SPEC 1.2)."""
    return options.covariance if options.covariance != "auto" else ("full" if options.pca else "diag")


def _agreements(x, labels, groups):
    """Indices of every repeat, a column each."""
    true = clusters.silhouette_euclidean(x, groups.classes)
    nan = [np.nan] * len(labels)
    return {
        "ari": np.array([agreement.ari(row, groups.classes) for row in labels]),
        "nmi": np.array([agreement.nmi(row, groups.classes) for row in labels]),
        "silhouette": np.array([clusters.silhouette_euclidean(x, row) for row in labels]),
        "silhouette_true": np.full(len(labels), true),
        "ari_argmax": np.array([agreement.ari(row, groups.predictions) for row in labels] if groups.predicted else nan),
        "nmi_argmax": np.array([agreement.nmi(row, groups.predictions) for row in labels] if groups.predicted else nan),
    }


def _write(sink, results, projections):
    """Clusterings and the coordinates of their picture."""
    for result in results:
        where = f"/clusters/{result.feature}/{result.method}"
        sink.table(where, result.columns, f"{result.method} of {result.feature}", result.facts, row="repeat")
        sink.put(f"{where}/label", result.labels, ["repeat", "/sample"], "cluster of each sample, one row a repeat")
        sink.put(
            f"{where}/replicate", result.replicates, ["resample"], "mean ARI over the repeats, of resampled images"
        )
    for name, (coordinates, explained) in projections.items():
        sink.put(
            f"/projection/{name}/pca",
            coordinates,
            ["/sample", "component"],
            "principal components of what was clustered",
        )
        sink.put(f"/projection/{name}/explained", explained, ["component"], "share of the variance")
