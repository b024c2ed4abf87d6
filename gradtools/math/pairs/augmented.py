"""
How alike an image and its own changed versions are, and whether more so than two images of one class.

Intervals resample images (mathematics#bootstrap-over-images): an image is drawn with all of its versions.
"""

from dataclasses import dataclass

import numpy as np

from gradtools.math.pairs.pair_auc import COSINE_STEP

BLOCK = 1024  # images of a class that are compared with all of it at once


@dataclass(frozen=True)
class Measure:
    """A statistic: its value, its value in every resample (B,), and how many pairs or triples it rests on."""

    value: float
    replicates: np.ndarray
    count: int


def own_cosines(unit: np.ndarray, versions: np.ndarray) -> np.ndarray:
    """
    Return the cosine of every image with each of its versions.

    Parameters
    ----------
    unit : (n, D) float64 array
        Unit rows of the images.
    versions : (V, n, D) float64 array
        Unit rows of their versions.

    Returns
    -------
    (V, n) float64 array

    References
    ----------
    mathematics#augmented-images
    """
    return np.clip(np.einsum("nd,vnd->vn", unit, versions), -1, 1)


def mean_over_images(values: np.ndarray, counts: np.ndarray) -> Measure:
    """
    Average over images the mean of each image's versions.

    Parameters
    ----------
    values : (V, n) float array
        NaN where a version has no value; an image without any is left out.
    counts : (B, n) array
        Weight of every image in every resample (`bootstrap.resample_weights`).

    Returns
    -------
    Measure, NaN where no image has a value; its count is the number of values.

    References
    ----------
    mathematics#augmented-images
    """
    number = (~np.isnan(values)).sum(axis=0)
    there = number > 0
    means = np.nansum(values, axis=0)[there] / number[there]
    weights = counts[:, there].astype(np.float64)
    with np.errstate(invalid="ignore"):
        replicates = weights @ means / weights.sum(axis=1)
    return Measure(float(means.mean()) if len(means) else np.nan, replicates, int(number.sum()))


def own_or_other(
    unit: np.ndarray, cosines: np.ndarray, classes: np.ndarray, counts: np.ndarray
) -> Measure:
    """
    Return the AUC of "own version or another image of the same class": the share of (image, version, other image) in which the
    version is more alike to the image than the other image of its class is; ties (to 1e-6) count half.

    Parameters
    ----------
    unit : (n, D) float64 array
        Unit rows of the images.
    cosines : (V, n) float array
        From `own_cosines`, NaN where a version has no direction.
    classes : (n,) int array
    counts : (B, n) array
        Weight of every image in every resample; copies of the image itself are never the other one.

    Returns
    -------
    Measure, NaN without triples.

    References
    ----------
    mathematics#augmented-images
    """
    weights = np.vstack([np.ones((1, len(classes))), counts]).astype(np.float64)
    won, all_of = np.zeros((2, len(weights)))
    triples = 0
    for label in np.unique(classes):
        members = np.flatnonzero(classes == label)
        part = _class_sums(unit[members], cosines[:, members], weights[:, members])
        won, all_of, triples = won + part[0], all_of + part[1], triples + part[2]
    with np.errstate(invalid="ignore", divide="ignore"):
        share = np.where(all_of > 0, won / all_of, np.nan)
    return Measure(float(share[0]), share[1:], triples)


def _class_sums(
    unit: np.ndarray, cosines: np.ndarray, weights: np.ndarray
) -> tuple[np.ndarray, np.ndarray, int]:
    """Return the weighted number of triples won and of all, (B,) each, and how many triples one class has."""
    number = (~np.isnan(cosines)).sum(axis=0)
    there, n = number > 0, len(unit)
    steps, weights_there = np.rint(cosines / COSINE_STEP), weights * there
    won = np.zeros(len(weights))
    for start in range(0, n, BLOCK):
        rows = slice(start, start + BLOCK)
        others = np.rint(np.clip(unit[rows] @ unit.T, -1, 1) / COSINE_STEP)
        wins = sum(
            (version[rows, None] > others) + 0.5 * (version[rows, None] == others)
            for version in steps
        )
        wins = wins / np.maximum(number[rows], 1)[:, None]
        wins[np.arange(len(wins)), np.arange(start, start + len(wins))] = 0
        won += np.einsum("bi,bi->b", weights_there[:, rows], weights @ wins.T)
    every = weights_there.sum(axis=1) * weights.sum(axis=1) - (weights_there * weights).sum(axis=1)
    return won, every, int(number.sum()) * (n - 1)
