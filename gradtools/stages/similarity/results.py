"""Statistics, intervals and counts put together as a `Result`, with what labels or predictions would be needed for left empty."""

import numpy as np

from gradtools.math.pairs import bootstrap, pair_auc
from gradtools.selection.results import of_similarity

AUC = ("auc", "auc_same_prediction", "auc_other_prediction")
BY_CLASS = {"within", "within_macro", "between", "label_effect", *AUC}
BY_PREDICTION = {"same_prediction", "label_effect", "prediction_effect", *AUC[1:]}


def _unknown(name, groups):
    """Whether a statistic asks for labels, or for predictions, that are not there."""
    by_class = name in BY_CLASS or name == "prediction_effect" or "_class_" in name
    by_prediction = name in BY_PREDICTION or name.endswith("_prediction")
    return by_class and not groups.labelled or by_prediction and not groups.predicted


def result(feature, metric, groups, options, table, replicates, degenerate, facts):
    """Put values, intervals and counts together; statistics of labels or predictions that the samples do not have are left out."""
    known = np.array([not _unknown(name, groups) for name in table])
    table, replicates = (
        {name: pair for name, pair in table.items() if not _unknown(name, groups)},
        np.asarray(replicates)[:, known],
    )
    if not (groups.labelled and groups.predicted):
        facts = {
            key: value
            for key, value in facts.items()
            if not key.startswith("p_") and key != "movable"
        }
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
        "normalised": options.rows,
        **facts,
    }
    return of_similarity(feature.name, metric, columns, replicates, facts)


def auc_rows(found):
    """Pair AUC as rows of the table: value and number of pairs."""
    return {
        name: (float(found.auc[i]), int(found.positives[i] + found.negatives[i]))
        for i, name in enumerate(AUC)
    }
