"""How a picture moved into another: an affine map of the whole, and the flow that it leaves; needs scikit-image."""

import dataclasses
from typing import TYPE_CHECKING

import numpy as np

if TYPE_CHECKING:
    from skimage.transform import AffineTransform

RADIUS = 7  # pixels of optical flow's windows
INLIERS = 20  # matches below which the affine map is fitted to the flow itself
RESIDUAL = 2.0  # pixels of RANSAC
TEXTURED = 0.02  # standard deviation of values around a pixel that flow can be read at
FIELDS = ("flow", "divergence", "curl", "zoom", "rotation", "shift_x", "shift_y", "inliers", "whole_divergence", "whole_curl")  # fmt: skip
POINTS = 400  # of the flow that an affine map is fitted to
ROUNDS = 10  # that refine the affine map


@dataclasses.dataclass(frozen=True)
class Field:
    """How one picture moved into another.

    Attributes
    ----------
    affine : (3, 3) float64 array
        From (x, y, 1) of the first to the second.
    flow : (2, H, W) float64 array
        (row, column) that the affine map leaves: second(x + flow) = moved first(x).
    textured : (H, W) bool array
        Pixels of the second picture whose flow can be read.
    inliers : int
        Matches of features that the affine map meets; 0 where it was fitted to the flow.
    """

    affine: np.ndarray
    flow: np.ndarray
    textured: np.ndarray
    inliers: int

    def summary(self) -> np.ndarray:
        """Return the figures in the order of FIELDS: mean length, divergence and curl of the flow at textured pixels, the affine map's, and of both together.

        Returns
        -------
        (F,) float64 array
            Lengths and shifts in pixels, rotation in degrees, zoom a factor, inliers a number.
        """
        rows, columns = self.flow
        divergence = np.gradient(rows, axis=0) + np.gradient(columns, axis=1)
        curl = np.gradient(rows, axis=1) - np.gradient(columns, axis=0)
        linear = self.affine[:2, :2]
        height, width = rows.shape
        middle = np.array([(width - 1) / 2, (height - 1) / 2])
        shift = linear @ middle + self.affine[:2, 2] - middle
        zoom = np.sqrt(abs(np.linalg.det(linear)))
        rotation = np.degrees(np.arctan2(linear[1, 0] - linear[0, 1], linear[0, 0] + linear[1, 1]))
        of_flow = [np.hypot(rows, columns), divergence, curl]
        here = self.textured
        means = [float(values[here].mean()) if here.any() else 0.0 for values in of_flow]
        whole = means[1] + linear.trace() - 2, means[2] + linear[1, 0] - linear[0, 1]
        return np.array([*means, zoom, rotation, *shift, self.inliers, *whole])


def field(first: np.ndarray, second: np.ndarray, seed: int = 0) -> Field:
    """Return how the first grey picture (H, W) moved into the second (mathematics#change-field).

    Features (ORB) are matched and an affine map is fitted to them by RANSAC; with fewer than 20 that agree it is fitted to
    the dense flow at textured pixels. It is refined by the flow that it leaves while the pictures come nearer. What is left is the flow
    from the first, moved by the map, to the second.

    Parameters
    ----------
    first, second : (H, W) float arrays in 0..1
    seed : int
        Of RANSAC.
    """
    from skimage.registration import optical_flow_ilk

    source, target = _matches(first, second)
    model, inliers = _fit(source, target, seed)
    if inliers < INLIERS:
        inliers = 0
        source, target = _from_flow(first, second)
        model, _ = _fit(source, target, seed)
    affine = np.eye(3) if model is None else np.asarray(model.params)
    affine = _refined(first, second, affine)
    flow = optical_flow_ilk(moved(first, affine), second, radius=RADIUS)
    return Field(affine, np.asarray(flow, float), _textured(second), inliers)


def moved(picture: np.ndarray, affine: np.ndarray) -> np.ndarray:
    """Return a picture (H, W) or (H, W, C) moved by an affine map (3, 3) of (x, y, 1); its edges continue (mathematics#change-field)."""
    from skimage.transform import AffineTransform, warp

    return warp(picture, AffineTransform(matrix=affine).inverse, mode="edge")


