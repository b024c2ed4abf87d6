"""Means of rows that belong to images, with their bootstrap over images: rows of one image stay together."""

import numpy as np

from gradtools.math.pairs.bootstrap import interval, resample_weights

SMALL = {"": 100, "@25": 25, "@10": 10}  # suffix of a statistic: percentile of the objects' shares
AT_ONCE = 1 << 24  # weights of rows held at once


def over_images(
    values: np.ndarray,
    images: np.ndarray,
    resamples: int = 1000,
    seed: int = 0,
    partners: np.ndarray | None = None,
) -> tuple[np.ndarray, np.ndarray]:
    """Return means over rows and their replicates under resampled images.

    A row is drawn as often as its image; a row of a pair as often as its two images together, the
    product of their counts, as pairs are elsewhere.

    Parameters
    ----------
    values : (M, S) float array
        NaN where a row has no value; it is left out of that column.
    images : (M,) int array
        The image of every row.
    partners : (M,) int array, optional
        Of rows of pairs the other image, -1 of other rows.

    Returns
    -------
    mean : (S,) float64 array
        NaN where no row has a value.
    replicates : (B, S) float64 array
        The same draws of images for every call with these images, so that differences are paired; NaN in a
        column that rests on one image or pair, of which resamples know no spread.

    References
    ----------
    mathematics#bootstrap-over-images
    """
    values = np.asarray(values, float)
    known = ~np.isnan(values)
    filled, total = np.where(known, values, 0), known.sum(axis=0)
    mean = np.divide(filled.sum(axis=0), total, out=np.full(len(total), np.nan), where=total > 0)
    partners = np.full(len(images), -1) if partners is None else partners
    every = np.unique(np.concatenate([images, partners[partners >= 0]]))
    if not resamples or len(every) < 2:
        return mean, np.empty((0, values.shape[1]))
    counts = resample_weights(np.zeros(len(every), int), resamples, seed).astype(float)
    first, second = (np.searchsorted(every, of) for of in (images, np.maximum(partners, every[0])))
    replicates = []
    for part in np.array_split(counts, max(1, resamples * len(images) // AT_ONCE)):
        weights = part[:, first] * np.where(partners >= 0, part[:, second], 1)
        drawn = weights @ known
        replicates.append(
            np.divide(weights @ filled, drawn, out=np.full(drawn.shape, np.nan), where=drawn > 0)
        )
    drawn_means = np.concatenate(replicates)
    drawn_means[:, ~_of_several(known, images, partners)] = np.nan
    return mean, drawn_means


def _of_several(known: np.ndarray, images: np.ndarray, partners: np.ndarray) -> np.ndarray:
    """Return which columns of known values (M, S) rest on two images, or pairs of images, or more, (S,) bool."""
    other = np.where(partners >= 0, partners, images)
    both = np.stack([np.minimum(images, other), np.maximum(images, other)], axis=1)
    place = np.unique(both, axis=0, return_inverse=True)[1].ravel()
    first = np.where(known, place[:, None], len(images)).min(axis=0, initial=len(images))
    return (known & (place[:, None] != first)).any(axis=0)


def bounds(replicates: np.ndarray) -> np.ndarray:
    """Return 95 % percentile intervals, (S, 2); NaN without replicates.

    References
    ----------
    mathematics#bootstrap-over-images
    """
    if not len(replicates):
        return np.full((replicates.shape[1], 2), np.nan)
    return interval(replicates).reshape(-1, 2)


def table(
    rows: dict[str, np.ndarray],
    images: np.ndarray,
    resamples: int = 1000,
    seed: int = 0,
    partners: np.ndarray | None = None,
) -> tuple[dict[str, list[str] | np.ndarray], np.ndarray]:
    """Return a table of the means of named rows with their intervals, and the replicates.

    Parameters
    ----------
    rows : dict of str to (M,) float array
        The values of a statistic, NaN where a row has none.
    images, resamples, seed, partners
        As for `over_images`.

    Returns
    -------
    columns : dict of str to list of str or (S,) array
        statistic, value, low, high, images (how many rows have a value).
    replicates : (B, S) float64 array

    References
    ----------
    mathematics#bootstrap-over-images
    """
    values = np.stack(list(rows.values()), axis=1)
    mean, replicates = over_images(values, images, resamples, seed, partners)
    limits = bounds(replicates)
    columns: dict[str, list[str] | np.ndarray] = {
        "statistic": list(rows),
        "value": mean,
        "low": limits[:, 0],
        "high": limits[:, 1],
        "images": (~np.isnan(values)).sum(axis=0).astype("i8"),
    }
    return columns, replicates


def of_subsets(
    rows: dict[str, np.ndarray], share: np.ndarray, both: np.ndarray | None = None
) -> dict[str, np.ndarray]:
    """Return rows for all objects and for the small ones, named `statistic`, `statistic@25`, `statistic@10`.

    Parameters
    ----------
    rows : dict of str to (M,) float array
    share : (M,) float array
        The object's share of the frame; NaN where none is known, which is among no small ones.
    both : (M,) float array, optional
        Of a pair's row the larger share of its two images: a pair is small when both images are.

    References
    ----------
    mathematics#small-objects
    """
    both = share if both is None else both
    known = share[~np.isnan(share)]
    every: dict[str, np.ndarray] = {}
    for suffix, percent in SMALL.items():
        limit = np.percentile(known, percent) if suffix and len(known) else -np.inf
        kept = both <= limit if suffix else np.ones(len(share), bool)
        every |= {f"{name}{suffix}": np.where(kept, row, np.nan) for name, row in rows.items()}
    return every


def without_gaps(values: np.ndarray, axis: int) -> np.ndarray:
    """Return means along an axis without NaN; NaN where there is nothing else.

    Parameters
    ----------
    values : float array
    axis : int

    Returns
    -------
    float64 array without that axis

    References
    ----------
    mathematics#sanity
    """
    known = ~np.isnan(values)
    count = known.sum(axis=axis)
    total = np.where(known, values, 0).sum(axis=axis)
    return np.divide(total, count, out=np.full(count.shape, np.nan), where=count > 0)
