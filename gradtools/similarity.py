"""features -> similarity: how alike images are within and between classes, and within and between predictions.

Means over pairs come from sums of rows (SPEC 6.5), intervals from resampled images (SPEC 6.6). The control beside every
feature is the class row of the prediction, which knows nothing of an image but its argmax.
"""

import dataclasses

import numpy as np

from gradtools import features, interrupt, provenance, samples, store
from gradtools.errors import GradtoolsError, UsageError
from gradtools.math import bootstrap, cells, influence, pair_auc, pair_auc_bootstrap, pairs, permutation, vectors

IN_MEMORY = 1 << 29  # bytes of float64 rows that are held for bootstrap and permutation
RESAMPLED_ROWS = 20_000  # beyond, Poisson counts block by block (SPEC 6.6)
MATRIX_BLOCK = 256
AUC = ("auc", "auc_same_prediction", "auc_other_prediction")
EFFECTS = ("label_effect", "prediction_effect")


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


@dataclasses.dataclass(frozen=True)
class Result:
    """Statistics of one feature under one metric: a table, its bootstrap replicates (B, S) and facts."""

    feature: str
    metric: str
    columns: dict
    replicates: np.ndarray
    facts: dict


def similarity(source, output, options, *, carry=False, force=False, restart=False, say=print, progress=None):
    """Compute and, where there is an output, write the similarities of an open store.

    Parameters
    ----------
    source : store.Store
    output : str or None
        Path or '-'; None computes only.
    options : Options
    carry : bool
        Copy everything of the input.

    Returns
    -------
    list of Result
    """
    begun = provenance.begin()
    if output is not None:
        store.check_output(output, force)
    groups = samples.group(source, options.where, say)
    chosen = features.resolve(source, options.features)
    with (progress or interrupt.unwatched)(len(chosen) * len(options.metrics), 0, "features") as advance:
        results = []
        for feature in chosen:
            for metric in options.metrics:
                results.append(describe(feature, metric, groups, options))
                advance(1)
    if samples.target_leaks(source):
        say("target=label (leaks): the gradients were taken for the true label, so they tell it by construction")
    if output is not None:
        _write(source, output, options, groups, chosen, results, begun, carry, force, restart, say, progress)
    return results


def describe(feature, metric, groups, options):
    """Statistics, intervals and tests of one feature under one metric."""
    held = _held_rows(feature, metric, groups)
    if held is not None:
        return _described_in_memory(feature, metric, groups, options, *held)
    if metric not in cells.PRODUCT_METRICS:
        raise UsageError(
            f"--metric {metric} of {feature.shape[0]} x {feature.shape[1]} values does not fit the memory: choose cosine, dot or correlation"
        )
    return _described_in_blocks(feature, metric, groups, options)


def _held_rows(feature, metric, groups):
    """Prepared float64 rows and which of them have no direction, or None where they are too many to hold."""
    n = len(groups.classes)
    limit = pair_auc.SORTED_ROWS if metric == "euclidean" else RESAMPLED_ROWS
    if n > limit or n * feature.shape[1] * 8 > IN_MEMORY:
        return None
    try:
        return vectors.prepared_rows(features.read_rows(feature, groups.keep), metric)
    except GradtoolsError as error:
        raise GradtoolsError(f"{feature.name}: {error}") from error


