"""Half samples: how they are drawn, and the one rule by which replicates become an interval."""

import interval_trials
import numpy as np
import pytest
from cluster_trials import gaussian_classes, trials
from interval_trials import planted_sets
from sklearn import metrics

from gradtools.math.clusters import chance, half_samples, lloyd, silhouettes
from gradtools.math.pairs.intervals import HALF_SAMPLES, interval_of

CLASSES = np.repeat([0, 3, 4, 9], [6, 7, 5, 9])
RNG = np.random.default_rng(2)


def test_halves_of_every_class_of_one_size():
    drawn = half_samples.half_samples(CLASSES, 400)
    assert set(drawn.sum(axis=1)) == {
        14
    }  # 3 + 4 + 2 + 5: every other odd class gives its larger half
    for label, size in ((0, 3), (3, 4), (4, 2), (9, 5)):
        assert set(drawn[:, CLASSES == label].sum(axis=1)) == {size}
        shares = drawn[:, CLASSES == label].mean(axis=0)
        expected = size / (CLASSES == label).sum()
        assert np.abs(shares - expected).max() < 5 * np.sqrt(0.25 / 400)


def test_fewer_halves_are_a_prefix_and_depend_on_the_classes_alone():
    more = half_samples.half_samples(CLASSES, 20, seed=3)
    np.testing.assert_array_equal(half_samples.half_samples(CLASSES, 5, seed=3), more[:5])
    assert not np.array_equal(half_samples.half_samples(CLASSES, 20, seed=4), more)


@pytest.mark.parametrize(
    "rows, method, halves",
    [(5000, "kmeans", 200), (5001, "kmeans", 50), (300, "gmm", 50), (50_001, "kmeans", 0)],
)
def test_how_many_halves(rows, method, halves):
    assert half_samples.number_of_halves(rows, method) == halves


def test_why_there_are_none():
    every = np.ones(len(CLASSES), bool)
    assert half_samples.why_none(CLASSES, every, 4) == ""
    assert "a class has 1 image, and" in half_samples.why_none(np.array([0, 1, 1]), every[:3], 2)
    assert "14 clusters of half of 27 rows" in half_samples.why_none(CLASSES, every, 14)


@pytest.mark.parametrize("method", ["kmeans", "agglomerative", "gmm"])
def test_indices_of_far_groups_are_exact_in_every_half(method, monkeypatch):
    x = 40 * np.eye(4, 6)[np.searchsorted([0, 3, 4, 9], CLASSES)] + RNG.normal(size=(27, 6))
    halves = half_samples.half_samples(CLASSES, 6)
    predictions = RNG.integers(0, 3, 27)
    chosen = half_samples.Method(method, 4, 3)
    replicates, _ = half_samples.replicates(x, halves, chosen, CLASSES, predictions)
    for half, row in zip(halves, replicates):
        silhouette = metrics.silhouette_score(x[half], CLASSES[half])
        other = [
            score(predictions[half], CLASSES[half])
            for score in (metrics.adjusted_rand_score, metrics.normalized_mutual_info_score)
        ]
        np.testing.assert_allclose(row, [1, 1, silhouette, silhouette, *other], atol=1e-9)
    # Beyond GRAM_ROWS the distances are not held, and scikit-learn clusters.
    monkeypatch.setattr(lloyd, "GRAM_ROWS", 10)
    monkeypatch.setattr(silhouettes, "BLOCK_ENTRIES", 40)
    again, _ = half_samples.replicates(x, halves, chosen, CLASSES, predictions)
    np.testing.assert_allclose(again, replicates, atol=1e-9)


def test_halves_of_several_sizes_keep_their_places():
    x = 40 * np.eye(4, 6)[np.searchsorted([0, 3, 4, 9], CLASSES)] + RNG.normal(size=(27, 6))
    halves = half_samples.half_samples(CLASSES, 4)
    halves[1:3, 20] = False
    replicates, _ = half_samples.replicates(x, halves, half_samples.Method("kmeans", 4, 2), CLASSES)
    for half, row in zip(halves, replicates):
        assert row[3] == pytest.approx(metrics.silhouette_score(x[half], CLASSES[half]))


def test_the_interval_is_the_value_with_the_scaled_spread_cut_to_the_range():
    values = RNG.normal(0.4, 0.1, 60)
    reach = 1.96 * values.std(ddof=1) * np.sqrt(20 / 40)
    assert interval_of(values, 0.7, HALF_SAMPLES, 20, 60) == pytest.approx(
        (0.7 - reach, 0.7 + reach)
    )
    assert interval_of(values, 0.95, HALF_SAMPLES, 20, 60, (0, 1))[1] == 1
    values[:31] = np.nan
    assert np.isnan(interval_of(values, 0.7, HALF_SAMPLES, 20, 60)).all()


