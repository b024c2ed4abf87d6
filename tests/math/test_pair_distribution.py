"""How pairs spread, against scipy and rows whose shuffles are known."""

import numpy as np
import pytest
from scipy.spatial.distance import pdist, squareform

from gradtools.math.pairs import pair_distribution


@pytest.mark.parametrize("metric", ["cosine", "euclidean"])
def test_quantiles_and_the_most_alike_pair_are_those_of_all_pairs(metric):
    rows = np.random.default_rng(0).normal(size=(20, 5))
    rows /= np.linalg.norm(rows, axis=1, keepdims=True)
    distances = pdist(rows, metric)
    of_pairs = 1 - distances if metric == "cosine" else distances
    values, pair = pair_distribution.spread(rows, metric)
    expected = np.percentile(of_pairs, [5, 50, 95])
    assert [values[name] for name in ("quantile_05", "median", "quantile_95")] == pytest.approx(
        expected.tolist(), abs=1e-10
    )
    assert squareform(distances)[pair] == distances.min()
    assert values["most_alike"] == pytest.approx(of_pairs[distances.argmin()], abs=1e-10)


def test_shuffles_of_unit_vectors_meet_by_chance():
    """Of an axis of D each, a pair is the same axis once in D times, and of many pairs one is."""
    rows = np.tile(np.eye(8)[:1], (12, 1))
    mean, most = pair_distribution.shuffled_spread(rows, "cosine", 200)
    assert mean.mean() == pytest.approx(1 / 8, abs=0.01) and (most == 1).all()
    mean, most = pair_distribution.shuffled_spread(rows, "euclidean", 200)
    assert mean.mean() == pytest.approx(np.sqrt(2) * 7 / 8, abs=0.02) and (most == 0).all()
