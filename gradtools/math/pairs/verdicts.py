"""What resampled differences say of a sentence: p values of `>`, `<` and `==`, of k of n models, Holm's correction, images to decide."""

from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np
from scipy.stats import norm

from gradtools.math.pairs.bootstrap import RESAMPLING
from gradtools.math.pairs.intervals import HALF_SAMPLES

LEVEL = 0.05


@dataclass(frozen=True)
class Difference:
    """Left minus right of a sentence, in one model.

    Attributes
    ----------
    value : float
    replicates : (B,) float64 array
        Under the same resamples; NaN where a side has no value.
    images : int
        How many it rests on.
    resampling : str
    drawn, drawn_of : int
        As for `intervals.interval_of`.
    """

    value: float
    replicates: np.ndarray
    images: int
    resampling: str = RESAMPLING
    drawn: int = 0
    drawn_of: int = 0

    def spread(self) -> float:
        """Return the standard error (mathematics#verdicts-of-sentences)."""
        present = self.replicates[~np.isnan(self.replicates)]
        spread = float(present.std(ddof=1)) if len(present) > 1 else np.nan
        if self.resampling == HALF_SAMPLES:
            spread *= np.sqrt(self.drawn / (self.drawn_of - self.drawn))
        return spread


def p_above(difference: Difference, bound: float) -> float:
    """
    Return the p value of the hypothesis that a difference is at most a bound, against that it is above.

    Parameters
    ----------
    difference : Difference
    bound : float

    Returns
    -------
    float
        (1 + #{d* <= bound}) / (B + 1), NaN counted against; of half samples the normal tail of (d - bound) / se.

    References
    ----------
    mathematics#verdicts-of-sentences
    """
    if difference.resampling == HALF_SAMPLES:
        return _normal_tail(difference.value - bound, difference.spread())
    return (1 + int((~(difference.replicates > bound)).sum())) / (len(difference.replicates) + 1)


def p_at_most(difference: Difference, bound: float) -> float:
    """
    Return the p value of the hypothesis that a difference is above a bound, against that it is at most the bound.

    Returns
    -------
    float
        (1 + #{d* > bound}) / (B + 1), NaN counted against.

    References
    ----------
    mathematics#verdicts-of-sentences
    """
    if difference.resampling == HALF_SAMPLES:
        return _normal_tail(bound - difference.value, difference.spread(), ties=True)
    return (1 + int((~(difference.replicates <= bound)).sum())) / (len(difference.replicates) + 1)


def p_below(difference: Difference, bound: float) -> float:
    """
    Return the p value of the hypothesis that a difference is at least a bound, against that it is below.

    Returns
    -------
    float
        (1 + #{d* >= bound}) / (B + 1), NaN counted against.

    References
    ----------
    mathematics#verdicts-of-sentences
    """
    if difference.resampling == HALF_SAMPLES:
        return _normal_tail(bound - difference.value, difference.spread())
    return (1 + int((~(difference.replicates < bound)).sum())) / (len(difference.replicates) + 1)


def _normal_tail(distance: float, spread: float, ties: bool = False) -> float:
    """Return the upper tail of distance / spread; without a spread 0 where the distance is beyond 0 (with `ties`: or 0), else 1."""
    if not spread > 0:
        return 0.0 if distance > 0 or (ties and distance == 0) else 1.0
    return float(norm.sf(distance / spread))


def p_values(difference: Difference, relation: str, bound: float) -> tuple[float, float]:
    """
    Return the p values of a sentence of one model and of its contrary.

    Parameters
    ----------
    difference : Difference
        Left minus right.
    relation : '>' or '=='
    bound : float
        Least lead of `>`; margin of `==`.

    Returns
    -------
    supported, contradicted : float
        `==` is supported by two one-sided tests, and contradicted by either of the other two at half the level.

    References
    ----------
    mathematics#verdicts-of-sentences; D. J. Schuirmann, J. Pharmacokinetics and Biopharmaceutics 15 (1987), 657 (two one-sided tests).
    """
    if relation == ">":
        return p_above(difference, bound), p_at_most(difference, bound)
    supported = max(p_below(difference, bound), p_above(difference, -bound))
    contradicted = 2 * min(p_above(difference, bound), p_below(difference, -bound))
    return supported, min(1.0, contradicted)


def at_least(p: Sequence[float], k: int) -> float:
    """
    Return the p value of a sentence that holds in at least k of n models.

    Parameters
    ----------
    p : sequence of n float
        Of each model.

    Returns
    -------
    float
        The smallest (n - k + 1) / i of p_(k - 1 + i), i from 1 to n - k + 1; p_(n) for all of n. Simes' pooling holds where the
        models' p values depend positively, as on the same images.

    References
    ----------
    mathematics#verdicts-of-sentences; Y. Benjamini, R. Heller, Biometrics 64 (2008), 1215, eq. 4.
    """
    rest = sorted(p)[k - 1 :]
    return min(1.0, *(len(rest) / (place + 1) * value for place, value in enumerate(rest)))


def holm(p: Sequence[float] | np.ndarray, level: float = LEVEL) -> np.ndarray:
    """
    Return which hypotheses are rejected so that a false one among all is rejected with at most a probability.

    Parameters
    ----------
    p : sequence of m float
    level : float

    Returns
    -------
    (m,) bool array

    References
    ----------
    mathematics#verdicts-of-sentences; S. Holm, Scandinavian Journal of Statistics 6 (1979), 65.
    """
    rejected = np.zeros(len(p), dtype=bool)
    for step, place in enumerate(np.argsort(p, kind="stable")):
        if p[place] > level / (len(p) - step):
            break
        rejected[place] = True
    return rejected


def images_to_decide(difference: Difference, relation: str, bound: float, hypotheses: int) -> float:
    """
    Return how many images of the same kind would decide an undecided sentence.

    Parameters
    ----------
    difference : Difference
    relation : '>' or '=='
    bound : float
    hypotheses : int
        Of the whole file.

    Returns
    -------
    float
        N (z se / gap)^2, z of the level over all hypotheses; infinite where the difference is the bound itself.

    References
    ----------
    mathematics#verdicts-of-sentences
    """
    gap = abs((abs(difference.value) if relation == "==" else difference.value) - bound)
    z = norm.isf(LEVEL / hypotheses)
    return difference.images * (z * difference.spread() / gap) ** 2 if gap > 0 else np.inf
