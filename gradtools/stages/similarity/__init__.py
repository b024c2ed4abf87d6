"""features or maps -> similarity: how alike images are within and between classes, and within and between predictions.

Means over pairs come from sums of rows (SPEC 6.5), intervals from resampled images (SPEC 6.6). The control beside every
feature is the class row of the prediction, which knows nothing of an image but its argmax. Maps are `map_similarity`'s.
"""

import dataclasses

from gradtools import interrupt, store
from gradtools.math.rows import vectors
from gradtools.selection import features, maps, samples
from gradtools.stages.similarity import in_blocks, in_memory, map_similarity, unlabelled, writing
from gradtools.stages.similarity.options import Options
from gradtools.stages.similarity.pictured import Matrices, matrices
from gradtools.store import provenance

__all__ = ["Matrices", "Options", "chosen", "describe", "matrices", "similarity"]


def similarity(
    source,
    output,
    options,
    *,
    beside=(),
    carry=False,
    force=False,
    restart=False,
    say=print,
    progress=None,
):
    """Compute and, where there is an output, write the similarities of an open store.

    Parameters
    ----------
    source : store.Store
    output : str or None
        Path or '-'; None computes only.
    options : Options
    beside : sequence of results.Result
        Written into the output beside the similarities: `augmentation.describe`, `decodability.describe`.
    carry : bool
        Copy everything of the input.

    Returns
    -------
    list of results.Result
    """
    begun = provenance.begin()
    if output is not None:
        store.check_output(output, force, [source])
    groups = samples.group(source, options.where, say)
    options = dataclasses.replace(
        options,
        auc=options.auc and groups.labelled,
        leaks=samples.target_leaks(source),
        rows=options.rows or features.row_default(source),
    )
    of_vectors, of_maps = chosen(source, options)
    with (progress or interrupt.unwatched)(
        len(of_vectors) * len(options.metric) + len(of_maps), 0, "features"
    ) as advance:
        results = []
        for feature in of_vectors:
            for metric in options.metric:
                results.append(describe(source, feature, metric, groups, options))
                advance(1)
        for feature in of_maps:
            results += map_similarity.describe(
                source, feature, groups, options.maps, options.resamples, options.seed
            )
            advance(1)
    if samples.target_leaks(source):
        say(
            "target=label (leaks): the gradients were taken for the true label, so they tell it by construction"
        )
    if output is not None:
        writing.write(
            writing.Writing(
                source,
                output,
                options,
                groups,
                of_vectors,
                of_maps,
                [*results, *beside],
                begun,
                carry,
                force,
                restart,
                say,
                progress or interrupt.unwatched,
            )
        )
    return results


def chosen(source, options):
    """What is compared: what is asked for, or all maps and, where there are taps, the default vectors.

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
    if not of_maps or others or source.taps and not requests:
        return [
            features.normalised(source, feature, options.rows)
            for feature in features.resolve(source, others)
        ], of_maps
    return [], of_maps


def describe(source, feature, metric, groups, options):
    """Statistics, intervals and tests of one feature under one metric."""

    def work():
        if in_blocks.fits(feature, len(groups.classes), metric):
            rows = vectors.prepared_rows(features.read_rows(feature, groups.keep), metric)
            found = in_memory.describe(feature, metric, groups, options, *rows)
        else:
            found = in_blocks.describe(feature, metric, groups, options)
        return (
            found if groups.labelled else unlabelled.added(found, source, feature, groups, options)
        )

    return features.checked(work, feature, groups.keep, source)
