"""The pictures ReLU(1 + map), against scipy and what must follow from their definition (mathematics#pictures-from-ones)."""

import numpy as np
import pytest
from scipy import stats

from gradtools.math.maps import ones


@pytest.fixture(scope="module")
def maps():
    """P - Q, P and -Q of activations that are not negative, (6, 5, 4), all above -1."""
    rng = np.random.default_rng(0)
    A, alpha = (
        np.maximum(rng.standard_normal((6, 8, 5, 4)), 0),
        0.1 * rng.random((6, 8)) * (-1.0) ** np.arange(8),
    )
    parts = [
        np.einsum("nc,nchw->nhw", weight, A)
        for weight in (alpha, np.maximum(alpha, 0), np.minimum(alpha, 0))
    ]
    assert min(part.min() for part in parts) > -1
    return parts


def test_against_scipy(maps):
    statistics = ones.compare(*maps)
    for row, (whole, positive, negative) in zip(statistics, zip(*maps)):
        of_all, of_positive, of_negative = (
            np.maximum(1 + part, 0).ravel() for part in (whole, positive, negative)
        )
        assert row[0] == pytest.approx(stats.spearmanr(of_negative, of_all)[0], abs=1e-12)
        assert row[1] == pytest.approx(stats.spearmanr(of_positive, of_all)[0], abs=1e-12)


def test_the_negative_channels_are_bright_where_nothing_speaks_against(maps):
    statistics = ones.compare(*maps)
    assert statistics[:, 2] == pytest.approx(-1, abs=1e-12)
    assert (statistics[:, 3] == 0).all() and (statistics[:, 4] == 1).all()


def test_where_the_relu_acts_and_where_the_negative_channels_speak_for():
    whole = np.array([[[-2.0, 0.0], [0.5, 1.0]]])
    negative = np.array([[[-1.5, -0.5], [0.25, -0.1]]])
    row = ones.compare(whole, np.zeros((1, 2, 2)), negative)[0]
    assert row[3] == pytest.approx((1 + 0 + 1) / 12) and row[4] == 0
    assert np.isnan(row[1])  # the picture of no positive channel is constant
