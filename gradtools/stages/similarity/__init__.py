"""features or maps -> similarity: how alike images are within and between classes, and within and between predictions.

Means over pairs come from sums of rows, intervals from resampled images (mathematics#pairs-of-images). The control beside every
feature is the class row of the prediction, which depends on an image only through its argmax. Maps are `map_statistics`'.
"""

import dataclasses
from typing import TYPE_CHECKING

from gradtools.math.rows import vectors
from gradtools.selection import compared, features, maps, samples
from gradtools.stages import run
from gradtools.stages.similarity import (
    map_statistics,
    pair_distribution,
    vector_statistics,
    writing,
)
from gradtools.stages.similarity.matrices import compute_matrices
from gradtools.stages.similarity.options import MAP_METRICS, MapOptions, Options

if TYPE_CHECKING:
    from typing_extensions import Unpack

    from gradtools.selection.results import Result

__all__ = [
    "MAP_METRICS",
    "MapOptions",
    "Options",
    "chosen",
    "compute_matrices",
    "describe",
    "similarity",
]


def similarity(
    source: features.Store,
    output: str | None,
    options: Options,
    *,
    beside: list | tuple = (),
    **how: "Unpack[run.How]",
) -> "list[Result]":
    """Compute and, where there is an output, write the similarities of an open store.

    Parameters
    ----------
    source : store.Store
    output : str or None
        Path or '-'; None computes only.
    options : Options
    beside : sequence of results.Result
        Written into the output beside the similarities: `augmentation.describe`, `probe.describe`.
    how
        Fields of `run.Run`: carry, force, restart, say, progress.

    Returns
    -------
    list of results.Result
    """
    job = run.begin(output, [source], **how)
    groups = compared.group(source, options.where, job.say)
    options = dataclasses.replace(
        options,
        auc=options.auc and groups.labelled,
        leaks=compared.target_leaks(source),
        rows=options.rows or features.row_default(source),
    )
    of_vectors, of_maps = chosen(source, options)
    if job.serves:  # the process that writes computes the tables
        writing.write(writing.Writing(job, source, options, groups, of_vectors, of_maps, []))
    if of_maps and source.taps and not of_vectors and not options.feature:
        job.say(
            f"{source.name}: similarity of its maps, which its last command made; --feature compares vectors"
        )
    with job.progress(
        len(of_vectors) * len(options.metric) + len(of_maps), 0, "features"
    ) as advance:
        results = []
        for feature in of_vectors:
            for metric in options.metric:
                results.append(describe(source, feature, metric, groups, options))
                advance(1)
        for feature in of_maps:
            results += map_statistics.describe(
                source, feature, groups, options.maps, options.resamples, options.seed
            )
            advance(1)
    if compared.target_leaks(source):
        job.say(
            "target=label (leaks): the gradients were taken for the true label, so they depend on it by construction"
        )
    if output is not None:
        writing.write(
            writing.Writing(
                job,
                source,
                options,
                groups,
                of_vectors,
                of_maps,
                [*results, *beside],
            )
        )
    return results


def chosen(source: features.Store, options: Options) -> tuple[list[features.Feature], list]:
    """Return what is compared: what is asked for, or all maps and, unless the last command made them, the default vectors of taps.

    Returns
    -------
    vectors : list of features.Feature
    of_maps : list of maps.Feature
    """
    requests = [name for name in options.feature if maps.is_map(name)]
    others = [name for name in options.feature if not maps.is_map(name)]
    of_maps = (
        maps.resolve(source, requests, options.maps.reading)
        if requests or source.maps and not others
        else []
    )
    further = source.taps and not requests and source.kind != "maps"
    if not of_maps or others or further:
        keep = samples.select(source, options.where) if options.where else None
        return [
            features.normalised(source, feature, options.rows, keep)
            for feature in features.resolve(source, others)
        ], of_maps
    return [], of_maps


def describe(
    source: features.Store,
    feature: features.Feature,
    metric: str,
    groups: compared.Groups,
    options: Options,
) -> "Result":
    """Compute statistics, intervals and tests of one feature under one metric."""

    def work() -> "Result":
        if vector_statistics.fits(feature, len(groups.classes), metric):
            rows = vectors.prepared_rows(features.read_rows(feature, groups.keep), metric)
            result = vector_statistics.describe_held(feature, metric, groups, options, *rows)
        else:
            result = vector_statistics.describe_streamed(feature, metric, groups, options)
        return (
            result
            if groups.labelled
            else pair_distribution.added(result, source, feature, groups, options)
        )

    return features.checked(work, feature, groups.keep, source)
