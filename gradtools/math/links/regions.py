"""What a labelled part of a picture is like: area, light, entropy, shape, turn, place; and how much it changed."""

import numpy as np
from scipy.optimize import linear_sum_assignment

METRICS = ("area", "luminance", "entropy", "eccentricity", "angle", "x", "y", "major", "minor")
FEWEST = 20  # pixels of a part, mean over the steps, below which nothing is measured
GREY = np.array([0.2125, 0.7154, 0.0721])  # scikit-image's rgb2gray


def measure(pictures: np.ndarray, masks: np.ndarray, parts: int) -> np.ndarray:
    """Measure every part of the steps of one sample (mathematics#quantification).

    Parameters
    ----------
    pictures : (T, C, H, W) float array in 0..1
    masks : (T, H, W) int array
        Places among the parts; 0, the background, is measured too.
    parts : int

    Returns
    -------
    (T, parts, 9) float64 array
        In the order of METRICS; NaN of a part of fewer than 20 pixels in the mean. Shapes are means over the
        components that meet one of the first step.
    """
    grey = _grey(np.asarray(pictures, float))
    local = np.stack([_entropy(one) for one in grey])
    values = np.full((len(grey), parts, len(METRICS)), np.nan)
    for part in range(parts):
        inside = masks == part
        areas = inside.reshape(len(grey), -1).sum(1)
        if areas.mean() < FEWEST:
            continue
        values[:, part, 0] = areas
        for step in np.flatnonzero(areas):
            values[step, part, 1] = grey[step][inside[step]].mean()
            values[step, part, 2] = local[step][inside[step]].mean()
        if part:
            values[:, part, 3:] = _shapes(inside)
    return values


def _grey(pictures):
    """Grey of pictures (T, C, H, W), (T, H, W)."""
    if pictures.shape[1] == 1:
        return pictures[:, 0]
    return np.einsum("tchw,c->thw", pictures, GREY)


def _entropy(grey):
    """Entropy in bits of the 8-bit values within 5 pixels of each pixel."""
    from skimage.filters.rank import entropy
    from skimage.morphology import disk

    return entropy(np.rint(255 * np.clip(grey, 0, 1)).astype("u1"), disk(5))


def _shapes(inside):
    """Eccentricity, angle, centre, axes (T, 6) of the components of masks (T, H, W) that meet those of the first step."""
    steps = [_components(one) for one in inside]
    reference = next((own for own in steps if len(own)), np.empty((0, 6)))
    values = np.full((len(steps), 6), np.nan)
    for step, own in enumerate(steps):
        if not len(own):
            continue
        gaps = np.linalg.norm(own[:, None, 2:4] - reference[None, :, 2:4], axis=2)
        rows = linear_sum_assignment(gaps)[0]
        met = own[rows]
        values[step] = met.mean(0)
        values[step, 1] = np.degrees(np.angle(np.exp(2j * np.radians(met[:, 1])).mean())) / 2
    return values


def _components(mask):
    """Eccentricity, angle in degrees, x, y, major and minor axis of the components of a mask, (n, 6), the largest first."""
    from skimage.measure import label, regionprops

    rows = [
        (
            one.eccentricity,
            np.degrees(one.orientation),
            one.centroid[1],
            one.centroid[0],
            one.axis_major_length,
            one.axis_minor_length,
            one.area,
        )
        for one in regionprops(label(mask, connectivity=2))
        if one.area >= 4
    ]
    rows.sort(key=lambda row: -row[-1])
    return np.array([row[:-1] for row in rows]).reshape(-1, 6)


def axial_difference(after: np.ndarray, before: np.ndarray) -> np.ndarray:
    """Return the turn from one axis to another in degrees, in (-90, 90]: from 89 to -89 is 2 (mathematics#quantification)."""
    turn = np.angle(np.exp(2j * np.radians(np.asarray(after, float) - before)))
    half = np.degrees(turn) / 2
    return np.where(half <= -90, half + 180, half)


def changes(first: np.ndarray, last: np.ndarray) -> np.ndarray:
    """Return how much each metric changed (..., 9): of areas (last - first) / (last + first), of angles the turn, else the difference (mathematics#quantification)."""
    difference = last - first
    total = last[..., 0] + first[..., 0]
    with np.errstate(divide="ignore", invalid="ignore"):
        difference[..., 0] = np.where(total > 0, difference[..., 0] / total, np.nan)
    difference[..., 4] = axial_difference(last[..., 4], first[..., 4])
    return difference
