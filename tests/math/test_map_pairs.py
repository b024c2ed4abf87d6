"""Means over pairs of maps, their bootstrap and their controls against lists of pairs."""

from itertools import combinations

import numpy as np
import pytest
from resamples import copies

from gradtools.errors import GradtoolsError
from gradtools.math.maps.map_controls import against, against_mean, aligned_values, centred_gaussian
from gradtools.math.maps.map_metrics import METRICS, MapSettings, pair_block, prepare
from gradtools.math.maps.map_pairs import (
    STATISTICS,
    block_length,
    blocks,
    matrix_rows,
    within_groups,
)
from gradtools.math.maps.reading import read_maps
from gradtools.math.pairs.bootstrap import bootstrap_matrix_statistics, resample_weights
from gradtools.math.pairs.pair_means import STATISTICS as ALL_STATISTICS


def example(n=23, size=(7, 7), seed=0):
    """Maps after NRM in uneven, unsorted groups, one with a single member; three maps are degenerate."""
    rng = np.random.default_rng(seed)
    maps, _ = read_maps([rng.normal(size=(n, *size))])
    groups = rng.choice([3, 5, 11], n, p=[0.2, 0.3, 0.5])
    groups[0], maps[[4, 9]], maps[12] = 99, 0, 0.5
    return maps, groups


def matrix_of(maps, metric):
    prepared = prepare(maps, [metric])
    return pair_block(prepared, prepared, metric)


def by_list(matrix, groups, drawn):
    """within, within_macro, between of a list of images, which may hold copies, and their numbers of pairs."""
    pairs = [(i, j) for i, j in combinations(drawn, 2) if i != j and not np.isnan(matrix[i, j])]
    within = {
        g: [matrix[i, j] for i, j in pairs if groups[i] == groups[j] == g]
        for g in np.unique(groups)
    }
    between = [matrix[i, j] for i, j in pairs if groups[i] != groups[j]]
    lists = list(within.values())
    micro = sum(lists, [])
    return [np.mean(micro), np.mean([np.mean(v) for v in lists if v]), np.mean(between)], [
        len(micro),
        len(micro),
        len(between),
    ]


@pytest.mark.parametrize("between", [True, False])
@pytest.mark.parametrize("block", [1, 4, 9, 100])
def test_means_and_replicates_equal_lists_of_pairs(block, between):
    maps, groups = example()
    counts = copies(groups, 6, seed=2)
    by_metric = within_groups(maps, groups, counts=counts, between=between, block=block)
    for metric in METRICS:
        matrix = matrix_of(maps, metric)
        values, pairs = by_list(matrix, groups, range(len(maps)))
        replicates = [
            by_list(matrix, groups, np.repeat(np.arange(len(maps)), c))[0] for c in counts
        ]
        if not between:
            values[2], pairs[2] = np.nan, 0
            replicates = [[*r[:2], np.nan] for r in replicates]
        result = by_metric[metric]
        np.testing.assert_allclose(
            [result.means[name].value for name in STATISTICS], values, rtol=1e-10, err_msg=metric
        )
        assert [result.means[name].pairs for name in STATISTICS] == pairs
        np.testing.assert_allclose(
            result.replicates, replicates, rtol=1e-9, atol=1e-12, err_msg=metric
        )
        assert (
            result.degenerate
            == np.isnan(np.diagonal(matrix)).sum()
            == (2 if metric in ("SIM", "KLD", "JSD") else 3)
        )


def test_replicates_agree_with_the_bootstrap_of_a_matrix():
    maps, groups = example()
    maps, groups = np.delete(maps, [4, 9, 12], axis=0), np.delete(groups, [4, 9, 12])
    counts = resample_weights(groups, 20)
    replicates = within_groups(maps, groups, ["CC"], counts=counts, between=True, block=5)[
        "CC"
    ].replicates
    expected = bootstrap_matrix_statistics(matrix_of(maps, "CC"), groups, groups, counts)
    chosen = [ALL_STATISTICS.index(name) for name in STATISTICS]
    np.testing.assert_allclose(replicates, expected[:, chosen], rtol=1e-10)


KINDS = {
    "same_class_same_prediction": (True, True),
    "same_class_other_prediction": (True, False),
    "other_class_same_prediction": (False, True),
    "other_class_other_prediction": (False, False),
}


