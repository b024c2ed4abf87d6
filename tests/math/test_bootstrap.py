"""The bootstrap over images against resamples written out, and against what chance should give."""

from itertools import combinations

import numpy as np
import pytest
from resamples import copies
from scipy.spatial.distance import cdist
from scipy.stats import poisson

from gradtools.math.pairs import bootstrap as module
from gradtools.math.pairs.bootstrap import (
    bootstrap_matrix_statistics,
    bootstrap_pair_statistics,
    compact_rows,
    interval,
    poisson_counts,
    resample_weights,
)
from gradtools.math.pairs.group_sums import cells
from gradtools.math.pairs.pair_means import STATISTICS
from gradtools.math.rows.vectors import unit_rows


def example(n=24, d=5, seed=0):
    rng = np.random.default_rng(seed)
    classes = rng.integers(0, 3, n)
    classes[0] = 8
    predictions = np.where(rng.random(n) < 0.6, classes, rng.integers(0, 3, n))
    return unit_rows(rng.normal(size=(n, d)) + classes[:, None])[0], classes, predictions


def explicit(score, classes, predictions, counts):
    """The statistics of one resample: its images in a list, pairs of two copies of one image left out."""
    drawn = np.repeat(np.arange(len(classes)), counts)
    pairs = [(i, j) for i, j in combinations(drawn, 2) if i != j]
    kinds = {
        (c, p): [
            score[i, j]
            for i, j in pairs
            if (classes[i] == classes[j]) is c and (predictions[i] == predictions[j]) is p
        ]
        for c in (True, False)
        for p in (True, False)
    }
    macro = [
        [score[i, j] for i, j in pairs if classes[i] == classes[j] == g] for g in np.unique(classes)
    ]
    mean = {
        "within": kinds[True, True] + kinds[True, False],
        "between": kinds[False, True] + kinds[False, False],
        "all": sum(kinds.values(), []),
        "same_prediction": kinds[True, True] + kinds[False, True],
        "same_class_same_prediction": kinds[True, True],
        "same_class_other_prediction": kinds[True, False],
        "other_class_same_prediction": kinds[False, True],
        "other_class_other_prediction": kinds[False, False],
    }
    mean = {name: np.mean(v) if v else np.nan for name, v in mean.items()}
    mean["within_macro"] = np.mean([np.mean(v) for v in macro if v])
    mean["label_effect"] = mean["same_class_same_prediction"] - mean["other_class_same_prediction"]
    mean["prediction_effect"] = (
        mean["same_class_same_prediction"] - mean["same_class_other_prediction"]
    )
    return [mean[name] for name in STATISTICS]


def plain(classes):
    return [c.item() for c in classes]


@pytest.mark.parametrize("d", [5, 200])
@pytest.mark.parametrize("memory", [1, 2**28])
def test_replicates_equal_explicit_resamples(d, memory):
    unit, classes, predictions = example(d=d)
    counts = copies(classes, 9, seed=3)
    replicates = bootstrap_pair_statistics(unit, *cells(classes, predictions), counts, memory)
    expected = [explicit(unit @ unit.T, plain(classes), plain(predictions), c) for c in counts]
    np.testing.assert_allclose(replicates, expected, atol=1e-10)


def test_replicates_of_distances_equal_explicit_resamples():
    unit, classes, predictions = example()
    counts, matrix = copies(classes, 9, seed=3), cdist(unit, unit)
    replicates = bootstrap_matrix_statistics(matrix, classes, predictions, counts)
    expected = [explicit(matrix, plain(classes), plain(predictions), c) for c in counts]
    np.testing.assert_allclose(replicates, expected, atol=1e-10)


def test_short_long_and_matrix_forms_agree():
    unit, classes, predictions = example(60, 300)
    counts = resample_weights(classes, 50)
    assert compact_rows(unit).shape == (60, 60)
    np.testing.assert_allclose(compact_rows(unit) @ compact_rows(unit).T, unit @ unit.T, atol=1e-13)
    replicates = bootstrap_pair_statistics(unit, *cells(classes, predictions), counts)
    expected = bootstrap_matrix_statistics(unit @ unit.T, classes, predictions, counts)
    np.testing.assert_allclose(replicates, expected, atol=1e-10)


