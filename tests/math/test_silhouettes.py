"""Silhouettes against scikit-learn and closed forms."""

import numpy as np
import pytest
from scipy.spatial.distance import cdist
from sklearn.metrics import silhouette_score

from gradtools.math.clusters import silhouettes

RNG = np.random.default_rng(0)
GROUPS = np.repeat(np.arange(4), 25)
X = 8 * RNG.normal(size=(4, 12))[GROUPS] + RNG.normal(size=(100, 12))


@pytest.mark.parametrize("block", [1, 7, 80])
@pytest.mark.parametrize("metric", ["euclidean", "cosine"])
def test_silhouettes_in_blocks_equal_scikit_learn(block, metric):
    x = RNG.normal(size=(80, 6)) + RNG.normal(size=(5, 6))[RNG.integers(0, 5, 80)]
    x[7] = x[8]
    labels = RNG.choice([-1, 2, 3, 9], (3, 80))
    labels[0, 0] = 77  # a cluster of one
    distances = cdist(x, x, metric)
    values = silhouettes.of_clusterings(
        (distances[i : i + block] for i in range(0, 80, block)), labels
    )
    expected = [silhouette_score(x, row, metric=metric) for row in labels]
    np.testing.assert_allclose(values, expected, atol=1e-10)


def test_equal_rows_in_two_clusters_have_silhouette_0():
    assert silhouettes.of_clusterings([np.zeros((6, 6))], np.array([[0, 0, 0, 1, 1, 1]])) == 0


def test_identical_rows_in_each_cluster_have_silhouette_1():
    labels = np.repeat([0, 1, 2], 4)
    x = np.eye(3)[labels]
    np.testing.assert_allclose(
        silhouettes.of_clusterings([cdist(x, x)], labels[None]), 1, atol=1e-12
    )
    np.testing.assert_allclose(silhouettes.euclidean(x, labels), 1, atol=1e-12)


def test_the_euclidean_silhouette_is_scikit_learns():
    assert silhouettes.euclidean(X, GROUPS) == silhouette_score(X, GROUPS)


@pytest.mark.parametrize("labels", [np.zeros(6, int), np.arange(6)])
def test_one_cluster_or_n_have_no_silhouette(labels):
    assert np.isnan(silhouettes.euclidean(X[:6], labels))
    assert np.isnan(silhouettes.of_clusterings([cdist(X[:6], X[:6])], labels[None]))
