"""The first-order bootstrap against finite differences and against the exact one."""

import numpy as np
import pytest

from gradtools.math.pairs.bootstrap import (
    bootstrap_matrix_statistics,
    bootstrap_pair_statistics,
    poisson_counts,
    resample_weights,
)
from gradtools.math.pairs.group_sums import cell_sums, cells
from gradtools.math.pairs.influence import bootstrap_pair_statistics_streamed, linear_replicates
from gradtools.math.pairs.pair_means import STATISTICS
from gradtools.math.rows.vectors import prepared_rows


def example(n, d=6, seed=0):
    rng = np.random.default_rng(seed)
    classes = rng.integers(0, 3, n)
    classes[0] = 8
    predictions = np.where(rng.random(n) < 0.6, classes, rng.integers(0, 3, n))
    return rng.normal(size=(n, d)) + classes[:, None] / 2, classes, predictions


def streamed(x, code, cell_class, cell_prediction, resamples, metric, size=1000):
    def blocks():
        return ((x[i : i + size], code[i : i + size]) for i in range(0, len(x), size))

    totals = cell_sums(blocks(), len(cell_class), metric)
    return bootstrap_pair_statistics_streamed(
        blocks(), totals, cell_class, cell_prediction, resamples, 0, metric
    )


def derivatives(x, classes, predictions, metric):
    """Central differences of every statistic by every image's weight, from the matrix form: (N, S)."""
    matrix = prepared_rows(x, metric)[0] @ prepared_rows(x, metric)[0].T
    step = 1e-4 * np.eye(len(x))
    up, down = (
        bootstrap_matrix_statistics(matrix, classes, predictions, 1 + s) for s in (step, -step)
    )
    return (up - down) / 2e-4


@pytest.mark.parametrize("metric", ["cosine", "correlation", "dot"])
def test_replicates_are_linear_in_the_finite_differences(metric):
    x, classes, predictions = example(40)
    rows, _ = prepared_rows(x, metric)
    value = bootstrap_matrix_statistics(rows @ rows.T, classes, predictions, np.ones((1, 40)))[0]
    slope = derivatives(x, classes, predictions, metric)
    for label in np.unique(classes):
        members = classes == label
        slope[members] -= slope[members].mean(axis=0)
        slope[members] *= np.sqrt(members.sum() / max(members.sum() - 1, 1))
    expected = linear_replicates(value, slope, poisson_counts(0, 40, 12))
    for size in (7, 1000):
        replicates = streamed(x, *cells(classes, predictions), 12, metric, size)
        np.testing.assert_allclose(replicates, expected, atol=1e-6)


def test_they_spread_like_exact_resamples_within_the_classes():
    """Poisson counts let the classes grow and shrink, which multinomial ones do not: that part must be gone."""
    x, classes, predictions = example(1500)
    unit, _ = prepared_rows(x, "cosine")
    exact = bootstrap_pair_statistics(
        unit, *cells(classes, predictions), resample_weights(classes, 1000)
    )
    linear = streamed(x, *cells(classes, predictions), 1000, "cosine")
    np.testing.assert_allclose(linear.std(axis=0), exact.std(axis=0), rtol=0.1)
    np.testing.assert_allclose(
        linear.mean(axis=0), exact.mean(axis=0), atol=0.1 * exact.std(axis=0).max()
    )


def test_rows_left_out_do_not_move_anything():
    x, classes, predictions = example(60)
    code, cell_class, cell_prediction = cells(classes, predictions)
    keep = np.ones(60, dtype=bool)
    keep[[3, 5]] = False
    zeroed, chosen = x.copy(), code.copy()
    zeroed[3], chosen[5] = 0, -1
    replicates = streamed(zeroed, chosen, cell_class, cell_prediction, 9, "cosine")
    counts = poisson_counts(0, 60, 9)[:, keep]
    slope = derivatives(x[keep], classes[keep], predictions[keep], "cosine")
    for label in np.unique(classes[keep]):
        members = classes[keep] == label
        slope[members] -= slope[members].mean(axis=0)
        slope[members] *= np.sqrt(members.sum() / max(members.sum() - 1, 1))
    unit, _ = prepared_rows(x[keep], "cosine")
    value = bootstrap_matrix_statistics(
        unit @ unit.T, classes[keep], predictions[keep], np.ones((1, 58))
    )[0]
    np.testing.assert_allclose(replicates, linear_replicates(value, slope, counts), atol=1e-6)


def test_what_has_no_pairs_stays_nan():
    replicates = streamed(np.eye(3), *cells([0, 1, 2], [0, 0, 0]), 5, "cosine")
    assert np.isnan(replicates[:, STATISTICS.index("within")]).all()
    assert np.isnan(replicates[:, STATISTICS.index("label_effect")]).all()
    np.testing.assert_allclose(replicates[:, STATISTICS.index("between")], 0, atol=1e-12)
