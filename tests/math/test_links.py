"""Links against closed forms, scikit-learn and scikit-image."""

import numpy as np
import pytest
from sklearn.linear_model import LinearRegression
from sklearn.metrics import r2_score

from gradtools.math.links import feasibility, fitting, pictures

RNG = np.random.default_rng(0)


def test_least_squares_is_the_authors_and_ridge_nearly_so_without_noise():
    r = RNG.normal(size=(200, 7)) * np.arange(1, 8) + 3
    w = r @ RNG.normal(size=(7, 4)) + 1
    expected = LinearRegression().fit(r, w)
    ols, ridge = fitting.fit_linear(r, w, "ols"), fitting.fit_linear(r, w)
    np.testing.assert_allclose(ols.coef, expected.coef_, atol=1e-10)
    np.testing.assert_allclose(ols.intercept, expected.intercept_, atol=1e-10)
    np.testing.assert_allclose(ridge(r), w, atol=1e-3)


def test_more_dimensions_than_pairs_interpolate_and_fail_held_out():
    r, noise = RNG.normal(size=(60, 50)), RNG.normal(size=(60, 3))
    ols = fitting.fit_linear(r[:40], noise[:40], "ols")
    np.testing.assert_allclose(ols(r[:40]), noise[:40], atol=1e-8)
    held = fitting.squared_errors(noise[40:], ols(r[40:]), noise[40:].mean(0))
    assert fitting.pooled_r2(held) < -0.5


def test_constant_column_of_r_changes_nothing():
    r, w = RNG.normal(size=(50, 3)), RNG.normal(size=(50, 2))
    wide = np.concatenate([r, np.full((50, 1), 7.0)], axis=1)
    np.testing.assert_allclose(fitting.fit_linear(wide, w)(wide), fitting.fit_linear(r, w)(r))


def test_r2_is_scikit_learns():
    w, predicted = RNG.normal(size=(30, 4)), RNG.normal(size=(30, 4))
    each = r2_score(w, predicted, multioutput="raw_values")
    np.testing.assert_allclose(fitting.r2_of_dimensions(w, predicted), each)
    pooled = r2_score(w, predicted, multioutput="variance_weighted")
    errors = fitting.squared_errors(w, predicted, w.mean(0))
    assert fitting.pooled_r2(errors) == pytest.approx(pooled)


def test_kernel_fit_follows_what_is_not_linear():
    r = RNG.uniform(-1, 1, (400, 2))
    w = np.stack([r[:, 0] ** 2, r[:, 0] * r[:, 1]], axis=1)
    fits = fitting.fit_linear(r[:300], w[:300]), fitting.fit_kernel(r[:300], w[:300])
    errors = [fitting.squared_errors(w[300:], fit(r[300:]), w[300:].mean(0)) for fit in fits]
    assert fitting.pooled_r2(errors[0]) < 0.1 and fitting.pooled_r2(errors[1]) > 0.95


def test_ssim_and_mse_are_scikit_images():
    metrics = pytest.importorskip("skimage.metrics")
    a, b = RNG.uniform(size=(2, 3, 3, 20, 24))
    expected = [
        metrics.structural_similarity(x, y, channel_axis=0, data_range=1) for x, y in zip(a, b)
    ]
    np.testing.assert_allclose(pictures.ssim(a, b), expected, atol=1e-10)
    np.testing.assert_allclose(pictures.ssim(a, a), 1)
    expected = [metrics.mean_squared_error(x, y) for x, y in zip(a, b)]
    np.testing.assert_allclose(pictures.squared_error(a, b), expected)


def test_same_space_twice_is_congruent_and_class_centres_alone_are_not_within_classes():
    classes = np.repeat(np.arange(4), 25)
    centres = RNG.normal(size=(4, 6)) * 10
    w = centres[classes] + RNG.normal(size=(100, 6))
    other = centres[classes] + RNG.normal(size=(100, 6))
    same = dict(zip(feasibility.NAMES, feasibility.repetition(w, 2 * w + 1, classes, 0)))
    assert same["ari_w"] == same["ari_r"] == 1
    assert same["distance"] == pytest.approx(1) and same["within_rank"] == pytest.approx(1)
    apart = dict(zip(feasibility.NAMES, feasibility.repetition(w, other, classes, 0)))
    assert apart["distance"] > 0.9 and abs(apart["within"]) < 0.15
    everywhere, inside = feasibility.mantel(w, other, classes, 99, 0)
    assert everywhere == 0.01 and inside > 0.02


def test_drawn_rows_are_as_many_of_each_class():
    labels = np.repeat(np.arange(6), [40, 30, 2, 50, 60, 9])
    rows = feasibility.draw(labels, 4, 20, np.random.default_rng(1))
    names, counts = np.unique(labels[rows], return_counts=True)
    assert len(names) == 4 and 2 not in names and len(set(counts)) == 1
    assert len(set(rows)) == len(rows)


def test_split_holds_the_share_out_and_depends_on_the_seed_alone():
    held = fitting.split(50, 0.2, 3)
    assert held.sum() == 10 and (fitting.split(50, 0.2, 3) == held).all()
    assert (fitting.split(50, 0.2, 4) != held).any()
