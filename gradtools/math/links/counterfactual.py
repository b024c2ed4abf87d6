"""The least change of what a head reads that makes it answer another class, and what each unit has in it."""

import dataclasses

import numpy as np
from scipy.optimize import linprog, nnls

from gradtools.errors import GradtoolsError

ROUNDS = 200  # that add constraints
STEPS = 30  # of Newton's method, after which it is asked whether there is a row at all
ADDED = 8  # violated classes that a round adds
CLOSE = 1e-9  # of the largest term of a constraint: how exactly it must hold


@dataclasses.dataclass(frozen=True)
class Move:
    """The least move of one row to a class.

    Attributes
    ----------
    step : (D,) float64 array
        d: the row that answers the target is r + d.
    multipliers : (K,) float64 array
        Of the classes' constraints; positive where a class is active, that is, no nearer than the margin allows.
    """

    step: np.ndarray
    multipliers: np.ndarray


def least_move(
    r: np.ndarray,
    weight: np.ndarray,
    bias: np.ndarray,
    target: int,
    margin: float = 0.0,
    lower: np.ndarray | None = None,
) -> Move:
    """Return the least d at which the target leads every other class by the margin (mathematics#counterfactuals).

    Parameters
    ----------
    r : (D,) array
    weight, bias : (K, D), (K,) arrays
        Of the head.
    target : int
    margin : float
        In logits.
    lower : (D,) array, optional
        Values that r + d does not go below, at most r; -inf where a unit has none.

    Returns
    -------
    Move

    Raises
    ------
    GradtoolsError
        No row answers the target by the margin: classes are in conflict.
    """
    r, weight = np.asarray(r, np.float64), np.asarray(weight, np.float64)
    others = np.flatnonzero(np.arange(len(weight)) != target)
    gaps = weight[target] - weight[others]
    needed = margin - (gaps @ r + np.asarray(bias, np.float64)[target] - bias[others])
    floor = np.full(len(r), -np.inf) if lower is None else np.minimum(lower - r, 0.0)
    scale = 1.0 + np.abs(gaps) @ np.abs(r) + np.abs(needed)
    active: np.ndarray = np.empty(0, int)
    step, multipliers = np.zeros(len(r)), np.zeros(len(others))
    for _ in range(ROUNDS):
        missing = (needed - gaps @ step) / scale
        if missing.max() <= CLOSE:
            break
        worst = np.argsort(-missing)[:ADDED]
        active = np.union1d(active, worst[missing[worst] > CLOSE])
        problem = gaps[active], needed[active], floor
        solved, settled = _dual(*problem, scale[active], multipliers[active])
        if not settled and not _exists(*problem):
            raise _no_row(target, margin)
        multipliers[active] = solved
        step = np.maximum(floor, gaps[active].T @ solved)
    else:
        raise _no_row(target, margin)
    every = np.zeros(len(weight))
    every[others] = multipliers
    return Move(step, every)


def _no_row(target: int, margin: float) -> GradtoolsError:
    return GradtoolsError(
        f"no row makes the head answer class {target} by a margin of {margin:g}: other classes lie in the way of every move; "
        "leave the class out, or ask for a smaller margin"
    )


def _dual(
    gaps: np.ndarray, needed: np.ndarray, floor: np.ndarray, scale: np.ndarray, start: np.ndarray
) -> tuple[np.ndarray, bool]:
    """Return the multipliers >= 0 that minimise the negative dual by Newton's method, each step an exact non-negative problem, and whether they do."""
    value = start
    for _ in range(STEPS):
        step = np.maximum(floor, gaps.T @ value)
        slope = gaps @ step - needed
        if np.abs(np.where(value > 0, slope, np.minimum(slope, 0)) / scale).max() <= CLOSE / 100:
            return value, True
        free = gaps[:, gaps.T @ value > floor]
        curve = free @ free.T
        ridge = 1e-10 * (np.trace(gaps @ gaps.T) / len(gaps) + 1e-300)
        curve[np.diag_indices_from(curve)] += ridge
        root = np.linalg.cholesky(curve)
        aim = nnls(root.T, np.linalg.solve(root, curve @ value - slope), maxiter=50 * len(curve))[0]
        value = _towards(gaps, needed, floor, value, aim, slope)
    return value, False


def _exists(gaps: np.ndarray, needed: np.ndarray, floor: np.ndarray) -> bool:
    """Return False if linear programming finds that no step meets the constraints."""
    bounds = [(None if low == -np.inf else low, None) for low in floor]
    tried = linprog(np.zeros(len(floor)), A_ub=-gaps, b_ub=-needed, bounds=bounds, method="highs")
    return tried.status != 2


def _towards(
    gaps: np.ndarray,
    needed: np.ndarray,
    floor: np.ndarray,
    value: np.ndarray,
    aim: np.ndarray,
    slope: np.ndarray,
) -> np.ndarray:
    """Return the farthest of the halved steps from one value to another that lowers the dual's height enough."""
    here, share = _height(gaps, needed, floor, value), 1.0
    for _ in range(40):
        reached = value + share * (aim - value)
        if _height(gaps, needed, floor, reached) <= here + 1e-4 * share * slope @ (aim - value):
            return reached
        share /= 2
    return aim


def _height(gaps: np.ndarray, needed: np.ndarray, floor: np.ndarray, value: np.ndarray) -> float:
    """Return the negative dual function."""
    pull = gaps.T @ value
    step = np.maximum(floor, pull)
    return float(pull @ step - step @ step / 2 - needed @ value)


def ledger(step: np.ndarray, weight: np.ndarray, target: int, other: int) -> np.ndarray:
    """Return what each unit has in the margin gained over another class, (D,); it sums to the whole gain (mathematics#ledger).

    Parameters
    ----------
    step : (D,) array
        Of a move.
    weight : (K, D) array
    target, other : int
    """
    rows = np.asarray(weight, np.float64)
    return (rows[target] - rows[other]) * np.asarray(step, np.float64)


def along(r: np.ndarray, step: np.ndarray, points: int) -> np.ndarray:
    """Return rows at equal steps from r (D,) to r + step, (points, D) (mathematics#counterfactuals)."""
    return r + np.linspace(0, 1, points)[:, None] * step


def random_move(step: np.ndarray, sd: np.ndarray, seed: tuple[int, ...]) -> np.ndarray:
    """Return a random move (D,) as long as another, each unit in proportion to its deviation (mathematics#counterfactuals)."""
    vector = sd * np.random.default_rng(seed).normal(size=len(sd))
    length = np.linalg.norm(vector)
    return vector * (np.linalg.norm(step) / length) if length > 0 else np.zeros(len(sd))
