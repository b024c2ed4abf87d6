"""What a labelled part of a picture is like: area, light, entropy, shape, turn, place; and how much it changed."""

import importlib.util

import numpy as np
from scipy import ndimage
from scipy.optimize import linear_sum_assignment

from gradtools.errors import UsageError

METRICS = ("area", "luminance", "entropy", "eccentricity", "angle", "x", "y", "major", "minor")
FEWEST = 20  # pixels of a part, mean over the steps, below which nothing is measured
LEAST = 4  # pixels of a component
GREY = np.array([0.2125, 0.7154, 0.0721])  # scikit-image's rgb2gray


def require() -> None:
    """Refuse to measure where scikit-image is not installed (mathematics#quantification).

    Raises
    ------
    UsageError
    """
    if importlib.util.find_spec("skimage") is None:
        raise UsageError(
            "parts of pictures are measured with scikit-image: pip install 'gradtools[images]'"
        )


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
    local = np.stack([_entropy(picture) for picture in grey])
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


def _grey(pictures: np.ndarray) -> np.ndarray:
    """Return the grey of pictures (T, C, H, W), (T, H, W)."""
    if pictures.shape[1] == 1:
        return pictures[:, 0]
    return np.einsum("tchw,c->thw", pictures, GREY)


def _entropy(grey: np.ndarray) -> np.ndarray:
    """Return the entropy in bits of the 8-bit values within 5 pixels of each pixel."""
    from skimage.filters.rank import entropy
    from skimage.morphology import disk

    return entropy(np.rint(255 * np.clip(grey, 0, 1)).astype("u1"), disk(5))


def _shapes(inside: np.ndarray) -> np.ndarray:
    """Return the eccentricity, angle, centre, axes (T, 6) of the components of masks (T, H, W) that meet those of the first step."""
    steps = [_components(mask) for mask in inside]
    reference = next((components for components in steps if len(components)), np.empty((0, 6)))
    values = np.full((len(steps), 6), np.nan)
    for step, components in enumerate(steps):
        if not len(components):
            continue
        gaps = np.linalg.norm(components[:, None, 2:4] - reference[None, :, 2:4], axis=2)
        rows = linear_sum_assignment(gaps)[0]
        met = components[rows]
        values[step] = met.mean(0)
        values[step, 1] = np.degrees(np.angle(np.exp(2j * np.radians(met[:, 1])).mean())) / 2
    return values


def _components(mask: np.ndarray) -> np.ndarray:
    """Return the eccentricity, angle in degrees, x, y, major and minor axis of the components of a mask, (n, 6), the largest first.

    Of their second moments, as scikit-image's regionprops has them, of all components at once.
    """
    labels, count = ndimage.label(mask, np.ones((3, 3)))
    y, x = np.nonzero(labels)
    component = labels[y, x] - 1

    def mean(values: np.ndarray) -> np.ndarray:
        return np.bincount(component, values, count) / area

    area = np.bincount(component, minlength=count)
    middle = mean(y), mean(x)
    down, right = y - middle[0][component], x - middle[1][component]
    vertical, horizontal, both = mean(down**2), mean(right**2), mean(down * right)
    half = (vertical + horizontal) / 2
    apart = np.hypot((vertical - horizontal) / 2, both)
    large, small = half + apart, np.maximum(half - apart, 0)
    turn = np.arctan2(2 * both, vertical - horizontal) / 2
    # Where no direction is longer than another scikit-image says 45 degrees, up or down.
    turn = np.where(vertical == horizontal, np.where(both > 0, np.pi / 4, -np.pi / 4), turn)
    share = np.divide(small, large, out=np.ones(count), where=large > 0)
    axes = 4 * np.sqrt(large), 4 * np.sqrt(small)
    rows = np.stack([np.sqrt(1 - share), np.degrees(turn), middle[1], middle[0], *axes], axis=1)
    order = np.argsort(-area, kind="stable")
    return rows[order[area[order] >= LEAST]]


def axial_difference(after: np.ndarray, before: np.ndarray) -> np.ndarray:
    """Return the turn from one axis to another in degrees, in (-90, 90]: from 89 to -89 is 2 (mathematics#quantification).

    Parameters
    ----------
    after, before : float arrays of one shape
        Angles in degrees.

    Returns
    -------
    float64 array of that shape
    """
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
