"""Shapley values against every order of the players, splits, and rank correlations against scipy."""

import itertools
import math

import numpy as np
import pytest
from scipy.stats import kendalltau

from gradtools.math.games import ranking, shapley


def by_enumeration(value, players):
    """Shapley values as the mean gain over every order of the players."""
    worth = dict.fromkeys(players, 0.0)
    for order in itertools.permutations(players):
        for place, player in enumerate(order):
            worth[player] += value({*order[: place + 1]}) - value({*order[:place]})
    return {player: total / math.factorial(len(players)) for player, total in worth.items()}


@pytest.mark.parametrize("n, m", [(1, 1), (2, 3), (3, 4), (4, 1)])
def test_values_of_two_kinds_of_players_equal_every_order(n, m):
    values = np.random.default_rng(n * 10 + m).standard_normal((n + 1, m + 1))

    def value(coalition):
        return values[
            sum(kind == 0 for kind, _ in coalition), sum(kind == 1 for kind, _ in coalition)
        ]

    players = [(0, i) for i in range(n)] + [(1, j) for j in range(m)]
    every = by_enumeration(value, players)
    first, second = shapley.two_kinds(values)
    np.testing.assert_allclose([every[0, 0], every[1, 0]], [first, second], atol=1e-12)
    assert n * first + m * second == pytest.approx(values[-1, -1] - values[0, 0], abs=1e-12)


def test_two_regions_that_are_both_needed_or_one_of_them():
    """Two players: an AND of 1 and .9 gives each .45, an OR of 1 and 1 gives each a half."""
    both, either = np.array([[0, 0], [0, 0.9]]), np.array([[0, 1.0], [1.0, 1.0]])
    assert shapley.two_kinds(both) == pytest.approx((0.45, 0.45))
    assert shapley.two_kinds(either) == pytest.approx((0.5, 0.5))
    assert shapley.split(0.9, 0, 0, 0).interaction == pytest.approx(0.9)
    assert shapley.split(1, 1, 1, 0).interaction == -1


def test_the_parts_of_a_split_add_up_and_each_is_half_of_two_shapley_values():
    whole, inside, outside, neither = np.random.default_rng(0).random((4, 20))
    parts = shapley.split(whole, inside, outside, neither)
    np.testing.assert_allclose(sum(parts), whole - neither, atol=1e-15)
    for row in range(20):
        game = np.array([[neither[row], outside[row]], [inside[row], whole[row]]])
        first, second = shapley.two_kinds(game)
        half = parts.interaction[row] / 2
        assert (parts.object[row] + half, parts.background[row] + half) == pytest.approx(
            (first, second)
        )


def test_kendall_with_ties_is_scipys():
    rng = np.random.default_rng(1)
    for _ in range(20):
        first, second = rng.integers(0, 5, (2, 12)).astype(float)
        assert ranking.kendall(first, second) == pytest.approx(kendalltau(first, second).statistic)
    rows = rng.random((3, 7))
    stacked = ranking.kendall(rows, rows[0])
    assert stacked[0] == 1 and stacked.shape == (3,)
    assert np.isnan(ranking.kendall(np.ones(4), np.arange(4.0)))


def test_differences_below_the_last_decimal_are_ties():
    values = np.array([0.1, 0.1 + 1e-8, 0.3])
    assert ranking.kendall(values, np.array([2.0, 1.0, 3.0])) == pytest.approx(
        kendalltau([1, 1, 3], [2, 1, 3]).statistic
    )


def test_first_place_counts_ties_with_wrong_entries_apart():
    scores = np.array([[3, 1, 2, 0], [3, 3, 0, 0], [3, 0, 3, 0], [1, 2, 0, 0], [0, 0, 0, 4]])
    right = np.array([True, True, False, False])
    assert ranking.first_place(scores, right) == (0.6, 0.2)


def test_chance_deals_scores_to_entries_at_random():
    truth, scores = np.arange(8.0), np.arange(8.0)
    drawn = ranking.chance(truth, scores, draws=4000)
    assert abs(drawn.mean()) < 0.02
    assert drawn.std() == pytest.approx(math.sqrt(2 * (2 * 8 + 5) / (9 * 8 * 7)), rel=0.05)
