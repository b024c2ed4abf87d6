"""Trials of the intervals of clusterings: many sets of one population, each with its value, interval and paired difference.

Covered is the expected value at the same number of images: the mean of the values over all sets.
"""

import time
from collections.abc import Callable
from dataclasses import dataclass

import numpy as np

from gradtools.math.clusters import agreement, clustering, half_samples, lloyd, silhouettes
from gradtools.math.pairs.intervals import HALF_SAMPLES, SPREAD_95, interval_of

CLASSES, DIMENSIONS = 10, 16
APART = {"none": 0.0, "near": 0.8, "far": 1.6}  # sd of the class centres; rows have 1
SHOWN = ("ari", "nmi", "silhouette", "silhouette_true")
REPEATS, STARTS = {"kmeans": 10, "gmm": 10, "agglomerative": 1}, {"kmeans": 10, "gmm": 5}
Draw = Callable[[np.random.Generator], tuple[np.ndarray, list[np.ndarray]]]


@dataclass(frozen=True)
class Trial:
    """Of one index: shares of sets that cover and whose two equal spaces differ, and mean width / (3.92 sd of the value)."""

    sets: int
    coverage: float
    false_differences: float
    width: float


def gaussian_classes(n: int, apart: str) -> Draw:
    """Return what draws n labels and two spaces of the same ten Gaussian classes, independent given the label."""
    centres = APART[apart] * np.random.default_rng(7).normal(size=(CLASSES, DIMENSIONS))
    labels = np.arange(n) % CLASSES

    def draw(rng):
        return labels, [centres[labels] + rng.normal(size=(n, DIMENSIONS)) for _ in range(2)]

    return draw


def subsets(labels: np.ndarray, x: np.ndarray) -> Draw:
    """Return what draws a random half of each class of stored features, as one space."""

    def draw(rng):
        half = half_samples.half_samples(labels, 1, int(rng.integers(2**31)))[0]
        return labels[half], [x[half]]

    return draw


def trials(
    method: str,
    draw: Draw,
    sets: int,
    seed: int = 0,
    seconds: float = np.inf,
    drawn: float = 0.0,
) -> dict[str, Trial]:
    """
    Draw sets and count.

    Parameters
    ----------
    method : str
        kmeans | gmm | agglomerative, with the command's defaults.
    draw : callable
        From `gaussian_classes` or `subsets`.
    sets, seed : int
    seconds : float
        No further set is drawn after so many.
    drawn : float
        Share of a finite population that a set is: sets then vary as sqrt(1 - drawn) of what sets of an infinite one do, which is
        what intervals are of.

    Returns
    -------
    dict of index to Trial
    """
    rng, values, bounds, differences = np.random.default_rng(seed), [], [], []
    began = time.monotonic()
    for number in range(sets):
        if time.monotonic() - began > seconds:
            break
        labels, spaces = draw(rng)
        halves = half_samples.half_samples(
            labels, half_samples.number_of_halves(len(labels), method), seed + number
        )
        size = int(halves[0].sum()), len(labels)
        measured = [_measured(method, x, labels, halves, seed + number) for x in spaces]
        values.append(measured[0][0])
        bounds.append(_bounds(*measured[0], size))
        if len(measured) == 2:
            value, spread = (a - b for a, b in zip(*measured))
            differences.append(_bounds(value, spread, size))
    return _counted(
        np.array(values), np.array(bounds), np.array(differences), 1 / np.sqrt(1 - drawn)
    )


def _measured(method, x, labels, halves, seed):
    """Values (4,) as the command stores them, and replicates (B, 4)."""
    k = len(np.unique(labels))
    settings = half_samples.Method(method, k, STARTS.get(method, 1))
    replicates, shuffled = half_samples.replicates(x, halves, settings, labels, seed=seed)
    clusters = _clusterings(method, x, k, seed)
    distances = half_samples._distances_of(lloyd.gram_matrix(x))
    of_rows = silhouettes.of_clusterings([distances], np.vstack([clusters, labels]))
    indices = [part.mean() for part in agreement.agreements(clusters, labels)]
    values = np.array([*indices, of_rows[:-1].mean(), of_rows[-1]])
    known = dict.fromkeys(half_samples.INDICES, np.nan) | dict(zip(SHOWN, values))
    size = int(halves[0].sum()), len(labels)
    settled = half_samples.rescaled(replicates, shuffled, known, clusters, labels, None, size, seed)
    return values, settled[:, : len(SHOWN)]


def _clusterings(method, x, k, seed):
    """Labels of all repeats, (R, N)."""
    seeds = seed + np.arange(REPEATS[method])
    if method == "kmeans":
        every = np.arange(len(x))[None]
        return lloyd.kmeans_of_subsets(lloyd.gram_matrix(x), every, k, len(seeds), 10, seed)[0]
    if method == "gmm":
        return np.stack([clustering.gmm(x, k, int(s), STARTS["gmm"]).labels for s in seeds])
    return clustering.agglomerative(x, k).labels[None]


def _bounds(value, replicates, size):
    """(4, 2) intervals without a cut, whose widths can be compared."""
    return [
        interval_of(replicates[:, place], value[place], HALF_SAMPLES, *size)
        for place in range(len(SHOWN))
    ]


def _counted(values, bounds, differences, scale=1.0):
    """{index: Trial} of values (S, 4), bounds (S, 4, 2), differences (S, 4, 2) or empty; the values' deviations are scaled."""
    truth, spread = values.mean(axis=0), values.std(axis=0, ddof=1) * scale
    bounds = bounds + ((scale - 1) * (values - truth))[..., None]
    covered = ((bounds[..., 0] <= truth) & (truth <= bounds[..., 1])).mean(axis=0)
    width = (bounds[..., 1] - bounds[..., 0]).mean(axis=0) / (2 * SPREAD_95 * spread)
    apart = (
        ((differences[..., 0] > 0) | (differences[..., 1] < 0)).mean(axis=0)
        if len(differences)
        else np.full(len(SHOWN), np.nan)
    )
    return {
        name: Trial(len(values), *(float(part[place]) for part in (covered, apart, width)))
        for place, name in enumerate(SHOWN)
    }
