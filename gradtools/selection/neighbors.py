"""The nearest samples of one or of all, and the matrices of every pair: the same types in stages, tables and figures."""

import dataclasses

import numpy as np


@dataclasses.dataclass(frozen=True)
class Near:
    """The nearest samples of one: rows of the store and values, itself first; the floor, and how many others are above it.

    The floor is NaN without shuffles or without others.
    """

    feature: str
    metric: str
    normalised: str
    sample: int
    index: np.ndarray  # (k,) int
    values: np.ndarray  # (k,) float64
    floor: float
    above: int
    others: int
    permutations: int = 0
    shuffled: str = "dimensions"

    def beyond(self, values: np.ndarray | float) -> np.ndarray:
        """Return True where values, (n,) or one, are nearer than the floor."""
        values = np.asarray(values)
        return values < self.floor if self.metric == "euclidean" else values > self.floor


@dataclasses.dataclass(frozen=True)
class Nearest:
    """The neighbours of all by one feature: rows (n, k) int32, -1 where there is none, and values (n, k) float32."""

    feature: str
    index: np.ndarray
    values: np.ndarray


@dataclasses.dataclass(frozen=True)
class Matrices:
    """One feature's matrices, (n, n) float64 by metric, in order of the classes; `labels` (n,) is -1 where there are none."""

    feature: str
    normalised: str
    names: list[str]
    labels: np.ndarray
    class_names: list[str]
    values: dict[str, np.ndarray]
    samples: int  # how many there were to draw from
    unit: str = "sample"
