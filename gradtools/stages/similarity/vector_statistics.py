"""Statistics, intervals and tests of one feature's similarities, from rows that are held or in passes over the file (mathematics#bootstrap-over-images).

Rows that are held get an exact bootstrap and permutation tests of the labels; rows that do not fit get passes over the file, no
permutation, and the pair AUC of drawn images. What labels or predictions would be needed for is left out where there are none.
"""

from collections.abc import Iterator
from typing import TYPE_CHECKING

import numpy as np

from gradtools.errors import GradtoolsError
from gradtools.math.pairs import (
    bootstrap,
    group_sums,
    influence,
    pair_auc,
    pair_auc_bootstrap,
    pair_means,
    permutation,
)
from gradtools.math.rows import vectors
from gradtools.selection import compared, features
from gradtools.selection.results import of_similarity

if TYPE_CHECKING:
    from gradtools.selection.results import Columns, Facts, Result
    from gradtools.stages.similarity import Options

IN_MEMORY = 1 << 29  # bytes of float64 rows that are held for bootstrap and permutation
RESAMPLED_ROWS = 20_000  # beyond, Poisson counts block by block (mathematics#bootstrap-over-images)
AUC = ("auc", "auc_same_prediction", "auc_other_prediction")


def fits(feature: features.Feature, n: int, metric: str) -> bool:
    """Return True if n rows of a feature are few enough to be held and resampled."""
    return n <= _most_resampled(metric) and n * feature.shape[1] * 8 <= IN_MEMORY


def _most_resampled(metric: str) -> int:
    """How many images a statistic that sorts, or sums, their pairs takes (int)."""
    return pair_auc.SORTED_ROWS if metric == "euclidean" else RESAMPLED_ROWS


def describe_held(
    feature: features.Feature,
    metric: str,
    groups: compared.Groups,
    options: "Options",
    rows: np.ndarray,
    degenerate: np.ndarray,
) -> "Result":
    """Compute exact statistics with bootstrap and permutation over rows that are held."""
    counts = bootstrap.resample_weights(groups.classes, options.resamples, options.seed)[
        :, ~degenerate
    ]
    rows, classes, predictions = (
        rows[~degenerate],
        groups.classes[~degenerate],
        groups.predictions[~degenerate],
    )
    if len(rows) < 2:
        raise GradtoolsError(
            f"only {len(rows)} of {len(degenerate)} rows have a direction, and a pair takes two: leave the feature out"
        )
    cell, cell_class, cell_prediction = group_sums.cells(classes, predictions)
    if metric in group_sums.PRODUCT_METRICS:
        totals = group_sums.cell_sums(
            [(rows, cell)], len(cell_class), "dot" if metric == "dot" else "cosine"
        )
        means = pair_means.pair_statistics(totals, cell_class, cell_prediction)
        replicates = bootstrap.bootstrap_pair_statistics(
            rows, cell, cell_class, cell_prediction, counts
        )
        tests = _tests(rows, classes, predictions, options) if groups.labelled else {}
    else:
        means = pair_means.pair_statistics_streamed(rows, classes, predictions, metric)
        replicates = bootstrap.bootstrap_matrix_statistics(
            vectors.product_block(rows, rows, metric), classes, predictions, counts
        )
        tests = {}
    table = {name: (mean.value, mean.pairs) for name, mean in means.items()}
    if options.auc:
        table |= auc_rows(pair_auc.pair_auc(rows, classes, predictions, metric))
        drawn, exact = pair_auc_bootstrap.bootstrap_pair_auc(
            rows, classes, predictions, counts, metric
        )
        replicates = np.hstack([replicates, drawn])
        tests["auc_interval"] = "resampled" if exact else "linear"
    return result(feature, metric, groups, options, table, replicates, int(degenerate.sum()), tests)


def _tests(
    rows: np.ndarray, classes: np.ndarray, predictions: np.ndarray, options: "Options"
) -> "Facts":
    """Permutation tests of the labels, as facts."""
    if not options.permutations:
        return {}
    effect = permutation.permutation_label_effect(
        rows, classes, predictions, options.permutations, options.seed
    )
    within = permutation.permutation_within(rows, classes, options.permutations, options.seed)
    return {
        "p_label_effect": effect.p,
        "movable": effect.movable,
        "p_within": within.p,
        "null_within": within.null_mean,
        "null_within_sd": within.null_sd,
        "permutations": options.permutations,
    }


