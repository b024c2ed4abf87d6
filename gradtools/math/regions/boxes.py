"""Boxes in pixels, half-open: x0, y0, x1, y1."""

import numpy as np
from scipy import ndimage

EIGHT = np.ones((3, 3), bool)  # neighbours of a pixel, diagonal ones too


def pixels(boxes: np.ndarray, size: tuple[int, int]) -> np.ndarray:
    """Return the pixels whose centre lies in any of the boxes.

    Parameters
    ----------
    boxes : (B, 4) float array
    size : (height, width)

    Returns
    -------
    (height, width) bool array

    References
    ----------
    mathematics#boxes-and-components
    """
    y, x = (np.arange(side) + 0.5 for side in size)
    inside = np.zeros(size, bool)
    for x0, y0, x1, y1 in np.asarray(boxes, float).reshape(-1, 4):
        inside |= ((y >= y0) & (y < y1))[:, None] & ((x >= x0) & (x < x1))
    return inside


def area(boxes: np.ndarray) -> np.ndarray:
    """Return the areas of boxes (..., 4), 0 for empty ones (mathematics#boxes-and-components)."""
    boxes = np.asarray(boxes, float)
    return np.maximum(boxes[..., 2] - boxes[..., 0], 0) * np.maximum(
        boxes[..., 3] - boxes[..., 1], 0
    )


def share(boxes: np.ndarray, size: tuple[int, int]) -> float:
    """Return the share of a frame that boxes (B, 4) cover: of a single box its area, of several their pixels.

    References
    ----------
    mathematics#small-objects
    """
    if len(boxes) == 1:
        return float(area(boxes)[0] / (size[0] * size[1]))
    return float(pixels(boxes, size).mean())


def iou(first: np.ndarray, second: np.ndarray) -> np.ndarray:
    """Return intersection over union of boxes, (A, 4) and (B, 4) -> (A, B); 0 where both are empty.

    References
    ----------
    mathematics#boxes-and-components
    """
    a, b = np.asarray(first, float)[:, None], np.asarray(second, float)[None]
    common = area(np.concatenate([np.maximum(a, b)[..., :2], np.minimum(a, b)[..., 2:]], axis=-1))
    union = area(a) + area(b) - common
    return np.divide(common, union, out=np.zeros_like(common), where=union > 0)


def around_largest_component(mask: np.ndarray) -> np.ndarray | None:
    """Return the tight box of the largest 8-connected component of a mask.

    Of equal components the first in reading order; None of an empty mask.

    Parameters
    ----------
    mask : (H, W) bool array

    Returns
    -------
    (4,) float64 array or None

    References
    ----------
    Selvaraju et al., Grad-CAM (ICCV 2017), section 4.1.
    mathematics#boxes-and-components
    """
    labelled, count = ndimage.label(mask, EIGHT)
    if not count:
        return None
    largest = int(np.bincount(labelled.ravel())[1:].argmax())
    rows, columns = ndimage.find_objects(labelled)[largest]
    return np.array([columns.start, rows.start, columns.stop, rows.stop], float)
