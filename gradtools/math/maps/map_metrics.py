"""
How alike two saliency maps are, for all pairs of two sets at once: CC, SIM, KLD, JSD, AUC, NSS and SSIM in matrix form.

`prepare` does once for every map what its pairs share, `pair_block` is then a matrix product or one pass in C. A map
without what a metric needs is degenerate: its pairs are NaN, and it is counted.
"""

from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np

from gradtools.errors import GradtoolsError, UsageError
from gradtools.math.maps.map_parts import BUILDERS, or_one, p_log_p
from gradtools.math.maps.map_windows import ssim_block
from gradtools.math.maps.reading import constant_maps

METRICS = ("CC", "SIM", "KLD", "JSD", "AUC", "NSS", "SSIM")
DIRECTIONS = ("both", "forward", "backward")

# The constant of the MIT/Tuebingen saliency benchmark.
MIT_EPS = 2.2204e-16

# Float64 entries of a mixture of distributions that stay in the cache.
CACHED = 2**15


@dataclass(frozen=True)
class MapSettings:
    """
    What the values depend on besides the maps: printed beside them.

    eps is added inside KLD's logarithm; log_base is that of KLD and JSD; the mask of AUC and NSS is map > its mean, or
    the top_share of the pixels (ties at the edge stay outside); data_range is SSIM's, 1 for maps after NRM, 2 for signed.
    """

    eps: float = MIT_EPS
    log_base: float = np.e
    top_share: float | None = None
    data_range: float = 1.0

    def __post_init__(self) -> None:
        if not self.eps > 0:
            raise UsageError(
                f"eps {self.eps}: KLD of maps with zeros needs one above 0, such as {MIT_EPS}"
            )
        if not self.log_base > 1:
            raise UsageError(f"log base {self.log_base}: use one above 1, such as 2")
        if self.top_share is not None and not 0 < self.top_share < 1:
            raise UsageError(
                f"top share {self.top_share}: use a share of the pixels between 0 and 1, such as 0.2"
            )
        if not self.data_range > 0:
            raise UsageError(
                f"data range {self.data_range}: SSIM needs the width of the maps' range, 1 after NRM"
            )


@dataclass(frozen=True)
class PreparedMaps:
    """Arrays (n, ...) by name, what each of n maps brings into its pairs; degenerate (n,) bool by metric."""

    parts: dict[str, np.ndarray]
    degenerate: dict[str, np.ndarray]
    settings: MapSettings

    def __len__(self) -> int:
        return len(next(iter(self.degenerate.values())))


def prepare(
    maps: np.ndarray,
    metrics: Sequence[str] = METRICS,
    settings: MapSettings = MapSettings(),
    numbers: np.ndarray | None = None,
) -> PreparedMaps:
    """
    Prepare what every map contributes to the metrics of its pairs.

    Parameters
    ----------
    maps : (n, H, W) array
        After `cams.read_maps`. Where a map has negative values, SIM, KLD and JSD shift it by its minimum, as pysaliency
        does; the other metrics take it as it is.
    metrics : sequence of str
        Of `METRICS`.
    settings : MapSettings
    numbers : (n,) int array, optional
        Their numbers in the whole data set, for the error message.

    Returns
    -------
    PreparedMaps. Degenerate are: constant maps (CC, AUC, NSS, SSIM), maps whose top share holds no pixel or all (AUC,
    NSS: ties at the edge), maps of mass zero (SIM, KLD, JSD), maps narrower than SSIM's smallest window, 3 pixels.

    Raises
    ------
    GradtoolsError
        A map holds NaN or infinity.
    UsageError
        A metric is unknown.

    References
    ----------
    mathematics#similarity-of-maps
    """
    unknown = sorted(set(metrics) - set(METRICS))
    if unknown or not len(metrics):
        raise UsageError(
            f"unknown map metric {', '.join(unknown) or '(none)'}: use one of {', '.join(METRICS)}"
        )
    maps = np.asarray(maps, dtype=np.float64)
    rows = maps.reshape(len(maps), int(np.prod(maps.shape[1:])))
    bad = np.flatnonzero(~np.isfinite(rows).all(axis=1))
    if len(bad):
        number = bad[0] if numbers is None else numbers[bad[0]]
        raise GradtoolsError(
            f"map {number} holds NaN or infinity: leave that row out, or compute it again"
        )
    flat = constant_maps(rows)
    parts: dict[str, np.ndarray] = {}
    degenerate: dict[str, np.ndarray] = {}
    for needing, build in BUILDERS:
        wanted = [metric for metric in needing if metric in metrics]
        if wanted:
            made, useless = build(maps, rows, flat, settings, wanted)
            parts |= made
            degenerate |= {metric: useless | degenerate.get(metric, False) for metric in wanted}
    return PreparedMaps(parts, degenerate, settings)


def rows_of(prepared: PreparedMaps, rows: slice | np.ndarray) -> PreparedMaps:
    """Return the prepared maps that a slice or an int array chooses (mathematics#similarity-of-maps).

    Parameters
    ----------
    prepared : PreparedMaps
        Of N maps.
    rows : slice or (n,) int array

    Returns
    -------
    PreparedMaps
        Of n maps.
    """
    return PreparedMaps(
        {name: part[rows] for name, part in prepared.parts.items()},
        {metric: useless[rows] for metric, useless in prepared.degenerate.items()},
        prepared.settings,
    )


