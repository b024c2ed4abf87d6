"""Nearest rows against a loop with Python's own sort, and the floor against a loop over shuffles."""

import mpmath
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
    in_blocks = [
        nearest.nearest(rows, np.arange(30), pieces(rows, degenerate, sizes), 8, metric)
        for sizes in ((30,), (1,), (4, 9))
    ]
    for index, values in in_blocks[1:]:
        assert np.array_equal(index, in_blocks[0][0]) and np.array_equal(values, in_blocks[0][1])
    if metric != "dot":
        assert all(
            row[:4].tolist() == [i for i in range(q - q % 5, q - q % 5 + 5) if i != q]
            for q, row in enumerate(in_blocks[0][0])
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
def test_ranks_sort_as_values(metric):
    values = np.array([-1.5, 0.0, -0.0, 2e-9, 7e20, -3e-9, 1.5, 1.5 * (1 - 1e-15)])
    order = nearest.ranked(values, np.arange(8), metric).tolist()
    exact = values.copy()
    exact[7] = 1.5  # rounding noise
    assert order == sorted(
        range(8), key=lambda i: ((1 if metric == "euclidean" else -1) * exact[i], i)
    )


def test_rows_far_from_the_origin_keep_their_order():
    """Cosines within 1e-8 of 1, equal as float32: the order is that of the exact ones."""
    x = np.random.default_rng(5).standard_normal((50, 6)) + 3e3
    rows, degenerate = prepared_rows(x, "cosine")
    index, _ = nearest.nearest(rows, np.arange(50), pieces(rows, degenerate, (7,)), 5, "cosine")
    with mpmath.workdps(40):
        exact = [[mpmath.mpf(value) for value in row] for row in x.tolist()]
        norms = [mpmath.sqrt(mpmath.fdot(row, row)) for row in exact]
        for query in (0, 20, 49):
            distance = [
                (1 - mpmath.fdot(exact[query], row) / (norms[query] * norm), i)
                for i, (row, norm) in enumerate(zip(exact, norms))
                if i != query
            ]
            assert index[query].tolist() == [i for _, i in sorted(distance)[:5]]


@pytest.mark.parametrize("kind", ["values", "dimensions"])
@pytest.mark.parametrize("metric", ["cosine", "euclidean"])
def test_the_floor_by_a_loop_over_shuffles(metric, kind):
    x = np.random.default_rng(2).standard_normal((30, 12))
    rows, _ = prepared_rows(x, metric)
    blocks, random = [rows[1:11], rows[11:11], rows[11:]], np.random.default_rng(4)
    if kind == "values":
        chance = nearest.shuffled_values(rows[0], 200, 4)
        shuffles = random.permuted(np.tile(rows[0], (200, 1)), axis=1)
    else:
        chance = prepared_rows(nearest.shuffled_samples(blocks, 29, 200, 4), metric)[0]
        drawn = random.integers(29, size=(200, 12))
        shuffles = [[rows[1 + i, d] for d, i in enumerate(row)] for row in drawn]
    floor = nearest.floor(chance, blocks, metric)
    pick = min if metric == "euclidean" else max
    best = [
        pick(alike(np.asarray(shuffled), other, metric) for other in x[1:]) for shuffled in shuffles
    ]
    if metric == "cosine":
        assert floor == pytest.approx(np.quantile(best, 0.95), abs=1e-12)
    else:
        assert floor == pytest.approx(np.quantile(best, 0.05), abs=1e-12)


def share_above(x, kind):
    """Share of rows whose nearest is above their floor."""
    rows, _ = prepared_rows(x, "cosine")
    above = []
    for i in range(60):
        others = np.delete(rows, i, 0)
        chance = (
            nearest.shuffled_values(rows[i], 300, i)
            if kind == "values"
            else prepared_rows(nearest.shuffled_samples([others], len(others), 300, i), "cosine")[0]
        )
        above.append((rows[i] @ others.T).max() > nearest.floor(chance, [others], "cosine"))
    return np.mean(above)


def test_planted_twins_are_above_the_floor_and_random_rows_seldom():
    x = np.random.default_rng(3).standard_normal((200, 64))
    assert all(share_above(x, kind) <= 0.15 for kind in ("values", "dimensions"))
    x[1::2] = x[::2] + 0.5 * np.random.default_rng(4).standard_normal((100, 64))
    assert all(share_above(x, kind) == 1 for kind in ("values", "dimensions"))


def test_a_common_row_passes_the_floor_of_shuffled_values_only():
    """Rows that share a mean row and nothing else: shuffled values take it apart, shuffled samples keep it."""
    random = np.random.default_rng(6)
    x = random.standard_normal((200, 64)) + 2 * random.standard_normal(64)
    assert share_above(x, "values") == 1
    assert share_above(x, "dimensions") <= 0.15
