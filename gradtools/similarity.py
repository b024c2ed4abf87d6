"""features or maps -> similarity: how alike images are within and between classes, and within and between predictions.

Means over pairs come from sums of rows (SPEC 6.5), intervals from resampled images (SPEC 6.6). The control beside every
feature is the class row of the prediction, which knows nothing of an image but its argmax. Maps are `map_similarity`'s.
"""

import dataclasses
from collections.abc import Callable

import numpy as np

from gradtools import __version__, features, interrupt, map_similarity, maps, outcomes, provenance, samples, store
from gradtools.errors import GradtoolsError
from gradtools.math import bootstrap, cells, influence, pair_auc, pair_auc_bootstrap, pairs, permutation, vectors

IN_MEMORY = 1 << 29  # bytes of float64 rows that are held for bootstrap and permutation
RESAMPLED_ROWS = 20_000  # beyond, Poisson counts block by block (SPEC 6.6)
MATRIX_BLOCK = 256
AUC = ("auc", "auc_same_prediction", "auc_other_prediction")


@dataclasses.dataclass(frozen=True)
class Options:
    """What decides the values."""

    features: tuple = ()
    metrics: tuple = ("cosine",)
    where: tuple = ()
    matrix: bool = False
    auc: bool = True
    resamples: int = 1000
    permutations: int = 1000
    seed: int = 0
    leaks: bool = False  # the gradients were taken for the true label: set by `similarity`
    maps: map_similarity.Options = map_similarity.Options()


