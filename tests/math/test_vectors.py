"""Rows as vectors against scipy, numpy.corrcoef and closed forms."""

import numpy as np
import pytest
from scipy.spatial.distance import cdist

from gradtools.errors import GradtoolsError
from gradtools.math.rows.vectors import centred_unit_rows, similarity_block, unit_rows

RNG = np.random.default_rng(0)


def test_unit_rows_have_length_one_and_name_the_degenerate():
    x = RNG.normal(size=(6, 9)).astype(np.float32)
    x[2] = 0
    unit, degenerate = unit_rows(x)
    assert unit.dtype == np.float64
    assert degenerate.tolist() == [False, False, True, False, False, False]
    np.testing.assert_allclose(np.linalg.norm(unit, axis=1), [1, 1, 0, 1, 1, 1], atol=1e-14)


@pytest.mark.parametrize("scale", [1e-200, 1e-150, 1e150, 1e200])
def test_the_square_of_a_row_neither_underflows_nor_overflows(scale):
    np.testing.assert_allclose(
        unit_rows(np.array([[3.0, 4.0]]) * scale)[0], [[0.6, 0.8]], rtol=1e-14
    )


@pytest.mark.parametrize("function", [unit_rows, centred_unit_rows])
@pytest.mark.parametrize("value", [np.nan, np.inf])
def test_the_first_row_that_is_not_finite_is_named(function, value):
    x = np.ones((5, 3))
    x[3, 1] = x[4, 0] = value
    with pytest.raises(GradtoolsError, match="row 3 "):
        function(x)


def test_constant_rows_have_no_correlation():
    unit, degenerate = centred_unit_rows(np.array([[0.1, 0.1, 0.1], [0, 1, 2]]))
    assert degenerate.tolist() == [True, False]
    assert not unit[0].any()


def test_cosine_and_correlation_equal_scipy_and_numpy():
    a, b = RNG.normal(size=(7, 11)), RNG.normal(size=(5, 11)) + 3
    np.testing.assert_allclose(
        similarity_block(a, b, "cosine"), 1 - cdist(a, b, "cosine"), atol=1e-14
    )
    np.testing.assert_allclose(
        similarity_block(a, b, "correlation"), np.corrcoef(a, b)[:7, 7:], atol=1e-14
    )
    np.testing.assert_allclose(
        similarity_block(a, b, "dot"), [[np.dot(x, y) for y in b] for x in a], atol=1e-12
    )


@pytest.mark.parametrize("offset, spread", [(0, 1), (1e6, 1), (1e3, 1e-5)])
def test_euclidean_equals_cdist_with_a_zero_diagonal(offset, spread):
    a = offset + spread * RNG.normal(size=(150, 16))
    a[140] = a[3] + 1e-7 * spread
    np.testing.assert_allclose(similarity_block(a, a, "euclidean"), cdist(a, a), rtol=1e-9, atol=0)
    assert not similarity_block(a, a, "euclidean").diagonal().any()


def test_rows_that_are_all_near_each_other_are_not_cancelled_away():
    a = RNG.integers(0, 2, (40, 1)) * np.ones((1, 8)) * 1e4 + 1e-6 * RNG.normal(size=(40, 8))
    np.testing.assert_allclose(
        similarity_block(a, a[:7], "euclidean"), cdist(a, a[:7]), rtol=1e-6, atol=1e-12
    )


def test_an_unknown_metric_is_refused_with_the_known_ones():
    with pytest.raises(GradtoolsError, match="cosine, dot"):
        similarity_block(np.ones((1, 2)), np.ones((1, 2)), "manhattan")