@pytest.mark.parametrize("block", [1, 4, 100])
def test_means_by_class_and_prediction_equal_lists_of_pairs(block):
    """With two maps of some images, which are no pair, and degenerate maps."""
    maps, groups = example()
    images = np.arange(len(maps))
    images[[2, 6]] = np.flatnonzero(groups == groups[2])[0], np.flatnonzero(groups == groups[6])[0]
    predictions = np.random.default_rng(4).integers(0, 3, len(maps))[images]
    by_metric = within_groups(
        maps,
        groups,
        ["CC", "KLD"],
        between=True,
        block=block,
        images=images,
        predictions=predictions,
    )
    for metric in by_metric:
        matrix, means = matrix_of(maps, metric), by_metric[metric].means
        for name, kind in KINDS.items():
            pairs = [
                matrix[i, j]
                for i, j in combinations(range(len(maps)), 2)
                if not np.isnan(matrix[i, j])
                and images[i] != images[j]
                and (groups[i] == groups[j], predictions[i] == predictions[j]) == kind
            ]
            assert means[name].pairs == len(pairs) > 0
            np.testing.assert_allclose(means[name].value, np.mean(pairs), rtol=1e-9)
        effect = (
            means["same_class_same_prediction"].value - means["other_class_same_prediction"].value
        )
        assert means["label_effect"].value == pytest.approx(effect)
        plain = within_groups(maps, groups, [metric], between=True, block=block, images=images)[
            metric
        ].means
        np.testing.assert_allclose(
            [means[name].value for name in STATISTICS],
            [plain[name].value for name in STATISTICS],
            rtol=1e-9,
        )


def test_replicates_by_class_and_prediction_agree_with_the_bootstrap_of_a_matrix():
    maps, groups = example()
    maps, groups = np.delete(maps, [4, 9, 12], axis=0), np.delete(groups, [4, 9, 12])
    counts, predictions = resample_weights(groups, 20), groups[::-1]
    means = within_groups(
        maps, groups, ["CC"], counts=counts, between=True, block=5, predictions=predictions
    )["CC"]
    assert list(means.means) == list(ALL_STATISTICS)
    expected = bootstrap_matrix_statistics(matrix_of(maps, "CC"), groups, predictions, counts)
    np.testing.assert_allclose(means.replicates, expected, rtol=1e-8, atol=1e-12)


def test_groups_come_in_ascending_order_with_their_own_means():
    maps, groups = example()
    means = within_groups(maps, groups, ["CC"], block=3)["CC"]
    matrix = matrix_of(maps, "CC")
    for k, group in enumerate(np.unique(groups)):
        pairs = [matrix[i, j] for i, j in combinations(np.flatnonzero(groups == group), 2)]
        pairs = [value for value in pairs if not np.isnan(value)]
        assert means.group_pairs[k] == len(pairs)
        np.testing.assert_allclose(means.group_values[k], np.mean(pairs) if pairs else np.nan)


@pytest.mark.parametrize("n, groups", [(0, []), (1, [4]), (2, [0, 1]), (2, [7, 7]), (5, [1] * 5)])
def test_few_maps_and_one_class_give_nan_where_there_is_no_pair_and_no_warning(n, groups):
    maps = example()[0][:n]
    by_metric = within_groups(
        maps, np.array(groups, dtype=int), between=True, counts=np.ones((2, n), dtype=int)
    )
    same = sum(
        groups[i] == groups[j] and {i, j}.isdisjoint({4}) for i, j in combinations(range(n), 2)
    )
    for metric in METRICS:
        assert by_metric[metric].means["within"].pairs == same
        assert np.isnan(by_metric[metric].means["within"].value) == (same == 0)
        np.testing.assert_allclose(
            by_metric[metric].replicates,
            [[by_metric[metric].means[s].value for s in STATISTICS]] * 2,
        )


def test_only_degenerate_maps_leave_nothing():
    by_metric = within_groups(np.zeros((4, 7, 7)), np.zeros(4, dtype=int))
    assert all(np.isnan(f.means["within"].value) and f.degenerate == 4 for f in by_metric.values())


def test_stored_rows_are_asked_for_in_ascending_order_and_blocks_are_kept_or_made_again(
    monkeypatch,
):
    class Rows:
        """A dataset that reads as HDF5 does."""

        def __init__(self, maps):
            self.maps, self.shape = maps, maps.shape

        def __len__(self):
            return len(self.maps)

        def __getitem__(self, rows):
            if not isinstance(rows, slice):
                assert (np.diff(rows) > 0).all()
            return self.maps[rows]

    maps, groups = example()
    expected = within_groups(maps, groups, between=True)
    monkeypatch.setattr(blocks, "MEMORY", 1)
    for source in (maps, Rows(maps)):
        by_metric = within_groups(source, groups, between=True, block=4)
        for metric in METRICS:
            np.testing.assert_allclose(
                [m.value for m in by_metric[metric].means.values()],
                [m.value for m in expected[metric].means.values()],
                rtol=1e-10,
            )
    np.testing.assert_allclose(
        against_mean(Rows(maps), groups, ["CC"], block=2)["CC"],
        against_mean(maps, groups, ["CC"])["CC"],
    )


def test_the_whole_matrix_and_the_length_of_its_blocks():
    maps, _ = example()
    rows = matrix_rows(maps, block=6)
    parts = [rows(0, 9), rows(9, 10), rows(10, len(maps))]
    for metric in METRICS:
        whole = np.vstack([part[metric] for part in parts])
        np.testing.assert_allclose(whole, matrix_of(maps, metric), rtol=1e-10, atol=1e-12)
    assert block_length(49) == 256 and 1 <= block_length(224 * 224) * 224 * 224 * 8 * 8 * 4 <= 2**30
    assert block_length(10**9) == 1


