"""What was measured of channels, as tables: which ranking agrees with the effect, what subsets do, areas under curves, training steps."""

import dataclasses
import functools
import itertools
from collections.abc import Iterator
from typing import TYPE_CHECKING

import numpy as np

from gradtools.math.channels import channel_values, deletion
from gradtools.math.pairs import bootstrap
from gradtools.network.ablation import subsets
from gradtools.stages.channels.tables import table
from gradtools.store import paths
from gradtools.tables.wording import RANKINGS_OF_CHANNELS

if TYPE_CHECKING:
    from gradtools.network.ablation.plan import Options, Place, Plan
    from gradtools.selection.results import Result
    from gradtools.store import Part

Row = tuple[float | str, ...]
READ_ROWS = 256
INPUTS = ("gradient", "activation", "contribution")


def tables(part: "Part", plan: "Plan") -> "list[Result]":
    """Compute every table of a finished pass.

    Parameters
    ----------
    part : store.Part
        With all rows committed; those of unreadable images are left out.
    plan : plan.Plan

    Returns
    -------
    list of results.Result
        channel_ablation, channel_subsets, channel_curves, channel_points, channel_differences, channel_steps, channel_kernels: those that
        have rows.
    """
    keep, options = ~part.unreadable, plan.job.options
    rows: dict[str, list[Row]] = {name: [] for name in TEXTS}
    replicates = []
    for place in plan.places:
        measured = _spearman(part, place, keep, options)
        rankings, drawn = _rankings(place, measured, options)
        rows["ablation"] += rankings
        replicates.append(drawn)
        rows["steps"] += _steps(place, measured, options)
        rows["kernels"] += _kernels(part, place, keep, options)
        rows["subsets"] += _subsets(part, plan, place, keep)
        for name, of_curves in _curves(part, plan, place, keep).items():
            rows[name] += of_curves
    undefined = int((~np.isfinite(part.values(paths.SCORE)[keep])).sum())
    facts = {
        "score": options.score,
        "target": options.target,
        "weights": str(plan.job.model.weights),
        "resamples": options.resamples,
        "resampling": bootstrap.RESAMPLING,
        "seed": options.seed,
        "images": int(keep.sum()),
        "left_out": int((~keep).sum()),
        "undefined": undefined,
    }
    made = {
        name: table(f"channel_{name}", *TEXTS[name], of_table, facts)
        for name, of_table in rows.items()
        if of_table
    }
    if "ablation" in made and options.resamples:
        of_rankings = np.concatenate(replicates, axis=1)
        made["ablation"] = dataclasses.replace(made["ablation"], replicates=of_rankings)
    return list(made.values())


TEXTS = {
    "ablation": (
        "Spearman of each ranking with the ablation effect over an image's channels, mean over images",
        ("tap", "fill", "ranking", "images", "value", "low", "high"),
    ),
    "subsets": (
        "subsets of channels when only they stay and when they go, as shares of the whole",
        ("tap", "subset", "quantity", "images", "value", "low", "high"),
    ),
    "curves": (
        "areas under deletion and insertion curves, as shares of the full score",
        ("tap", "curve", "ranking", "images", "value", "low", "high"),
    ),
    "points": (
        "deletion and insertion curves, as shares of the full score, mean over images",
        ("tap", "curve", "ranking", "taken", "images", "value", "low", "high"),
    ),
    "differences": (
        "areas of one ranking minus those of another, paired over images",
        ("tap", "curve", "ranking", "other", "images", "value", "low", "high"),
    ),
    "steps": (
        "Spearman of kernel gradients, gradients and ablation effects over an image's channels, mean over images",
        ("tap", "first", "second", "images", "value", "low", "high"),
    ),
    "kernels": (
        "kernel gradients, gradients and ablation effects of every channel, mean over images",
        ("tap", "channel", "quantity", "images", "value", "rank", "place"),
    ),
}


