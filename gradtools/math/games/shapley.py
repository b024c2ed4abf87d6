"""Exact Shapley values in closed form, and the split of a score between an object, its background and both together."""

from typing import NamedTuple

import numpy as np
from scipy.special import gammaln


class Split(NamedTuple):
    """What two parts of an image do to a score, (N,) float64 arrays each.

    Attributes
    ----------
    object, background : array
        What each adds to an empty image, alone.
    interaction : array
        What both together add beyond that: above 0 where each needs the other, below 0 where one is enough.
    """

    object: np.ndarray
    background: np.ndarray
    interaction: np.ndarray


def split(whole: np.ndarray, inside: np.ndarray, outside: np.ndarray, neither: np.ndarray) -> Split:
    """Split whole - neither into object, background and their interaction; the three add up to it.

    Parameters
    ----------
    whole, inside, outside, neither : (N,) float arrays
        Score of the image, of the object alone, of the background alone, and of an image without either.

    References
    ----------
    mathematics#object-background-and-their-interaction
    """
    whole, inside, outside, neither = (
        np.asarray(values, float) for values in (whole, inside, outside, neither)
    )
    return Split(inside - neither, outside - neither, whole - inside - outside + neither)


def two_kinds(values: np.ndarray) -> tuple[float, float]:
    """Return the Shapley value of one player of each kind, where players of a kind are interchangeable.

    Parameters
    ----------
    values : (n + 1, m + 1) float array
        `values[i, j]`: what i players of the first kind and j of the second are worth together; n, m >= 1.

    Returns
    -------
    first, second : float
        n first + m second = values[n, m] - values[0, 0].

    References
    ----------
    Shapley 1953; mathematics#shapley-values-in-closed-form
    """
    values = np.asarray(values, float)
    return _one_of_the_first(values), _one_of_the_first(values.T)


def _one_of_the_first(values: np.ndarray) -> float:
    """Return the mean gain of a player of the first kind over all orders: i and j of each kind stand before it."""
    n, m = values.shape[0] - 1, values.shape[1] - 1
    i, j = np.arange(n)[:, None], np.arange(m + 1)[None]
    logs = _choose(n - 1, i) + _choose(m, j) - _choose(n + m - 1, i + j)
    return float((np.exp(logs) * np.diff(values, axis=0)).sum() / (n + m))


def _choose(n: int, k: np.ndarray) -> np.ndarray:
    """Return the logarithms of binomial coefficients."""
    return gammaln(n + 1) - gammaln(k + 1) - gammaln(n - k + 1)
