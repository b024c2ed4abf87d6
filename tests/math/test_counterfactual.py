"""The least move to a class against SLSQP, its optimality conditions and a closed form; the ledger sums to the gain."""

import numpy as np
import pytest
from scipy.optimize import minimize

from gradtools.errors import GradtoolsError
from gradtools.math.links import counterfactual

PROBLEMS = [(3, 4, False), (6, 5, True), (10, 30, True), (10, 30, False), (25, 12, True)]


def problem(classes, units, bounded, seed):
    rng = np.random.default_rng([classes, units, seed])
    weight, bias = rng.normal(size=(classes, units)), rng.normal(size=classes)
    r = np.abs(rng.normal(size=units)) * (rng.random(units) > 0.3)
    lower = np.where(rng.random(units) > 0.3, 0.0, -np.inf) if bounded else None
    target = int(np.argsort(weight @ r + bias)[-2])
    return r, weight, bias, target, lower


@pytest.mark.parametrize("seed", range(3))
@pytest.mark.parametrize("shape", PROBLEMS)
def test_least_move_is_that_of_slsqp(shape, seed):
    r, weight, bias, target, lower = problem(*shape, seed)
    move = counterfactual.least_move(r, weight, bias, target, 0.3, lower)
    gaps = np.delete(weight[target] - weight, target, 0)
    constant = np.delete(bias[target] - bias, target) - 0.3
    bounds = None if lower is None else [(low - x, None) for low, x in zip(lower, r)]
    other = minimize(
        lambda d: d @ d / 2,
        np.zeros(len(r)),
        jac=lambda d: d,
        method="SLSQP",
        bounds=bounds,
        constraints={"type": "ineq", "fun": lambda d: gaps @ (r + d) + constant, "jac": lambda d: gaps},
        options={"ftol": 1e-14, "maxiter": 1000},
    )  # fmt: skip
    assert other.success
    np.testing.assert_allclose(move.step, other.x, atol=1e-5)
    assert move.step @ move.step == pytest.approx(other.x @ other.x, rel=1e-7)


@pytest.mark.parametrize("shape", PROBLEMS)
def test_conditions_of_the_optimum_hold(shape):
    r, weight, bias, target, lower = problem(*shape, 7)
    move = counterfactual.least_move(r, weight, bias, target, 0.3, lower)
    logits = weight @ (r + move.step) + bias
    slack = np.delete(logits[target] - logits - 0.3, target)
    multipliers = np.delete(move.multipliers, target)
    assert slack.min() > -1e-7 and multipliers.min() >= 0 and multipliers.max() > 0
    np.testing.assert_allclose(slack[multipliers > 0], 0, atol=1e-7)
    pull = np.delete(weight[target] - weight, target, 0).T @ multipliers
    floor = np.full(len(r), -np.inf) if lower is None else lower - r
    np.testing.assert_allclose(move.step, np.maximum(floor, pull), atol=1e-12)


def test_row_that_answers_the_target_stays():
    r, weight, bias, _, _ = problem(6, 5, False, 1)
    move = counterfactual.least_move(r, weight, bias, int((weight @ r + bias).argmax()))
    assert not move.step.any() and not move.multipliers.any()


def test_two_classes_have_a_closed_form():
    r, weight, bias, target, _ = problem(2, 8, False, 2)
    gap = weight[target] - weight[1 - target]
    behind = 0.5 - (gap @ r + bias[target] - bias[1 - target])
    move = counterfactual.least_move(r, weight, bias, target, 0.5)
    np.testing.assert_allclose(move.step, behind * gap / (gap @ gap), rtol=1e-9)


def test_no_move_leads_to_a_class_between_others():
    weight = np.array([[1.0, 0.0], [0.0, 0.0], [-1.0, 0.0]])
    with pytest.raises(GradtoolsError, match="no row makes the head answer class 1"):
        counterfactual.least_move(np.ones(2), weight, np.zeros(3), 1, 0.5)


def test_ledger_sums_to_the_margin_gained():
    r, weight, bias, target, lower = problem(10, 30, True, 3)
    logits = weight @ r + bias
    other = int(logits.argmax())
    step = counterfactual.least_move(r, weight, bias, target, 0.1, lower).step
    after = weight @ (r + step) + bias
    gained = (after[target] - after[other]) - (logits[target] - logits[other])
    parts = counterfactual.ledger(step, weight, target, other)
    assert parts.sum() == pytest.approx(gained, rel=1e-12)
    assert gained > 0 and parts.shape == (30,)


def test_path_and_random_moves():
    r, step = np.arange(3.0), np.array([2.0, 0.0, -4.0])
    np.testing.assert_allclose(counterfactual.along(r, step, 3), [r, r + step / 2, r + step])
    other = counterfactual.random_move(step, np.array([1.0, 0.0, 2.0]), (0, 1))
    assert np.linalg.norm(other) == pytest.approx(np.linalg.norm(step)) and other[1] == 0
    assert not np.allclose(other, counterfactual.random_move(step, np.ones(3), (0, 2)))
