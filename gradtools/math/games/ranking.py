"""How well one ranking agrees with another, over resamples, and what agreement chance gives."""

import numpy as np

DECIMALS = 6  # scores that agree to so many are ties: float32 networks round beyond


def kendall(first: np.ndarray, second: np.ndarray) -> np.ndarray:
    """Return Kendall's tau-b along the last axis; NaN where one of the two is constant.

    Parameters
    ----------
    first, second : (..., n) float arrays
        Their leading axes broadcast. Values that agree to `DECIMALS` are tied.

    References
    ----------
    Kendall 1945; mathematics#metrics-of-metrics
    """
    a, b = _signs(first), _signs(second)
    ties = (a**2).sum(axis=(-2, -1)) * (b**2).sum(axis=(-2, -1))
    agreement = (a * b).sum(axis=(-2, -1))
    return np.divide(
        agreement,
        np.sqrt(ties),
        out=np.full(np.broadcast_shapes(agreement.shape, ties.shape), np.nan),
        where=ties > 0,
    )


def _signs(values: np.ndarray) -> np.ndarray:
    """Return the order of every two entries, (..., n, n): 1, 0 or -1."""
    rounded = np.round(np.asarray(values, float), DECIMALS)
    return np.sign(rounded[..., :, None] - rounded[..., None, :])


def first_place(scores: np.ndarray, right: np.ndarray) -> tuple[float, float]:
    """Return in which share of the rows a right entry is the largest, and in which a wrong one is as large.

    Parameters
    ----------
    scores : (B, n) float array
    right : (n,) bool array
        Entries that are as good as can be: ties among them alone are a first place.

    Returns
    -------
    first, tied : float
        They exclude each other.

    References
    ----------
    mathematics#metrics-of-metrics
    """
    rounded = np.round(np.asarray(scores, float), DECIMALS)
    largest = rounded == rounded.max(axis=1, keepdims=True)
    has_right, has_wrong = (
        (largest & entries).any(axis=1) for entries in (np.asarray(right), ~np.asarray(right))
    )
    return float((has_right & ~has_wrong).mean()), float((has_right & has_wrong).mean())


def chance(truth: np.ndarray, scores: np.ndarray, draws: int = 2000, seed: int = 0) -> np.ndarray:
    """Return Kendall's tau-b with scores that are dealt to the entries at random, (draws,) float64.

    Parameters
    ----------
    truth, scores : (n,) float arrays

    References
    ----------
    mathematics#metrics-of-metrics
    """
    rng = np.random.default_rng(seed)
    dealt = rng.permuted(np.tile(np.asarray(scores, float), (draws, 1)), axis=1)
    return kendall(truth, dealt)
