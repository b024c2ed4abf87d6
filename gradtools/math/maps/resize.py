"""RSZ, the resize of maps (mathematics#resizing-maps): bicubic as two small matrices, R_h M R_w^T."""

import numpy as np

# Keys' parameter as torch's interpolate has it.
KEYS_A = -0.75


def keys_kernel(t: np.ndarray) -> np.ndarray:
    """
    Return the Keys' cubic convolution kernel.

    References
    ----------
    R. G. Keys, Cubic convolution interpolation for digital image processing, IEEE Trans. ASSP 29 (1981), eq. 4, 15.
    mathematics#resizing-maps
    """
    t = np.abs(t)
    near = ((KEYS_A + 2) * t - (KEYS_A + 3)) * t * t + 1
    far = KEYS_A * (((t - 5) * t + 8) * t - 4)
    return np.where(t <= 1, near, np.where(t < 2, far, 0))


def resize_matrix(n_in: int, n_out: int) -> np.ndarray:
    """
    Return the linear map from n_in to n_out samples of one axis.

    Parameters
    ----------
    n_in, n_out : int

    Returns
    -------
    (n_out, n_in) float64 array; pixel centres at half integers (align_corners False), no antialias, edges clamped.

    References
    ----------
    mathematics#resizing-maps
    """
    source = (np.arange(n_out) + 0.5) * (n_in / n_out) - 0.5
    taps = np.floor(source)[:, None].astype(int) + np.arange(-1, 3)
    weights = keys_kernel(source[:, None] - taps)
    matrix = np.zeros((n_out, n_in))
    np.add.at(matrix, (np.arange(n_out)[:, None], np.clip(taps, 0, n_in - 1)), weights)
    return matrix


def resize(maps: np.ndarray, size: tuple[int, int]) -> np.ndarray:
    """
    Resize maps.

    Parameters
    ----------
    maps : (..., H, W) array
    size : (int, int)
        Height and width wanted.

    Returns
    -------
    (..., height, width) float64 array; bicubic overshoots, so values may leave the range of the maps.

    References
    ----------
    mathematics#resizing-maps
    """
    maps = np.asarray(maps, dtype=np.float64)
    height, width = (resize_matrix(*axis) for axis in zip(maps.shape[-2:], size))
    return height @ maps @ width.T
