"""How alike two maps of one image are, image by image: ranks of pixels, structure, and edges."""

import numpy as np

from gradtools.errors import UsageError
from gradtools.math.channels.channel_values import spearman
from gradtools.math.maps import map_controls, map_metrics
from gradtools.math.maps.reading import read_maps

MEASURES = ("spearman", "absolute", "ssim", "hog")
HOG_CELL = 8  # pixels of a cell's side at most: a map of 8 x 8 has one


def compare(
    first: np.ndarray, second: np.ndarray, measures: tuple[str, ...] = MEASURES[:3]
) -> dict[str, np.ndarray]:
    """Compare raw maps image by image; NaN where one of the two is constant.

    Parameters
    ----------
    first, second : (N, h, w) float arrays
        Signed maps.
    measures : tuple of str
        `spearman`, `ssim` and `hog` are of read maps (rectified, in 0..1), `absolute` is Spearman's
        correlation of the raw maps' absolute values.

    Returns
    -------
    dict of str to (N,) float64 array

    References
    ----------
    mathematics#sanity
    """
    (a, flat), (b, empty) = (read_maps([maps]) for maps in (first, second))
    count = len(a)
    values = {}
    for measure in measures:
        if measure == "spearman":
            values[measure] = spearman(a.reshape(count, -1), b.reshape(count, -1))
        elif measure == "absolute":
            values[measure] = spearman(
                abs(first).reshape(count, -1), abs(second).reshape(count, -1)
            )
        else:
            of_rows = _ssim if measure == "ssim" else _hog
            values[measure] = np.where(flat | empty, np.nan, of_rows(a, b))
    return values


def _ssim(first: np.ndarray, second: np.ndarray) -> np.ndarray:
    """Return SSIM of map i and map i, (N,)."""
    settings = map_metrics.MapSettings()
    a, b = (map_metrics.prepare(maps, ("SSIM",), settings) for maps in (first, second))
    return map_controls.aligned_values(a, b, ("SSIM",))["SSIM"]


def _hog(first: np.ndarray, second: np.ndarray) -> np.ndarray:
    """Return Pearson's correlation of the histograms of oriented gradients of map i and map i, (N,)."""
    rows = []
    for a, b in zip(first, second):
        edges = np.stack([hog(a), hog(b)])
        centred = edges - edges.mean(axis=1, keepdims=True)
        sizes = np.linalg.norm(centred, axis=1)
        rows.append(centred[0] @ centred[1] / sizes.prod() if sizes.all() else np.nan)
    return np.array(rows)


def hog(image_map: np.ndarray) -> np.ndarray:
    """Return the histogram of oriented gradients of a map (H, W), flat.

    Raises
    ------
    UsageError
        scikit-image is not installed.

    References
    ----------
    Dalal and Triggs 2005; scikit-image's `hog` with 9 orientations and blocks of one cell.
    mathematics#sanity
    """
    try:
        from skimage.feature import hog as oriented
    except ImportError as error:
        raise UsageError(
            "--measure hog needs scikit-image: pip install 'gradtools[images]'"
        ) from error
    cell = max(2, min(HOG_CELL, min(image_map.shape) // 2))
    return oriented(image_map, orientations=9, pixels_per_cell=(cell, cell), cells_per_block=(1, 1))