def test_a_bad_map_is_named_by_its_own_number():
    maps, groups = example()
    maps[17, 0, 0] = np.nan
    with pytest.raises(GradtoolsError, match="map 17 "):
        within_groups(maps, groups, ["CC"], block=4)
    with pytest.raises(GradtoolsError, match="map 17 "):
        against(maps, np.eye(7), ["CC"], block=4)


def test_each_map_against_the_mean_of_its_groups_others():
    maps, groups = example()
    for block in (None, 1, 4):
        by_metric = against_mean(maps, groups, direction="forward", block=block)
        for metric in METRICS:
            expected = np.full(len(maps), np.nan)
            for i in range(len(maps)):
                others = [m for j, m in enumerate(maps) if groups[j] == groups[i] and j != i]
                if others:
                    pair = (
                        prepare(maps[i][None], [metric]),
                        prepare(np.mean(others, axis=0)[None], [metric]),
                    )
                    expected[i] = pair_block(*pair, metric, "forward")[0, 0]
            np.testing.assert_allclose(
                by_metric[metric], expected, rtol=1e-9, atol=1e-12, err_msg=metric
            )


@pytest.mark.parametrize("block", [None, 1, 4])
def test_maps_of_one_image_are_no_pair_and_not_in_its_own_mean(block):
    """Images with one to four maps, in no order."""
    maps, _ = example(40)
    images = np.random.default_rng(3).integers(15, size=40)
    groups, counts = images % 3, np.random.default_rng(4).integers(3, size=(5, 15))[:, images]
    means = within_groups(
        maps, groups, ["SIM"], counts=counts, between=True, block=block, images=images
    )["SIM"]
    mean = against_mean(maps, groups, ["SIM"], direction="forward", block=block, images=images)[
        "SIM"
    ]
    matrix = matrix_of(maps, "SIM")
    matrix[images[:, None] == images] = np.nan
    for c, row in zip(
        [np.ones(40), *counts],
        [[means.means[name].value for name in STATISTICS], *means.replicates],
    ):
        weight = np.triu(np.outer(c, c) * ~np.isnan(matrix), 1)
        same = groups[:, None] == groups
        assert row[0] == pytest.approx(
            np.nansum((weight * matrix)[same]) / weight[same].sum(), rel=1e-9
        )
        assert row[2] == pytest.approx(
            np.nansum((weight * matrix)[~same]) / weight[~same].sum(), rel=1e-9
        )
    for i in range(40):
        others = maps[(groups == groups[i]) & (images != images[i])].mean(axis=0)
        expected = pair_block(
            prepare(maps[i][None], ["SIM"]), prepare(others[None], ["SIM"]), "SIM"
        )[0, 0]
        np.testing.assert_allclose(mean[i], expected, rtol=1e-9)


@pytest.mark.parametrize("size", [(7, 7), (40, 50)])
def test_aligned_values_are_a_diagonal(size):
    (a, _), (b, _) = example(size=size), example(size=size, seed=1)
    settings = MapSettings(log_base=2)
    a, b = prepare(a, settings=settings), prepare(b, settings=settings)
    for metric, aligned in aligned_values(a, b, METRICS, "backward").items():
        np.testing.assert_allclose(
            aligned, np.diagonal(pair_block(a, b, metric, "backward")), rtol=1e-10, atol=1e-12
        )


def test_maps_against_the_centre():
    maps, _ = example(size=(8, 7))
    centre = centred_gaussian((8, 7))
    by_metric = against(maps, centre, direction="forward", block=5)
    both = prepare(np.concatenate([maps, centre[None]]))
    for metric in METRICS:
        np.testing.assert_allclose(
            by_metric[metric],
            pair_block(both, both, metric, "forward")[:-1, -1],
            rtol=1e-10,
            atol=1e-12,
        )


def test_the_centred_gaussian():
    from scipy.stats import norm

    gaussian = centred_gaussian((9, 6), sd=0.7)
    y, x = (np.arange(9) - 4) / 4.5, (np.arange(6) - 2.5) / 3
    expected = np.outer(*(norm.pdf(axis, scale=0.7) / norm.pdf(0, scale=0.7) for axis in (y, x)))
    np.testing.assert_allclose(gaussian, expected, rtol=1e-12)
    np.testing.assert_allclose(gaussian, gaussian[::-1, ::-1])


@pytest.mark.parametrize("size", [(5, 5), (7, 9), (14, 14), (224, 224)])
def test_mirrored_pixels_of_the_centred_gaussian_are_equal_to_the_last_bit(size):
    gaussian = centred_gaussian(size)
    assert (gaussian == gaussian[::-1]).all() and (gaussian == gaussian[:, ::-1]).all()
