"""Means of rows that belong to images, with their bootstrap over images: rows of one image stay together."""

import numpy as np

from gradtools.math.pairs.bootstrap import interval, resample_counts


def over_images(
    values: np.ndarray, images: np.ndarray, resamples: int = 1000, seed: int = 0
) -> tuple[np.ndarray, np.ndarray]:
    """Return means over rows and their replicates under resampled images.

    Parameters
    ----------
    values : (M, S) float array
        NaN where a row has no value; it is left out of that column.
    images : (M,) int array
        The image of every row.

    Returns
    -------
    mean : (S,) float64 array
        NaN where no row has a value.
    replicates : (B, S) float64 array
        The same draws of images for every call with these images, so that differences are paired.

    References
    ----------
    mathematics#bootstrap-over-images
    """
    values = np.asarray(values, float)
    known = ~np.isnan(values)
    _, place = np.unique(images, return_inverse=True)
    count = int(place.max()) + 1 if len(place) else 0
    sums, numbers = np.zeros((count, values.shape[1])), np.zeros((count, values.shape[1]))
    np.add.at(sums, place, np.where(known, values, 0))
    np.add.at(numbers, place, known)
    total = numbers.sum(axis=0)
    mean = np.divide(sums.sum(axis=0), total, out=np.full(len(total), np.nan), where=total > 0)
    if not resamples or count < 2:
        return mean, np.empty((0, values.shape[1]))
    counts = resample_counts(np.zeros(count, int), resamples, seed).astype(float)
    drawn = counts @ numbers
    return mean, np.divide(counts @ sums, drawn, out=np.full(drawn.shape, np.nan), where=drawn > 0)


def bounds(replicates: np.ndarray) -> np.ndarray:
    """Return 95 % percentile intervals, (S, 2); NaN without replicates.

    References
    ----------
    mathematics#bootstrap-over-images
    """
    if not len(replicates):
        return np.full((replicates.shape[1], 2), np.nan)
    return interval(replicates).reshape(-1, 2)
