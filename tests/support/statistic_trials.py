"""Trials of intervals that rest on maps, objects and versions of images, by the functions that the commands call.

As in `interval_trials`, covered is the expected value at the same number of images: the mean of the values over all sets.
"""

from collections.abc import Callable, Mapping

import numpy as np
from interval_trials import LEAST_SETS, Trial, counted

from gradtools.math.channels import deletion
from gradtools.math.maps import map_pairs
from gradtools.math.pairs import augmented, bootstrap
from gradtools.math.regions import means

RESAMPLES = 400
Measured = Mapping[str, tuple[float, float, float]]  # value, low, high
Draw = Callable[[np.random.Generator], Measured]


def of_objects(images: int, share: float = 1.0) -> Draw:
    """Return what measures means over maps, one to three an image, as `localize`, `faithfulness`, `sanity` and `audit` have them.

    `normal`, `skewed` (exponential) and `hit` (0 or 1, as the pointing game) have something of their image, and each map its own;
    with `@25` and `@10` behind them those of the smallest objects. A mean is over the share of the images that has a value.
    """

    def draw(rng):
        of = np.repeat(np.arange(images), rng.integers(1, 4, images))
        level = rng.standard_normal(images)[of] + rng.standard_normal(len(of))
        rows = {
            "normal": level,
            "skewed": np.exp(level / 2) + rng.exponential(size=len(of)),
            "hit": (level > -0.9).astype(float),
        }
        absent = (rng.random(images) >= share)[of]
        rows = {name: np.where(absent, np.nan, values) for name, values in rows.items()}
        if share == 1:
            rows = means.of_subsets(rows, rng.random(len(of)))
        columns, _ = means.table(rows, of, RESAMPLES)
        return dict(
            zip(columns["statistic"], zip(columns["value"], columns["low"], columns["high"]))
        )

    return draw


def of_ablation(images: int) -> Draw:
    """Return what measures mean effects of channels and their paired difference, as `channels --ablate` does."""

    def draw(rng):
        level = rng.standard_normal((images, 1))
        values = np.exp(level) * np.array([[1.0, 0.8]]) + rng.exponential(size=(images, 2))
        mean, replicates = deletion.means(values, RESAMPLES)
        bounds = bootstrap.interval(replicates)
        _, apart, between = deletion.differences(mean, replicates)
        return {
            "effect of a channel": (mean[0], *bounds[0]),
            "difference of two": (apart[0], *between[0]),
        }

    return draw


def of_maps(images: int, classes: int = 3) -> Draw:
    """Return what measures similarities of maps within and between classes: a template of the class, image by image, and noise."""
    templates = np.random.default_rng(5).random((classes, 7, 7))

    def draw(rng):
        labels = np.arange(images) % classes
        predicted = np.where(rng.random(images) < 0.7, labels, rng.integers(classes, size=images))
        maps = templates[predicted] + 0.5 * templates[labels] + rng.random((images, 7, 7))
        weights = bootstrap.resample_weights(labels, RESAMPLES)
        measured: dict[str, tuple[float, float, float]] = {}
        for metric, pairs in map_pairs.within_groups(
            maps, labels, ("CC", "KLD"), counts=weights, between=True, predictions=predicted
        ).items():
            for (name, mean), bounds in zip(
                pairs.means.items(), bootstrap.interval(pairs.replicates)
            ):
                measured[f"{metric} {name}"] = (mean.value, *bounds)
        return measured

    return draw


def of_versions(images: int, classes: int = 3) -> Draw:
    """Return what measures cosines of images and their changed versions, and whether these are nearer than others of the class."""

    def draw(rng):
        labels = np.arange(images) % classes
        rows = np.eye(classes, 8)[labels] + rng.standard_normal((images, 8))
        versions = rows + 0.7 * rng.exponential(size=(images, 1)) * rng.standard_normal(
            (2, images, 8)
        )
        unit, changed = (
            part / np.linalg.norm(part, axis=-1, keepdims=True) for part in (rows, versions)
        )
        own = augmented.own_cosines(unit, changed)
        weights = bootstrap.resample_weights(labels, RESAMPLES)
        measures = {
            "cosine with versions": augmented.mean_over_images(own, weights),
            "AUC of own version": augmented.own_or_other(unit, own, labels, weights),
        }
        return {
            name: (one.value, *bootstrap.interval(one.replicates)) for name, one in measures.items()
        }

    return draw


def trials(draw: Draw, sets: int, seed: int = 0) -> dict[str, Trial]:
    """Draw sets and count, by statistic."""
    rng, seen = np.random.default_rng(seed), {}
    for _ in range(sets):
        for name, row in draw(rng).items():
            if not np.isnan(row).any():
                seen.setdefault(name, []).append(row)
    return {name: counted(np.array(rows)) for name, rows in seen.items() if len(rows) >= LEAST_SETS}
