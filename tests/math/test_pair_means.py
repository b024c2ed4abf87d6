"""Means over pairs against a loop over the pairs."""

from itertools import combinations

import numpy as np
import pytest
from scipy.spatial.distance import cdist, sqeuclidean

from gradtools.errors import GradtoolsError
from gradtools.math.pairs.group_sums import cell_sums, cells
from gradtools.math.pairs.pair_means import STATISTICS, pair_statistics, pair_statistics_streamed

SCORES = {
    "cosine": lambda a, b: a @ b / np.sqrt((a @ a) * (b @ b)),
    "correlation": lambda a, b: np.corrcoef(a, b)[0, 1],
    "dot": lambda a, b: a @ b,
    "sqeuclidean": sqeuclidean,
    "euclidean": lambda a, b: np.sqrt(((a - b) ** 2).sum()),
}


def by_loop(x, classes, predictions, score):
    """Name to (mean, number of pairs), from a list of scores for each kind of pair."""
    kinds = {(c, p): [] for c in (True, False) for p in (True, False)}
    of_class = {}
    for i, j in combinations(range(len(x)), 2):
        s = score(x[i], x[j])
        kinds[classes[i] == classes[j], predictions[i] == predictions[j]].append(s)
        if classes[i] == classes[j]:
            of_class.setdefault(classes[i], []).append(s)
    lists = {
        "within": kinds[True, True] + kinds[True, False],
        "between": kinds[False, True] + kinds[False, False],
        "all": sum(kinds.values(), []),
        "same_prediction": kinds[True, True] + kinds[False, True],
        "same_class_same_prediction": kinds[True, True],
        "same_class_other_prediction": kinds[True, False],
        "other_class_same_prediction": kinds[False, True],
        "other_class_other_prediction": kinds[False, False],
    }
    means = {name: (np.mean(v) if v else np.nan, len(v)) for name, v in lists.items()}
    macro = np.mean([np.mean(v) for v in of_class.values()]) if of_class else np.nan
    means["within_macro"] = macro, means["within"][1]
    same, pairs = means["same_class_same_prediction"]
    for effect, other in (
        ("label_effect", "other_class_same_prediction"),
        ("prediction_effect", "same_class_other_prediction"),
    ):
        means[effect] = same - means[other][0], min(pairs, means[other][1])
    return means


def blocks_of(x, cell, size):
    return ((x[i : i + size], cell[i : i + size]) for i in range(0, len(x), size))


def separable(x, classes, predictions, metric, size=7):
    cell, cell_class, cell_prediction = cells(classes, predictions)
    totals = cell_sums(blocks_of(x, cell, size), len(cell_class), metric)
    return pair_statistics(totals, cell_class, cell_prediction, metric)


def assert_equal_to_loop(statistics, expected):
    assert tuple(statistics) == STATISTICS
    for name, (value, pairs) in expected.items():
        assert statistics[name].pairs == pairs, name
        np.testing.assert_allclose(
            statistics[name].value, value, rtol=1e-10, atol=1e-10, err_msg=name
        )


def example(n=40, d=6, seed=0):
    """Uneven classes, one with a single member, labels that are not 0..G-1."""
    rng = np.random.default_rng(seed)
    classes = rng.choice([3, 5, 11], n, p=[0.2, 0.3, 0.5])
    classes[0] = 99
    predictions = np.where(rng.random(n) < 0.6, classes, rng.choice([3, 5, 7], n))
    return rng.normal(size=(n, d)) + 0.3 * classes[:, None] % 3, classes, predictions


@pytest.mark.parametrize("metric", ["cosine", "correlation", "dot", "sqeuclidean"])
def test_every_statistic_equals_the_loop(metric):
    x, classes, predictions = example()
    assert_equal_to_loop(
        separable(x, classes, predictions, metric), by_loop(x, classes, predictions, SCORES[metric])
    )


@pytest.mark.parametrize("metric", ["euclidean", "cosine", "dot", "correlation"])
@pytest.mark.parametrize("block", [1, 7, 1000])
def test_streamed_blocks_equal_the_loop(metric, block):
    x, classes, predictions = example()
    statistics = pair_statistics_streamed(x, classes, predictions, metric, block)
    assert_equal_to_loop(statistics, by_loop(x, classes, predictions, SCORES[metric]))


