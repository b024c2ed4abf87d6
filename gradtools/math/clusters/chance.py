"""Agreement of clusters with shuffled labels, at full and at half size, and what follows for the spread of half samples.

Where clusters have nothing to do with the labels, an index of agreement moves as 1/n and not as 1/sqrt(n), so that halves move twice
as far as their rule expects (mathematics#half-samples).
"""

import numpy as np

from gradtools.math.clusters import agreement
from gradtools.math.pairs.intervals import SPREAD_95

DRAWS = 200  # shuffles of all labels; of every half sample there is one


def shuffled_agreement(
    labels: np.ndarray, others: np.ndarray | None, seed: list[int]
) -> np.ndarray:
    """
    Return the mean agreement of clusterings with shuffled labels, once.

    Parameters
    ----------
    labels : (F, N) int array
    others : (N,) int array or None
    seed : list of int
        Equal seeds shuffle equal numbers of labels alike, so that features and models pair.

    Returns
    -------
    (2,) float64 array
        ARI and NMI; NaN where there are no labels.

    References
    ----------
    mathematics#half-samples
    """
    if others is None:
        return np.full(2, np.nan)
    order = np.random.default_rng([*seed, 4]).permutation(len(others))
    return np.array([part.mean() for part in agreement.agreements(labels, others[order])])


def shuffled_agreements(labels: np.ndarray, others: np.ndarray | None, seed: int) -> np.ndarray:
    """
    Return the mean agreement of clusterings with labels shuffled DRAWS times.

    Parameters
    ----------
    labels : (F, N) int array
    others : (N,) int array or None
    seed : int

    Returns
    -------
    (DRAWS, 2) float64 array
        ARI and NMI; NaN where there are no labels.

    References
    ----------
    mathematics#half-samples
    """
    return np.stack([shuffled_agreement(labels, others, [seed, draw]) for draw in range(DRAWS)])


def rescaled(
    replicates: np.ndarray,
    value: float,
    of_halves: np.ndarray,
    of_all: np.ndarray,
    drawn: int,
    drawn_of: int,
) -> np.ndarray:
    """
    Return the replicates of an index with the spread that their rule needs where the value is what shuffled labels give.

    Parameters
    ----------
    replicates : (B,) float array
        The index of every half.
    value : float
        The index of all samples.
    of_halves : (B,) float array
        That of every half with shuffled labels.
    of_all : (C,) float array
        That of all samples with shuffled labels.
    drawn, drawn_of : int
        m and n of half samples.

    Returns
    -------
    (B,) float array
        The replicates themselves where the value is farther than 1.96 sd from the mean of `of_all`; else their deviations scaled, so that what
        shuffled labels give at full size takes the place of what they give at half size. Never wider.

    References
    ----------
    mathematics#half-samples
    """
    if np.isnan(of_all).any() or np.isnan(of_halves).any():
        return replicates
    of_value = of_all.var(ddof=1)
    if not abs(value - of_all.mean()) <= SPREAD_95 * np.sqrt(of_value):
        return replicates
    spread = np.nanvar(replicates, ddof=1)
    beyond = max(spread - of_halves.var(ddof=1), 0.0)
    wanted = beyond + of_value * (drawn_of - drawn) / drawn
    middle = np.nanmean(replicates)
    return (
        middle + (replicates - middle) * np.sqrt(min(1.0, wanted / spread))
        if spread
        else replicates
    )
