"""Nearest rows against a loop with Python's own sort, and the floor against a loop over shuffles."""

import numpy as np
import pytest
from planted import alike

from gradtools.math.rows import nearest
from gradtools.math.rows.vectors import prepared_rows

METRICS = ("cosine", "dot", "euclidean", "correlation")


def some_rows(n=40, d=7):
    """Rows of small whole numbers, so that ties are many and exact."""
    return np.random.default_rng(0).integers(-1, 2, (n, d)).astype(float) + np.eye(n, d) * 0.5


def pieces(rows, degenerate, sizes):
    """All rows cut into blocks of some sizes, in turn."""
    start, at = 0, 0
    while start < len(rows):
        stop = start + sizes[at % len(sizes)]
        yield rows[start:stop], np.arange(start, min(stop, len(rows))), degenerate[start:stop]
        start, at = stop, at + 1


def by_loop(x, query, k, metric):
    """(index, value) of the k nearest, values as float32, ties by index."""
    sign = 1 if metric == "euclidean" else -1
    others = [
        (np.float32(alike(x[query], x[i], metric)), i)
        for i in range(len(x))
        if i != query and x[i].any()
    ]
    return sorted(others, key=lambda pair: (sign * pair[0], pair[1]))[:k]


@pytest.mark.parametrize("sizes", [(40,), (1,), (7, 3), (13,)])
@pytest.mark.parametrize("metric", METRICS)
def test_the_nearest_by_a_loop_for_any_blocks(metric, sizes):
    x = some_rows()
    x[5] = 0
    rows, degenerate = prepared_rows(x, metric)
    degenerate[5] = True
    index, values = nearest.nearest(
        rows[8:20], np.arange(8, 20), pieces(rows, degenerate, sizes), 6, metric
    )
    assert index.dtype == np.int32 and values.dtype == np.float32
    for query, got, near in zip(range(8, 20), index, values):
        expected = by_loop(x, query, 6, metric)
        assert near == pytest.approx([value for value, _ in expected], abs=1e-6)
        # values that differ by rounding alone in the loop may stand in another order there
        assert got.tolist() == [i for _, i in expected] or len(set(np.round(near, 5))) < 6


@pytest.mark.parametrize("metric", METRICS)
def test_blocks_make_no_difference_and_equal_rows_stand_by_number(metric):
    x = np.repeat(np.random.default_rng(1).standard_normal((6, 33)), 5, axis=0)
    rows, degenerate = prepared_rows(x, metric)
    found = [
        nearest.nearest(rows, np.arange(30), pieces(rows, degenerate, sizes), 8, metric)
        for sizes in ((30,), (1,), (4, 9))
    ]
    for index, values in found[1:]:
        assert np.array_equal(index, found[0][0]) and np.array_equal(values, found[0][1])
    if metric != "dot":
        assert all(
            row[:4].tolist() == [i for i in range(q - q % 5, q - q % 5 + 5) if i != q]
            for q, row in enumerate(found[0][0])
        )


def test_too_few_others_leave_places_empty():
    rows = np.eye(3)
    index, values = nearest.nearest(
        rows, np.arange(3), [(rows, np.arange(3), np.zeros(3, bool))], 5, "cosine"
    )
    assert (
        index[0].tolist() == [1, 2, -1, -1, -1]
        and np.isnan(values[0][2:]).all()
        and not values[0][:2].any()
    )


@pytest.mark.parametrize("metric", METRICS)
def test_keys_sort_as_values(metric):
    values = np.array([[-1.5, 0.0, -0.0, 2e-30, 7e20, -3e-9, 1.5, 1.5]])
    order = np.argsort(nearest.keys(values, np.arange(8), metric)[0]).tolist()
    assert order == sorted(
        range(8), key=lambda i: ((1 if metric == "euclidean" else -1) * values[0, i], i)
    )


@pytest.mark.parametrize("metric", ["cosine", "euclidean"])
def test_the_floor_by_a_loop_over_shuffles(metric):
    random = np.random.default_rng(2)
    x = random.standard_normal((30, 12))
    rows, _ = prepared_rows(x, metric)
    found = nearest.floor(rows[0], [rows[1:11], rows[11:11], rows[11:]], metric, 200, seed=4)
    shuffles, best = np.random.default_rng(4), []
    for shuffled in shuffles.permuted(np.tile(x[0], (200, 1)), axis=1):
        best.append(
            (min if metric == "euclidean" else max)(
                alike(shuffled, other, metric) for other in x[1:]
            )
        )
    assert found == pytest.approx(
        np.quantile(best, 0.05 if metric == "euclidean" else 0.95), abs=1e-12
    )


def test_planted_twins_are_above_the_floor_and_random_rows_seldom():
    random = np.random.default_rng(3)
    x = random.standard_normal((200, 64))
    x[1] = x[0] + 0.5 * random.standard_normal(64)
    rows, _ = prepared_rows(x, "cosine")
    assert rows[0] @ rows[1] > nearest.floor(rows[0], [rows[1:]], "cosine", 300)
    above = [
        (rows[i] @ np.delete(rows, i, 0).T).max()
        > nearest.floor(rows[i], [np.delete(rows, i, 0)], "cosine", 300)
        for i in range(2, 62)
    ]
    assert sum(above) <= 9  # 3 of 60 expected, more than 9 less than once in 500 times
