"""Cosines of images with their own versions, and the AUC against other images of the class, held against plain loops."""

import itertools

import numpy as np
import pytest
from resamples import copies

from gradtools.math.pairs import augmented


@pytest.fixture
def planted():
    """Unit rows of 14 images of 3 classes, 2 versions each (one missing), and counts of 6 resamples."""
    rng = np.random.default_rng(1)
    rows = rng.standard_normal((14, 5))
    changed = rows + 0.8 * rng.standard_normal((2, 14, 5))
    classes = np.array([0] * 6 + [1] * 7 + [2])
    unit, changed = (x / np.linalg.norm(x, axis=-1, keepdims=True) for x in (rows, changed))
    own = augmented.own_cosines(unit, changed)
    own[1, 3] = np.nan
    return unit, own, classes, copies(classes, 6, 2), changed


def test_own_cosines(planted):
    unit, own, _, _, changed = planted
    for v, i in itertools.product(range(2), range(14)):
        assert (v, i) == (1, 3) or own[v, i] == pytest.approx(unit[i] @ changed[v, i], abs=1e-12)


def drawn_images(counts):
    """Numbers of the images of a resample, copies repeated."""
    return [i for i, count in enumerate(counts) for _ in range(count)]


def test_mean_over_images(planted):
    _, own, _, counts, _ = planted
    own[:, 5] = np.nan
    estimate = augmented.mean_over_images(own, counts)

    def looped(images):
        means = [np.mean([x for x in own[:, i] if x == x]) for i in images if i != 5]
        return sum(means) / len(means)

    assert estimate.value == pytest.approx(looped(range(14)), abs=1e-12) and estimate.count == 25
    assert estimate.replicates == pytest.approx(
        [looped(drawn_images(row)) for row in counts], abs=1e-12
    )
    nothing = augmented.mean_over_images(np.full((2, 14), np.nan), counts)
    assert np.isnan(nothing.value) and np.isnan(nothing.replicates).all() and nothing.count == 0


def looped_auc(unit, own, classes, images):
    """By its definition: over pairs of drawn images of one class that are not copies of one image, and versions."""
    won = []
    for i, j in itertools.product(images, images):
        if i != j and classes[i] == classes[j]:
            values = [x for x in own[:, i] if x == x]
            other = unit[i] @ unit[j]
            won.append(np.mean([(x > other) + 0.5 * (abs(x - other) < 5e-7) for x in values]))
    return np.mean(won)


@pytest.mark.parametrize("block", [3, 1024])
def test_own_or_other(planted, block, monkeypatch):
    unit, own, classes, counts, _ = planted
    monkeypatch.setattr(augmented, "BLOCK", block)
    own[0, 0] = unit[0] @ unit[2]  # a tie
    estimate = augmented.own_or_other(unit, own, classes, counts)
    assert estimate.value == pytest.approx(looped_auc(unit, own, classes, range(14)), abs=1e-12)
    assert estimate.replicates == pytest.approx(
        [looped_auc(unit, own, classes, drawn_images(row)) for row in counts], abs=1e-12
    )
    assert estimate.count == 11 * 5 + 14 * 6


def test_own_or_other_at_its_ends(planted):
    unit, own, classes, counts, _ = planted
    assert augmented.own_or_other(unit, np.ones((1, 14)), classes, counts).value == 1
    assert augmented.own_or_other(np.ones((14, 1)), np.ones((1, 14)), classes, counts).value == 0.5
    assert np.isnan(augmented.own_or_other(unit, own, np.arange(14), counts).value)
