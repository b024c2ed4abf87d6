"""One feature's similarities where the rows do not fit: passes over the file, no permutation, pair AUC of drawn images (SPEC 6.6)."""

import numpy as np

from gradtools.selection import features
from gradtools.math.pairs import bootstrap, group_sums, influence, pair_auc, pair_auc_bootstrap, pair_means
from gradtools.math.rows import vectors
from gradtools.stages.similarity import results

IN_MEMORY = 1 << 29  # bytes of float64 rows that are held for bootstrap and permutation
RESAMPLED_ROWS = 20_000  # beyond, Poisson counts block by block (SPEC 6.6)


def fits(feature, n, metric):
    """Whether n rows of a feature are few enough to be held and resampled."""
    return n <= _most_resampled(metric) and n * feature.shape[1] * 8 <= IN_MEMORY


def _most_resampled(metric):
    """How many images a statistic that sorts, or sums, their pairs takes (int)."""
    return pair_auc.SORTED_ROWS if metric == "euclidean" else RESAMPLED_ROWS


def describe(feature, metric, groups, options):
    """The same for rows that do not fit: passes over the file, no permutation; pair AUC over a seeded draw of images."""
    cell, cell_class, cell_prediction = group_sums.cells(groups.classes, groups.predictions)

    def blocks():
        return ((rows, cell[numbers]) for rows, numbers in features.blocks_of(feature, groups.keep))

    degenerate, replicates = 0, np.empty((0, len(pair_means.STATISTICS)))
    if metric in group_sums.PRODUCT_METRICS:
        totals = group_sums.cell_sums(blocks(), len(cell_class), metric)
        means, degenerate = pair_means.pair_statistics(totals, cell_class, cell_prediction, metric), totals.degenerate
        if options.resamples:
            replicates = influence.bootstrap_pair_statistics_streamed(
                blocks(), totals, cell_class, cell_prediction, options.resamples, options.seed, metric
            )
    else:
        rows = features.Slices(feature, groups.keep)
        means = pair_means.pair_statistics_streamed(rows, groups.classes, groups.predictions, metric)
    table, facts = {name: (mean.value, mean.pairs) for name, mean in means.items()}, {"resampling": "poisson"}
    if options.auc:
        found, drawn, count = _drawn_auc(feature, metric, groups, options)
        table |= found
        facts |= {"auc_rows": count, "auc_interval": "linear"}
        length = max(len(replicates), len(drawn))
        replicates = np.hstack([_padded(replicates, length), _padded(drawn, length)])
    return results.result(feature, metric, groups, options, table, replicates, degenerate, facts)


def _padded(replicates, length):
    """Replicates of a statistic that was not resampled are NaN."""
    return replicates if len(replicates) == length else np.full((length, replicates.shape[1]), np.nan)


def _drawn_auc(feature, metric, groups, options):
    """Pair AUC of a draw of at most RESAMPLED_ROWS images (SORTED_ROWS for distances), its replicates (B, 3), how many were drawn."""
    most = max(2, min(_most_resampled(metric), IN_MEMORY // (8 * feature.shape[1])))
    chosen = np.flatnonzero(groups.keep)
    drawn = np.sort(np.random.default_rng(options.seed).permutation(len(chosen))[:most])
    mask = np.zeros(len(groups.keep), bool)
    mask[chosen[drawn]] = True
    rows, degenerate = vectors.prepared_rows(features.read_rows(feature, mask), metric)
    classes, predictions = groups.classes[drawn], groups.predictions[drawn]
    counts = bootstrap.resample_counts(classes, options.resamples, options.seed)[:, ~degenerate]
    inside = rows[~degenerate], classes[~degenerate], predictions[~degenerate]
    replicates, _ = pair_auc_bootstrap.bootstrap_pair_auc(*inside, counts, metric)
    return results.auc_rows(pair_auc.pair_auc(*inside, metric)), replicates, len(drawn)
