"""SSIM of all pairs of two sets of maps: the covariance in a window is an inner product of two patches."""

from collections.abc import Mapping, Sequence

import numpy as np
from numpy.lib.stride_tricks import sliding_window_view

WINDOW = 7
K1, K2 = 0.01, 0.03

# Float64 entries (pairs times windows) that stay in the cache.
CACHED = 2**15


def window_side(shape: tuple[int, ...]) -> int:
    """Return the side of the window: 7 pixels, or the largest odd number that fits the map.

    References
    ----------
    mathematics#similarity-of-maps
    """
    return min(WINDOW, *(side - 1 + side % 2 for side in shape))


def window_statistics(maps: np.ndarray) -> dict[str, np.ndarray]:
    """
    Return the mean and sample variance of every map in every window that lies inside.

    Parameters
    ----------
    maps : (n, H, W) float64 array

    Returns
    -------
    dict of `maps` and `window_mean`, `window_variance` (n, H', W'), without windows (H' = 0) in maps of less than 3 pixels
    a side.

    References
    ----------
    mathematics#similarity-of-maps
    """
    side = window_side(maps.shape[1:])
    if side < 3:
        nothing = np.zeros((len(maps), 0, 0))
        return {"maps": maps, "window_mean": nothing, "window_variance": nothing}
    patches = sliding_window_view(maps, (side, side), axis=(1, 2))
    mean = np.stack([row.mean(axis=(2, 3)) for row in np.moveaxis(patches, 1, 0)], axis=1)
    variance = np.stack(
        [np.var(row, axis=(2, 3), ddof=1) for row in np.moveaxis(patches, 1, 0)], axis=1
    )
    return {"maps": maps, "window_mean": mean, "window_variance": variance}


def ssim_block(
    a: Mapping[str, np.ndarray], b: Mapping[str, np.ndarray], data_range: float
) -> np.ndarray:
    """
    Return the mean SSIM of every pair.

    Parameters
    ----------
    a, b : dicts from `window_statistics`, of n and m maps of one size
    data_range : float
        Width of the range of the values.

    Returns
    -------
    (n, m) float64 array

    References
    ----------
    Z. Wang, A. C. Bovik, H. R. Sheikh, E. P. Simoncelli, Image quality assessment: from error visibility to structural
    similarity, IEEE Trans. Image Processing 13 (2004), eq. 13; constants and window as scikit-image's defaults.
    mathematics#similarity-of-maps
    """
    shape = a["window_mean"].shape[1:]
    c1, c2 = (K1 * data_range) ** 2, (K2 * data_range) ** 2
    total = np.zeros((len(a["maps"]), len(b["maps"])))
    step = max(1, CACHED // max(total.size, 1))
    for y in range(shape[0]):
        row = _window_row(a, y, c1, c2)
        other = row if a is b else _window_row(b, y, c1, c2)
        for x in range(0, shape[1], step):
            cut = slice(x, x + step)
            windows, others = [part[cut] for part in row], [part[cut] for part in other]
            total += _ssim_of_windows(windows, others, c1, c2)
    return total / max(int(np.prod(shape)), 1)


def _window_row(
    part: Mapping[str, np.ndarray], y: int, c1: float, c2: float
) -> tuple[np.ndarray, np.ndarray, np.ndarray, np.ndarray]:
    """Return, for one row of windows, mean, mean^2 + C1 / 2, variance + C2 / 2 (W', n) each, and patches (W', n, side^2) whose products
    are twice the covariances."""
    maps, mean, variance = (
        part["maps"],
        part["window_mean"][:, y].T,
        part["window_variance"][:, y].T,
    )
    side = maps.shape[2] - len(mean) + 1
    windows = sliding_window_view(maps[:, y : y + side], side, axis=2)  # (n, side, W', side)
    patches = (
        windows.transpose(2, 0, 1, 3).reshape(len(mean), len(maps), side * side) - mean[:, :, None]
    )
    patches *= np.sqrt(2 / (side * side - 1))
    return mean, mean**2 + c1 / 2, variance + c2 / 2, patches


def _ssim_of_windows(
    a: Sequence[np.ndarray], b: Sequence[np.ndarray], c1: float, c2: float
) -> np.ndarray:
    """Sum over T windows of (2 mu mu' + C1) (2 cov + C2) / ((mu^2 + mu'^2 + C1) (var + var' + C2)): (n, m)."""
    (mean, square, variance), (mean_b, square_b, variance_b) = (
        [part[:, :, None] for part in a[:3]],
        [part[:, None] for part in b[:3]],
    )
    ssim = a[3] @ b[3].transpose(0, 2, 1)
    ssim += c2
    scale = 2 * mean * mean_b
    scale += c1
    ssim *= scale
    ssim /= (square + square_b) * (variance + variance_b)
    return ssim.sum(axis=0)
