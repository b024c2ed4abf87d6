"""Populations of units against loops, scipy and planted groups."""

import numpy as np
import pytest
from scipy.stats import spearmanr

from gradtools.math.clusters import agreement
from gradtools.math.links import population
from gradtools.math.trees import cutting

RNG = np.random.default_rng(0)


def planted(noise=0.05, samples=12, seed=1):
    """Changes (40, S, 4) of units of four groups, each of one part, one group against the sign; and of random directions."""
    rng = np.random.default_rng(seed)
    group = np.repeat(np.arange(4), 10)
    centres = np.eye(4) * np.array([1, -1, 1, 1])
    change = centres[group][:, None] + noise * rng.normal(size=(40, samples, 4))
    decoys = rng.normal(size=(40, 1, 4)) / 2 + noise * rng.normal(size=(40, samples, 4))
    return group, change, decoys


def test_sparsity_is_hoyers():
    vectors = RNG.normal(size=(20, 5))
    for vector, value in zip(vectors, population.hoyer(vectors)):
        ratio = sum(abs(x) for x in vector) / sum(x * x for x in vector) ** 0.5
        assert value == pytest.approx((5**0.5 - ratio) / (5**0.5 - 1))
    np.testing.assert_allclose(population.hoyer([[0, -3, 0, 0], [2, 2, -2, 2]]), [1, 0], atol=1e-12)
    assert np.isnan(population.hoyer([[0.0, 0, 0], [0, 0, 0]])).all()


def test_order_of_units_does_not_depend_on_the_measure_of_sparsity():
    """Treves and Rolls' sparseness is a monotone function of the same ratio."""
    vectors = RNG.normal(size=(50, 6))
    treves = 1 - np.abs(vectors).mean(1) ** 2 / (vectors**2).mean(1)
    assert spearmanr(population.hoyer(vectors), treves).statistic == pytest.approx(1)


def test_resampled_vectors_are_means_of_known_values():
    change = RNG.normal(size=(3, 5, 2))
    change[0, 1, 1] = change[2, :, 0] = np.nan
    counts = np.array([[1, 1, 1, 1, 1], [2, 0, 3, 0, 0]])
    made = population.resampled(change, counts)
    for draw, row in zip(made, counts):
        for unit in range(3):
            for part in range(2):
                values = np.repeat(change[unit, :, part], row)
                values = values[np.isfinite(values)]
                expected = values.mean() if len(values) else np.nan
                np.testing.assert_allclose(draw[unit, part], expected)


def test_units_of_one_part_are_sparser_than_random_directions():
    _, change, decoys = planted()
    units, control, gap, low, high = population.sparsity_difference(change, decoys, 50, 0)
    assert units > 0.9 and control < 0.6 and gap == pytest.approx(units - control)
    assert 0 < low <= gap <= high
    same = population.sparsity_difference(decoys, decoys, 20, 0)
    assert same[2:] == (0, 0, 0)
    assert np.isnan(population.sparsity_difference(change[:, :4], decoys[:, :4], 50, 0)[3:]).all()


def test_planted_groups_are_the_clusters_and_come_back():
    group, change, decoys = planted()
    vectors = change.mean(1)
    merges = population.ward(vectors)
    k, silhouette = population.best_cut(vectors, merges)
    labels = cutting.cut(merges, k)
    assert k == 4 and silhouette > 0.9 and agreement.ari(labels, group) == 1
    aris, jaccards = population.cut_stability(change, labels, 10, 0)
    assert (aris == 1).all() and (jaccards == 1).all() and jaccards.shape == (10, 4)
    noisy = planted(noise=3.0, samples=5)[2]
    cut = cutting.cut(population.ward(noisy.mean(1)), 4)
    assert population.cut_stability(noisy, cut, 20, 0)[0].mean() < 0.7


def test_best_cut_has_the_largest_silhouette_of_scikit_learn():
    from sklearn.metrics import silhouette_score

    vectors = RNG.normal(size=(25, 3))
    merges = population.ward(vectors)
    values = [silhouette_score(vectors, cutting.cut(merges, k)) for k in range(2, 25)]
    k, silhouette = population.best_cut(vectors, merges)
    assert k == int(np.argmax(values)) + 2 and silhouette == pytest.approx(max(values))


def test_clusters_are_named_by_their_strong_parts():
    parts = ["ear", "leg", "tail"]
    assert population.name_of(np.array([0.1, -0.5, 0.3]), parts) == "-leg, +tail"
    assert population.name_of(np.array([0.1, 0.5, 0.2]), parts) == "+leg"
    assert population.name_of(np.zeros(3), parts) == "none"


def test_parts_that_change_together_have_spearmans_correlation_of_sizes():
    vectors = RNG.normal(size=(60, 3))
    vectors[:, 1] = -2 * vectors[:, 0] + 0.01 * RNG.normal(size=60)
    others = RNG.normal(size=(60, 3))
    correlation = population.together(vectors, others, 100, 0)
    for name, side in (("value", vectors), ("decoys", others)):
        expected = spearmanr(np.abs(side)).statistic
        np.testing.assert_allclose(correlation[name], expected)
    assert correlation["value"][0, 1] > 0.95 and correlation["low"][0, 1] > 0.9
    assert correlation["above_low"][0, 1] > 0.3  # clear of decoys
    assert correlation["low"][0, 2] < 0 < correlation["high"][0, 2]


def test_coactivation_is_the_correlation_and_class_means_are_taken_off():
    classes = np.repeat([0, 1, 2], 40)
    centres = 10 * RNG.normal(size=(3, 1))
    r = np.concatenate([centres, 2 * centres], axis=1)[classes] + RNG.normal(size=(120, 2))
    every, within = population.coactivation(r, classes)
    np.testing.assert_allclose(every, np.corrcoef(r, rowvar=False))
    left = np.concatenate([r[classes == c] - r[classes == c].mean(0) for c in range(3)])
    np.testing.assert_allclose(within, np.corrcoef(left, rowvar=False))
    assert every[0, 1] > 0.9 and abs(within[0, 1]) < 0.25
    np.testing.assert_allclose(population.coactivation(r[:, :1], classes), np.ones((2, 1, 1)))


def test_units_that_are_active_together_and_change_alike_are_told_from_decoys():
    group, change, decoys = planted()
    active = (group[:, None] == group[None]).astype(float)
    value, p = population.alike(active, change.mean(1), 99, 0)
    assert value > 0.9 and p == 0.01
    value, p = population.alike(active, decoys.mean(1), 99, 0)
    assert abs(value) < 0.2 and p > 0.02


def test_plane_keeps_groups_together_and_is_the_same_again():
    group, change, _ = planted()
    places = population.plane(change.mean(1), 3)
    np.testing.assert_array_equal(places, population.plane(change.mean(1), 3))
    centres = np.stack([places[group == g].mean(0) for g in range(4)])
    nearest = np.linalg.norm(places[:, None] - centres[None], axis=2).argmin(1)
    np.testing.assert_array_equal(nearest, group)
