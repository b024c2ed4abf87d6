"""Agreement of labellings against scikit-learn and written-out resamples."""

import numpy as np
import pytest
from sklearn.metrics import adjusted_rand_score, normalized_mutual_info_score

from gradtools.math.clusters.agreement import (
    agreements,
    ari,
    nmi,
    random_label_control,
)

LABELLINGS = [
    (np.zeros(5, int), np.zeros(5, int)),
    (np.zeros(5, int), np.arange(5)),
    (np.arange(5), np.arange(5)[::-1]),
    (np.array([0]), np.array([3])),
    (np.array([0, 0, 1, 1]), np.array([5, 5, -1, -1])),
    (np.array([0, 1, 0, 1]), np.array([0, 0, 1, 1])),
    *(
        (rng.integers(0, 5, 80), rng.integers(-1, 7, 80))
        for rng in map(np.random.default_rng, range(3))
    ),
]


@pytest.mark.parametrize("a, b", LABELLINGS)
def test_ari_and_nmi_equal_scikit_learn(a, b):
    np.testing.assert_allclose(ari(a, b), adjusted_rand_score(a, b), atol=1e-12)
    np.testing.assert_allclose(nmi(a, b), normalized_mutual_info_score(a, b), atol=1e-12)


def test_nmi_and_ari_of_a_good_clustering_equal_scikit_learn():
    rng = np.random.default_rng(0)
    classes = rng.integers(0, 10, 500)
    labels = np.where(rng.random(500) < 0.8, classes, rng.integers(0, 10, 500))
    np.testing.assert_allclose(
        ari(labels, classes), adjusted_rand_score(classes, labels), rtol=1e-12
    )
    np.testing.assert_allclose(
        nmi(labels, classes), normalized_mutual_info_score(classes, labels), rtol=1e-12
    )


def test_random_labels_agree_by_chance_alone():
    classes = np.repeat(np.arange(10), 50)
    control = random_label_control(classes, classes, repeats=50)
    assert abs(control.ari_mean) < 0.01 and control.ari_sd < 0.01
    assert 0 < control.nmi_mean < 0.06 and control.nmi_sd < 0.01


def test_several_labellings_at_once_are_each_alone():
    rng = np.random.default_rng(5)
    labels, others = rng.integers(-1, 6, (4, 50)), rng.integers(0, 5, 50)
    labels[3] = 2
    together = agreements(labels, others)
    np.testing.assert_allclose(together[0], [adjusted_rand_score(others, row) for row in labels])
    np.testing.assert_allclose(
        together[1], [normalized_mutual_info_score(others, row) for row in labels], atol=1e-12
    )