def describe_streamed(
    feature: features.Feature, metric: str, groups: compared.Groups, options: "Options"
) -> "Result":
    """Compute the same for rows that do not fit: passes over the file, no permutation; pair AUC over a seeded draw of images."""
    cell, cell_class, cell_prediction = group_sums.cells(groups.classes, groups.predictions)

    def blocks() -> Iterator[tuple[np.ndarray, np.ndarray]]:
        return ((rows, cell[numbers]) for rows, numbers in features.blocks_of(feature, groups.keep))

    degenerate, replicates = 0, np.empty((0, len(pair_means.STATISTICS)))
    if metric in group_sums.PRODUCT_METRICS:
        totals = group_sums.cell_sums(blocks(), len(cell_class), metric)
        means, degenerate = (
            pair_means.pair_statistics(totals, cell_class, cell_prediction, metric),
            totals.degenerate,
        )
        if options.resamples:
            replicates = influence.bootstrap_pair_statistics_streamed(
                blocks(),
                totals,
                cell_class,
                cell_prediction,
                options.resamples,
                options.seed,
                metric,
            )
    else:
        rows = features.Slices(feature, groups.keep)
        means = pair_means.pair_statistics_streamed(
            rows, groups.classes, groups.predictions, metric
        )
    table = {name: (mean.value, mean.pairs) for name, mean in means.items()}
    facts: Facts = {"resampling": "poisson"}
    if options.auc:
        of_pairs, drawn, count = _drawn_auc(feature, metric, groups, options)
        table |= of_pairs
        facts |= {"auc_rows": count, "auc_interval": "linear"}
        length = max(len(replicates), len(drawn))
        replicates = np.hstack([_padded(replicates, length), _padded(drawn, length)])
    return result(feature, metric, groups, options, table, replicates, degenerate, facts)


def _padded(replicates: np.ndarray, length: int) -> np.ndarray:
    """Replicates of a statistic that was not resampled are NaN."""
    return (
        replicates if len(replicates) == length else np.full((length, replicates.shape[1]), np.nan)
    )


def _drawn_auc(
    feature: features.Feature, metric: str, groups: compared.Groups, options: "Options"
) -> tuple[dict[str, tuple[float, int]], np.ndarray, int]:
    """Pair AUC of a draw of at most RESAMPLED_ROWS images (SORTED_ROWS for distances), its replicates (B, 3), how many were drawn."""
    most = max(2, min(_most_resampled(metric), IN_MEMORY // (8 * feature.shape[1])))
    chosen = np.flatnonzero(groups.keep)
    drawn = np.sort(np.random.default_rng(options.seed).permutation(len(chosen))[:most])
    mask = np.zeros(len(groups.keep), bool)
    mask[chosen[drawn]] = True
    rows, degenerate = vectors.prepared_rows(features.read_rows(feature, mask), metric)
    classes, predictions = groups.classes[drawn], groups.predictions[drawn]
    counts = bootstrap.resample_weights(classes, options.resamples, options.seed)[:, ~degenerate]
    inside = rows[~degenerate], classes[~degenerate], predictions[~degenerate]
    replicates, _ = pair_auc_bootstrap.bootstrap_pair_auc(*inside, counts, metric)
    return auc_rows(pair_auc.pair_auc(*inside, metric)), replicates, len(drawn)


def result(
    feature: features.Feature,
    metric: str,
    groups: compared.Groups,
    options: "Options",
    table: dict[str, tuple[float, int]],
    replicates: np.ndarray,
    degenerate: int,
    facts: "Facts",
) -> "Result":
    """Put values, intervals and counts together; statistics of labels or predictions that the samples do not have are left out."""
    known = [compared.is_defined(name, groups.labelled, groups.predicted) for name in table]
    table, replicates = (
        {name: pair for (name, pair), is_known in zip(table.items(), known) if is_known},
        np.asarray(replicates)[:, known],
    )
    if not (groups.labelled and groups.predicted):
        facts = {
            key: value
            for key, value in facts.items()
            if not key.startswith("p_") and key != "movable"
        }
    bounds = bootstrap.interval(replicates) if len(replicates) else np.full((len(table), 2), np.nan)
    columns: Columns = {
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
        "resampling": bootstrap.RESAMPLING,
        "in_twos": bootstrap.images_in_twos(groups.classes) if groups.labelled else 0,
        "score_step": pair_auc.COSINE_STEP if metric in ("cosine", "correlation") else 0.0,
        "leaks": int(options.leaks),
        "dimension": feature.shape[1],
        "normalised": options.rows or "",
        **facts,
    }
    return of_similarity(feature.name, metric, columns, replicates, facts)


def auc_rows(measured: pair_auc.PairAUC) -> dict[str, tuple[float, int]]:
    """Pair AUC as rows of the table: value and number of pairs."""
    return {
        name: (float(measured.auc[i]), int(measured.positives[i] + measured.negatives[i]))
        for i, name in enumerate(AUC)
    }
