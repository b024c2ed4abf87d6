"""The one rule by which replicates become an interval: percentiles of resamples, or value +- 1.96 sd of half samples."""

import numpy as np

from gradtools.math.pairs.bootstrap import RESAMPLING, interval

HALF_SAMPLES = "half-samples"
SPREAD_95 = 1.96
EQUAL = 1e-6  # differences up to it are rounding: the step in which similarities are ranked


def without_rounding(differences: np.ndarray | float) -> np.ndarray:
    """
    Return differences of statistics, those that are rounding as 0.

    Of equal partitions or rows two ways of computing give values that differ in the last digits, alike in every resample, so
    that an interval would leave 0 out.

    Parameters
    ----------
    differences : float array
        NaN stays NaN.

    Returns
    -------
    float64 array
        0 where a difference is at most `EQUAL`.

    References
    ----------
    mathematics#verdicts-of-sentences
    """
    return np.where(np.abs(differences) <= EQUAL, 0.0, differences)


def interval_of(
    replicates: np.ndarray,
    value: float,
    resampling: str = RESAMPLING,
    drawn: int = 0,
    drawn_of: int = 0,
    limits: tuple[float, float] = (-np.inf, np.inf),
) -> tuple[float, float]:
    """
    Return the 95 % interval of a statistic, or of a difference of two under the same resamples.

    Parameters
    ----------
    replicates : (B,) float array
        The statistic of every resample, NaN where it has none.
    value : float
        The statistic of all samples; percentile intervals do not need it.
    resampling : str
        `HALF_SAMPLES`: value +- 1.96 sd sqrt(m / (n - m)), for halves of m of n samples share samples. Any other kind is a
        bootstrap, whose percentiles are the interval.
    drawn, drawn_of : int
        m and n of half samples.
    limits : (low, high)
        The statistic's range; intervals of half samples are cut to it.

    Returns
    -------
    low, high : float
        NaN where the statistic exists in fewer than half of the resamples, or in one only.

    References
    ----------
    mathematics#bootstrap-over-images, mathematics#half-samples; D. N. Politis, J. P. Romano, M. Wolf, Subsampling (Springer 1999), ch. 2.
    """
    replicates = np.asarray(replicates, dtype=np.float64)
    if resampling != HALF_SAMPLES:
        low, high = interval(replicates) if len(replicates) else (np.nan, np.nan)
        return float(low), float(high)
    present = replicates[~np.isnan(replicates)]
    if len(present) < 2 or 2 * len(present) < len(replicates) or not 0 < drawn < drawn_of:
        return np.nan, np.nan
    reach = SPREAD_95 * present.std(ddof=1) * np.sqrt(drawn / (drawn_of - drawn))
    return float(max(limits[0], value - reach)), float(min(limits[1], value + reach))
