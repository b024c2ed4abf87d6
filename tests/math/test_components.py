"""Principal components against the covariance and the full decomposition."""

import numpy as np
import pytest

from gradtools.errors import GradtoolsError
from gradtools.math.rows import components
from gradtools.math.rows.components import pca

RNG = np.random.default_rng(0)
X = 8 * RNG.normal(size=(4, 12))[np.repeat(np.arange(4), 25)] + RNG.normal(size=(100, 12))


def test_components_diagonalise_the_covariance():
    coordinates, explained = pca(X, 3)
    variances = np.linalg.eigvalsh(np.cov(X.T))[::-1]
    np.testing.assert_allclose(np.cov(coordinates.T), np.diag(variances[:3]), atol=1e-9)
    np.testing.assert_allclose(explained, variances[:3] / variances.sum(), rtol=1e-10)


def test_the_sign_of_a_component_is_that_of_its_largest_loading():
    x = np.outer(RNG.normal(size=30), [0.1, -0.9, 0.2])
    coordinates, _ = pca(x, 1)
    assert np.corrcoef(coordinates[:, 0], x[:, 1])[0, 1] > 0.99
    np.testing.assert_allclose(pca(x[::-1], 1)[0][::-1], coordinates, atol=1e-10)


def test_the_randomised_decomposition_agrees_with_the_full(monkeypatch):
    full = pca(X, 2)
    monkeypatch.setattr(components, "FULL_SVD_WORK", 0)
    np.testing.assert_allclose(pca(X, 2, seed=4)[0], full[0], atol=1e-6)


def test_equal_rows_have_no_variance_to_explain():
    coordinates, explained = pca(np.ones((4, 3)), 2)
    assert not coordinates.any() and not explained.any()
    with pytest.raises(GradtoolsError, match="between 1 and 3"):
        pca(np.ones((4, 3)), 4)