def test_copies_paired_with_themselves_would_have_shown():
    unit, classes, predictions = example(40, 50)
    counts = copies(classes, 400)
    replicates = bootstrap_pair_statistics(unit, *cells(classes, predictions), counts)
    gram, same = unit @ unit.T, classes[:, None] == classes
    upper = np.triu(same, 1)
    within = STATISTICS.index("within")
    assert abs(replicates[:, within].mean() - gram[upper].mean()) < 0.01
    naive = [
        (c @ (gram * same) @ c - c.sum()) / ((c @ same @ c) - c.sum()) for c in counts.astype(float)
    ]
    assert np.mean(naive) > gram[upper].mean() + 0.01


def test_weights_keep_the_classes_and_depend_on_seed_and_labels_alone():
    classes = np.array([2, 0, 2, 0, 0, -1])
    counts = resample_weights(classes, 200, seed=5)
    for label in (0, 2, -1):
        assert (counts[:, classes == label].sum(axis=1) == (classes == label).sum()).all()
    assert (counts[:, 5] == 1).all()
    assert set(np.unique(counts[:, classes == 0])) == {0, 1.5, 3}
    np.testing.assert_array_equal(counts, resample_weights(classes, 200, seed=5))
    np.testing.assert_array_equal(counts[:30], resample_weights(classes, 30, seed=5))
    assert (counts != resample_weights(classes, 200, seed=6)).any()


@pytest.mark.parametrize("size", [3, 6, 20])
def test_a_mean_over_a_class_varies_as_its_images_do(size):
    """The variance of resampled means is s^2 / m, s^2 with m - 1 below: m draws of m would give (m - 1) / m of it."""
    values = np.random.default_rng(size).standard_normal((size, 4))
    weights = resample_weights(np.zeros(size, int), 40_000, seed=1)
    drawn = weights @ values / size
    np.testing.assert_allclose(drawn.var(axis=0), values.var(axis=0, ddof=1) / size, rtol=0.04)
    np.testing.assert_allclose(drawn.mean(axis=0), values.mean(axis=0), atol=0.02)


def test_kinds_of_pairs_that_are_not_drawn_weigh_nothing():
    """By subtraction of sums of pairs: any rounding would leave a mean of noise where there is no pair."""
    unit, _ = unit_rows(np.random.default_rng(0).standard_normal((14, 3)))
    classes, predictions = np.repeat([0, 1], 7), np.tile([0, 0, 0, 0, 0, 1, 2], 2)
    weights = resample_weights(classes, 300, seed=2)
    drawn = bootstrap_pair_statistics(unit, *cells(classes, predictions), weights)
    place = STATISTICS.index("same_class_other_prediction")
    present = [
        any(len(set(predictions[of & (w > 0)])) > 1 for of in (classes == 0, classes == 1))
        for w in weights
    ]
    assert not all(present)
    np.testing.assert_array_equal(np.isnan(drawn[:, place]), ~np.array(present))


def test_poisson_counts_do_not_depend_on_the_blocks():
    whole = poisson_counts(0, 3000, 7, seed=2)
    cuts = [0, 1, 1000, 1025, 2048, 3000]
    parts = [poisson_counts(a, b, 7, seed=2) for a, b in zip(cuts, cuts[1:])]
    np.testing.assert_array_equal(np.concatenate(parts, axis=1), whole)
    np.testing.assert_array_equal(poisson_counts(0, 3000, 3, seed=2), whole[:3])
    assert abs(whole.mean() - 1) < 0.03 and abs(whole.var() - 1) < 0.05


def test_the_table_of_counts_is_poissons():
    expected = poisson(1).pmf(np.arange(9))
    np.testing.assert_allclose(
        np.bincount(module.POISSON_OF, minlength=9)[:9] / 2**16, expected, atol=2**-16
    )
    assert abs(module.POISSON_OF.mean() - 1) < 5e-5 and abs(module.POISSON_OF.var() - 1) < 2e-4