def _blocks(
    part: "Part", tap: str, names: list[str], keep: np.ndarray
) -> Iterator[tuple[np.ndarray, dict[str, np.ndarray]]]:
    """(numbers of images, {name: (n, ...) float64}) of the readable images, a bounded number of rows at a time."""
    for start in range(0, len(keep), READ_ROWS):
        inside = np.flatnonzero(keep[start : start + READ_ROWS])
        if len(inside):
            yield (
                start + inside,
                {
                    name: part.read(paths.tap(tap, name), start, start + READ_ROWS)[inside].astype(
                        "f8"
                    )
                    for name in names
                },
            )


def _spearman(
    part: "Part", place: "Place", keep: np.ndarray, options: "Options"
) -> dict[tuple[str, str], np.ndarray]:
    """Spearman of pairs of values over the channels of each image, {(first, second): (n,)}."""
    effects = [f"ablation_{fill}" for fill in options.ablate]
    trained = ["kernel_gradient"] if place.kernels else []
    pairs = [(ranking, effect) for effect in effects for ranking in RANKINGS_OF_CHANNELS]
    pairs += [(kernel, other) for kernel in trained for other in ("abs", *effects)]
    parts: dict[tuple[str, str], list[np.ndarray]] = {pair: [] for pair in pairs}
    for numbers, rows in _blocks(part, place.tap.name, [*INPUTS, *effects, *trained], keep):
        inputs = {name: rows[name] for name in INPUTS}
        values = rows | {name: rule(**inputs) for name, rule in channel_values.RANKINGS.items()}
        values["random"] = channel_values.random_values(numbers, place.tap.channels, options.seed)
        for first, second in pairs:
            parts[first, second].append(channel_values.spearman(values[first], values[second]))
    return {pair: np.concatenate(of_blocks) for pair, of_blocks in parts.items()}


def _means(values: np.ndarray, options: "Options") -> list[tuple[int, float, float, float]]:
    """(images, value, low, high) of the mean of every column (n, S) over the images that have a value; one image has no interval."""
    return _with_bounds(values, *deletion.means(values, options.resamples, options.seed))


def _with_bounds(
    values: np.ndarray, mean: np.ndarray, replicates: np.ndarray
) -> list[tuple[int, float, float, float]]:
    """The same of a mean (S,) and its replicates (B, S)."""
    counts = (~np.isnan(values)).sum(axis=0)
    bounds = np.where(counts[:, None] > 1, bootstrap.interval(replicates), np.nan)
    return [(int(count), value, *pair) for count, value, pair in zip(counts, mean, bounds)]


def _rankings(
    place: "Place", measured: dict[tuple[str, str], np.ndarray], options: "Options"
) -> tuple[list[Row], np.ndarray]:
    """Rows of how each ranking agrees with the ablation, and their replicates (B, rows)."""
    if not options.ablate:
        return [], np.empty((options.resamples, 0))
    pairs = [
        (f"ablation_{fill}", fill, ranking)
        for fill in options.ablate
        for ranking in RANKINGS_OF_CHANNELS
    ]
    values = np.column_stack([measured[ranking, effect] for effect, _, ranking in pairs])
    mean, replicates = deletion.means(values, options.resamples, options.seed)
    rows = zip(pairs, _with_bounds(values, mean, replicates))
    return [(place.tap.name, fill, ranking, *row) for (_, fill, ranking), row in rows], replicates


def _steps(
    place: "Place", measured: dict[tuple[str, str], np.ndarray], options: "Options"
) -> list[Row]:
    """Rows of training steps beside gradients and effects."""
    if not place.kernels:
        return []
    effects = [f"ablation_{fill}" for fill in options.ablate]
    pairs = [("kernel_gradient", other) for other in ("abs", *effects)] + [
        ("abs", effect) for effect in effects
    ]
    return [
        (place.tap.name, *pair, *row)
        for pair, row in zip(
            pairs, _means(np.column_stack([measured[pair] for pair in pairs]), options)
        )
    ]


