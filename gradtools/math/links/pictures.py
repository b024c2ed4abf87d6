"""How alike two pictures are: mean squared error and SSIM, a pair of pictures a row."""

import numpy as np
from scipy.ndimage import uniform_filter

WINDOW, K1, K2 = 7, 0.01, 0.03


def squared_error(a: np.ndarray, b: np.ndarray) -> np.ndarray:
    """Return the mean squared error (N,) of pictures a and b (N, C, H, W) in 0..1 (mathematics#pictures)."""
    gap = np.asarray(a, np.float64) - b
    return (gap**2).reshape(len(gap), -1).mean(axis=1)


def ssim(a: np.ndarray, b: np.ndarray) -> np.ndarray:
    """Return the mean structural similarity (N,) of pictures a and b (N, C, H, W) in 0..1, mean over channels (mathematics#pictures).

    Windows of 7 x 7 pixels that lie inside, sample covariances, K1 = .01, K2 = .03, as scikit-image has it by default.

    References
    ----------
    Z. Wang, A. C. Bovik, H. R. Sheikh, E. P. Simoncelli, Image quality assessment, IEEE TIP 13 (2004).
    """
    a, b = np.asarray(a, np.float64), np.asarray(b, np.float64)
    side = min(WINDOW, *(length - 1 + length % 2 for length in a.shape[2:]))

    def mean(values: np.ndarray) -> np.ndarray:
        inside = side // 2
        filtered = uniform_filter(values, size=(1, 1, side, side))
        return filtered[:, :, inside : a.shape[2] - inside, inside : a.shape[3] - inside]

    of_a, of_b = mean(a), mean(b)
    unbiased = side**2 / (side**2 - 1)
    aa, bb = unbiased * (mean(a * a) - of_a**2), unbiased * (mean(b * b) - of_b**2)
    ab = unbiased * (mean(a * b) - of_a * of_b)
    c1, c2 = K1**2, K2**2
    values = ((2 * of_a * of_b + c1) * (2 * ab + c2)) / ((of_a**2 + of_b**2 + c1) * (aa + bb + c2))
    return values.reshape(len(a), -1).mean(axis=1)