def test_interval_is_the_percentile_and_knows_nan():
    replicates = np.arange(1001.0)[:, None] + [0.0, 100.0]
    np.testing.assert_allclose(interval(replicates), [[25, 975], [125, 1075]])
    replicates[:400, 0] = np.nan
    replicates[:600, 1] = np.nan
    np.testing.assert_allclose(interval(replicates, 0.5), [[550, 850], [np.nan, np.nan]])
    assert np.isnan(interval(np.empty((0, 3)))).all() and interval(np.empty((0, 3))).shape == (3, 2)
    assert interval(np.arange(5.0)).shape == (2,)


def test_the_interval_of_the_label_effect_covers_0_for_random_labels():
    """Features follow the prediction, the true label is drawn: nothing is left given the prediction."""
    rng, covered, effect = np.random.default_rng(0), 0, STATISTICS.index("label_effect")
    for _ in range(40):
        predictions, classes = rng.integers(0, 4, 80), rng.integers(0, 4, 80)
        unit, _ = unit_rows(rng.normal(size=(4, 16))[predictions] + rng.normal(size=(80, 16)))
        replicates = bootstrap_pair_statistics(
            unit, *cells(classes, predictions), resample_weights(classes, 200)
        )
        low, high = interval(replicates)[effect]
        covered += low <= 0 <= high
    assert covered >= 34


def test_the_interval_of_the_label_effect_leaves_0_where_the_class_shows_within_a_prediction():
    rng = np.random.default_rng(0)
    predictions, classes = rng.integers(0, 4, 80), rng.integers(0, 4, 80)
    unit, _ = unit_rows(rng.normal(size=(4, 16))[classes] + rng.normal(size=(80, 16)))
    replicates = bootstrap_pair_statistics(
        unit, *cells(classes, predictions), resample_weights(classes, 200)
    )
    assert interval(replicates)[STATISTICS.index("label_effect")][0] > 0


def test_a_class_of_one_image_has_no_pairs_in_any_resample():
    unit, _ = unit_rows(np.eye(3))
    replicates = bootstrap_pair_statistics(
        unit, *cells([0, 1, 2], [0, 0, 0]), resample_weights([0, 1, 2], 4)
    )
    assert np.isnan(replicates[:, STATISTICS.index("within")]).all()
    assert not replicates[:, STATISTICS.index("between")].any()


def test_long_rows_of_many_images_are_not_factored():
    assert compact_rows(np.zeros((module.FACTORED_ROWS + 1, 1))).shape[1] == 1


@pytest.mark.parametrize("drawn_whole", [True, False])
def test_means_over_images_are_those_of_the_resampled_rows(drawn_whole, monkeypatch):
    rng = np.random.default_rng(5)
    values = rng.standard_normal((40, 3))
    values[::7, 1], values[:, 2] = np.nan, np.nan
    if not drawn_whole:
        monkeypatch.setattr(module, "COUNTED_ROWS", 39)
        monkeypatch.setattr(module, "POISSON_UNIT", 16)
        counts = module.poisson_counts(0, 40, 12, seed=2)
    else:
        counts = module.resample_weights(np.zeros(40, int), 12, seed=2)
    replicates = module.bootstrap_means(values, 12, seed=2)
    for replicate, weights in zip(replicates, counts):
        there = ~np.isnan(values[:, 1])
        expected = [
            np.average(values[:, 0], weights=weights),
            np.average(values[there, 1], weights=weights[there]),
        ]
        assert replicate[:2] == pytest.approx(expected, abs=1e-12)
        assert np.isnan(replicate[2])


def test_images_whose_class_has_two_of_them_are_counted():
    assert module.images_in_twos(np.array([0, 0, 1, 1, 1, 2, 3, 3])) == 4
    weights = resample_weights(np.array([5, 5]), 300)
    assert set(map(tuple, weights.tolist())) == {(1.0, 1.0), (2.0, 0.0), (0.0, 2.0)}
