"""features -> how well a linear probe reads the true label, also after the class row of the prediction is taken away.

A gradient is mostly the class row W_c of the prediction c. Whether the true label stays readable without it, and among
images of equal prediction, shows whether the gradient has more than the network's answer (mathematics#linear-probe).
"""

from collections.abc import Callable
from typing import TYPE_CHECKING

import numpy as np

from gradtools import interrupt
from gradtools.errors import GradtoolsError
from gradtools.math.rows import probe
from gradtools.selection import compared, features
from gradtools.selection.results import Facts, Result
from gradtools.store import paths

if TYPE_CHECKING:
    from gradtools.stages.similarity import Options

SHUFFLES = 20  # of the labels; each costs as much as the probe itself
WITHOUT, GIVEN = ":without-row", "same-prediction"


def describe(
    source: features.Store,
    options: "Options",
    *,
    say: Callable[[str], None] = print,
    progress: Callable | None = None,
) -> list[Result]:
    """Measure linear probes of every feature by cross-validation, beside the same on shuffled labels.

    Parameters
    ----------
    source : store.Store
    options : similarity.Options
        Its features, where and seed.

    Returns
    -------
    list of Result

    Raises
    ------
    GradtoolsError
        Without labels, or with fewer than two of five images each.
    """
    groups = compared.group(source, options.where, lambda line: None)
    keep = (
        probe.decodable(groups.classes) if groups.labelled else np.zeros(len(groups.classes), bool)
    )
    if len(np.unique(groups.classes[keep])) < 2:
        raise GradtoolsError(
            f"{source.name}: --decode takes at least two labels with {probe.FOLDS} images each"
        )
    if not keep.all():
        say(
            f"{int((~keep).sum())} images of labels with fewer than {probe.FOLDS} are left out of the probes"
        )
    scopes: dict[str, tuple[np.ndarray, np.ndarray | None]] = {"all": (keep, None)}
    given = (
        probe.contested(groups.classes, groups.predictions)
        if groups.predicted
        else np.zeros(len(keep), bool)
    )
    if given.any():
        scopes[GIVEN] = given, groups.predictions
    else:
        say(
            "no prediction has images of two labels that a probe could separate: nothing is read given the same prediction"
        )
    chosen = features.resolve(source, options.feature)
    results: list[Result] = []
    with (progress or interrupt.unwatched)(len(chosen), 0, "probes") as advance:
        for feature in chosen:
            results.append(
                features.checked(
                    lambda: _described(source, feature, groups, scopes, options),
                    feature,
                    groups.keep,
                    source,
                )
            )
            advance(1)
    return results


def _described(
    source: features.Store,
    feature: features.Feature,
    groups: compared.Groups,
    scopes: dict[str, tuple[np.ndarray, np.ndarray | None]],
    options: "Options",
) -> Result:
    """One feature's table: a row for all images and one given the same prediction, each whole and without the class row."""
    rows = features.read_rows(feature, groups.keep).astype(np.float64)
    if not np.isfinite(rows).all():
        raise GradtoolsError("NaN or infinity cannot be probed")
    table = {}
    for suffix, kept in _forms(source, feature, rows, groups).items():
        for scope, (inside, predictions) in scopes.items():
            strata = None if predictions is None else predictions[inside]
            probed = probe.decode(
                kept[inside], groups.classes[inside], strata, SHUFFLES, options.seed
            )
            table[scope + suffix] = _row(probed, groups.classes[inside])
    columns = {
        key: np.array([row[key] for row in table.values()]) for key in next(iter(table.values()))
    }
    facts: Facts = {
        "rows": len(rows),
        "left_out": groups.left_out,
        "folds": probe.FOLDS,
        "shuffles": SHUFFLES,
        "seed": options.seed,
        "leaks": int(compared.target_leaks(source)),
        "dimension": feature.shape[1],
    }
    return Result(
        paths.decoding(feature.name),
        feature.name,
        method="logistic",
        columns={"statistic": list(table), **columns},
        facts=facts,
        title=f"how well a linear probe reads the label from {feature.name}",
    )


def _forms(
    source: features.Store, feature: features.Feature, rows: np.ndarray, groups: compared.Groups
) -> dict[str, np.ndarray]:
    """The rows as they are and, of a gradient with a channel a weight, without the class row of the prediction."""
    weights = source.class_rows
    if (
        not groups.predicted
        or weights is None
        or weights.shape[1] != rows.shape[1]
        or feature.kind not in ("gradient", "weight")
    ):
        return {"": rows}
    return {"": rows, WITHOUT: probe.without_direction(rows, weights[groups.predictions])}


def _row(measured: probe.Decoding, labels: np.ndarray) -> dict[str, float]:
    """What the store keeps of one probe."""
    return {
        "accuracy": measured.accuracy.mean(),
        "accuracy_sd": measured.accuracy.std(),
        "balanced": measured.balanced.mean(),
        "balanced_sd": measured.balanced.std(),
        "shuffled_accuracy": measured.shuffled_accuracy.mean(),
        "shuffled_accuracy_sd": measured.shuffled_accuracy.std(),
        "shuffled_balanced": measured.shuffled_balanced.mean(),
        "shuffled_balanced_sd": measured.shuffled_balanced.std(),
        "p": measured.p,
        "images": len(labels),
        "labels": len(np.unique(labels)),
    }
