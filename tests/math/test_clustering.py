"""Clusterings against scikit-learn and planted groups."""

import numpy as np
import pytest

from gradtools.errors import GradtoolsError
from gradtools.math.clusters.agreement import ari
from gradtools.math.clusters.clustering import agglomerative, gmm, kmeans
from gradtools.math.rows.components import pca

RNG = np.random.default_rng(0)
GROUPS = np.repeat(np.arange(4), 25)
X = 8 * RNG.normal(size=(4, 12))[GROUPS] + RNG.normal(size=(100, 12))


@pytest.mark.parametrize(
    "method", [kmeans, gmm, agglomerative, lambda x, k: gmm(pca(x, 2)[0], k, covariance="full")]
)
def test_planted_groups_are_found(method):
    assert ari(method(X, 4).labels, GROUPS) == 1


def test_the_inertia_is_the_sum_of_squares_about_the_means():
    fitted = kmeans(X, 3, seed=1)
    expected = sum(
        ((X[fitted.labels == g] - X[fitted.labels == g].mean(axis=0)) ** 2).sum() for g in range(3)
    )
    np.testing.assert_allclose(fitted.inertia, expected, rtol=1e-10)
    assert np.isnan(agglomerative(X, 3).inertia)


@pytest.mark.parametrize("method", [kmeans, gmm])
def test_one_seed_gives_one_clustering(method):
    x = RNG.normal(size=(60, 5))
    np.testing.assert_array_equal(method(x, 5, seed=3).labels, method(x, 5, seed=3).labels)


def test_fewer_distinct_rows_than_clusters_give_fewer_labels_without_a_warning(recwarn):
    fitted = kmeans(np.eye(3)[RNG.integers(0, 3, 40)], 6)
    assert len(np.unique(fitted.labels)) == 3 and not recwarn.list
    np.testing.assert_allclose(fitted.inertia, 0, atol=1e-12)


@pytest.mark.parametrize("method", [kmeans, gmm, agglomerative])
def test_more_clusters_than_rows_are_refused(method):
    with pytest.raises(GradtoolsError, match="5 clusters of 3 rows"):
        method(X[:3], 5)


def test_one_row_is_one_cluster():
    assert [method(X[:1], 1).labels.tolist() for method in (kmeans, agglomerative)] == [[0], [0]]


def test_the_log_likelihood_is_that_of_the_mixture():
    """One component: the mean log density of a Gaussian with the rows' own variances."""
    variance = X.var(axis=0) + 1e-6
    expected = np.mean(
        [
            -0.5 * np.sum(np.log(2 * np.pi * variance) + (x - X.mean(axis=0)) ** 2 / variance)
            for x in X
        ]
    )
    assert gmm(X, 1).log_likelihood == pytest.approx(expected, rel=1e-10)
