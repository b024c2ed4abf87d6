"""
Reading saliency maps: raw signed maps of one or several taps become one map an image (mathematics#reading-maps).

The order is GAM's: ReLU, RSZ, NRM, fusion over the taps, NRM. Bicubic overshoots, so RSZ after NRM would leave [0, 1].
"""

from collections.abc import Sequence

import numpy as np

from gradtools.errors import GradtoolsError, UsageError
from gradtools.math.maps.resize import resize

SIGNS = ("for", "against", "signed")
FUSIONS = ("mean", "max", "product")

# A spread below this share of the largest value is rounding of the float32 sums that a map is made of: where gradients
# are flat, sums over channels differ by 2e-7 between positions (measured), and NRM would draw that as a pattern.
ROUNDING = 1e-6

COMPATS = ("cam", "ones")

# What pytorch-grad-cam adds to a maximum before it divides by it (mathematics#references-that-can-be-trusted).
PEER_EPS = 1e-7


def read_maps(
    taps: Sequence[np.ndarray],
    size: tuple[int, int] | None = None,
    sign: str = "for",
    fuse: str = "mean",
    renorm: bool = True,
    compat: str | None = None,
) -> tuple[np.ndarray, np.ndarray]:
    """
    Read stored maps: ReLU, resize (RSZ), normalisation (NRM) and fusion.

    Parameters
    ----------
    taps : sequence of (M, h_l, w_l) float arrays
        Raw signed maps of the same M rows, one array a tap.
    size : (int, int), optional
        Height and width wanted; the largest of the taps' own without it.
    sign : str
        for: what speaks for the target, ReLU(m). against: ReLU(-m). signed: no ReLU, and one symmetric scale, m / max|m|.
    fuse : str
        mean | max | product | w1,w2,... (a weight a tap, of the weighted mean). max of signed maps is the value of
        largest magnitude.
    renorm : bool
        A final NRM, so that the maps of any number of taps have equal range; False is GAM's literal eq. 2.
    compat : str, optional
        cam: pytorch-grad-cam's order: ReLU, min-max with 1e-7, bilinear, mean over taps, min-max with 1e-7. ones: ReLU(1 + m), the
        maps of pytorch-cnn-visualizations, which starts its sum from ones and so draws what speaks against as dark, not as nothing.

    Returns
    -------
    maps : (M, height, width) float64 array in [0, 1], signed ones in [-1, 1]
    degenerate : (M,) bool array, True where a map is constant and NRM gave zeros (cam: gave no range)

    Raises
    ------
    GradtoolsError
        A map holds NaN or infinity, or the taps differ in their number of rows.
    UsageError
        The sign or the fusion is unknown, or the two do not go together.

    References
    ----------
    mathematics#reading-maps (NRM, RSZ), mathematics#grad-cam (P and Q), mathematics#pictures-from-ones; jacobgil/pytorch-grad-cam, base_cam.py and utils/image.py.
    """
    weights = _fusion(fuse, len(taps), sign)
    taps = [np.asarray(maps) for maps in taps]
    _check(taps)
    size = size or max((maps.shape[1:] for maps in taps), key=np.prod)
    if compat is not None:
        _check_compat(compat, sign, fuse)
    if compat == "cam":
        return _peer_maps(taps, size)
    if compat == "ones":
        taps = [1 + maps.astype(np.float64) for maps in taps]
    normalised = signed_unit if sign == "signed" else unit_range
    parts = [normalised(resize(_rectified(maps, sign), size))[0] for maps in taps]
    fused = _fused(parts, fuse, weights)
    final, degenerate = normalised(fused)
    return (final if renorm else fused), degenerate


def unit_range(maps: np.ndarray) -> tuple[np.ndarray, np.ndarray]:
    """
    Normalise (NRM) every map: (m - min) / (max - min); constant maps become zeros.

    Parameters
    ----------
    maps : (M, H, W) float64 array

    Returns
    -------
    maps : (M, H, W) float64 array in [0, 1]
    degenerate : (M,) bool array, True where a map is constant

    References
    ----------
    mathematics#reading-maps
    """
    low, high = (
        extreme(maps, axis=(1, 2), keepdims=True, initial=start)
        for extreme, start in ((np.min, np.inf), (np.max, -np.inf))
    )
    flat = constant_maps(maps)
    spread = np.where(flat[:, None, None], 1, high - low)
    return np.where(flat[:, None, None], 0, (maps - low) / spread), flat


def signed_unit(maps: np.ndarray) -> tuple[np.ndarray, np.ndarray]:
    """
    Scale every map symmetrically, m / max|m|, so that 0 stays 0; constant maps become zeros.

    Parameters and results as for `unit_range`, in [-1, 1].

    References
    ----------
    mathematics#reading-maps
    """
    flat = constant_maps(maps)
    largest = np.abs(maps).max(axis=(1, 2), keepdims=True, initial=0)
    return np.where(flat[:, None, None], 0, maps / np.where(flat[:, None, None], 1, largest)), flat


