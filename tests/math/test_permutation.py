"""Permutation tests against every permutation, and against planted and absent effects."""

from itertools import permutations

import numpy as np
import pytest

from gradtools.math.pairs.group_sums import cell_sums, cells
from gradtools.math.pairs.pair_means import pair_statistics
from gradtools.math.pairs.permutation import permutation_label_effect, permutation_within
from gradtools.math.rows.vectors import unit_rows


def table(unit, classes, predictions):
    cell, cell_class, cell_prediction = cells(classes, predictions)
    return pair_statistics(cell_sums([(unit, cell)], len(cell_class)), cell_class, cell_prediction)


def test_the_observed_value_is_that_of_the_table():
    rng = np.random.default_rng(0)
    classes, predictions = rng.integers(0, 4, 50), rng.integers(2, 5, 50)
    for d in (6, 300):
        unit, _ = unit_rows(rng.normal(size=(50, d)) + classes[:, None])
        expected = table(unit, classes, predictions)
        tested = permutation_label_effect(unit, classes, predictions, 20)
        np.testing.assert_allclose(tested.observed, expected["label_effect"].value, rtol=1e-10)
        np.testing.assert_allclose(
            permutation_within(unit, classes, 20).observed, expected["within"].value, rtol=1e-10
        )


def test_the_null_is_that_of_every_permutation_of_a_stratum():
    rng = np.random.default_rng(1)
    unit, _ = unit_rows(rng.normal(size=(6, 3)))
    classes, predictions = np.array([0, 0, 1, 1, 0, 2]), np.array([0, 0, 0, 0, 0, 1])
    null = [
        table(unit, classes[[*order, 5]], predictions)["label_effect"].value
        for order in permutations(range(5))
    ]
    tested = permutation_label_effect(unit, classes, predictions, 4000, seed=2)
    share = np.mean(np.array(null) >= tested.observed - 1e-12)
    assert abs(tested.p - share) < 0.03
    assert (
        abs(tested.null_mean - np.mean(null)) < 0.02 and abs(tested.null_sd - np.std(null)) < 0.02
    )
    assert tested.movable == 5


def test_identical_rows_of_a_stratum_are_ties_and_p_is_1():
    """Gradient weights at the block output are the class weights of the prediction (mathematics#gradient-at-the-head)."""
    rng = np.random.default_rng(0)
    classes, predictions = rng.integers(0, 10, 300), rng.integers(0, 10, 300)
    for d in (7, 64, 900):
        rows = rng.normal(size=(10, d))[predictions] * rng.uniform(0.1, 3, (300, 1))
        tested = permutation_label_effect(
            unit_rows(rows.astype(np.float32))[0], classes, predictions, 200
        )
        assert tested.p == 1
        assert abs(tested.observed) < 1e-9


def test_strata_of_one_sample_or_one_label_cannot_move():
    unit, _ = unit_rows(np.random.default_rng(0).normal(size=(7, 3)))
    tested = permutation_label_effect(
        unit, np.array([0, 1, 0, 0, 0, 1, 2]), np.array([0, 1, 2, 2, 3, 3, 3]), 50
    )
    assert tested.movable == 3
    still = permutation_label_effect(unit, np.arange(7), np.arange(7), 50)
    assert still.movable == 0 and np.isnan(still.p)


def test_one_image_and_classes_of_one_image_have_no_test():
    assert np.isnan(permutation_within(np.eye(1), [0], 10).p)
    assert np.isnan(permutation_within(np.eye(3), [0, 1, 2], 10).p)


@pytest.mark.parametrize(
    "test", [permutation_within, lambda u, c, n, s: permutation_label_effect(u, c, c % 2, n, s)]
)
def test_planted_classes_are_found(test):
    rng = np.random.default_rng(3)
    classes = rng.integers(0, 4, 80)
    unit, _ = unit_rows(rng.normal(size=(4, 20))[classes] + rng.normal(size=(80, 20)))
    tested = test(unit, classes, 199, 0)
    assert tested.p == 1 / 200 and tested.observed > tested.null_mean + 5 * tested.null_sd


def test_p_is_uniform_without_an_effect():
    rng = np.random.default_rng(4)
    p = []
    for seed in range(150):
        predictions, classes = rng.integers(0, 3, 30), rng.integers(0, 3, 30)
        unit, _ = unit_rows(rng.normal(size=(3, 8))[predictions] + rng.normal(size=(30, 8)))
        p.append(permutation_label_effect(unit, classes, predictions, 99, seed).p)
    assert 0.4 < np.mean(p) < 0.6 and np.mean(np.array(p) <= 0.1) < 0.2


def test_the_batches_and_the_commonest_label_do_not_matter(monkeypatch):
    rng = np.random.default_rng(5)
    classes, predictions = rng.choice(4, 40, p=[0.7, 0.1, 0.1, 0.1]), rng.integers(0, 2, 40)
    unit, _ = unit_rows(rng.normal(size=(40, 5)))
    whole = permutation_label_effect(unit, classes, predictions, 60)
    monkeypatch.setattr("gradtools.math.pairs.permutation.BATCH_ENTRIES", 1)
    single = permutation_label_effect(unit, classes, predictions, 60)
    assert whole.p == single.p and abs(whole.null_mean - single.null_mean) < 1e-12
