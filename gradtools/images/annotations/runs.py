"""Masks as run lengths, column by column, as COCO has them: the first run is background."""

import dataclasses

import numpy as np


@dataclasses.dataclass(frozen=True)
class Mask:
    """A mask of `height` x `width` pixels; `counts` (R,) int64 are its run lengths."""

    height: int
    width: int
    counts: np.ndarray


def encode(mask: np.ndarray) -> Mask:
    """Return the run lengths of a mask, (H, W) bool."""
    flat = np.asarray(mask, bool).T.ravel()
    changes = np.flatnonzero(np.diff(flat)) + 1
    edges = np.concatenate([[0], changes, [flat.size]])
    counts = np.diff(edges)
    if flat.size and flat[0]:
        counts = np.concatenate([[0], counts])
    height, width = mask.shape
    return Mask(height, width, counts.astype(np.int64))


def decode(mask: Mask) -> np.ndarray:
    """Return a mask as (H, W) bool.

    Raises
    ------
    ValueError
        Where the runs do not fill the mask.
    """
    counts = np.asarray(mask.counts, np.int64)
    if (counts < 0).any() or counts.sum() != mask.height * mask.width:
        raise ValueError(f"its runs cover {counts.sum()} pixels, not {mask.height} x {mask.width}")
    flat = np.repeat(np.arange(len(counts)) % 2 == 1, counts)
    return flat.reshape(mask.width, mask.height).T


def from_string(text: str | bytes, height: int, width: int) -> Mask:
    """Read COCO's compressed run lengths: numbers of 5 bits a character, from the third on as
    differences to the one before the last.

    Parameters
    ----------
    text : str or bytes
        `counts` of an annotation.
    """
    data = text.encode() if isinstance(text, str) else text
    counts: list[int] = []
    place = 0
    while place < len(data):
        value, shift, more = 0, 0, True
        while more:
            if place >= len(data):
                raise ValueError("its run lengths end in the middle of a number")
            bits = data[place] - 48
            value |= (bits & 0x1F) << (5 * shift)
            more = bool(bits & 0x20)
            place, shift = place + 1, shift + 1
            if not more and bits & 0x10:
                value |= -1 << (5 * shift)
        counts.append(value + counts[-2] if len(counts) > 2 else value)
    return Mask(height, width, np.array(counts, np.int64))


def from_polygons(polygons: list[list[float]], height: int, width: int) -> Mask:
    """Fill polygons: a pixel belongs to an object where its centre is inside one of them.

    Parameters
    ----------
    polygons : list of [x0, y0, x1, y1, ...]
        Corners in pixels; each is filled by the even-odd rule, and the object is their union.
    """
    filled = np.zeros((height, width), bool)
    for corners in polygons:
        points = np.asarray(corners, float).reshape(-1, 2)
        if len(points) < 3:
            raise ValueError(f"a polygon has {len(points)} corners")
        filled |= _filled(points, height, width)
    return encode(filled)


def _filled(points: np.ndarray, height: int, width: int) -> np.ndarray:
    """Fill one polygon (P, 2), (H, W) bool: even-odd at the centres of the pixels."""
    (x0, y0), (x1, y1) = points.T, np.roll(points, -1, axis=0).T
    inside = np.zeros((height, width), bool)
    centres = np.arange(width) + 0.5
    first = max(0, int(np.floor(points[:, 1].min() - 0.5)))
    last = min(height, int(np.ceil(points[:, 1].max() + 0.5)))
    for row in range(first, last):
        y = row + 0.5
        crossed = (y0 <= y) != (y1 <= y)
        x = x0[crossed] + (y - y0[crossed]) * (x1 - x0)[crossed] / (y1 - y0)[crossed]
        inside[row] = (centres[:, None] > x).sum(axis=1) % 2 == 1
    return inside


def tight_box(filled: np.ndarray) -> tuple[float, float, float, float] | None:
    """Return the smallest half-open box around a mask, (H, W) bool; None where it is empty."""
    rows, columns = np.flatnonzero(filled.any(axis=1)), np.flatnonzero(filled.any(axis=0))
    if not len(rows):
        return None
    return float(columns[0]), float(rows[0]), float(columns[-1] + 1), float(rows[-1] + 1)
