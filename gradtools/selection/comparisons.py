"""What `gradtools compare` computes of two or more spaces of the same samples, as its tables and pictures take it."""

import dataclasses

import numpy as np

from gradtools.math.pairs.bootstrap import RESAMPLING
from gradtools.math.pairs.intervals import interval_of, without_rounding
from gradtools.selection.features import Feature
from gradtools.selection.references import Reference
from gradtools.selection.subjects import Verdicts
from gradtools.store.reading import Store


@dataclasses.dataclass
class Space:
    """One feature of a store, or a reference.

    Attributes
    ----------
    source : int
        The input that it is of; a reference's is -1.
    named : bool
        Whether the feature was written as STORE::FEATURE.
    matrix : (feature, metric) or None
        The stored matrix of every pair, of a store that holds no features.
    verdicts : Verdicts or None
        Of the head probe on the store's gradients; None without a feature.
    places : (n,) int array
        Its rows of the common samples, empty until these are known.
    """

    name: str
    source: int
    role: str
    named: bool
    store: Store | None = None
    feature: Feature | None = None
    reference: Reference | None = None
    matrix: tuple[str, str] | None = None
    verdicts: Verdicts | None = None
    places: np.ndarray = dataclasses.field(default_factory=lambda: np.empty(0, int))


@dataclasses.dataclass(frozen=True)
class Statistic:
    """A value, its replicates (B,) or None, p and floor of the permutations, and its mean over samples in random order.

    How the replicates were drawn, of how many samples each, and the statistic's range decide the interval.
    """

    value: float
    replicates: np.ndarray | None = None
    p: float = np.nan
    floor: float = np.nan
    shuffled: float = np.nan
    permutations: int = 0
    resampling: str = RESAMPLING
    drawn: int = 0
    drawn_of: int = 0
    limits: tuple[float, float] = (-np.inf, np.inf)

    def interval(self) -> tuple[float, float]:
        """Return the 95 % interval (low, high), NaN where there are no replicates."""
        return self._of(self.replicates, self.value, self.limits)

    def difference(self, other: "Statistic") -> tuple[float, float, float]:
        """Return this value minus another's, and the interval of the difference under the same resamples; rounding is 0."""
        value = float(without_rounding(self.value - other.value))
        if self.replicates is None or other.replicates is None:
            return value, np.nan, np.nan
        apart = without_rounding(self.replicates[: len(other.replicates)] - other.replicates)
        return value, *self._of(apart, value)

    def _of(
        self,
        replicates: np.ndarray | None,
        value: float,
        limits: tuple[float, float] = (-np.inf, np.inf),
    ) -> tuple[float, float]:
        """Return the interval of replicates that were drawn as these."""
        if replicates is None:
            return np.nan, np.nan
        return interval_of(replicates, value, self.resampling, self.drawn, self.drawn_of, limits)


@dataclasses.dataclass(frozen=True)
class Moved:
    """Of every sample (n,): 1 - the correlation of its similarities in a and in b, its interval, its nearest in both (rows)."""

    value: np.ndarray
    low: np.ndarray
    high: np.ndarray
    nearest_a: np.ndarray
    nearest_b: np.ndarray


@dataclasses.dataclass(frozen=True)
class Measures:
    """The statistics of a pair of spaces by name, and how far each sample moved."""

    statistics: dict[str, Statistic]
    moved: Moved


@dataclasses.dataclass(frozen=True)
class Comparison:
    """A pair of spaces by name and its measures; `first`, `second` are their places among the spaces."""

    a: str
    b: str
    first: int
    second: int
    measured: Measures


@dataclasses.dataclass(frozen=True)
class Comparisons:
    """All comparisons, and what their pictures need.

    Attributes
    ----------
    ids
        Of the common samples, in order.
    trees
        Merges by the place of a space, empty beyond `math.spaces.rsa.HELD` samples.
    stores
        Paths of the stores.
    """

    comparisons: list[Comparison]
    ids: list[str]
    unit: str
    spaces: list[Space]
    trees: dict[int, np.ndarray]
    stores: list[str]
    facts: dict[str, str | int | float]
