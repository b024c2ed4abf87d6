"""One feature's similarities where all rows are held: exact bootstrap, and permutation tests of the labels (SPEC 6.6)."""

import numpy as np

from gradtools.errors import GradtoolsError
from gradtools.math.pairs import bootstrap, group_sums, pair_auc, pair_auc_bootstrap, pair_means, permutation
from gradtools.math.rows import vectors
from gradtools.stages.similarity import results


def describe(feature, metric, groups, options, rows, degenerate):
    """Exact statistics with bootstrap and permutation over rows that are held."""
    counts = bootstrap.resample_counts(groups.classes, options.resamples, options.seed)[:, ~degenerate]
    rows, classes, predictions = rows[~degenerate], groups.classes[~degenerate], groups.predictions[~degenerate]
    if len(rows) < 2:
        raise GradtoolsError(
            f"only {len(rows)} of {len(degenerate)} rows have a direction, and a pair takes two: leave the feature out"
        )
    cell, cell_class, cell_prediction = group_sums.cells(classes, predictions)
    if metric in group_sums.PRODUCT_METRICS:
        totals = group_sums.cell_sums([(rows, cell)], len(cell_class), "dot" if metric == "dot" else "cosine")
        means = pair_means.pair_statistics(totals, cell_class, cell_prediction)
        replicates = bootstrap.bootstrap_pair_statistics(rows, cell, cell_class, cell_prediction, counts)
        tests = _tests(rows, classes, predictions, options) if groups.labelled else {}
    else:
        means = pair_means.pair_statistics_streamed(rows, classes, predictions, metric)
        replicates = bootstrap.bootstrap_matrix_statistics(
            vectors.product_block(rows, rows, metric), classes, predictions, counts
        )
        tests = {}
    table = {name: (mean.value, mean.pairs) for name, mean in means.items()}
    if options.auc:
        table |= results.auc_rows(pair_auc.pair_auc(rows, classes, predictions, metric))
        drawn, exact = pair_auc_bootstrap.bootstrap_pair_auc(rows, classes, predictions, counts, metric)
        replicates = np.hstack([replicates, drawn])
        tests["auc_interval"] = "resampled" if exact else "linear"
    return results.result(feature, metric, groups, options, table, replicates, int(degenerate.sum()), tests)


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
