"""What a map brings into its pairs: standard rows, distributions, masks, ranks and windows, each made once for every map."""

from collections.abc import Collection
from typing import TYPE_CHECKING

import numpy as np

from gradtools.math.maps.map_windows import window_statistics
from gradtools.math.rows.vectors import centred_unit_rows

if TYPE_CHECKING:
    from gradtools.math.maps.map_metrics import MapSettings

Made = tuple[dict[str, np.ndarray], np.ndarray]  # parts by name, and which maps have none


def _standard(
    _maps: np.ndarray,
    rows: np.ndarray,
    flat: np.ndarray,
    _settings: "MapSettings",
    _wanted: Collection[str],
) -> Made:
    """Return the rows less their mean, of length 1."""
    return {"unit": centred_unit_rows(np.where(flat[:, None], 0, rows))[0]}, flat


def _distributions(
    _maps: np.ndarray,
    rows: np.ndarray,
    flat: np.ndarray,
    settings: "MapSettings",
    wanted: Collection[str],
) -> Made:
    """Return p = M / sum M, sum p log p, and log(p + eps)."""
    low = np.minimum(rows.min(axis=1), 0)
    p = np.where((flat & (low < 0))[:, None], 0, rows - low[:, None])
    # By the largest first: a sum of tiny values must not underflow.
    p /= or_one(p.max(axis=1))[:, None]
    mass = p.sum(axis=1)
    p /= or_one(mass)[:, None]
    parts = {"p": p}
    if "KLD" in wanted or "JSD" in wanted:
        parts["p_log_p"] = p_log_p(p)
    if "KLD" in wanted:
        parts["log_p"] = np.log(p + settings.eps)
    return parts, mass == 0


def p_log_p(p: np.ndarray) -> np.ndarray:
    """Return the sum of p log p over the last axis, 0 log 0 = 0 (mathematics#similarity-of-maps).

    Parameters
    ----------
    p : (..., P) float64 array, not negative

    Returns
    -------
    (...,) float64 array, in nats
    """
    return np.einsum("...p,...p->...", p, np.log(np.maximum(p, np.finfo(np.float64).tiny)))


def _masks(
    _maps: np.ndarray,
    rows: np.ndarray,
    flat: np.ndarray,
    settings: "MapSettings",
    _wanted: Collection[str],
) -> Made:
    """Return m = M > threshold as 0 and 1, and n = sum m."""
    threshold = rows.mean(axis=1)
    if settings.top_share is not None:
        k = min(max(round(settings.top_share * rows.shape[1]), 1), rows.shape[1] - 1)
        threshold = -np.partition(-rows, k, axis=1)[:, k]
    mask = (rows > threshold[:, None]).astype(np.float64)
    on = mask.sum(axis=1)
    return {"mask": mask, "on": on}, flat | (on == 0) | (on == rows.shape[1])


def _ranks(
    _maps: np.ndarray,
    rows: np.ndarray,
    flat: np.ndarray,
    _settings: "MapSettings",
    _wanted: Collection[str],
) -> Made:
    """Average ranks from 1: ties get half credit, exactly (scipy's rankdata takes twice as long on large maps)."""
    order = np.argsort(rows, axis=1)
    sorted_rows = np.take_along_axis(rows, order, axis=1)
    ranks = np.empty_like(rows)
    for row, places, values in zip(ranks, order, sorted_rows):
        starts = np.flatnonzero(np.append(True, values[1:] != values[:-1]))
        ends = np.append(starts[1:], len(values))
        row[places] = np.repeat((starts + ends + 1) / 2, ends - starts)
    return {"ranks": ranks}, flat


def _windows(
    maps: np.ndarray,
    _rows: np.ndarray,
    flat: np.ndarray,
    _settings: "MapSettings",
    _wanted: Collection[str],
) -> Made:
    parts = window_statistics(maps)
    return parts, flat | (parts["window_mean"].shape[1] == 0)


def or_one(x: np.ndarray) -> np.ndarray:
    """Return x with ones in place of zeros, to divide by (mathematics#similarity-of-maps).

    Parameters
    ----------
    x : float array

    Returns
    -------
    float array of that shape
    """
    return np.where(x == 0, 1, x)


# Metrics that need each part, and how it is made: (maps (n, H, W), rows (n, P), constant (n,), settings, wanted metrics) ->
# arrays (n, ...) by name, degenerate (n,) bool.
BUILDERS = (
    (("CC", "NSS"), _standard),
    (("SIM", "KLD", "JSD"), _distributions),
    (("AUC", "NSS"), _masks),
    (("AUC",), _ranks),
    (("SSIM",), _windows),
)
