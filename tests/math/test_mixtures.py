"""Batched mixtures against scikit-learn's from the same starts, and against planted groups."""

import warnings

import numpy as np
import pytest
from sklearn.mixture import GaussianMixture

from gradtools.math.clusters import lloyd, mixtures, plus_plus

RNG = np.random.default_rng(5)


def rows(n, d, k, apart=1.0):
    return apart * RNG.normal(size=(k, d))[RNG.integers(0, k, n)] + RNG.normal(size=(n, d))


def by_scikit_learn(x, labels, k, reg):
    """EM from the parameters of a labelling."""
    share = np.eye(k)[labels]
    size = share.sum(axis=0) + 10 * np.finfo(float).eps
    mean = share.T @ x / size[:, None]
    variance = share.T @ x**2 / size[:, None] - mean**2 + reg
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")
        return GaussianMixture(
            k,
            covariance_type="diag",
            reg_covar=reg,
            weights_init=size / size.sum(),
            means_init=mean,
            precisions_init=1 / variance,
        ).fit(x)


@pytest.mark.parametrize("n, d, k", [(60, 8, 5), (40, 120, 6), (200, 2, 7), (12, 4, 12)])
def test_the_same_starts_end_where_scikit_learn_ends(n, d, k):
    x = rows(n, d, k)
    starts = np.stack([RNG.permutation(np.arange(n) % k) for _ in range(6)])
    ended = mixtures.expectation_maximisation(x, starts, k, 1e-3)
    for start, labels, likelihood, bound in zip(
        starts, ended.labels, ended.log_likelihood, ended.bound
    ):
        fitted = by_scikit_learn(x, start, k, 1e-3)
        np.testing.assert_array_equal(labels, fitted.predict(x))
        assert likelihood == pytest.approx(fitted.score(x), rel=1e-9)
        assert bound == pytest.approx(fitted.lower_bound_, rel=1e-9)


def test_the_best_of_several_starts_is_as_good_as_scikit_learns():
    x = rows(150, 5, 4, apart=4.0)
    drawn = np.stack([plus_plus.numbers(seed, 4, 5) for seed in range(6)])
    labels, likelihood = mixtures.mixtures(x, lloyd.gram_matrix(x), 4, drawn)
    best = GaussianMixture(4, covariance_type="diag", n_init=10, random_state=0).fit(x)
    np.testing.assert_allclose(likelihood, best.score(x), rtol=2e-3)
    assert labels.shape == (6, 150) and labels.dtype == np.int32


def test_fits_do_not_depend_on_those_beside_them(monkeypatch):
    x = rows(50, 6, 3)
    gram = lloyd.gram_matrix(x)
    drawn = np.stack([plus_plus.numbers(seed, 4, 3) for seed in (7, 8)])
    together = mixtures.mixtures(x, gram, 4, drawn)
    alone = mixtures.mixtures(x, gram, 4, drawn[1:])
    np.testing.assert_array_equal(together[0][1:], alone[0])
    monkeypatch.setattr(mixtures, "BATCH_ENTRIES", 1)
    np.testing.assert_array_equal(mixtures.mixtures(x, gram, 4, drawn)[0], together[0])


def test_rows_that_are_equal_leave_components_empty_and_finite():
    x = np.eye(3)[RNG.integers(0, 3, 30)]
    drawn = plus_plus.numbers(0, 5, 2)[None]
    labels, likelihood = mixtures.mixtures(x, lloyd.gram_matrix(x), 5, drawn)
    assert np.isfinite(likelihood).all() and len(np.unique(labels)) <= 5
    for one in np.eye(3):  # equal rows share a component
        assert len(np.unique(labels[0][(x == one).all(axis=1)])) == 1
