"""What the score does when an image is multiplied by a map: ADP, PIC, and the masks beside the maps."""

import numpy as np

from gradtools.math.channels import deletion

EQUAL = 1e-6  # relative: a change of the score below it is rounding


def drops(before: np.ndarray, after: np.ndarray) -> np.ndarray:
    """Return max(0, Y - O) / Y of every sample, NaN where Y is not positive.

    Parameters
    ----------
    before, after : (N,) float arrays
        Score of the image, Y, and of the image times its map, O.

    References
    ----------
    Chattopadhay et al., Grad-CAM++ (WACV 2018): average drop, in percent its mean.
    mathematics#adp-and-pic
    """
    before, after = np.asarray(before, float), np.asarray(after, float)
    share = np.full(before.shape, np.nan)
    known = before > 0
    share[known] = np.maximum(0, before[known] - after[known]) / before[known]
    share[known & (np.abs(after - before) <= EQUAL * np.abs(before))] = 0
    return share


def increases(before: np.ndarray, after: np.ndarray) -> np.ndarray:
    """Return whether the score rises beyond rounding, 0 or 1; NaN where Y is not positive.

    Parameters as for `drops`. In percent its mean is PIC, the increase in confidence.

    References
    ----------
    mathematics#adp-and-pic
    """
    before, after = np.asarray(before, float), np.asarray(after, float)
    rises = (after - before > EQUAL * np.abs(before)).astype(float)
    return np.where(before > 0, rises, np.nan)


def shuffled(maps: np.ndarray, seed: int) -> np.ndarray:
    """Return maps (N, H, W) with the values of each in random places.

    References
    ----------
    mathematics#control-masks
    """
    flat = maps.reshape(len(maps), -1)
    mixed = [
        np.random.default_rng([seed, row]).permutation(values) for row, values in enumerate(flat)
    ]
    return np.array(mixed).reshape(maps.shape)


def others(groups: np.ndarray, seed: int) -> np.ndarray:
    """Draw for every map one of another image.

    Parameters
    ----------
    groups : (N,) int array
        The image of every map.

    Returns
    -------
    (N,) int array
        Row of a map whose image is another; -1 where there is none.

    References
    ----------
    mathematics#control-masks
    """
    rng = np.random.default_rng(seed)
    drawn = np.full(len(groups), -1)
    for row, group in enumerate(groups):
        rest = np.flatnonzero(groups != group)
        if len(rest):
            drawn[row] = rest[rng.integers(len(rest))]
    return drawn


def statistics(
    before: np.ndarray, after: dict[str, np.ndarray], curves: dict[str, np.ndarray]
) -> dict[str, np.ndarray]:
    """Return ADP and PIC in percent under every mask, and the areas under curves, row by row.

    Parameters
    ----------
    before : (N,) float array
        Score of the image.
    after : dict of str to (N,) float array
        Score under a mask, by the suffix of its statistics; NaN where a row has no such mask.
    curves : dict of str to (N, steps + 1) float array
        Scores along a curve.

    Returns
    -------
    dict of str to (N,) float64 array
        adp, pic and their suffixes, then the curves' names; NaN where there is no value.

    References
    ----------
    mathematics#adp-and-pic
    """
    rows: dict[str, np.ndarray] = {}
    before = np.asarray(before, float)
    for suffix, values in after.items():
        known = np.isfinite(values)
        rows[f"adp{suffix}"] = np.where(known, 100 * drops(before, values), np.nan)
        rows[f"pic{suffix}"] = np.where(known, 100 * increases(before, values), np.nan)
    for name, values in curves.items():
        rows[name] = deletion.areas(deletion.shares(values, before), np.arange(values.shape[1]))
    return rows