def _described_in_memory(feature, metric, groups, options, rows, degenerate):
    """Exact statistics with bootstrap and permutation over rows that are held."""
    counts = bootstrap.resample_counts(groups.classes, options.resamples, options.seed)[:, ~degenerate]
    rows, classes, predictions = rows[~degenerate], groups.classes[~degenerate], groups.predictions[~degenerate]
    if len(rows) < 2:
        raise GradtoolsError(
            f"{feature.name}: only {len(rows)} of {len(degenerate)} rows are not constant zero: nothing to compare"
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
        tests["auc_interval"] = "exact" if exact else "linear"
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
    """The same for rows that do not fit: two passes over the file, no permutation; pair AUC over a seeded draw of images."""
    cell, cell_class, cell_prediction = cells.cells(groups.classes, groups.predictions)

    def blocks():
        return ((rows, cell[numbers]) for rows, numbers in features.blocks_of(feature, groups.keep))

    totals = cells.cell_sums(blocks(), len(cell_class), metric)
    table = {
        name: (mean.value, mean.pairs)
        for name, mean in pairs.pair_statistics(totals, cell_class, cell_prediction, metric).items()
    }
    replicates = np.empty((0, len(table)))
    if options.resamples:
        replicates = influence.bootstrap_pair_statistics_streamed(
            blocks(), totals, cell_class, cell_prediction, options.resamples, options.seed, metric
        )
    facts = {}
    if options.auc:
        found, facts = _drawn_auc(feature, metric, groups, options)
        table |= found
        replicates = np.hstack([replicates, np.full((len(replicates), 3), np.nan)])
    return _result(feature, metric, groups, options, table, replicates, totals.degenerate, facts)


def _drawn_auc(feature, metric, groups, options):
    """Pair AUC of a draw of at most SORTED_ROWS images."""
    chosen = np.flatnonzero(groups.keep)
    drawn = np.sort(np.random.default_rng(options.seed).permutation(len(chosen))[: pair_auc.SORTED_ROWS])
    mask = np.zeros(len(groups.keep), bool)
    mask[chosen[drawn]] = True
    rows, degenerate = vectors.prepared_rows(features.read_rows(feature, mask), metric)
    found = pair_auc.pair_auc(
        rows[~degenerate], groups.classes[drawn][~degenerate], groups.predictions[drawn][~degenerate], metric
    )
    return _auc_rows(found), {"auc_rows": len(drawn)}


def _result(feature, metric, groups, options, table, replicates, degenerate, facts):
    """Put values, intervals and counts together."""
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
        "left_out": int((~groups.keep).sum()),
        "resamples": len(replicates),
        "seed": options.seed,
        "predicted": int(groups.predicted),
        "dimension": feature.shape[1],
        **facts,
    }
    return Result(feature.name, metric, columns, replicates, facts)


def _write(source, output, options, groups, chosen, results, begun, carry, force, restart, say, progress):
    """Write the results, and the matrices block by block where they were asked for."""

    def fill(sink):
        for result in results:
            where = f"/similarity/{result.feature}/{result.metric}"
            sink.table(where, result.columns, f"{result.metric} of {result.feature} over pairs", result.facts)
            sink.put(f"{where}/replicate", result.replicates, ["resample", "row"], "statistics of resampled images")
        sink.history([source], provenance.step(begun, [source], seed=options.seed, rows=int(groups.keep.sum())))

    replacing = [f"/similarity/{result.feature}/{result.metric}" for result in results]
    if options.matrix:
        _write_matrices(source, output, options, groups, chosen, replacing, fill, carry, force, restart, say, progress)
        return
    with store.create(output, "similarity", force=force) as sink:
        sink.carry(source, groups.keep, carry, replacing)
        fill(sink)


def _write_matrices(source, output, options, groups, chosen, replacing, fill, carry, force, restart, say, progress):
    """The N x N matrices, a block of rows at a time; goes on after a kill."""
    n = int(groups.keep.sum())
    wanted = [(feature, metric) for feature in chosen for metric in options.metrics]
    columns = [
        store.Column(
            f"/similarity/{feature.name}/{metric}/matrix",
            (n,),
            ["/other"],
            "f4",
            f"{metric} of {feature.name}, every pair",
        )
        for feature, metric in wanted
    ]
    command = {
        **dataclasses.asdict(options),
        "inputs": store.digests(source.file),
        "features": [feature.name for feature in chosen],
    }

    def begin(part):
        part.carry(source, groups.keep, carry, replacing)

    with store.grow(
        output, "similarity", columns, n, MATRIX_BLOCK, command, begin, force=force, restart=restart, say=say
    ) as part, (progress or interrupt.unwatched)(n, part.committed, "rows") as advance:
        for start in range(part.committed, n, MATRIX_BLOCK):
            stop = min(start + MATRIX_BLOCK, n)
            part.append(
                {
                    column.path: _matrix_rows(feature, metric, groups.keep, start, stop)
                    for column, (feature, metric) in zip(columns, wanted)
                },
                np.zeros(stop - start, bool),
            )
            advance(stop - start)
        fill(part)


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
