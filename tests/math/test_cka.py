"""CKA against Kornblith's formula and against the unbiased HSIC as a mean over tuples of different samples."""

import itertools

import numpy as np
import pytest

from gradtools.math.spaces import cka, cka_features


def planted(n=12, d=5, e=4, seed=0):
    """Two feature matrices with something in common."""
    rng = np.random.default_rng(seed)
    x = rng.standard_normal((n, d)) + 3
    return x, x[:, :e] + 0.8 * rng.standard_normal((n, e)) - 2


def kornblith(x, y):
    """Equation 3 with the columns centred."""
    x, y = x - x.mean(axis=0), y - y.mean(axis=0)
    return np.linalg.norm(y.T @ x, "fro") ** 2 / (
        np.linalg.norm(x.T @ x, "fro") * np.linalg.norm(y.T @ y, "fro")
    )


def hsic_by_loops(k, l, copies):  # noqa: E741
    """Mean over ordered quadruples of different samples, each as often as it has copies."""
    total = weight = 0.0
    for i, j, q, r in itertools.permutations(range(len(k)), 4):
        many = copies[i] * copies[j] * copies[q] * copies[r]
        total, weight = (
            total + many * (k[i, j] * l[i, j] + k[i, j] * l[q, r] - 2 * k[i, j] * l[i, q]),
            weight + many,
        )
    return total / weight


def song(k, l):  # noqa: E741
    """Equation 5 of Song et al. 2012 as it is written."""
    k, l, n = k.copy(), l.copy(), len(k)  # noqa: E741
    np.fill_diagonal(k, 0)
    np.fill_diagonal(l, 0)
    one = np.ones(n)
    return (
        np.trace(k @ l)
        + one @ k @ one * (one @ l @ one) / ((n - 1) * (n - 2))
        - 2 / (n - 2) * one @ k @ l @ one
    ) / (n * (n - 3))


def debiased_by(hsic, k, l, *more):  # noqa: E741
    return hsic(k, l, *more) / np.sqrt(hsic(k, k, *more) * hsic(l, l, *more))


def test_gram_form_is_kornbliths_and_songs():
    x, y = planted()
    alignment = cka.of_grams(x @ x.T, y @ y.T)
    assert alignment.plain == pytest.approx(kornblith(x, y), abs=1e-12)
    assert alignment.debiased == pytest.approx(debiased_by(song, x @ x.T, y @ y.T), abs=1e-10)


def test_shuffled_is_the_mean_over_every_order_of_one_side():
    x, y = planted(6)
    expected = np.mean([kornblith(x, y[list(order)]) for order in itertools.permutations(range(6))])
    assert cka.of_grams(x @ x.T, y @ y.T).shuffled == pytest.approx(expected, abs=1e-12)


def test_resamples_pair_no_copies_of_one_sample():
    x, y = planted(9, 3, 3)
    k, l = x @ x.T, y @ y.T  # noqa: E741
    counts = np.array([[1] * 9, [2, 0, 1, 1, 3, 0, 0, 1, 1], [0, 1, 2, 1, 1, 1, 1, 1, 1]])
    replicates = cka.bootstrap_debiased(k, l, counts)
    assert replicates == pytest.approx(
        [debiased_by(hsic_by_loops, k, l, copies) for copies in counts], abs=1e-9
    )


def test_invariant_to_rotation_scale_and_shift_and_one_for_equals():
    x, _ = planted(30, 8)
    turn, _ = np.linalg.qr(np.random.default_rng(1).standard_normal((8, 8)))
    y = 7 * x @ turn + 5
    alignment = cka.of_grams(x @ x.T, y @ y.T)
    assert alignment.plain == pytest.approx(1, abs=1e-12) and alignment.debiased == pytest.approx(
        1, abs=1e-10
    )


def test_independent_rows_have_a_plain_value_and_no_debiased_one():
    values = []
    for seed in range(60):
        x, y = np.random.default_rng(seed).standard_normal((2, 40, 200))
        values.append(cka.of_grams(x @ x.T, y @ y.T))
    plain, shuffled, debiased = (
        np.array([getattr(value, name) for value in values])
        for name in ("plain", "shuffled", "debiased")
    )
    assert plain.min() > 0.75 and np.allclose(plain, shuffled, atol=0.02)
    assert abs(debiased.mean()) < 3 * debiased.std() / np.sqrt(60) and debiased.std() < 0.1


def test_too_few_or_equal_rows_have_none():
    x = np.ones((5, 3))
    alignment = cka.of_grams(x @ x.T, x @ x.T)
    assert np.isnan([alignment.plain, alignment.debiased]).all()
    x = np.random.default_rng(0).standard_normal((3, 4))
    assert np.isnan(cka.of_grams(x @ x.T, x @ x.T).debiased)


def blocks(x, y, step=5):
    return lambda: (
        (x[start : start + step].copy(), y[start : start + step].copy())
        for start in range(0, len(x), step)
    )


def test_feature_form_equals_the_gram_form():
    x, y = planted(60)
    alignment, _ = cka_features.of_rows(blocks(x, y))
    expected = cka.of_grams(x @ x.T, y @ y.T)
    for name in ("plain", "shuffled", "debiased"):
        assert getattr(alignment, name) == pytest.approx(getattr(expected, name), abs=1e-10)


def test_influence_is_the_derivative_by_each_samples_copies():
    x, y = planted(20)
    _, influence = cka_features.of_rows(blocks(x, y))
    step = 1e-5
    for k in range(20):
        counts = np.ones((2, 20))
        counts[:, k] += step, -step
        up, down = cka.bootstrap_debiased(x @ x.T, y @ y.T, counts)
        assert influence[k] == pytest.approx((up - down) / (2 * step), abs=1e-7)
