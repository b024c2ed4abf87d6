"""The indices of clusterings: agreement with classes and predictions, silhouettes, and their intervals."""

from collections.abc import Iterable

import numpy as np

from gradtools.math.clusters import agreement, half_samples, silhouettes
from gradtools.math.pairs.intervals import interval_of
from gradtools.selection.results import Columns, Facts


def agreements(
    blocks: Iterable[np.ndarray],
    labels: np.ndarray,
    classes: np.ndarray | None,
    predictions: np.ndarray | None,
) -> Columns:
    """Return the indices of every repeat (repeats, n), a column each; NaN where there are no classes, or no predictions.

    `blocks` are distances (b, n) of the samples, in order, to all of them.
    """
    nan = np.full(len(labels), np.nan)
    every = labels if classes is None else np.vstack([labels, classes])
    values = silhouettes.of_clusterings(blocks, every)
    (ari, nmi), (ari_argmax, nmi_argmax) = (
        (nan, nan) if other is None else agreement.agreements(labels, other)
        for other in (classes, predictions)
    )
    return {
        "ari": ari,
        "nmi": nmi,
        "silhouette": values[: len(labels)],
        "silhouette_true": nan if classes is None else np.full(len(labels), values[-1]),
        "ari_argmax": ari_argmax,
        "nmi_argmax": nmi_argmax,
    }


def means(columns: Columns) -> dict[str, float]:
    """Return the mean of every index over the repeats."""
    return {name: float(np.mean(np.asarray(columns[name]))) for name in half_samples.INDICES}


def bounds(columns: Columns, replicates: np.ndarray, drawn: Facts) -> Facts:
    """Return {index_low: .., index_high: ..} of every index."""
    size = int(drawn.get("drawn", 0)), int(drawn.get("drawn_of", 0))
    facts: Facts = {}
    for place, (name, value) in enumerate(means(columns).items()):
        limits = half_samples.range_of(name)
        low, high = interval_of(
            replicates[:, place], value, str(drawn["resampling"]), *size, limits=limits
        )
        facts |= {f"{name}_low": low, f"{name}_high": high}
    return facts
