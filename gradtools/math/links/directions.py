"""Directions in what the head reads: units, singular vectors of the link, and random ones of equal effect on the latent."""

import dataclasses

import numpy as np


@dataclasses.dataclass(frozen=True)
class Direction:
    """A way to change r: the coordinate along `vector` is set to values between `low` and `high`, or moved by them.

    Attributes
    ----------
    kind : str
        "unit", "svd" or "random".
    number : int
        Of the unit or singular vector; of a random one that of the unit it is the decoy of.
    vector : (D,) float64 array
    low, high : float
    """

    kind: str
    number: int
    vector: np.ndarray
    low: float
    high: float


def of_units(units: np.ndarray, low: np.ndarray, high: np.ndarray) -> list[Direction]:
    """Return the directions of units, each over its observed range (mathematics#tuning).

    Parameters
    ----------
    units : (n,) int array
    low, high : (D,) float arrays
        Least and largest value of every unit over the pairs.
    """
    axes = np.eye(len(low))
    return [Direction("unit", int(u), axes[u], float(low[u]), float(high[u])) for u in units]


def of_link(coef: np.ndarray, r: np.ndarray, count: int) -> list[Direction]:
    """Return the leading right singular vectors of coef (d, D), each over the observed range of r (N, D) along it (mathematics#tuning)."""
    vectors = np.linalg.svd(coef, full_matrices=False)[2][:count]
    vectors = (
        vectors * np.sign(vectors[np.arange(len(vectors)), np.abs(vectors).argmax(1)])[:, None]
    )
    along = r @ vectors.T
    return [
        Direction("svd", place, vector, float(values.min()), float(values.max()))
        for place, (vector, values) in enumerate(zip(vectors, along.T))
    ]


def decoys(units: list[Direction], coef: np.ndarray, sd: np.ndarray, seed: int) -> list[Direction]:
    """Return one random direction a unit, as long in W as the unit's own whole step (mathematics#decoys).

    Parameters
    ----------
    units : list of Direction
    coef : (d, D) array
    sd : (D,) array
        Deviations of r: a random direction mixes units as they vary.
    seed : int
    """
    made = []
    for unit in units:
        vector = sd * np.random.default_rng([seed, 5, unit.number]).normal(size=len(sd))
        length = float(np.linalg.norm(coef @ vector))
        vector = vector / length if length > 0 else vector
        reach = float(np.linalg.norm(coef @ unit.vector)) * (unit.high - unit.low)
        made.append(Direction("random", unit.number, vector, -reach / 2, reach / 2))
    return made


def steps_along(direction: Direction, r: np.ndarray, steps: int) -> np.ndarray:
    """Return r (S, D) at every step, (S, T, D): a unit or projection is set, a random direction is added (mathematics#tuning)."""
    values = np.linspace(direction.low, direction.high, steps)
    origin = np.zeros(len(r)) if direction.kind == "random" else r @ direction.vector
    move = values[None, :] - origin[:, None]
    return r[:, None] + move[..., None] * direction.vector


def coordinate(direction: Direction, r: np.ndarray) -> np.ndarray:
    """Return how far r (..., D) lies along a direction, in its own steps (mathematics#tuning)."""
    return r @ direction.vector / (direction.vector @ direction.vector)


def agreement(changes: np.ndarray, classes: np.ndarray) -> float:
    """Return the mean cosine of changes of pictures (S, P) of two different classes, NaN without any (mathematics#stability)."""
    lengths = np.linalg.norm(changes, axis=1)
    with np.errstate(divide="ignore", invalid="ignore"):
        unit = changes / lengths[:, None]
    pairs = np.triu(classes[:, None] != classes[None, :], 1)
    pairs &= (lengths > 0)[:, None] & (lengths > 0)[None, :]
    return float((unit @ unit.T)[pairs].mean()) if pairs.any() else float("nan")


def threshold(units: np.ndarray, others: np.ndarray, level: float = 0.05) -> float:
    """Return the least effect t at which (1 + decoys at least t) / (units at least t) is at most the level (mathematics#decoys).

    Parameters
    ----------
    units, others : (U,) float arrays
        Effects of units and of their decoys; NaN counts for neither.
    level : float

    Returns
    -------
    float
        Infinite where no threshold reaches the level.
    """
    units, others = units[np.isfinite(units)], others[np.isfinite(others)]
    for candidate in np.unique(units):
        above = np.count_nonzero(units >= candidate)
        if (1 + np.count_nonzero(others >= candidate)) / above <= level:
            return float(candidate)
    return float("inf")