def _matches(first: np.ndarray, second: np.ndarray) -> tuple[np.ndarray, np.ndarray]:
    """Return the places (x, y) of matched features in both pictures, two (n, 2) arrays."""
    from skimage.feature import ORB, match_descriptors

    detected = []
    for picture in (first, second):
        orb = ORB(n_keypoints=300)
        try:
            orb.detect_and_extract(picture)
        except (RuntimeError, ValueError, IndexError):  # no corner, or too small a picture
            return np.empty((0, 2)), np.empty((0, 2))
        if orb.descriptors is None or not len(orb.descriptors):
            return np.empty((0, 2)), np.empty((0, 2))
        detected.append(orb)
    pairs = match_descriptors(detected[0].descriptors, detected[1].descriptors, cross_check=True)
    return tuple(orb.keypoints[pairs[:, side]][:, ::-1] for side, orb in enumerate(detected))


def _fit(source: np.ndarray, target: np.ndarray, seed: int) -> "tuple[AffineTransform | None, int]":
    """Return the affine map of most matches and how many it meets; None and 0 for fewer than 4."""
    from skimage.measure import ransac
    from skimage.transform import AffineTransform

    if len(source) < 4:
        return None, 0
    model, inliers = ransac(
        (source, target), AffineTransform, min_samples=3, residual_threshold=RESIDUAL, max_trials=200, rng=seed
    )  # fmt: skip
    if model is None or inliers is None or not np.isfinite(model.params).all():
        return None, 0
    return model, int(np.sum(inliers))


def _from_flow(first: np.ndarray, second: np.ndarray) -> tuple[np.ndarray, np.ndarray]:
    """Return the places and where the dense flow takes them, at textured pixels."""
    from skimage.registration import optical_flow_ilk

    rows, columns = optical_flow_ilk(first, second, radius=RADIUS)
    y, x = np.nonzero(_textured(first))
    drawn = np.random.default_rng(0).permutation(len(y))[
        :POINTS
    ]  # a fit takes time and memory of its points squared
    y, x = y[drawn], x[drawn]
    source = np.stack([x, y], axis=1).astype(float)
    return source, source + np.stack([columns[y, x], rows[y, x]], axis=1)


def _refined(first: np.ndarray, second: np.ndarray, affine: np.ndarray) -> np.ndarray:
    """Return an affine map (3, 3) with those of the flow that is left put behind it, as long as the pictures come nearer.

    Flow of windows falls short of turns, whose edges move along themselves: one fit of it has less than half of a turn.
    """
    here = moved(first, affine)
    error = np.square(here - second).sum()
    for _ in range(ROUNDS):
        step = _least_squares(*_from_flow(here, second))
        if step is None:
            break
        tried = step @ affine
        here = moved(first, tried)
        nearer = np.square(here - second).sum()
        if not nearer < 0.99 * error:
            break
        affine, error = tried, nearer
    return affine


def _least_squares(source: np.ndarray, target: np.ndarray) -> np.ndarray | None:
    """Return the affine map (3, 3) of most places, those that it misses by more than RANSAC allows left out; None for fewer than 4."""
    step: np.ndarray | None = None
    keep = np.ones(len(source), bool)
    places = np.c_[source, np.ones(len(source))]
    for _ in range(2):
        if keep.sum() < 4:
            return step
        rows = np.linalg.lstsq(places[keep], target[keep], rcond=None)[0].T
        step = np.vstack([rows, [0, 0, 1]])
        keep = np.linalg.norm(places @ rows.T - target, axis=1) <= RESIDUAL
    return step


def _textured(picture: np.ndarray) -> np.ndarray:
    """Return the pixels (H, W) of a grey picture whose surroundings of 5 x 5 pixels vary."""
    from scipy.ndimage import uniform_filter

    mean = uniform_filter(picture, 5)
    return np.sqrt(np.maximum(uniform_filter(picture**2, 5) - mean**2, 0)) > TEXTURED
