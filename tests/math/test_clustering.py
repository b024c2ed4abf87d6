"""Clusterings and silhouettes against scikit-learn and planted groups."""

import numpy as np
import pytest
from scipy.spatial.distance import cdist
from sklearn.metrics import silhouette_score

from gradtools.errors import GradtoolsError
from gradtools.math.clusters import clustering
from gradtools.math.clusters.agreement import ari
from gradtools.math.clusters.clustering import (
    agglomerative,
    gmm,
    kmeans,
    pca,
    silhouette_euclidean,
    silhouettes,
)

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
    monkeypatch.setattr(clustering, "FULL_SVD_WORK", 0)
    np.testing.assert_allclose(pca(X, 2, seed=4)[0], full[0], atol=1e-6)


def test_equal_rows_have_no_variance_to_explain():
    coordinates, explained = pca(np.ones((4, 3)), 2)
    assert not coordinates.any() and not explained.any()
    with pytest.raises(GradtoolsError, match="between 1 and 3"):
        pca(np.ones((4, 3)), 4)


@pytest.mark.parametrize("block", [1, 7, 80])
@pytest.mark.parametrize("metric", ["euclidean", "cosine"])
def test_silhouettes_in_blocks_equal_scikit_learn(block, metric):
    x = RNG.normal(size=(80, 6)) + RNG.normal(size=(5, 6))[RNG.integers(0, 5, 80)]
    x[7] = x[8]
    labels = RNG.choice([-1, 2, 3, 9], (3, 80))
    labels[0, 0] = 77  # a cluster of one
    distances = cdist(x, x, metric)
    silhouette = silhouettes((distances[i : i + block] for i in range(0, 80, block)), labels)
    expected = [silhouette_score(x, row, metric=metric) for row in labels]
    np.testing.assert_allclose(silhouette, expected, atol=1e-10)


def test_equal_rows_in_two_clusters_have_silhouette_0():
    assert silhouettes([np.zeros((6, 6))], np.array([[0, 0, 0, 1, 1, 1]])) == 0


def test_identical_rows_in_each_cluster_have_silhouette_1():
    labels = np.repeat([0, 1, 2], 4)
    x = np.eye(3)[labels]
    np.testing.assert_allclose(silhouettes([cdist(x, x)], labels[None]), 1, atol=1e-12)
    np.testing.assert_allclose(silhouette_euclidean(x, labels), 1, atol=1e-12)


def test_the_euclidean_silhouette_is_scikit_learns():
    assert silhouette_euclidean(X, GROUPS) == silhouette_score(X, GROUPS)


@pytest.mark.parametrize("labels", [np.zeros(6, int), np.arange(6)])
def test_one_cluster_or_n_have_no_silhouette(labels):
    assert np.isnan(silhouette_euclidean(X[:6], labels))
    assert np.isnan(silhouettes([cdist(X[:6], X[:6])], labels[None]))


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
