"""Pair AUC against roc_auc_score over the written-out pairs, and its bootstrap against written-out resamples."""

import numpy as np
import pytest
from resamples import copies
from scipy.spatial.distance import pdist, squareform
from sklearn.metrics import roc_auc_score

from gradtools.math.pairs import pair_auc as module
from gradtools.math.pairs.bootstrap import resample_weights
from gradtools.math.pairs.influence import linear_replicates
from gradtools.math.pairs.pair_auc import pair_auc, pair_auc_influence
from gradtools.math.pairs.pair_auc_bootstrap import bootstrap_pair_auc


def example(n=60, d=8, signal=0.5, seed=0):
    rng = np.random.default_rng(seed)
    classes = rng.integers(0, 4, n)
    predictions = np.where(rng.random(n) < 0.6, classes, rng.integers(0, 4, n))
    return rng.normal(size=(n, d)) + signal * rng.normal(size=(4, d))[classes], classes, predictions


def score_matrix(x, metric):
    if metric == "dot":
        return x @ x.T
    distances = squareform(pdist(x, metric))
    return -distances if metric == "euclidean" else np.round(1 - distances, 6)


def reference(scores, classes, predictions, counts=None):
    """roc_auc_score over the pairs of each stratum, NaN where a side is empty; counts weight the pairs."""
    i, j = np.triu_indices(len(classes), 1)
    same, together = classes[i] == classes[j], predictions[i] == predictions[j]
    weight = np.ones(len(i)) if counts is None else counts[i].astype(float) * counts[j]
    values = []
    for stratum in (together | True, together, ~together):
        chosen = stratum & (weight > 0)
        both = len(np.unique(same[chosen])) == 2
        auc = (
            roc_auc_score(same[chosen], scores[i, j][chosen], sample_weight=weight[chosen])
            if both
            else np.nan
        )
        values.append(auc)
    return values


@pytest.mark.parametrize("metric", ["cosine", "correlation", "dot", "euclidean"])
@pytest.mark.parametrize("block, few", [(7, 1000), (1024, 1000), (25, 1)])
def test_auc_equals_scikit_learn(metric, block, few, monkeypatch):
    monkeypatch.setattr(module, "FEW_ROWS", few)
    x, classes, predictions = example()
    measured = pair_auc(x, classes, predictions, metric, block)
    np.testing.assert_allclose(
        measured.auc, reference(score_matrix(x, metric), classes, predictions), atol=1e-10
    )
    i, j = np.triu_indices(len(x), 1)
    assert measured.positives[0] == (classes[i] == classes[j]).sum()
    assert measured.positives[0] + measured.negatives[0] == len(i)
    assert (measured.positives[1:].sum(), measured.negatives[1:].sum()) == (
        measured.positives[0],
        measured.negatives[0],
    )
    assert not measured.error.any()


def test_ties_get_half_credit():
    x, classes, predictions = example()
    tied = np.eye(4)[predictions].astype(np.float32) * np.float32(0.3)
    measured, scores = (
        pair_auc(tied, classes, predictions),
        np.eye(4)[predictions] @ np.eye(4)[predictions].T,
    )
    np.testing.assert_allclose(measured.auc, reference(scores, classes, predictions))
    np.testing.assert_allclose(measured.auc[1:], 0.5)


def test_a_stratum_without_pairs_of_one_side_is_nan():
    x, classes, _ = example(12)
    measured = pair_auc(x, classes, classes)
    assert np.isnan(measured.auc[1:]).all() and not np.isnan(measured.auc[0])
    assert measured.negatives[1] == measured.positives[2] == 0
    for n in (1, 2):
        lone = pair_auc(x[:n], np.zeros(n), np.zeros(n), "euclidean")
        assert np.isnan(lone.auc).all() and lone.positives[0] == n - 1


