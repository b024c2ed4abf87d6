"""The paper's descent against its loss written with torch, and where it must end."""

import numpy as np
import pytest
import torch

from gradtools.math.links import counterfactual, descent

RNG = np.random.default_rng(3)
ROWS, UNITS, CLASSES, LATENT = 5, 7, 4, 3


def problem():
    origin = RNG.integers(0, CLASSES, ROWS)
    return descent.Problem(
        RNG.normal(size=(CLASSES, UNITS)),
        RNG.normal(size=CLASSES),
        RNG.normal(size=(LATENT, UNITS)),
        RNG.normal(size=LATENT),
        origin,
        (origin + 1) % CLASSES,
    )


def as_published(r, shift, made, row):
    """-f_t + .6 f_o - 10 cos of one row, as the paper's code has it."""
    weight, bias, coef, intercept = (
        torch.from_numpy(value) for value in (made.weight, made.bias, made.coef, made.intercept)
    )
    logits = weight @ (r - shift) + bias
    latents = [coef @ x + intercept for x in (r, r - shift)]
    cosine = torch.nn.functional.cosine_similarity(*latents, dim=0)
    return -logits[made.target[row]] + 0.6 * logits[made.origin[row]] - 10 * cosine


def test_loss_and_slope_are_those_of_autograd():
    made, r, shift = problem(), RNG.normal(size=(ROWS, UNITS)), RNG.normal(size=(ROWS, UNITS))
    losses, slopes = (call(r, r - shift, made) for call in (descent.loss, descent.slope))
    for row in range(ROWS):
        leaf = torch.from_numpy(shift[row]).requires_grad_()
        value = as_published(torch.from_numpy(r[row]), leaf, made, row)
        value.backward()
        assert losses[row] == pytest.approx(float(value.detach()))
        np.testing.assert_allclose(slopes[row], -leaf.grad.numpy(), atol=1e-10)  # x = r - shift


def test_descent_is_the_published_loop():
    """Plain gradient descent on the shift by torch, stopped where the head answers the target."""
    made, r = problem(), np.abs(RNG.normal(size=(ROWS, UNITS)))
    lower = np.zeros(UNITS)

    def reached(rows, places):
        return (rows @ made.weight.T + made.bias).argmax(1) == made.target[places]

    start = RNG.random((ROWS, UNITS))
    ends, taken = descent.descend(r, start, lower, made, reached, steps=60)
    for row in range(ROWS):
        leaf = torch.from_numpy(start[row].copy()).requires_grad_()
        steps = -1
        for step in range(61):
            x = torch.relu(torch.from_numpy(r[row]) - leaf).detach().numpy()
            if (made.weight @ x + made.bias).argmax() == made.target[row]:
                steps = step
                break
            if step == 60:
                break
            (gradient,) = torch.autograd.grad(
                as_published(torch.from_numpy(r[row]), leaf, made, row), leaf
            )
            leaf = (leaf - 0.5 * gradient).detach().requires_grad_()
        assert taken[row] == steps
        np.testing.assert_allclose(ends[row], x, atol=1e-8)


def test_end_of_a_descent_is_no_nearer_than_the_least_move():
    made, r = problem(), np.abs(RNG.normal(size=(ROWS, UNITS)))
    lower = np.full(UNITS, -np.inf)

    def reached(rows, places):
        return (rows @ made.weight.T + made.bias).argmax(1) == made.target[places]

    ends, taken = descent.descend(r, np.zeros_like(r), lower, made, reached)
    assert (taken >= 0).any()
    for row in np.flatnonzero(taken >= 0):
        least = counterfactual.least_move(r[row], made.weight, made.bias, int(made.target[row]))
        assert np.linalg.norm(ends[row] - r[row]) >= np.linalg.norm(least.step) - 1e-9


def test_row_whose_picture_never_is_of_the_target_says_so():
    made, r = problem(), RNG.normal(size=(ROWS, UNITS))
    seen = []

    def reached(rows, places):
        seen.append(len(places))
        return places == 2

    ends, taken = descent.descend(r, np.zeros_like(r), np.full(UNITS, -9.0), made, reached, 3)
    assert taken.tolist() == [-1, -1, 0, -1, -1] and seen == [5, 4, 4, 4]
    np.testing.assert_array_equal(ends[2], r[2])
    assert (ends >= -9).all()
