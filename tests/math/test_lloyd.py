"""Batched k-means against scikit-learn from the same starts, and against a plain loop."""

import numpy as np
import pytest
from sklearn.cluster import KMeans, kmeans_plusplus

from gradtools.math.clusters import lloyd, plus_plus

RNG = np.random.default_rng(1)


def rows(n, d, apart=1.0, k=6):
    return apart * RNG.normal(size=(k, d))[RNG.integers(0, k, n)] + RNG.normal(size=(n, d))


def inertia_of(x, labels):
    return sum(
        ((x[labels == j] - x[labels == j].mean(axis=0)) ** 2).sum() for j in np.unique(labels)
    )


def subsets_of(n, m, count):
    return np.stack([np.sort(RNG.permutation(n)[:m]) for _ in range(count)])


@pytest.mark.parametrize("n, d, k", [(60, 8, 5), (30, 200, 6), (200, 3, 8), (12, 4, 12)])
def test_the_same_starts_end_where_scikit_learn_ends(n, d, k):
    x = rows(n, d) + 50.0  # far from the origin
    m = max(k, n // 2)
    subsets = subsets_of(n, m, 3)
    gram = lloyd.gram_matrix(x)
    centres = np.stack([[RNG.permutation(m)[:k] for _ in range(4)] for _ in subsets])
    blocks = gram[subsets[:, :, None], subsets[:, None]]
    ended = lloyd.lloyd(blocks, centres)
    for place in range(12):
        own = x[subsets[place // 4]]
        start = own[centres[place // 4, place % 4]]
        fitted = KMeans(k, init=start, n_init=1, tol=0, algorithm="lloyd").fit(own)
        np.testing.assert_array_equal(ended.labels[place], fitted.labels_)
        assert ended.inertia[place] == pytest.approx(fitted.inertia_, rel=1e-9, abs=1e-9)


def test_an_empty_cluster_takes_the_farthest_row():
    """Two equal starts: the second is nobody's nearest."""
    x = np.array([[0.0], [0.0], [1.0], [9.0], [10.0], [30.0]])
    ended = lloyd.lloyd(lloyd.gram_matrix(x)[None], np.array([[[0, 1, 4]]]))
    fitted = KMeans(3, init=x[[0, 1, 4]], n_init=1, tol=0).fit(x)
    assert ended.inertia[0] == pytest.approx(fitted.inertia_) == 1.1666666666666667


def test_the_best_of_several_starts_is_as_good_as_scikit_learns():
    x = rows(90, 10, apart=2.0)
    subsets = subsets_of(90, 45, 5)
    labels = lloyd.kmeans_of_subsets(lloyd.gram_matrix(x), subsets, 6, fits=2, n_init=20)
    for own, fits in zip(subsets, labels):
        best = KMeans(6, n_init=50, random_state=0).fit(x[own]).inertia_
        assert all(inertia_of(x[own], row) <= best * 1.02 for row in fits)


def test_fewer_distinct_rows_than_clusters():
    x = np.eye(3)[RNG.integers(0, 3, 40)] + 7.0
    labels = lloyd.kmeans_of_subsets(lloyd.gram_matrix(x), np.arange(40)[None], 5, 1, 3)[0, 0]
    assert inertia_of(x, labels) == pytest.approx(0, abs=1e-9)


def test_the_clusterings_of_a_subset_do_not_depend_on_the_batch(monkeypatch):
    gram, subsets = lloyd.gram_matrix(rows(40, 5)), subsets_of(40, 20, 7)
    together = lloyd.kmeans_of_subsets(gram, subsets, 4, 2, 3, seed=5)
    monkeypatch.setattr(lloyd, "BATCH_ENTRIES", 1)
    np.testing.assert_array_equal(lloyd.kmeans_of_subsets(gram, subsets, 4, 2, 3, seed=5), together)
    assert not np.array_equal(lloyd.kmeans_of_subsets(gram, subsets, 4, 2, 3, seed=6), together)


def test_first_centres_are_as_good_as_scikit_learns():
    """The potential of greedy k-means++, on average over starts, and never two equal rows."""
    x = rows(150, 6, apart=3.0)
    gram, k = lloyd.gram_matrix(x), 6
    drawn = RNG.random((1, 400, k, 2 + int(np.log(k))))
    chosen = plus_plus.first_centres(gram[None], drawn)[0]
    assert all(len(set(row)) == k for row in chosen.tolist())

    def potential(centres):
        return ((x[:, None] - centres) ** 2).sum(axis=2).min(axis=1).sum()

    mine = [potential(x[row]) for row in chosen]
    theirs = [potential(kmeans_plusplus(x, k, random_state=seed)[0]) for seed in range(400)]
    error = np.hypot(np.std(mine), np.std(theirs)) / 20
    assert np.mean(mine) == pytest.approx(np.mean(theirs), abs=4 * error)
