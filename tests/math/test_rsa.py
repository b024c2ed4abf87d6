"""Representational similarity against scipy, numpy and loops over the resampled pairs."""

import itertools

import numpy as np
import pytest
from scipy import stats

from gradtools.math.spaces import rsa


def matrices(n=14, seed=0, alike=0.6):
    """Two symmetric matrices that have something in common, rounded so that there are ties."""
    rng = np.random.default_rng(seed)
    first, noise = rng.standard_normal((2, n, n))
    second = alike * first + noise
    return tuple(np.round(matrix + matrix.T, 1) for matrix in (first, second))


def pairs_of_copies(counts):
    """Pairs (i, j), i < j, of different samples, as often as they have copies: c_i c_j."""
    return [
        pair
        for pair in itertools.combinations(range(len(counts)), 2)
        for _ in range(counts[pair[0]] * counts[pair[1]])
    ]


def test_pearson_from_blocks_is_that_of_the_upper_triangles():
    a, b = matrices()
    upper = np.triu_indices(14, 1)
    blocks = (
        (a[start : start + 5].copy(), b[start : start + 5].copy()) for start in range(0, 14, 5)
    )
    sums = rsa.row_sums(blocks, 14)
    assert rsa.pearson(sums) == pytest.approx(
        stats.pearsonr(a[upper], b[upper]).statistic, abs=1e-12
    )
    for i, correlations in enumerate(rsa.row_pearson(sums)):
        others = np.arange(14) != i
        assert correlations == pytest.approx(
            np.corrcoef(a[i, others], b[i, others])[0, 1], abs=1e-12
        )


def test_a_constant_matrix_has_no_correlation():
    sums = rsa.row_sums([(matrices()[0], np.full((14, 14), 0.1))], 14)
    assert np.isnan(rsa.pearson(sums)) and np.isnan(rsa.row_pearson(sums)).all()


def test_resampled_correlations_are_those_of_the_copied_pairs():
    a, b = matrices()
    counts = np.random.default_rng(3).multinomial(14, np.full(14, 1 / 14), size=6)
    sums = rsa.resampled_sums(rsa.off_diagonal(a), rsa.off_diagonal(b), counts)
    pearson, spearman, rows = (
        rsa.pearson(sums, counts),
        rsa.bootstrap_spearman(a, b, counts),
        rsa.row_pearson(sums),
    )
    for place, copies in enumerate(counts):
        i, j = np.array(pairs_of_copies(copies)).T
        assert pearson[place] == pytest.approx(
            stats.pearsonr(a[i, j], b[i, j]).statistic, abs=1e-12
        )
        assert spearman[place] == pytest.approx(
            stats.spearmanr(a[i, j], b[i, j]).statistic, abs=1e-12
        )
        others = np.repeat(np.arange(14), np.where(np.arange(14) == 2, 0, copies))
        assert rows[place, 2] == pytest.approx(
            np.corrcoef(a[2, others], b[2, others])[0, 1], abs=1e-12
        )


def test_ranks_are_scipys():
    a, b = matrices()
    upper = np.triu_indices(14, 1)
    ranks = [rsa.triangle(rsa.ranked(matrix)) for matrix in (a, b)]
    assert np.corrcoef(*ranks)[0, 1] == pytest.approx(
        stats.spearmanr(a[upper], b[upper]).statistic, abs=1e-12
    )
    assert rsa.bootstrap_spearman(a, b, np.ones((1, 14), int))[0] == pytest.approx(
        np.corrcoef(*ranks)[0, 1], abs=1e-12
    )


def test_influence_is_the_derivative_by_each_samples_copies():
    a, b = matrices()
    value = rsa.influence(rsa.row_sums([(a.copy(), b.copy())], 14))
    step = 1e-6
    for k in range(14):
        counts = np.ones((2, 14))
        counts[:, k] += step, -step
        sums = rsa.resampled_sums(rsa.off_diagonal(a), rsa.off_diagonal(b), counts)
        up, down = rsa.pearson(sums, counts)
        assert value[k] == pytest.approx((up - down) / (2 * step), abs=1e-8)


def test_mantel_permutes_the_samples_and_counts_the_observed_one():
    """skbio.stats.distance.mantel: permute rows and columns of one matrix together, correlate the triangles; p = (1 + #>=) / (1 + B)."""
    a, b = matrices()
    upper, rng = np.triu_indices(14, 1), np.random.default_rng(5)
    observed, null = rsa.mantel(
        np.stack([a, rsa.ranked(a)]), np.stack([b, rsa.ranked(b)]), 50, seed=5
    )
    at_least = np.zeros(2)
    for place in range(50):
        order = rng.permutation(14)
        shuffled = b[np.ix_(order, order)]
        expected = (
            stats.pearsonr(a[upper], shuffled[upper]).statistic,
            stats.spearmanr(a[upper], shuffled[upper]).statistic,
        )
        assert null[place] == pytest.approx(expected, abs=1e-12)
        at_least += np.array(expected) >= observed - 1e-12
    assert observed == pytest.approx(
        [
            stats.pearsonr(a[upper], b[upper]).statistic,
            stats.spearmanr(a[upper], b[upper]).statistic,
        ],
        abs=1e-12,
    )
    assert rsa.p_value(observed, null) == pytest.approx((1 + at_least) / 51)


def test_mantel_finds_what_is_planted_and_nothing_in_noise():
    tests = []
    for seed in range(40):
        a, b = matrices(12, seed, alike=0)
        observed, null = rsa.mantel(a[None], b[None], 99, seed)
        tests.append(rsa.p_value(observed, null)[0])
    assert 0.3 < np.mean(tests) < 0.7 and np.mean(np.array(tests) <= 0.05) < 0.2
    a, b = matrices(alike=2)
    assert rsa.p_value(*rsa.mantel(a[None], b[None], 99))[0] == 0.01


def test_p_counts_the_permutations_that_reach_the_value():
    """(1 + 2) / (1 + 4): equal ones reach it, also where rounding parts them."""
    null = np.array([[0.5], [0.5 - 1e-13], [0.1], [-0.7]])
    assert rsa.p_value(np.array([0.5]), null) == pytest.approx(3 / 5)
    assert np.isnan(rsa.p_value(np.array([np.nan]), null)[0])


def test_steps_give_equal_similarities_equal_ranks():
    """Rows of two directions and random lengths: two cosines only, whatever the rounding; the truth is 1."""
    random = np.random.default_rng(8)
    directions = random.normal(size=(2, 40))[np.arange(60) % 2]
    spaces = [directions * random.uniform(0.1, 9, (60, 1)) for _ in range(2)]
    cosines = [x / np.linalg.norm(x, axis=1, keepdims=True) for x in spaces]
    matrices = [rsa.stepped(x @ x.T, "cosine") for x in cosines]
    upper = np.triu_indices(60, 1)
    assert [len(np.unique(matrix[upper])) for matrix in matrices] == [2, 2]
    value = rsa.bootstrap_spearman(*matrices, np.ones((1, 60)))[0]
    assert value == pytest.approx(1, abs=1e-12)


def test_steps_of_unbounded_values_keep_their_order():
    values = np.random.default_rng(9).normal(size=(30, 30)) * 1e5
    stepped = rsa.stepped(values, "dot")
    assert np.array_equal(np.argsort(stepped, axis=None), np.argsort(values, axis=None))
