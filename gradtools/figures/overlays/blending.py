"""Maps laid over images: arrays of colours."""

import functools

import numpy as np

FOR = "viridis"  # perceptually uniform, readable in grey and without red or green
SIGNED = "RdBu_r"  # red for, blue against, white nothing
COVER = 0.6  # share of the map's colour where it is largest; where it is 0 the photograph is seen
LUMINANCE = (0.299, 0.587, 0.114)


def over(frame: np.ndarray, values: np.ndarray, colours: str = FOR, low: float = 0.0) -> np.ndarray:
    """Blend a map over an image, which turns grey so that all colour is the map's, and is seen as it is where the map is 0.

    Parameters
    ----------
    frame : (H, W, 3) uint8 array
    values : (H, W) array in [low, 1]

    Returns
    -------
    (H, W, 3) float array in [0, 1]
    """
    cover = COVER * np.abs(values)[:, :, None]
    grey = frame @ (np.array(LUMINANCE) / 255)
    mixed = coloured(values, colours, low)
    mixed *= cover
    mixed += (1 - cover) * grey[:, :, None]
    return mixed


def coloured(values: np.ndarray, colours: str = FOR, low: float = 0.0) -> np.ndarray:
    """Return the colours of values in [low, 1], (H, W, 3) in [0, 1]."""
    table = _table(colours)
    places = (np.asarray(values) - low) * (len(table) / (1 - low))
    return table.take(places.astype(np.intp), axis=0, mode="clip")


@functools.cache
def _table(colours: str) -> np.ndarray:
    """Return matplotlib's colours of a name, (256, 3) in [0, 1]."""
    from matplotlib import colormaps

    return colormaps[colours](np.arange(256))[:, :3]


def peer(frame: np.ndarray, values: np.ndarray) -> np.ndarray:
    """Blend as pytorch-grad-cam's show_cam_on_image with its defaults: half jet, half image, scaled to the largest value.

    Returns
    -------
    (H, W, 3) uint8 array

    References
    ----------
    jacobgil/pytorch-grad-cam, utils/image.py; OpenCV's COLORMAP_JET.
    """
    mixed = 0.5 * jet(values) / 255 + 0.5 * frame / 255
    return (255 * (mixed / mixed.max())).astype("u1")


def jet(values: np.ndarray) -> np.ndarray:
    """Return OpenCV's COLORMAP_JET of values in [0, 1]: (H, W, 3) uint8, red first."""
    x = (255 * np.asarray(values)).astype("u1") / 255
    ramps = [np.minimum(4 * x - start, start + 3 - 4 * x) for start in (1.5, 0.5, -0.5)]
    return np.round(255 * np.clip(np.stack(ramps, axis=-1), 0, 1)).astype("u1")