def _kernels(part: "Part", place: "Place", keep: np.ndarray, options: "Options") -> list[Row]:
    """Rows of every channel's training step beside its gradient and its effect, means over images; place: by the training step, 0 the largest."""
    if not place.kernels:
        return []
    quantities = ["kernel_gradient", "abs", *(f"ablation_{fill}" for fill in options.ablate)]
    read = ["gradient" if name == "abs" else name for name in quantities]
    of_blocks = (
        np.stack(
            [
                (np.abs(rows[name]) if name == "gradient" else rows[name]).sum(axis=0)
                for name in read
            ]
        )
        for _, rows in _blocks(part, place.tap.name, read, keep)
    )
    total = functools.reduce(np.add, of_blocks)
    images = int(keep.sum())
    rank, order = channel_values.ranks(total), channel_values.order(total[:1])[0]
    return [
        (
            place.tap.name,
            int(channel),
            quantity,
            images,
            total[row, channel] / images,
            rank[row, channel],
            at,
        )
        for at, channel in enumerate(order)
        for row, quantity in enumerate(quantities)
    ]


def _subsets(part: "Part", plan: "Plan", place: "Place", keep: np.ndarray) -> list[Row]:
    """Rows of the subset table: shares of channels and contribution, score and unchanged answers on both sides."""
    if not plan.subsets:
        return []
    tap = place.tap.name
    whole = part.values(paths.SCORE)[keep]
    read = {
        name: part.values(paths.tap(tap, f"subset_{name}"))[keep].astype("f8")
        for name in ("channels", "contribution", "score", "unchanged")
    }
    total = np.concatenate(
        [rows["contribution"].sum(axis=1) for _, rows in _blocks(part, tap, ["contribution"], keep)]
    )
    values = {
        "channels": read["channels"] / place.tap.channels,
        "contribution": deletion.shares(read["contribution"], total),
    }
    for side, name in enumerate(("stay", "go")):
        values[f"{name}_score"] = deletion.shares(read["score"][:, :, side], whole)
        values[f"{name}_unchanged"] = read["unchanged"][:, :, side]
    means = {quantity: _means(columns, plan.job.options) for quantity, columns in values.items()}
    return [
        (tap, name, quantity, *rows[number])
        for number, name in enumerate(subsets.names(plan.subsets))
        for quantity, rows in means.items()
    ]


def _curves(part: "Part", plan: "Plan", place: "Place", keep: np.ndarray) -> dict[str, list[Row]]:
    """Rows of the curves, of the areas under them, and of these areas' paired differences, by table."""
    rows: dict[str, list[Row]] = {"curves": [], "points": [], "differences": []}
    options, tap, whole = plan.job.options, place.tap.name, part.values(paths.SCORE)[keep]
    for curve in ("deletion", "insertion") if plan.rankings else ():
        points = np.concatenate([read[curve] for _, read in _blocks(part, tap, [curve], keep)])
        areas = deletion.shares(deletion.areas(points, place.counts), whole)
        rows["curves"] += [
            (tap, curve, ranking, *row)
            for ranking, row in zip(plan.rankings, _means(areas, options))
        ]
        rows["points"] += [
            (tap, curve, *about, *row)
            for about, row in zip(
                itertools.product(plan.rankings, place.counts.tolist()),
                _means(deletion.shares(points.reshape(len(points), -1), whole), options),
            )
        ]
        positive = int((whole > 0).sum())
        rows["differences"] += [
            (
                tap,
                curve,
                plan.rankings[first],
                plan.rankings[second],
                positive,
                value,
                *(bounds if positive > 1 else (np.nan, np.nan)),
            )
            for (first, second), value, bounds in zip(
                *deletion.differences(*deletion.means(areas, options.resamples, options.seed))
            )
        ]
    return rows