def pair_block(
    a: PreparedMaps, b: PreparedMaps, metric: str, direction: str = "both"
) -> np.ndarray:
    """
    Return one metric of every pair of two sets of maps.

    Parameters
    ----------
    a, b : PreparedMaps of n and m maps of one size
        The same object twice costs half.
    metric : str
        One that both were prepared for.
    direction : str
        For KLD, AUC and NSS. forward: KLD(a || b), the score a against the mask of b. backward: the same with a and b
        changed. both: the mean of the two.

    Returns
    -------
    (n, m) float64 array, NaN where either map is degenerate. CC lies in [-1, 1], SIM and AUC in [0, 1], JSD in
    [0, log 2].

    References
    ----------
    mathematics#similarity-of-maps. SSIM: Wang et al., IEEE Trans. Image Processing 13 (2004), with scikit-image's defaults (uniform window
    of 7 pixels, or the largest odd one that fits; sample covariance; mean over the windows that lie inside).
    """
    if direction not in DIRECTIONS:
        raise UsageError(f"unknown direction {direction!r}: use one of {', '.join(DIRECTIONS)}")
    values = _directed(a, b, metric, direction) if metric in ONE_WAY else SYMMETRIC[metric](a, b)
    values[a.degenerate[metric]] = np.nan
    values[:, b.degenerate[metric]] = np.nan
    return values


def _directed(a: PreparedMaps, b: PreparedMaps, metric: str, direction: str) -> np.ndarray:
    one_way = ONE_WAY[metric]
    if direction == "backward":
        return one_way(b, a).T
    forward = one_way(a, b)
    if direction == "forward":
        return forward
    return (forward + (forward if a is b else one_way(b, a)).T) / 2


def _cc(a: PreparedMaps, b: PreparedMaps) -> np.ndarray:
    """Return CC = Z Z^T / P."""
    return np.clip(a.parts["unit"] @ b.parts["unit"].T, -1, 1)


def _sim(a: PreparedMaps, b: PreparedMaps) -> np.ndarray:
    """Return SIM = sum min(p, q) = 1 - L1 / 2; cdist is two to four times as fast as a blocked minimum."""
    from scipy.spatial.distance import cdist, pdist, squareform

    p, q = a.parts["p"], b.parts["p"]
    distance = (
        squareform(pdist(p, "cityblock"), checks=False)
        if a is b and len(p) > 1
        else cdist(p, q, "cityblock")
    )
    return np.clip(1 - distance / 2, 0, 1)


def _kld(a: PreparedMaps, b: PreparedMaps) -> np.ndarray:
    """Return KLD(a || b) = sum p log p - p @ log(q + eps)^T."""
    return (a.parts["p_log_p"][:, None] - a.parts["p"] @ b.parts["log_p"].T) / np.log(
        a.settings.log_base
    )


def _jsd(a: PreparedMaps, b: PreparedMaps) -> np.ndarray:
    """Return JSD = H((p + q) / 2) - (H(p) + H(q)) / 2."""
    p, q = a.parts["p"], b.parts["p"]
    step, width = max(1, CACHED // max(q.size, 1)), max(1, CACHED // max(q.shape[1], 1))
    mixed = np.zeros((len(p), len(q)))
    for i in range(0, len(p), step):
        for j in range(i if a is b else 0, len(q), width):
            mixed[i : i + step, j : j + width] = p_log_p(
                (p[i : i + step, None] + q[j : j + width]) / 2
            )
    if a is b:
        mixed = np.triu(mixed) + np.triu(mixed, 1).T
    divergence = (a.parts["p_log_p"][:, None] + b.parts["p_log_p"]) / 2 - mixed
    return np.clip(divergence, 0, np.log(2)) / np.log(a.settings.log_base)


def _auc(a: PreparedMaps, b: PreparedMaps) -> np.ndarray:
    """Return AUC(score a, mask b) = (R m - n (n + 1) / 2) / (n (P - n))."""
    on = b.parts["on"]
    off = b.parts["mask"].shape[1] - on
    return (a.parts["ranks"] @ b.parts["mask"].T - on * (on + 1) / 2) / or_one(on * off)


def _nss(a: PreparedMaps, b: PreparedMaps) -> np.ndarray:
    """Return NSS(score a, mask b) = Z m / n."""
    score = np.sqrt(a.parts["unit"].shape[1]) * a.parts["unit"]
    return score @ b.parts["mask"].T / or_one(b.parts["on"])


def _ssim(a: PreparedMaps, b: PreparedMaps) -> np.ndarray:
    return ssim_block(a.parts, b.parts, a.settings.data_range)


SYMMETRIC = {"CC": _cc, "SIM": _sim, "JSD": _jsd, "SSIM": _ssim}
ONE_WAY = {"KLD": _kld, "AUC": _auc, "NSS": _nss}
