"""Clusterings of rows that are read in passes, against the same of rows in memory."""

import numpy as np
import pytest

from gradtools.errors import GradtoolsError
from gradtools.math.clusters import agreement, clustering, silhouettes, streamed
from gradtools.math.rows import components


def planted(count=3000, groups=6, width=8, spread=1.0, seed=0):
    """Rows around centres, their groups, and a function that passes over them in blocks of odd sizes."""
    rng = np.random.default_rng(seed)
    label = rng.integers(0, groups, count)
    rows = 3 * rng.standard_normal((groups, width))[label] + spread * rng.standard_normal(
        (count, width)
    )
    return rows, label, lambda: iter(np.array_split(rows, 7))


def test_drawn_rows_are_those_of_their_numbers():
    rows, _, blocks = planted()
    numbers, drawn = streamed.drawn_rows(blocks, len(rows), 500, 3)
    np.testing.assert_array_equal(drawn, rows[numbers])
    assert len(set(numbers)) == 500 and (np.diff(numbers) > 0).all()
    again, _ = streamed.drawn_rows(blocks, len(rows), 500, 4)
    assert set(again) != set(numbers)
    everything, _ = streamed.drawn_rows(blocks, len(rows), 10**6, 3)
    np.testing.assert_array_equal(everything, np.arange(len(rows)))


@pytest.mark.parametrize("drawn", [20_000, 200])
def test_kmeans_reaches_what_it_reaches_in_memory(drawn, monkeypatch):
    monkeypatch.setattr(streamed, "DRAWN", drawn)
    rows, label, blocks = planted()
    ours, theirs = streamed.kmeans(blocks, len(rows), 6, 0), clustering.kmeans(rows, 6, 0)
    assert ours.inertia == pytest.approx(theirs.inertia, rel=1e-4)
    assert agreement.ari(ours.labels, theirs.labels) > 0.99
    centres = np.stack([rows[ours.labels == group].mean(0) for group in range(6)])
    distances = ((rows[:, None] - centres) ** 2).sum(
        2
    )  # a fixed point: every row is at its nearest centre
    assert (distances.argmin(1) == ours.labels).mean() > 0.999
    assert ours.inertia == pytest.approx(distances.min(1).sum(), rel=1e-4)


def test_fewer_distinct_rows_than_clusters_give_fewer_clusters():
    rows = np.repeat(np.eye(3), 50, axis=0)
    ours = streamed.kmeans(lambda: iter([rows]), 150, 5, 0)
    assert len(np.unique(ours.labels)) == 3 and ours.inertia == pytest.approx(0, abs=1e-9)
    with pytest.raises(GradtoolsError, match="cannot make 4 clusters of 3 rows"):
        streamed.kmeans(lambda: iter([np.eye(3)]), 3, 4)


def test_components_are_those_of_the_singular_values():
    rows, _, blocks = planted(spread=2.0)
    ours, shares = streamed.pca(blocks, len(rows), 3)
    theirs, others = components.pca(rows, 3)
    np.testing.assert_allclose(shares, others, rtol=1e-9)
    np.testing.assert_allclose(ours, theirs, atol=1e-8)
    flat, none = streamed.pca(lambda: iter([np.ones((10, 3))]), 10, 2)
    assert not flat.any() and not none.any()


def test_a_silhouette_of_drawn_rows_is_within_its_error_of_that_of_all():
    rows, label, blocks = planted(4000, groups=4, spread=2.5)
    whole, misses = silhouettes.euclidean(rows, label), []
    for seed in range(40):
        numbers, drawn = streamed.drawn_rows(blocks, len(rows), 600, seed)
        estimate = streamed.silhouette(drawn, label[numbers])
        misses.append((estimate.value - whole) / estimate.error)
    assert abs(np.mean(misses)) < 1  # its bias is below its error
    assert 0.6 < np.std(misses) < 1.7  # and its error is that of the draws
