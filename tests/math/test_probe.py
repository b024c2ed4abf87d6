"""Linear probes against scikit-learn called directly, and planted labels that the class row holds or does not hold."""

import numpy as np
import pytest
from sklearn.linear_model import LogisticRegression
from sklearn.metrics import balanced_accuracy_score
from sklearn.model_selection import StratifiedKFold
from sklearn.preprocessing import StandardScaler

from gradtools.errors import GradtoolsError
from gradtools.math.rows import probe


@pytest.fixture(scope="module")
def planted():
    """Labels, predictions that are right in four of five images, class rows, and noise in 12 dimensions."""
    rng = np.random.default_rng(0)
    labels = np.repeat(np.arange(4), 40)
    predictions = np.where(rng.random(160) < 0.8, labels, rng.integers(0, 4, 160))
    return labels, predictions, rng.standard_normal((4, 12)), rng.standard_normal((160, 12))


def test_without_direction(planted):
    _, predictions, weights, noise = planted
    rest = probe.without_direction(noise, weights[predictions])
    for row, before, c in zip(rest, noise, predictions):
        w = weights[c] / np.sqrt(sum(x * x for x in weights[c]))
        assert np.allclose(row, before - (before @ w) * w, atol=1e-12) and abs(row @ w) < 1e-12
    assert np.array_equal(probe.without_direction(noise, np.zeros_like(noise)), noise)


def test_rounding_of_a_class_row_tells_nothing(planted):
    _, predictions, weights, _ = planted
    rows = (weights[predictions] * 0.3).astype("f4")
    assert not probe.without_direction(rows, weights[predictions].astype("f4")).any()


def test_equal_to_scikit_learn(planted):
    labels, _, _, noise = planted
    rows = noise + 0.7 * np.eye(4, 12)[labels]
    plain, balanced = [], []
    for train, test in StratifiedKFold(5, shuffle=True, random_state=3).split(rows, labels):
        scaler = StandardScaler().fit(rows[train])
        told = (
            LogisticRegression(max_iter=1000)
            .fit(scaler.transform(rows[train]), labels[train])
            .predict(scaler.transform(rows[test]))
        )
        plain.append((told == labels[test]).mean())
        balanced.append(balanced_accuracy_score(labels[test], told))
    probed = probe.decode(rows, labels, shuffles=2, seed=3)
    assert probed.accuracy.tolist() == plain and probed.balanced.tolist() == balanced
    assert probed.shuffled_accuracy.shape == probed.shuffled_balanced.shape == (2,)


def test_fewer_rows_than_channels_have_the_probe_of_all_channels():
    """In the span of the rows, the decision values are those of the same regression in every channel."""
    rng = np.random.default_rng(3)
    labels = np.repeat(np.arange(3), 10)
    rows = rng.standard_normal((30, 200)) + np.eye(3, 200)[labels]
    train, test = np.arange(30) % 5 > 0, np.arange(30) % 5 == 0
    learned, tried = probe._standardised(rows[train], rows[test])
    assert learned.shape == (24, 23)  # 24 rows about their mean
    scaler = StandardScaler().fit(rows[train])
    whole = scaler.transform(rows[train]), scaler.transform(rows[test])
    values = [
        LogisticRegression(tol=1e-10, max_iter=5000).fit(x, labels[train]).decision_function(y)
        for x, y in ((learned, tried), whole)
    ]
    np.testing.assert_allclose(*values, atol=1e-5)


def test_label_in_the_class_row_goes_with_it(planted):
    labels, predictions, weights, noise = planted
    own, told = weights[predictions], 0.02 * noise
    along = (
        told + (1 + 0.5 * (labels != predictions))[:, None] * own
    )  # the label is in the row's length and direction alone
    whole = probe.decode(along, labels, shuffles=5)
    without = probe.decode(probe.without_direction(along, own), labels, shuffles=5)
    assert whole.balanced.mean() > 0.75 and whole.p == pytest.approx(1 / 6)
    assert (
        abs(without.balanced.mean() - 0.25) < 0.12
        and abs(without.shuffled_balanced.mean() - 0.25) < 0.08
    )


def test_label_elsewhere_stays(planted):
    labels, predictions, weights, noise = planted
    own = np.hstack([weights[predictions], np.zeros((160, 4))])
    rows = (
        own
        + 0.05 * np.hstack([noise, noise[:, :4]])
        + np.hstack([np.zeros((160, 12)), np.eye(4)[labels]])
    )
    probed = probe.decode(probe.without_direction(rows, own), labels, predictions, shuffles=5)
    assert (
        probed.balanced.mean() > 0.95
        and probed.shuffled_balanced.max() < 0.85
        and probed.p == pytest.approx(1 / 6)
    )


def test_prediction_alone_is_as_good_on_shuffled_labels(planted):
    labels, predictions, weights, _ = planted
    probed = probe.decode(weights[predictions], labels, predictions, shuffles=5)
    assert abs(probed.balanced.mean() - probed.shuffled_balanced.mean()) < 0.03 and probed.p > 0.17


def test_shuffles_keep_to_their_strata(planted):
    labels, predictions, _, _ = planted
    made = probe._shuffled(labels, predictions, np.random.default_rng(0))
    assert not np.array_equal(made, labels)
    for prediction in range(4):
        assert sorted(made[predictions == prediction]) == sorted(labels[predictions == prediction])


def test_contested():
    labels = np.array([0] * 6 + [1] * 6 + [2] * 5 + [3] * 4)
    predictions = np.array([0] * 5 + [1] + [1] * 6 + [2] * 5 + [2] * 4)
    # Label 3 has too few images, then prediction 2 has one label left, and prediction 0 has one; label 0 is then too rare in 1.
    assert not probe.contested(labels, predictions).any()
    predictions[6:8] = 0
    assert probe.contested(labels, predictions).tolist() == [True] * 12 + [False] * 9


def test_too_few(planted):
    with pytest.raises(GradtoolsError, match="two labels with 5 images"):
        probe.decode(np.ones((9, 2)), np.array([0] * 5 + [1] * 4))