def constant_maps(maps: np.ndarray) -> np.ndarray:
    """Return which maps (M, ...) vary no more than rounding does: (M,) bool (mathematics#reading-maps)."""
    rows = maps.reshape(len(maps), int(np.prod(maps.shape[1:])))
    low, high = rows.min(axis=1, initial=np.inf), rows.max(axis=1, initial=-np.inf)
    return high - low <= ROUNDING * np.maximum(np.abs(low), np.abs(high))


def _check(taps: Sequence[np.ndarray]) -> None:
    if len({len(maps) for maps in taps}) > 1:
        raise GradtoolsError(
            f"taps have {', '.join(str(len(maps)) for maps in taps)} maps: "
            "fuse taps of the same run, which have one map each for every row"
        )
    for tap, maps in enumerate(taps):
        bad = np.flatnonzero(~np.isfinite(maps).all(axis=(1, 2)))
        if len(bad):
            raise GradtoolsError(
                f"map {bad[0]} of tap {tap} holds NaN or infinity: leave that row out, or compute it again"
            )


def _check_compat(compat: str | None, sign: str, fuse: str) -> None:
    if compat not in COMPATS:
        raise UsageError(f"unknown compat mode {compat!r}: use one of {', '.join(COMPATS)}")
    if (sign, fuse) != ("for", "mean"):
        raise UsageError(
            f"the compat mode {compat} is ReLU and the mean over taps: leave sign and fusion at their defaults"
        )


def _fusion(fuse: str, n_taps: int, sign: str) -> np.ndarray | None:
    """Check sign and fusion; the weights (L,) of a weighted mean, None for the others."""
    if sign not in SIGNS:
        raise UsageError(f"unknown sign {sign!r}: use one of {', '.join(SIGNS)}")
    if n_taps == 0:
        raise UsageError("no tap to read maps from: name one with --tap or --layers")
    if fuse == "product" and sign == "signed":
        raise UsageError(
            "the product of two values against would count as one for: fuse signed maps by mean, max or weights"
        )
    if fuse in FUSIONS:
        return None
    try:
        weights = np.array([float(weight) for weight in fuse.split(",")])
    except ValueError:
        raise UsageError(
            f"unknown fusion {fuse!r}: use one of {', '.join(FUSIONS)}, or a weight a tap such as 0.5,0.5"
        ) from None
    if (
        len(weights) != n_taps
        or not np.isfinite(weights).all()
        or weights.min() < 0
        or weights.sum() == 0
    ):
        raise UsageError(
            f"fusion {fuse!r} for {n_taps} taps: give one weight a tap, none negative, not all zero"
        )
    return weights / weights.sum()


def _rectified(maps: np.ndarray, sign: str) -> np.ndarray:
    maps = np.asarray(maps, dtype=np.float64)
    return maps if sign == "signed" else np.maximum(maps if sign == "for" else -maps, 0)


def _fused(parts: Sequence[np.ndarray], fuse: str, weights: np.ndarray | None) -> np.ndarray:
    """Fuse L arrays (M, H, W) into one."""
    if fuse == "product":
        return np.prod(parts, axis=0)
    if fuse == "max":
        stacked = np.stack(parts)
        return np.take_along_axis(stacked, np.abs(stacked).argmax(axis=0)[None], axis=0)[0]
    return (
        np.mean(parts, axis=0)
        if weights is None
        else np.tensordot(weights, np.stack(parts), axes=1)
    )


def _peer_maps(taps: Sequence[np.ndarray], size: tuple[int, int]) -> tuple[np.ndarray, np.ndarray]:
    """Return pytorch-grad-cam's maps and which of them have no range."""
    parts = [
        _bilinear(_peer_range(np.maximum(np.asarray(maps, dtype=np.float64), 0)), size)
        for maps in taps
    ]
    fused = np.mean(parts, axis=0)
    return _peer_range(fused), constant_maps(fused)


def _peer_range(maps: np.ndarray) -> np.ndarray:
    """Return the min-max as pytorch-grad-cam's scale_cam_image has it."""
    shifted = maps - maps.min(axis=(1, 2), keepdims=True, initial=np.inf)
    return shifted / (PEER_EPS + shifted.max(axis=(1, 2), keepdims=True, initial=0))


def _bilinear(maps: np.ndarray, size: tuple[int, int]) -> np.ndarray:
    height, width = (_bilinear_matrix(*axis) for axis in zip(maps.shape[1:], size))
    return height @ maps @ width.T


def _bilinear_matrix(n_in: int, n_out: int) -> np.ndarray:
    """Return cv2.resize's INTER_LINEAR along one axis: half-pixel centres, no antialias, edges clamped; (n_out, n_in)."""
    source = np.clip((np.arange(n_out) + 0.5) * (n_in / n_out) - 0.5, 0, n_in - 1)
    below = np.minimum(source.astype(int), max(n_in - 2, 0))
    matrix = np.zeros((n_out, n_in))
    matrix[np.arange(n_out), below] = 1 - (source - below)
    matrix[np.arange(n_out), np.minimum(below + 1, n_in - 1)] += source - below
    return matrix
