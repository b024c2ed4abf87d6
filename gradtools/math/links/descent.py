"""The paper's way to a counterfactual: gradient descent on what a head reads until the picture's class changes."""

import dataclasses
from collections.abc import Callable

import numpy as np

RATE, AWAY, ALIKE = (
    0.5,
    0.6,
    10.0,
)  # step, and weights of the class before and of the latent's cosine
STEPS = 2000
Reached = Callable[[np.ndarray, np.ndarray], np.ndarray]


@dataclasses.dataclass(frozen=True)
class Problem:
    """What a descent is of.

    Attributes
    ----------
    weight, bias : (K, D), (K,) float64 arrays
        Of the head.
    coef, intercept : (d, D), (d,) float64 arrays
        Of the link.
    origin, target : (B,) int arrays
        Class before and class to move to, of each row.
    """

    weight: np.ndarray
    bias: np.ndarray
    coef: np.ndarray
    intercept: np.ndarray
    origin: np.ndarray
    target: np.ndarray


def loss(r: np.ndarray, x: np.ndarray, problem: Problem) -> np.ndarray:
    """Return -f_t(x) + .6 f_o(x) - 10 cos(L(r), L(x)) of rows x (B, D) that began at r (B, D), (B,) (mathematics#descent)."""
    rows = np.arange(len(x))
    logits = x @ problem.weight.T + problem.bias
    away = -logits[rows, problem.target] + AWAY * logits[rows, problem.origin]
    start, here = (side @ problem.coef.T + problem.intercept for side in (r, x))
    lengths = np.linalg.norm(start, axis=1) * np.linalg.norm(here, axis=1)
    return away - ALIKE * (start * here).sum(1) / np.maximum(lengths, 1e-300)


def slope(r: np.ndarray, x: np.ndarray, problem: Problem) -> np.ndarray:
    """Return the gradient of `loss` with respect to x, (B, D) (mathematics#descent)."""
    start, here = (side @ problem.coef.T + problem.intercept for side in (r, x))
    first, length = (
        np.maximum(np.linalg.norm(side, axis=1, keepdims=True), 1e-300) for side in (start, here)
    )
    cosine = (start * here).sum(1, keepdims=True) / (first * length)
    of_latent = start / (first * length) - cosine * here / length**2
    linear = -problem.weight[problem.target] + AWAY * problem.weight[problem.origin]
    return linear - ALIKE * of_latent @ problem.coef


def descend(
    r: np.ndarray,
    start: np.ndarray,
    lower: np.ndarray,
    problem: Problem,
    reached: Reached,
    steps: int = STEPS,
) -> tuple[np.ndarray, np.ndarray]:
    """Go down the loss by plain steps of .5 until each row's picture is of its target (mathematics#descent).

    Parameters
    ----------
    r : (B, D) array
        Rows that the moves begin at.
    start : (B, D) array
        First shift: 0, or as the paper has it uniform in 0..1; a row is r - shift.
    lower : (D,) array
        Values that a row is raised to before it is drawn; -inf where a unit has none.
    problem : Problem
    reached : callable
        (rows (n, D), their places (n,)) -> (n,) bool: whether their pictures are of the target.
    steps : int
        At most.

    Returns
    -------
    ends : (B, D) float64 array
        Rows as they are drawn, the last ones where the target was not reached.
    taken : (B,) int array
        Steps, -1 where the target was not reached.
    """
    r = np.asarray(r, np.float64)
    x, taken = r - start, np.full(len(r), -1)
    for step in range(steps + 1):
        left = np.flatnonzero(taken < 0)
        done = left[reached(np.maximum(x[left], lower), left)]
        taken[done] = step
        left = np.flatnonzero(taken < 0)
        if not len(left) or step == steps:
            break
        part = dataclasses.replace(
            problem, origin=problem.origin[left], target=problem.target[left]
        )
        x[left] -= RATE * slope(r[left], x[left], part)
    return np.maximum(x, lower), taken
