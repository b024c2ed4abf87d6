"""Verdicts of sentences: p values by their definition, Holm by loops, and how often a false sentence is supported."""

import numpy as np
import pytest
from scipy.stats import norm

from gradtools.math.pairs import bootstrap, verdicts
from gradtools.math.pairs.verdicts import Difference


def difference(values, resamples, seed=0):
    """The mean of paired differences of images."""
    replicates = bootstrap.bootstrap_means(values[:, None], resamples, seed)[:, 0]
    return Difference(float(values.mean()), replicates, len(values))


def test_p_values_are_counts_of_resamples():
    replicates = np.array([-0.5, 0.0, 0.25, 0.5, 1.0, np.nan])
    one = Difference(0.3, replicates, 10)
    assert verdicts.p_values(one, ">", 0.0) == ((1 + 3) / 7, (1 + 4) / 7)
    supported, contradicted = verdicts.p_values(one, "==", 0.5)
    assert supported == max((1 + 3) / 7, (1 + 2) / 7)
    assert contradicted == pytest.approx(min(1, 2 * min((1 + 5) / 7, (1 + 6) / 7)))


def test_a_difference_that_is_zero_in_every_resample_is_equal_and_not_larger():
    same = Difference(0.0, np.zeros(999), 50)
    assert verdicts.p_values(same, "==", 0.02) == (1e-3, 1.0)
    assert verdicts.p_values(same, ">", 0.0) == (1.0, 1e-3)
    halves = Difference(0.0, np.zeros(50), 50, "half-samples", 25, 50)
    assert verdicts.p_values(halves, ">", 0.0) == (1.0, 0.0)
    assert verdicts.p_values(halves, "==", 0.05)[0] == 0.0


def test_half_samples_take_the_normal_tail_with_their_factor():
    rng = np.random.default_rng(0)
    replicates = rng.normal(0.1, 0.02, 200)
    one = Difference(0.1, replicates, 300, "half-samples", 100, 300)
    error = replicates.std(ddof=1) * np.sqrt(100 / 200)
    assert verdicts.p_above(one, 0.05) == pytest.approx(norm.sf(0.05 / error))


def test_at_least_k_of_n():
    p = [0.01, 0.5, 0.02, 0.03]
    assert verdicts.at_least(p, 4) == 0.5
    assert verdicts.at_least(p, 3) == min(2 * 0.03, 0.5)
    assert verdicts.at_least(p, 1) == min(4 * 0.01, 2 * 0.02, 4 / 3 * 0.03, 0.5)
    assert verdicts.at_least([0.9, 0.9], 1) <= 1


def test_holm_by_steps():
    assert verdicts.holm([0.01, 0.04, 0.03, 0.005]).tolist() == [True, False, False, True]
    assert not verdicts.holm([0.02, 0.03, 0.04]).any() and verdicts.holm([0.05]).all()


def test_the_images_that_would_decide_do_decide():
    """With that many images of the same kind the difference is z standard errors from the bound."""
    rng = np.random.default_rng(1)
    one = difference(rng.normal(0.05, 1, 100), 400)
    count = verdicts.images_to_decide(one, ">", 0.0, 6)
    error = one.spread() * np.sqrt(100 / count)
    assert abs(one.value) / error == pytest.approx(norm.isf(0.05 / 6))
    assert verdicts.images_to_decide(Difference(0.0, np.zeros(9), 5), ">", 0.0, 2) == np.inf


def test_false_sentences_are_rarely_supported_and_true_ones_mostly():
    """200 files: of three null sentences any is supported in at most 17; a difference of five standard errors in at least 190."""
    null = planted = 0
    for seed in range(200):
        rng = np.random.default_rng([7, seed])
        values = rng.standard_normal((3, 60))
        p = [verdicts.p_values(difference(row, 250, seed), ">", 0.0) for row in values]
        null += verdicts.holm(np.ravel(p)).reshape(3, 2)[:, 0].any()
        values[0] += 5 / np.sqrt(60)
        p[0] = verdicts.p_values(difference(values[0], 250, seed), ">", 0.0)
        planted += bool(verdicts.holm(np.ravel(p))[0])
    assert null <= 17 and planted >= 190, (null, planted)