@pytest.mark.parametrize(
    "n, classes, predictions",
    [
        (1, [4], [4]),
        (2, [0, 1], [0, 1]),
        (2, [0, 0], [1, 2]),
        (5, [1] * 5, [1] * 5),
        (4, [0, 1, 2, 3], [0] * 4),
    ],
)
def test_no_pairs_give_nan_and_not_a_warning(n, classes, predictions):
    x, classes, predictions = example(n)[0], np.array(classes), np.array(predictions)
    expected = by_loop(x, classes, predictions, SCORES["dot"])
    assert_equal_to_loop(separable(x, classes, predictions, "dot"), expected)
    assert_equal_to_loop(pair_statistics_streamed(x, classes, predictions, "dot"), expected)


def test_the_block_size_does_not_matter():
    x, classes, predictions = example(1500, 5)
    whole = separable(x.astype(np.float32), classes, predictions, "cosine", 1500)
    for size in (1, 64, 700):
        other = separable(x.astype(np.float32), classes, predictions, "cosine", size)
        np.testing.assert_allclose(
            [s.value for s in other.values()], [s.value for s in whole.values()], rtol=1e-10
        )


def test_squared_distances_far_from_the_origin_keep_their_digits():
    x, classes, predictions = example()
    near = separable(x, classes, predictions, "sqeuclidean")
    far = separable(x + 2.0**20, classes, predictions, "sqeuclidean")
    np.testing.assert_allclose(
        [s.value for s in far.values()], [s.value for s in near.values()], rtol=1e-7
    )


def test_degenerate_and_unselected_rows_are_left_out_and_the_first_are_counted():
    x, classes, predictions = example()
    x[[4, 9]], x[11] = 0, np.nan
    cell, cell_class, cell_prediction = cells(classes, predictions)
    chosen = cell.copy()
    chosen[[0, 9, 11]] = -1
    totals = cell_sums(blocks_of(x, chosen, 16), len(cell_class), "cosine")
    assert totals.degenerate == 1 and totals.counts.sum() == len(x) - 4
    keep = np.setdiff1d(np.arange(len(x)), [0, 4, 9, 11])
    expected = by_loop(x[keep], classes[keep], predictions[keep], SCORES["cosine"])
    assert_equal_to_loop(pair_statistics(totals, cell_class, cell_prediction), expected)


def test_a_row_that_is_not_finite_is_named_by_its_number_in_the_whole():
    x, classes, predictions = example(40)
    x[29, 2] = np.nan
    with pytest.raises(GradtoolsError, match="row 29 "):
        separable(x, classes, predictions, "cosine")


def test_a_metric_that_does_not_separate_is_refused_and_an_empty_selection_too():
    x, classes, predictions = example()
    with pytest.raises(GradtoolsError, match="pair_statistics_streamed"):
        separable(x, classes, predictions, "euclidean")
    with pytest.raises(GradtoolsError, match="empty"):
        cell_sums(iter(()), 3)


def test_gradients_at_the_head_are_the_mixture_of_two_levels():
    """Rows that are one of two class vectors by prediction: Cos = p + (1 - p) s (mathematics#class-x-prediction)."""
    vectors, predictions = np.array([[1.0, 0.0], [0.6, 0.8]]), np.array([0, 0, 0, 1, 1])
    statistics = separable(vectors[predictions], np.zeros(5, int), predictions, "cosine")
    p = 4 / 10
    np.testing.assert_allclose(statistics["within"].value, p + (1 - p) * 0.6, rtol=1e-12)
    np.testing.assert_allclose(statistics["prediction_effect"].value, 1 - 0.6, rtol=1e-12)


def test_the_mean_distance_equals_scipy():
    x, classes, predictions = example(30)
    d = cdist(x, x)
    upper = np.triu_indices(30, 1)
    mean = pair_statistics_streamed(x, classes, predictions)["all"]
    np.testing.assert_allclose(mean.value, d[upper].mean(), rtol=1e-12)