@pytest.mark.parametrize("metric", ["dot", "euclidean"])
def test_the_histogram_lies_within_its_error_of_the_exact(metric, monkeypatch):
    x, classes, predictions = example(200)
    exact = pair_auc(x, classes, predictions, metric)
    monkeypatch.setattr(module, "SORTED_ROWS", 100)
    monkeypatch.setattr(module, "HISTOGRAM_STEPS", 500)
    binned = pair_auc(x, classes, predictions, metric)
    assert (binned.error > 0).all() and (binned.error < 0.01).all()
    assert (np.abs(binned.auc - exact.auc) <= binned.error).all()


@pytest.mark.parametrize("metric", ["cosine", "euclidean"])
@pytest.mark.parametrize("part", [50, 2**14])
def test_replicates_equal_the_weighted_reference(metric, part, monkeypatch):
    monkeypatch.setattr("gradtools.math.pairs.pair_auc_bootstrap.CACHED_PAIRS", part)
    x, classes, predictions = example(40)
    counts = copies(classes, 20)
    replicates, exact = bootstrap_pair_auc(x, classes, predictions, counts, metric)
    scores = score_matrix(x, metric)
    assert exact
    np.testing.assert_allclose(
        replicates, [reference(scores, classes, predictions, c) for c in counts], atol=1e-10
    )


def test_replicates_equal_explicit_resamples():
    x, classes, predictions = example(30)
    scores = score_matrix(x, "cosine")
    counts = copies(classes, 5)
    replicates, _ = bootstrap_pair_auc(x, classes, predictions, counts)
    for replicate, c in zip(replicates, counts):
        drawn = np.repeat(np.arange(30), c)
        i, j = np.triu_indices(len(drawn), 1)
        keep = drawn[i] != drawn[j]
        i, j = drawn[i[keep]], drawn[j[keep]]
        np.testing.assert_allclose(
            replicate[0], roc_auc_score(classes[i] == classes[j], scores[i, j]), atol=1e-10
        )


def test_replicates_of_tied_scores_are_one_half():
    _, classes, predictions = example(50)
    rows = np.random.default_rng(1).normal(size=(4, 9))[predictions]
    replicates, _ = bootstrap_pair_auc(rows, classes, predictions, resample_weights(classes, 30))
    np.testing.assert_allclose(replicates[:, 1], 0.5, atol=1e-12)


def test_the_influence_is_the_derivative_by_the_weight():
    x, classes, predictions = example(40)
    auc, influence = pair_auc_influence(x, classes, predictions)
    scores = score_matrix(x, "cosine")
    np.testing.assert_allclose(auc, reference(scores, classes, predictions), atol=1e-10)
    np.testing.assert_allclose(influence.sum(axis=0), 0, atol=1e-10)
    for k in (0, 7, 39):
        up, down = np.ones(40), np.ones(40)
        up[k], down[k] = 1 + 1e-4, 1 - 1e-4
        slope = (
            np.subtract(*(reference(scores, classes, predictions, c) for c in (up, down))) / 2e-4
        )
        np.testing.assert_allclose(influence[k], slope, atol=1e-7)


def test_linear_replicates_are_near_the_exact_ones():
    x, classes, predictions = example(300, 16, signal=1.0)
    counts = resample_weights(classes, 200)
    exact, _ = bootstrap_pair_auc(x, classes, predictions, counts)
    linear, is_exact = bootstrap_pair_auc(x, classes, predictions, counts, work=1)
    assert not is_exact
    np.testing.assert_allclose(
        linear, linear_replicates(*pair_auc_influence(x, classes, predictions), counts)
    )
    assert np.corrcoef(exact[:, 0], linear[:, 0])[0, 1] > 0.97
    np.testing.assert_allclose(linear.std(axis=0), exact.std(axis=0), rtol=0.15)
    np.testing.assert_allclose(linear.mean(axis=0), exact.mean(axis=0), atol=0.005)


def test_random_rows_tell_nothing_and_planted_classes_much():
    x, classes, predictions = example(300, 16, signal=0)
    assert abs(pair_auc(x, classes, predictions).auc[0] - 0.5) < 0.02
    x, classes, predictions = example(300, 16, signal=2)
    assert (pair_auc(x, classes, predictions).auc > 0.9).all()
