"""
The pictures of pytorch-cnn-visualizations: ReLU(1 + map), for its sum over channels starts from ones (mathematics#pictures-from-ones).

Maps are raw ones of Grad-CAM: of all channels, of those with a positive gradient (P) and of those with a negative one (-Q).
"""

import numpy as np

from gradtools.math.channels.channel_values import spearman

STATISTICS = (
    "negative_with_all",
    "positive_with_all",
    "negative_with_against",
    "below_zero",
    "gradcam_zero",
)


def picture(maps: np.ndarray) -> np.ndarray:
    """Return ReLU(1 + map), (M, H, W) float64: what is drawn, before its range becomes 0..255.

    References
    ----------
    mathematics#pictures-from-ones
    """
    return np.maximum(1 + np.asarray(maps, dtype=np.float64), 0)


def compare(whole: np.ndarray, positive: np.ndarray, negative: np.ndarray) -> np.ndarray:
    """
    Describe the pictures, map by map.

    Parameters
    ----------
    whole, positive, negative : (M, H, W) float arrays
        Raw maps of all channels and of both signs.

    Returns
    -------
    (M, S) float64 array
        By `STATISTICS`: Spearman over pixels of the picture of the negative channels with that of all, of the positive ones' with that
        of all, of the negative ones' with the evidence against, |-Q|; share of the pixels of all maps where 1 + map is below 0, so that ReLU
        does anything; and whether Grad-CAM of the negative channels, ReLU(-Q), is zero everywhere. NaN where a map is constant.

    References
    ----------
    mathematics#pictures-from-ones
    """
    flat = [
        np.asarray(maps, dtype=np.float64).reshape(len(maps), -1)
        for maps in (whole, positive, negative)
    ]
    of_all, of_positive, of_negative = (picture(maps) for maps in flat)
    below = np.mean([(1 + maps < 0).mean(axis=1) for maps in flat], axis=0)
    return np.stack(
        [
            spearman(of_negative, of_all),
            spearman(of_positive, of_all),
            spearman(of_negative, np.maximum(-flat[2], 0)),
            below,
            (flat[2] <= 0).all(axis=1),
        ],
        axis=1,
    )