def similarity(source, output, options, *, beside=(), carry=False, force=False, restart=False, say=print, progress=None):
    """Compute and, where there is an output, write the similarities of an open store.

    Parameters
    ----------
    source : store.Store
    output : str or None
        Path or '-'; None computes only.
    options : Options
    beside : sequence of outcomes.Outcome
        Written into the output beside the similarities: `augmentation.describe`, `decodability.describe`.
    carry : bool
        Copy everything of the input.

    Returns
    -------
    list of outcomes.Result
    """
    begun = provenance.begin()
    if output is not None:
        store.check_output(output, force, [source])
    groups = samples.group(source, options.where, say)
    options = dataclasses.replace(options, leaks=samples.target_leaks(source))
    of_vectors, of_maps = chosen(source, options)
    with (progress or interrupt.unwatched)(len(of_vectors) * len(options.metrics) + len(of_maps), 0, "features") as advance:
        results = []
        for feature in of_vectors:
            for metric in options.metrics:
                results.append(describe(source, feature, metric, groups, options))
                advance(1)
        for feature in of_maps:
            results += map_similarity.describe(source, feature, groups, options.maps, options.resamples, options.seed)
            advance(1)
    if samples.target_leaks(source):
        say("target=label (leaks): the gradients were taken for the true label, so they tell it by construction")
    if output is not None:
        _write(
            Writing(
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
    requests = [name for name in options.features if maps.is_map(name)]
    others = [name for name in options.features if not maps.is_map(name)]
    of_maps = maps.resolve(source, requests, options.maps.reading) if requests or source.maps and not others else []
    if not of_maps or others or source.taps and not requests:
        return features.resolve(source, others), of_maps
    return [], of_maps


def describe(source, feature, metric, groups, options):
    """Statistics, intervals and tests of one feature under one metric."""

    def work():
        n = len(groups.classes)
        limit = pair_auc.SORTED_ROWS if metric == "euclidean" else RESAMPLED_ROWS
        if n <= limit and n * feature.shape[1] * 8 <= IN_MEMORY:
            rows = vectors.prepared_rows(features.read_rows(feature, groups.keep), metric)
            return _described_in_memory(feature, metric, groups, options, *rows)
        return _described_in_blocks(feature, metric, groups, options)

    return features.checked(work, feature, groups.keep, source)


def _described_in_memory(feature, metric, groups, options, rows, degenerate):
    """Exact statistics with bootstrap and permutation over rows that are held."""
    counts = bootstrap.resample_counts(groups.classes, options.resamples, options.seed)[:, ~degenerate]
    rows, classes, predictions = rows[~degenerate], groups.classes[~degenerate], groups.predictions[~degenerate]
    if len(rows) < 2:
        raise GradtoolsError(
            f"only {len(rows)} of {len(degenerate)} rows have a direction, and a pair takes two: leave the feature out"
        )
    cell, cell_class, cell_prediction = cells.cells(classes, predictions)
    if metric in cells.PRODUCT_METRICS:
        totals = cells.cell_sums([(rows, cell)], len(cell_class), "dot" if metric == "dot" else "cosine")
        means = pairs.pair_statistics(totals, cell_class, cell_prediction)
        replicates = bootstrap.bootstrap_pair_statistics(rows, cell, cell_class, cell_prediction, counts)
        tests = _tests(rows, classes, predictions, options)
    else:
        means = pairs.pair_statistics_streamed(rows, classes, predictions, metric)
        replicates = bootstrap.bootstrap_matrix_statistics(
            vectors.product_block(rows, rows, metric), classes, predictions, counts
        )
        tests = {}
    table = {name: (mean.value, mean.pairs) for name, mean in means.items()}
    if options.auc:
        table |= _auc_rows(pair_auc.pair_auc(rows, classes, predictions, metric))
        drawn, exact = pair_auc_bootstrap.bootstrap_pair_auc(rows, classes, predictions, counts, metric)
        replicates = np.hstack([replicates, drawn])
        tests["auc_interval"] = "resampled" if exact else "linear"
    return _result(feature, metric, groups, options, table, replicates, int(degenerate.sum()), tests)


def _auc_rows(found):
    """Pair AUC as rows of the table: value and number of pairs."""
    return {name: (float(found.auc[i]), int(found.positives[i] + found.negatives[i])) for i, name in enumerate(AUC)}


def _tests(rows, classes, predictions, options):
    """Permutation tests of the labels, as facts."""
    if not options.permutations:
        return {}
    effect = permutation.permutation_label_effect(rows, classes, predictions, options.permutations, options.seed)
    within = permutation.permutation_within(rows, classes, options.permutations, options.seed)
    return {
        "p_label_effect": effect.p,
        "movable": effect.movable,
        "p_within": within.p,
        "null_within": within.null_mean,
        "null_within_sd": within.null_sd,
        "permutations": options.permutations,
    }


def _described_in_blocks(feature, metric, groups, options):
    """The same for rows that do not fit: passes over the file, no permutation; pair AUC over a seeded draw of images."""
    cell, cell_class, cell_prediction = cells.cells(groups.classes, groups.predictions)

    def blocks():
        return ((rows, cell[numbers]) for rows, numbers in features.blocks_of(feature, groups.keep))

    degenerate, replicates = 0, np.empty((0, len(pairs.STATISTICS)))
    if metric in cells.PRODUCT_METRICS:
        totals = cells.cell_sums(blocks(), len(cell_class), metric)
        means, degenerate = pairs.pair_statistics(totals, cell_class, cell_prediction, metric), totals.degenerate
        if options.resamples:
            replicates = influence.bootstrap_pair_statistics_streamed(
                blocks(), totals, cell_class, cell_prediction, options.resamples, options.seed, metric
            )
    else:
        rows = features.Slices(feature, groups.keep)
        means = pairs.pair_statistics_streamed(rows, groups.classes, groups.predictions, metric)
    table, facts = {name: (mean.value, mean.pairs) for name, mean in means.items()}, {"resampling": "poisson"}
    if options.auc:
        found, drawn, count = _drawn_auc(feature, metric, groups, options)
        table |= found
        facts |= {"auc_rows": count, "auc_interval": "linear"}
        length = max(len(replicates), len(drawn))
        replicates = np.hstack([_padded(replicates, length), _padded(drawn, length)])
    return _result(feature, metric, groups, options, table, replicates, degenerate, facts)


def _padded(replicates, length):
    """Replicates of a statistic that was not resampled are NaN."""
    return replicates if len(replicates) == length else np.full((length, replicates.shape[1]), np.nan)


def _drawn_auc(feature, metric, groups, options):
    """Pair AUC of a draw of at most RESAMPLED_ROWS images (SORTED_ROWS for distances), its replicates (B, 3), how many were drawn."""
    most = pair_auc.SORTED_ROWS if metric == "euclidean" else RESAMPLED_ROWS
    most = max(2, min(most, IN_MEMORY // (8 * feature.shape[1])))
    chosen = np.flatnonzero(groups.keep)
    drawn = np.sort(np.random.default_rng(options.seed).permutation(len(chosen))[:most])
    mask = np.zeros(len(groups.keep), bool)
    mask[chosen[drawn]] = True
    rows, degenerate = vectors.prepared_rows(features.read_rows(feature, mask), metric)
    classes, predictions = groups.classes[drawn], groups.predictions[drawn]
    counts = bootstrap.resample_counts(classes, options.resamples, options.seed)[:, ~degenerate]
    inside = rows[~degenerate], classes[~degenerate], predictions[~degenerate]
    replicates, _ = pair_auc_bootstrap.bootstrap_pair_auc(*inside, counts, metric)
    return _auc_rows(pair_auc.pair_auc(*inside, metric)), replicates, len(drawn)


BY_CLASS = {"within", "within_macro", "between", "label_effect", *AUC}
BY_PREDICTION = {"same_prediction", "label_effect", "prediction_effect", *AUC[1:]}


def _unknown(name, groups):
    """Whether a statistic asks for labels, or for predictions, that are not there."""
    by_class = name in BY_CLASS or name == "prediction_effect" or "_class_" in name
    by_prediction = name in BY_PREDICTION or name.endswith("_prediction")
    return by_class and not groups.labelled or by_prediction and not groups.predicted


def _result(feature, metric, groups, options, table, replicates, degenerate, facts):
    """Put values, intervals and counts together."""
    hidden = np.array([_unknown(name, groups) for name in table])
    table = {name: (np.nan, 0) if unknown else pair for (name, pair), unknown in zip(table.items(), hidden)}
    replicates = np.where(hidden, np.nan, replicates)
    if not (groups.labelled and groups.predicted):
        facts = {key: value for key, value in facts.items() if not key.startswith("p_") and key != "movable"}
    bounds = bootstrap.interval(replicates) if len(replicates) else np.full((len(table), 2), np.nan)
    columns = {
        "statistic": list(table),
        "value": np.array([value for value, _ in table.values()]),
        "low": bounds[:, 0],
        "high": bounds[:, 1],
        "pairs": np.array([count for _, count in table.values()], "i8"),
    }
    facts = {
        "rows": len(groups.classes) - degenerate,
        "degenerate": degenerate,
        "unlabelled": groups.unlabelled,
        "left_out": groups.left_out,
        "resamples": len(replicates),
        "seed": options.seed,
        "resampling": "multinomial",
        "score_step": pair_auc.COSINE_STEP if metric in ("cosine", "correlation") else 0.0,
        "leaks": int(options.leaks),
        "dimension": feature.shape[1],
        **facts,
    }
    return outcomes.result(feature.name, metric, columns, replicates, facts)


@dataclasses.dataclass(frozen=True)
class Writing:
    """What is written where: the input, its chosen samples and features, and how the output is made."""

    source: store.Store
    output: str
    options: Options
    groups: samples.Groups
    chosen: list
    of_maps: list
    results: list
    begun: tuple
    carry: bool
    force: bool
    restart: bool
    say: Callable
    progress: Callable


def _write(job):
    """Write the results, and the matrices block by block where they were asked for."""
    if job.options.matrix:
        _write_matrices(job)
        return
    with store.create(job.output, "similarity", force=job.force) as sink:
        _carry(sink, job)
        _fill(sink, job)


def _carry(sink, job):
    """What comes from the input; names the results that a subset leaves behind."""
    replacing = [result.path for result in job.results]
    behind = sink.carry(job.source, job.groups.keep, job.carry, replacing)
    if behind:
        job.say(f"left behind, for they rest on samples that are left out here: {', '.join(behind)}")


def _fill(sink, job):
    """Tables, replicates and the step."""
    for result in job.results:
        result.write(sink)
    sink.history(
        [job.source], provenance.step(job.begun, [job.source], seed=job.options.seed, rows=int(job.groups.keep.sum()))
    )


def _write_matrices(job):
    """The matrices of vectors (N x N) and then those of maps (M x M), a block of rows at a time; goes on after a kill."""
    n = int(job.groups.keep.sum()) if job.chosen else 0
    wanted = [(feature, metric) for feature in job.chosen for metric in job.options.metrics]
    columns, of_maps, total = [_matrix_column(feature, metric, n) for feature, metric in wanted], None, n
    if job.of_maps:
        further, of_maps, count = map_similarity.matrices(job.source, job.of_maps, job.groups, job.options.maps, n)
        columns, total = columns + further, n + count

    def rows(start, stop):
        if start >= n:
            return of_maps(start - n, stop - n)
        paths = (column.path for column in columns)
        return {path: _matrix_rows(feature, metric, job.groups.keep, start, stop) for path, (feature, metric) in zip(paths, wanted)}

    command = {
        **dataclasses.asdict(job.options),
        "version": __version__,
        "carry": job.carry,
        "inputs": store.digests(job.source.file),
        "features": [feature.name for feature in (*job.chosen, *job.of_maps)],
    }
    with store.grow(
        job.output,
        "similarity",
        columns,
        total,
        MATRIX_BLOCK,
        command,
        lambda part: _begin_matrices(part, job),
        force=job.force,
        restart=job.restart,
        say=job.say,
    ) as part, job.progress(total, part.committed, "rows") as advance:
        for start, stop in _matrix_blocks(part.committed, n, total):
            part.append(rows(start, stop), np.zeros(stop - start, bool))
            advance(stop - start)
        if not part.whole:
            _fill(part, job)


def _matrix_column(feature, metric, n):
    """The growing matrix of one feature under one metric."""
    path = f"{store.paths.similarity(feature.name, metric)}/matrix"
    return store.Column(path, (n,), ["/other"], "f4", f"{metric} of {feature.name}, every pair", axis=store.Axis(last=n))


def _begin_matrices(part, job):
    """What does not grow: what is carried on, and which maps the rows are."""
    _carry(part, job)
    if job.of_maps and not job.carry:
        map_similarity.tell_maps(part, job.source, job.groups)


def _matrix_blocks(committed, n, total):
    """(start, stop) of the blocks that are left: those of vectors, before n, and those of maps."""
    for first, last in ((0, n), (n, total)):
        for start in range(first, last, MATRIX_BLOCK):
            if start >= committed:
                yield start, min(start + MATRIX_BLOCK, last)


def _matrix_rows(feature, metric, keep, start, stop):
    """Rows start..stop of one matrix, (stop - start, n) float32."""
    chosen = np.zeros(len(keep), bool)
    chosen[np.flatnonzero(keep)[start:stop]] = True
    own, _ = vectors.prepared_rows(features.read_rows(feature, chosen), metric)
    parts = [
        vectors.product_block(own, vectors.prepared_rows(rows, metric)[0], metric)
        for rows, _ in features.blocks_of(feature, keep)
    ]
    return np.hstack(parts).astype("f4")
