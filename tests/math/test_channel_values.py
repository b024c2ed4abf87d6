"""Rankings and distributions of channels, against loops over the definitions, scipy and torch."""

import numpy as np
import pytest
import torch
from scipy import stats

from gradtools.math.channels import channel_values
from gradtools.network.saliency import subset
from gradtools.tables.wording import RANKINGS_OF_CHANNELS


@pytest.fixture(scope="module")
def tap():
    """Activations and gradients (N, C, H, W) with ties: some channels are dead, two are the same."""
    rng = np.random.default_rng(0)
    A, G = np.maximum(rng.standard_normal((5, 12, 3, 4)), 0), rng.standard_normal((5, 12, 3, 4))
    A[:, 3:6], G[:, 4:8] = 0, 0
    A[:, 9], G[:, 9] = A[:, 8], G[:, 8]
    return A, G


@pytest.fixture(scope="module")
def rows(tap):
    A, G = tap
    return {
        "gradient": G.mean((2, 3)),
        "activation": A.mean((2, 3)),
        "contribution": (A * G).sum((2, 3)),
    }


def by_hand(name, gradient, activation, contribution):
    return {
        "contribution": contribution,
        "gxa": gradient * activation,
        "abs": abs(gradient),
        "gradient": gradient,
        "nearzero": -abs(gradient),
        "activation": activation,
    }[name]


def test_every_ranking_has_words_and_random_is_the_only_one_without_a_rule():
    assert set(RANKINGS_OF_CHANNELS) == {*channel_values.RANKINGS, "random"}


@pytest.mark.parametrize("name", channel_values.RANKINGS)
def test_rankings_by_their_definitions(name, rows):
    values = channel_values.RANKINGS[name](**rows)
    for row in range(5):
        for channel in range(12):
            assert values[row, channel] == by_hand(
                name,
                *(rows[kind][row, channel] for kind in ("gradient", "activation", "contribution")),
            )


@pytest.mark.parametrize("name", channel_values.RANKINGS)
@pytest.mark.parametrize("count", [1, 5, 9])
def test_the_subsets_of_saliency_are_the_first_of_the_same_ranking(name, count, tap, rows):
    chosen = subset.mask(
        subset.parse(f"top{count}:{name}"), *(torch.from_numpy(values) for values in tap)
    )
    first = channel_values.order(channel_values.RANKINGS[name](**rows))[:, :count]
    assert [set(np.flatnonzero(row)) for row in chosen.numpy()] == [set(row) for row in first]


def test_order_and_ranks_of_ties():
    values = np.array([[0.0, 2.0, 0.0, -1.0, 2.0]])
    assert channel_values.order(values).tolist() == [[1, 4, 0, 2, 3]]
    assert channel_values.ranks(values).tolist() == [[3.5, 1.5, 3.5, 5.0, 1.5]]
    assert channel_values.tied(values).tolist() == [4 / 5]
    assert channel_values.tied(np.array([[1.0, 2.0, 3.0]])).tolist() == [0]


def test_random_values_are_of_the_image_and_not_of_the_block():
    whole = channel_values.random_values(np.arange(6), 5, seed=3)
    assert np.array_equal(whole[2:4], channel_values.random_values(np.array([2, 3]), 5, seed=3))
    assert not np.array_equal(whole, channel_values.random_values(np.arange(6), 5, seed=4))
    assert len(np.unique(whole)) == 30 and channel_values.random_values(
        np.empty(0, int), 5
    ).shape == (0, 5)


def test_spearman_with_ties_is_scipys(rows):
    correlation = channel_values.spearman(rows["gradient"], rows["contribution"])
    assert correlation == pytest.approx(
        [stats.spearmanr(a, b)[0] for a, b in zip(rows["gradient"], rows["contribution"])],
        abs=1e-12,
    )
    assert np.isnan(channel_values.spearman(np.zeros((1, 4)), np.arange(4.0)[None])).all()


def test_gini_and_effective_number_by_their_definitions():
    values = np.random.default_rng(1).standard_normal((3, 7))
    for row, gini, effective in zip(
        abs(values), channel_values.gini(values), channel_values.effective_number(values)
    ):
        assert gini == pytest.approx(
            sum(abs(a - b) for a in row for b in row) / (2 * len(row) * row.sum()), abs=1e-12
        )
        assert effective == pytest.approx(sum(row) ** 2 / sum(row**2), abs=1e-12)


@pytest.mark.parametrize(
    "values, gini, effective",
    [
        ([2.0, -2.0, 2.0, 2.0], 0, 4),
        ([0.0, 0.0, -3.0, 0.0], 3 / 4, 1),
        ([0.0, 0.0, 0.0, 0.0], np.nan, np.nan),
    ],
)
def test_gini_and_effective_number_at_their_ends(values, gini, effective):
    assert channel_values.gini([values])[0] == pytest.approx(gini, nan_ok=True)
    assert channel_values.effective_number([values])[0] == pytest.approx(effective, nan_ok=True)


def test_the_description_of_an_image():
    values = np.array([[-3.0, -1.0, 0.0, 0.0, 0.0, 2.0, 4.0, 10.0]])
    statistics = dict(zip(channel_values.STATISTICS, channel_values.describe(values)[0]))
    assert (statistics["positive"], statistics["negative"], statistics["zero"]) == (
        3 / 8,
        2 / 8,
        3 / 8,
    )
    assert (statistics["min"], statistics["median"], statistics["max"]) == (-3, 0, 10)
    assert (
        statistics["q25"] == -0.25 and statistics["q75"] == 2.5
    )  # linear between the 2nd and 3rd, the 6th and 7th


def test_histograms_lose_no_channel_and_have_zero_in_the_middle():
    values = np.random.default_rng(2).standard_normal((4, 50))
    edges = channel_values.bin_edges(abs(values).max(), 11)
    assert sum(channel_values.histogram(row, edges).sum() for row in values) == 200
    assert channel_values.histogram(np.zeros((1, 9)), edges).tolist() == [0] * 5 + [9] + [0] * 5
    assert channel_values.histogram([edges[-1], edges[0]], edges).tolist() == [1] + [0] * 9 + [1]
    assert channel_values.histogram(np.zeros((1, 9)), channel_values.bin_edges(0, 3)).tolist() == [
        0,
        9,
        0,
    ]


def test_a_linear_toy_gives_the_exact_order():
    """y = sum_k b_k mean(A_k): the contribution is what y loses without the channel (mathematics#ablation)."""
    rng = np.random.default_rng(3)
    A, b = rng.standard_normal((6, 9, 4, 5)), rng.standard_normal(9)
    gradient = np.broadcast_to(b / 20, (6, 9))
    loss = np.empty((6, 9))
    for channel in range(9):
        without = A.copy()
        without[:, channel] = 0
        loss[:, channel] = (A.mean((2, 3)) - without.mean((2, 3))) @ b
    contribution = (gradient[:, :, None, None] * A).sum((2, 3))
    assert contribution == pytest.approx(loss, abs=1e-12)
    ranking = channel_values.RANKINGS["contribution"](gradient, A.mean((2, 3)), contribution)
    assert np.array_equal(channel_values.order(ranking), np.argsort(-loss, axis=1))


def test_quantiles_are_those_of_the_channels():
    statistics = channel_values.describe(
        np.random.default_rng(0).permutation(np.arange(101.0))[None]
    )[0]
    assert statistics[-len(channel_values.QUANTILES) :].tolist() == [0, 5, 25, 50, 75, 95, 100]
