"""
Deletion and insertion of channels in the order of a ranking: which are there at each step, areas under the scores, their intervals.

A deletion curve begins with all channels and takes the first of the ranking away; an insertion curve begins with none and puts them
in. Where a ranking is of what matters, deletion falls at once (a small area) and insertion rises at once (a large one).
"""

import numpy as np

from gradtools.math.pairs.bootstrap import bootstrap_means, interval


def step_counts(n_channels: int, steps: int) -> np.ndarray:
    """
    Return how many channels have been taken at each step.

    Parameters
    ----------
    n_channels : int
        C.
    steps : int
        T at most; never more than there are channels.

    Returns
    -------
    (T + 1,) int64 array from 0 to C, evenly spread.

    References
    ----------
    mathematics#deletion-and-insertion
    """
    return np.round(np.linspace(0, n_channels, min(steps, n_channels) + 1)).astype(np.int64)


def taken(order: np.ndarray, counts: np.ndarray) -> np.ndarray:
    """
    Return which channels are the first of every ranking.

    Parameters
    ----------
    order : (R, C) int array
        Channels, the first to be taken in front.
    counts : (T,) int array
        From `step_counts`.

    Returns
    -------
    (R, T, C) bool array, True for the channels that have been taken: what deletion leaves out and insertion leaves in.

    References
    ----------
    mathematics#deletion-and-insertion
    """
    place = np.empty_like(order)
    np.put_along_axis(place, order, np.arange(order.shape[1])[None], axis=1)
    return place[:, None] < np.asarray(counts)[:, None]


def areas(curves: np.ndarray, counts: np.ndarray) -> np.ndarray:
    """
    Return the area under curves by the trapezoidal rule, over the share of the channels taken: a mean of the scores.

    Parameters
    ----------
    curves : (..., T) float array
    counts : (T,) int array
        Channels taken at each step, from 0 to C.

    Returns
    -------
    (...) float64 array

    References
    ----------
    mathematics#deletion-and-insertion
    """
    curves, width = np.asarray(curves, dtype=np.float64), np.diff(np.asarray(counts) / counts[-1])
    return ((curves[..., 1:] + curves[..., :-1]) / 2) @ width


def shares(values: np.ndarray, whole: np.ndarray) -> np.ndarray:
    """
    Return the scores of every image as shares of its full score.

    Parameters
    ----------
    values : (N, S) float array
    whole : (N,) float array

    Returns
    -------
    (N, S) float64 array, NaN where the full score is not above 0: there is nothing to have a share of.

    References
    ----------
    mathematics#deletion-and-insertion
    """
    whole = np.asarray(whole, dtype=np.float64)
    values = np.asarray(values, dtype=np.float64)
    return np.divide(
        values, whole[:, None], out=np.full(values.shape, np.nan), where=whole[:, None] > 0
    )


def means(
    values: np.ndarray, resamples: int = 1000, seed: int = 0
) -> tuple[np.ndarray, np.ndarray]:
    """
    Average every column over images, and bootstrap over images.

    Parameters
    ----------
    values : (N, S) float array
        NaN where an image has no value; it is left out of that column.
    resamples, seed : int

    Returns
    -------
    mean : (S,) float64 array, NaN where no image has a value
    replicates : (B, S) float64 array
        The same resamples of images for every column, and for every call with as many images: differences of two are paired.

    References
    ----------
    mathematics#deletion-and-insertion
    """
    values = np.asarray(values, dtype=np.float64)
    known = ~np.isnan(values)
    mean = np.divide(
        np.nansum(values, axis=0),
        known.sum(axis=0),
        out=np.full(values.shape[1], np.nan),
        where=known.any(axis=0),
    )
    return mean, bootstrap_means(values, resamples, seed)


def differences(
    values: np.ndarray, replicates: np.ndarray
) -> tuple[np.ndarray, np.ndarray, np.ndarray]:
    """
    Return the paired differences of every two columns, with intervals over images.

    Parameters
    ----------
    values : (S,) float array
    replicates : (B, S) float array
        From one bootstrap, so that differences are paired.

    Returns
    -------
    pairs : (P, 2) int array, first < second
    difference : (P,) float64 array, first minus second
    bounds : (P, 2) float64 array

    References
    ----------
    mathematics#deletion-and-insertion
    """
    first, second = np.triu_indices(len(values), 1)
    return (
        np.column_stack([first, second]),
        values[first] - values[second],
        interval(replicates[:, first] - replicates[:, second]).reshape(-1, 2),
    )