def test_other_resamples_have_their_percentiles():
    values = RNG.normal(size=200)
    assert interval_of(values, 9.0) == pytest.approx(np.quantile(values, [0.025, 0.975]))
    assert np.isnan(interval_of(np.empty(0), 1.0)).all()


def test_halves_of_a_mean_give_its_standard_error():
    """For a mean of n values the rule is exact on average: sd sqrt((1 - m/n) / m) sqrt(m / (n - m)) = sd / sqrt(n)."""
    values = RNG.normal(size=300)
    halves = half_samples.half_samples(np.zeros(300, int), 4000)
    means = np.array([values[half].mean() for half in halves])
    low, high = interval_of(means, values.mean(), HALF_SAMPLES, 150, 300)
    assert (high - low) / 3.92 == pytest.approx(values.std(ddof=1) / np.sqrt(300), rel=0.05)


def test_what_shuffled_labels_give_by_a_loop():
    labels = RNG.integers(0, 3, (2, 20))
    classes = RNG.integers(0, 3, 20)
    shuffled = chance.shuffled_agreements(labels, classes, 5)
    assert shuffled.shape == (chance.DRAWS, 2)
    for draw in (0, 7):
        order = np.random.default_rng([5, draw, 4]).permutation(20)
        expected = [
            np.mean([score(classes[order], row) for row in labels])
            for score in (metrics.adjusted_rand_score, metrics.normalized_mutual_info_score)
        ]
        np.testing.assert_allclose(shuffled[draw], expected, atol=1e-12)
    assert np.isnan(chance.shuffled_agreements(labels, None, 5)).all()


def test_the_spread_of_halves_without_structure_becomes_that_of_the_whole():
    """Index = c / n times noise: halves move twice as far, so that deviations are halved; none are widened."""
    rng = np.random.default_rng(0)
    halves, of_halves, of_all = (rng.normal(0, sd, 4000) for sd in (0.2, 0.2, 0.1))
    made = chance.rescaled(halves, 0.05, of_halves, of_all, 50, 100)
    assert made.std() == pytest.approx(0.1, rel=0.2) and made.mean() == pytest.approx(halves.mean())
    assert np.corrcoef(made, halves)[0, 1] > 1 - 1e-9
    # A third of the samples: the rule multiplies by sqrt(m / (n - m)).
    made = chance.rescaled(halves, 0.05, of_halves, of_all, 100, 300)
    assert made.std() * np.sqrt(100 / 200) == pytest.approx(0.1, rel=0.2)
    # What moves beyond chance stays, and so do values that shuffled labels do not give.
    wider = rng.normal(0, 0.5, 4000)
    made = chance.rescaled(wider, 0.05, of_halves, of_all, 50, 100)
    assert made.var() == pytest.approx(0.5**2 - 0.2**2 + 0.1**2, rel=0.1)
    for value in (0.25, -0.25, np.nan):
        assert chance.rescaled(halves, value, of_halves, of_all, 50, 100) is halves
    assert chance.rescaled(halves / 4, 0.05, of_halves, of_all, 50, 100).std() <= halves.std() / 4
    none = np.full(4000, np.nan)
    assert chance.rescaled(halves, 0.05, none, none, 50, 100) is halves


@pytest.mark.slow
@pytest.mark.parametrize("method", ["kmeans", "agglomerative"])
@pytest.mark.parametrize("apart", ["none", "near", "far"])
def test_intervals_cover_the_expected_value_of_as_many_images(method, apart):
    """At most 40 sets of 60 images, so that 95 % may be 33 of 40 (once in 2,000 times), and 5 % of false differences 8."""
    for index, trial in trials(method, gaussian_classes(60, apart), 40, seconds=60).items():
        error = 3.5 * np.sqrt(0.05 * 0.95 / trial.sets)
        assert trial.coverage >= 0.95 - error, index
        assert trial.false_differences <= 0.05 + error, index
        assert 0.9 * (1 - 2.5 / np.sqrt(2 * trial.sets)) <= trial.width, index
        if apart == "none" and index in ("ari", "nmi"):
            assert trial.width <= 1.6, index


@pytest.mark.slow
@pytest.mark.parametrize(
    "command, columns",
    [
        ("neighbors", ("mAP", "recall@1", "kNN accuracy")),
        ("compare", ("value",)),
        ("similarity", ("within class", "label effect | pred", "AUC | same pred")),
    ],
)
def test_printed_intervals_cover(command, columns, tmp_path):
    """At most 40 sets of 60 images; with fixed candidates or fixed trees they cover .5 to .8."""
    cells = interval_trials.trials(command, planted_sets(60), 40, tmp_path, seconds=90)
    chosen = {
        cell: trial
        for cell, trial in cells.items()
        if cell[2] in columns and not np.isnan(trial.width) and "class row" not in cell[1]
    }
    assert len(chosen) >= 4
    for cell, trial in chosen.items():
        assert trial.coverage >= 0.9 - 3.5 * np.sqrt(0.1 * 0.9 / trial.sets), cell
