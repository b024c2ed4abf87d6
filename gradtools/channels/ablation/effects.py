"""What was measured of channels, as tables: which ranking knows the effect, what subsets do, areas under curves, training steps."""

import numpy as np

from gradtools.channels.ablation import subsets
from gradtools.channels.tables import table
from gradtools.math import bootstrap, channels, deletion
from gradtools.store import paths
from gradtools.vocabulary import RANKINGS_OF_CHANNELS

READ_ROWS = 256
INPUTS = ("gradient", "activation", "contribution")


def tables(part, plan):
    """Every table of a finished pass.

    Parameters
    ----------
    part : store.Part
        With all rows committed; those of unreadable images are left out.
    plan : plan.Plan

    Returns
    -------
    list of outcomes.Outcome
        channel_ablation, channel_subsets, channel_curves, channel_differences, channel_steps: those that have rows.
    """
    keep, options = ~part.unreadable, plan.job.options
    rows = {name: [] for name in ("ablation", "subsets", "curves", "differences", "steps")}
    for place in plan.places:
        measured = _spearman(part, place, keep, options)
        for name, found in (("ablation", _rankings), ("steps", _steps)):
            rows[name] += found(place, measured, options)
        rows["subsets"] += _subsets(part, plan, place, keep)
        curves, compared = _curves(part, plan, place, keep)
        rows["curves"] += curves
        rows["differences"] += compared
    facts = {"score": options.score, "target": options.target, "resamples": options.resamples, "seed": options.seed,
             "images": int(keep.sum()), "left_out": int((~keep).sum())}
    return [table(f"channel_{name}", *TEXTS[name], found, facts) for name, found in rows.items() if found]


TEXTS = {
    "ablation": ("Spearman of each ranking with the ablation effect over an image's channels, mean over images",
                 ("tap", "fill", "ranking", "images", "value", "low", "high")),
    "subsets": ("subsets of channels when only they stay and when they go, as shares of the whole",
                ("tap", "subset", "quantity", "images", "value", "low", "high")),
    "curves": ("areas under deletion and insertion curves, as shares of the full score",
               ("tap", "curve", "ranking", "images", "value", "low", "high")),
    "differences": ("areas of one ranking minus those of another, paired over images",
                    ("tap", "curve", "ranking", "other", "images", "value", "low", "high")),
    "steps": ("Spearman of kernel gradients, gradients and ablation effects over an image's channels, mean over images",
              ("tap", "first", "second", "images", "value", "low", "high")),
}


def _blocks(part, tap, names, keep):
    """(numbers of images, {name: (n, ...) float64}) of the readable images, a bounded number of rows at a time."""
    for start in range(0, len(keep), READ_ROWS):
        inside = np.flatnonzero(keep[start:start + READ_ROWS])
        if len(inside):
            yield start + inside, {name: part.read(paths.tap(tap, name), start, start + READ_ROWS)[inside].astype("f8") for name in names}


def _spearman(part, place, keep, options):
    """Spearman of pairs of values over the channels of each image, {(first, second): (n,)}."""
    effects = [f"ablation_{fill}" for fill in options.fill]
    trained = ["kernel_gradient"] if place.kernels else []
    pairs = [(ranking, effect) for effect in effects for ranking in RANKINGS_OF_CHANNELS]
    pairs += [(kernel, other) for kernel in trained for other in ("abs", *effects)]
    found = {pair: [] for pair in pairs}
    for numbers, rows in _blocks(part, place.tap.name, [*INPUTS, *effects, *trained], keep):
        inputs = {name: rows[name] for name in INPUTS}
        values = rows | {name: rule(**inputs) for name, rule in channels.RANKINGS.items()}
        values["random"] = channels.random_values(numbers, place.tap.channels, options.seed)
        for first, second in pairs:
            found[first, second].append(channels.spearman(values[first], values[second]))
    return {pair: np.concatenate(parts) for pair, parts in found.items()}


def _means(values, options):
    """(images, value, low, high) of the mean of every column (n, S) over the images that have a value."""
    mean, replicates = deletion.means(values, options.resamples, options.seed)
    counts = (~np.isnan(values)).sum(axis=0)
    return [(int(count), value, *bounds) for count, value, bounds in zip(counts, mean, bootstrap.interval(replicates))]


def _rankings(place, measured, options):
    """Rows of how each ranking agrees with the ablation."""
    if not options.fill:
        return []
    pairs = [(f"ablation_{fill}", fill, ranking) for fill in options.fill for ranking in RANKINGS_OF_CHANNELS]
    found = _means(np.column_stack([measured[ranking, effect] for effect, _, ranking in pairs]), options)
    return [(place.tap.name, fill, ranking, *row) for (_, fill, ranking), row in zip(pairs, found)]


def _steps(place, measured, options):
    """Rows of training steps beside gradients and effects."""
    if not place.kernels:
        return []
    effects = [f"ablation_{fill}" for fill in options.fill]
    pairs = [("kernel_gradient", other) for other in ("abs", *effects)] + [("abs", effect) for effect in effects]
    return [(place.tap.name, *pair, *row) for pair, row in zip(pairs, _means(np.column_stack([measured[pair] for pair in pairs]), options))]


def _subsets(part, plan, place, keep):
    """Rows of the subset table: shares of channels and contribution, score and unchanged answers on both sides."""
    if not plan.subsets:
        return []
    tap = place.tap.name
    whole = part.values(paths.SCORE)[keep]
    read = {name: part.values(paths.tap(tap, f"subset_{name}"))[keep].astype("f8") for name in ("channels", "contribution", "score", "unchanged")}
    total = np.concatenate([rows["contribution"].sum(axis=1) for _, rows in _blocks(part, tap, ["contribution"], keep)])
    values = {"channels": read["channels"] / place.tap.channels, "contribution": deletion.shares(read["contribution"], total)}
    for side, name in enumerate(("stay", "go")):
        values[f"{name}_score"] = deletion.shares(read["score"][:, :, side], whole)
        values[f"{name}_unchanged"] = read["unchanged"][:, :, side]
    found = {quantity: _means(columns, plan.job.options) for quantity, columns in values.items()}
    return [(tap, name, quantity, *rows[number]) for number, name in enumerate(subsets.names(plan.subsets)) for quantity, rows in found.items()]


def _curves(part, plan, place, keep):
    """Rows of the areas under the curves, and of their paired differences."""
    if not plan.rankings:
        return [], []
    options, table_rows, compared = plan.job.options, [], []
    whole = part.values(paths.SCORE)[keep]
    for curve in ("deletion", "insertion"):
        areas = [deletion.areas(rows[curve], place.counts) for _, rows in _blocks(part, place.tap.name, [curve], keep)]
        areas = deletion.shares(np.concatenate(areas), whole)
        table_rows += [(place.tap.name, curve, ranking, *row) for ranking, row in zip(plan.rankings, _means(areas, options))]
        compared += [(place.tap.name, curve, plan.rankings[first], plan.rankings[second], int((whole > 0).sum()), value, *bounds)
                     for (first, second), value, bounds in zip(*deletion.differences(*deletion.means(areas, options.resamples, options.seed)))]
    return table_rows, compared
