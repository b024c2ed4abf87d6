"""The cosine of two embeddings and its gradient, against arithmetic of fifty digits."""

import mpmath
import numpy as np
import pytest
import torch

from gradtools.network.saliency import pairs

D = 24


def at_distance(gap, rng):
    """Two float32 rows with 1 - cosine near gap."""
    a, other = rng.normal(size=(2, D))
    a /= np.linalg.norm(a)
    other -= a * (a @ other)
    b = (1 - gap) * a + np.sqrt(gap * (2 - gap)) * other / np.linalg.norm(other)
    return (3 * a).astype("f4"), (0.5 * b).astype("f4")


def exact(a, b):
    """1 - cosine and its gradient by a, w/(|v||w|) - (v.w) v/(|v|^3 |w|), in fifty digits."""
    with mpmath.workdps(50):
        v, w = ([mpmath.mpf(float(x)) for x in row] for row in (a, b))
        dot, n, m = (
            mpmath.fdot(v, w),
            mpmath.sqrt(mpmath.fdot(v, v)),
            mpmath.sqrt(mpmath.fdot(w, w)),
        )
        gradient = [y / (n * m) - dot * x / (n**3 * m) for x, y in zip(v, w)]
        return float(1 - dot / (n * m)), np.array([float(x) for x in gradient])


@pytest.mark.parametrize("gap", [1.0, 1e-2, 1e-4, 1e-6, 2e-7, 1e-8, 1e-9])
def test_the_gradient_of_nearly_parallel_embeddings(gap):
    a, b = at_distance(gap, np.random.default_rng(3))
    rows = torch.tensor(np.stack([a, b]), requires_grad=True)
    value = pairs.score(rows, "cosine")
    (gradient,) = torch.autograd.grad(value.sum(), rows)
    distance, expected = exact(a, b)
    assert float(value.detach()[0]) == pytest.approx(1 - distance, abs=1e-7)
    error = np.abs(gradient[0].numpy() - expected).max() / np.abs(expected).max()
    assert error < 1e-6
    _, expected = exact(b, a)
    assert np.abs(gradient[1].numpy() - expected).max() < 1e-6 * np.abs(expected).max()


def test_a_row_of_zeros_has_cosine_0_and_no_gradient():
    rows = torch.tensor([[0.0, 0.0], [1.0, 2.0], [3.0, 4.0], [4.0, 3.0]], requires_grad=True)
    value = pairs.score(rows, "cosine")
    (gradient,) = torch.autograd.grad(value.sum(), rows)
    assert value.detach().tolist() == pytest.approx([0, 24 / 25])
    assert gradient.isfinite().all() and not gradient[:2].any()
