"""Deletion curves against loops over the definition."""

import numpy as np
import pytest
from scipy.integrate import trapezoid

from gradtools.math.channels import deletion


@pytest.mark.parametrize(
    "n_channels, steps, expected",
    [(10, 5, [0, 2, 4, 6, 8, 10]), (3, 20, [0, 1, 2, 3]), (7, 2, [0, 4, 7]), (1, 4, [0, 1])],
)
def test_steps_go_from_none_to_all(n_channels, steps, expected):
    assert deletion.step_counts(n_channels, steps).tolist() == expected


def test_taken_are_the_first_of_the_order():
    rng = np.random.default_rng(0)
    order = np.stack([rng.permutation(6) for _ in range(3)])
    counts = [0, 2, 5, 6]
    taken = deletion.taken(order, counts)
    for ranking in range(3):
        for step, count in enumerate(counts):
            assert set(np.flatnonzero(taken[ranking, step])) == set(order[ranking, :count])


def test_areas_are_those_of_trapezes_over_the_share_of_channels():
    rng = np.random.default_rng(1)
    counts = np.array([0, 1, 4, 10])
    curves = rng.standard_normal((5, 2, 4))
    np.testing.assert_allclose(
        deletion.areas(curves, counts), trapezoid(curves, counts / 10, axis=-1), rtol=1e-12
    )
    assert deletion.areas([3.0, 3, 3, 3], counts) == pytest.approx(3)
    assert deletion.areas([2.0, 1.8, 1.2, 0], counts) == pytest.approx(1)  # a straight line


def test_shares_are_of_each_image_s_own_score():
    shares = deletion.shares([[1.0, 3], [1, 0], [2, 2]], [2.0, -1, 0])
    np.testing.assert_array_equal(shares, [[0.5, 1.5], [np.nan, np.nan], [np.nan, np.nan]])


def test_means_leave_out_what_is_not_there_and_spread_as_means_do():
    rng = np.random.default_rng(2)
    values = rng.random((9, 2))
    values[4, 1] = np.nan
    mean, replicates = deletion.means(values, 200, seed=3)
    np.testing.assert_allclose(
        mean, [values[:, 0].mean(), np.delete(values[:, 1], 4).mean()], rtol=1e-12
    )
    assert replicates.shape == (200, 2)
    # The spread of a mean of n independent values is their deviation over the root of n.
    many = rng.standard_normal((4000, 1))
    assert deletion.means(many, 400)[1].std() == pytest.approx(many.std() / np.sqrt(4000), rel=0.15)
    assert np.isnan(deletion.means(np.full((3, 1), np.nan), 10)[0]).all()


def test_differences_are_paired():
    rng = np.random.default_rng(4)
    hard = 10 * rng.standard_normal(60)  # how hard each image is, the same for every ranking
    values = np.column_stack([hard + 1, hard, hard + 0.1 * rng.standard_normal(60)])
    means, replicates = deletion.means(values, 500)
    pairs, difference, bounds = deletion.differences(means, replicates)
    assert pairs.tolist() == [[0, 1], [0, 2], [1, 2]]
    np.testing.assert_allclose(
        difference, [values[:, a].mean() - values[:, b].mean() for a, b in pairs], rtol=1e-12
    )
    np.testing.assert_allclose(bounds[0], 1, rtol=1e-9)  # the images' own spread is gone
    assert bounds[1, 0] > 0.9 and bounds[1, 1] < 1.1 and bounds[2, 0] < 0 < bounds[2, 1]
