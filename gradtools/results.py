"""What a stage found of one feature, in the form in which stores keep it and `evaluate` reads it."""

import dataclasses

import numpy as np


@dataclasses.dataclass(frozen=True)
class Result:
    """Statistics of one feature under one metric: a table, its bootstrap replicates (B, S) and facts."""

    feature: str
    metric: str
    columns: dict
    replicates: np.ndarray
    facts: dict
