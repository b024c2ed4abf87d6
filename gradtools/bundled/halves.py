"""
What the example is made from: scikit-learn's handwritten digits and its two photographs, each cut in two halves.

The first 898 of the 1,797 digits (they stand as in `load_digits`, not shuffled) and the photographs' left halves are
for training; the other 899 digits and the right halves are held out.
"""

from functools import cache
from typing import NamedTuple

import numpy as np

from gradtools.errors import GradtoolsError

HALVES = ("train", "heldout")


class Digits(NamedTuple):
    """Handwritten digits: images (N, 8, 8) uint8, labels (N,) int, indices (N,) int, their places in `load_digits`."""

    images: np.ndarray
    labels: np.ndarray
    indices: np.ndarray


@cache
def digits(half: str) -> Digits:
    """
    Return one half of scikit-learn's handwritten digits.

    Parameters
    ----------
    half : str
        "train" (the first 898 of 1,797) or "heldout" (the others).

    Returns
    -------
    Digits
        Shared between callers: do not write into it. 0..16 of `load_digits` has become 0..255, rounded.

    Raises
    ------
    GradtoolsError
        Another half.
    """
    from sklearn.datasets import load_digits

    data = load_digits()
    rows = halves_of(len(data.target))[index_of(half)]
    images = np.rint(data.images[rows] * (255 / 16)).astype(np.uint8)
    return Digits(images, data.target[rows], np.arange(len(data.target))[rows])


@cache
def photographs(half: str) -> tuple[np.ndarray, ...]:
    """
    Return one half of scikit-learn's two photographs, "china" and "flower".

    Parameters
    ----------
    half : str
        "train" (the left halves) or "heldout" (the right halves).

    Returns
    -------
    tuple of (427, 320, 3) uint8 arrays, RGB. Shared between callers: do not write into them.

    Raises
    ------
    GradtoolsError
        Another half.
    """
    from sklearn.datasets import load_sample_images

    images = load_sample_images().images
    return tuple(image[:, halves_of(image.shape[1])[index_of(half)]] for image in images)


def halves_of(length: int) -> tuple[slice, slice]:
    """Return the slices of the first and the second half of an axis."""
    return slice(0, length // 2), slice(length // 2, length)


def index_of(half: str) -> int:
    """Return 0 for train, 1 for heldout."""
    if half not in HALVES:
        raise GradtoolsError(
            f"no half {half!r} of the example's images: take {' or '.join(HALVES)}"
        )
    return HALVES.index(half)
