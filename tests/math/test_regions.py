"""Regions: boxes, localisation measures and faithfulness against loops over their definitions and scikit-learn."""

import numpy as np
import pytest
from skimage import measure
from sklearn.metrics import average_precision_score

from gradtools.math.regions import boxes, faithfulness, localization, means


@pytest.fixture
def rng():
    return np.random.default_rng(0)


def test_pixels_of_boxes_count_by_their_centre(rng):
    some = np.array([[1.2, 0.6, 4.5, 3.4], [5.5, 2, 9, 20]])
    expected = [
        [
            any(x0 <= x + 0.5 < x1 and y0 <= y + 0.5 < y1 for x0, y0, x1, y1 in some)
            for x in range(8)
        ]
        for y in range(6)
    ]
    assert boxes.pixels(some, (6, 8)).tolist() == expected


def test_iou_of_boxes_equals_counted_pixels(rng):
    first, second = (
        np.concatenate([low, low + rng.integers(1, 12, (5, 2))], axis=1)
        for low in (rng.integers(0, 12, (5, 2)), rng.integers(0, 12, (5, 2)))
    )
    ious = boxes.iou(first, second)
    for i, a in enumerate(first):
        for j, b in enumerate(second):
            mine, theirs = boxes.pixels(a[None], (30, 30)), boxes.pixels(b[None], (30, 30))
            assert ious[i, j] == pytest.approx((mine & theirs).sum() / (mine | theirs).sum())


def test_largest_component(rng):
    for _ in range(20):
        mask = rng.random((12, 15)) < 0.3
        regions = measure.regionprops(measure.label(mask, connectivity=2))
        y0, x0, y1, x1 = max(regions, key=lambda one: one.area).bbox
        assert boxes.around_largest_component(mask).tolist() == [x0, y0, x1, y1]
    assert boxes.around_largest_component(np.zeros((3, 3), bool)) is None


@pytest.mark.parametrize("levels", [3, 1000])
def test_measures_without_threshold(rng, levels):
    for _ in range(10):
        image_map = rng.integers(0, levels, (9, 7)) / levels
        region, valid = rng.random((9, 7)) < 0.3, rng.random((9, 7)) < 0.8
        inside = [
            (value, hit)
            for value, hit, ok in zip(image_map.ravel(), region.ravel(), valid.ravel())
            if ok
        ]
        total = sum(value for value, _ in inside)
        expected = sum(value for value, hit in inside if hit) / total
        assert localization.energy(image_map, region, valid) == pytest.approx(expected)
        top = max(value for value, _ in inside)
        hits = [hit for value, hit in inside if value == top]
        assert localization.pointing(image_map, region, valid) == pytest.approx(np.mean(hits))
        values, hit = zip(*inside)
        expected = average_precision_score(hit, values)
        precision = localization.average_precision(image_map, region, valid)
        assert precision == pytest.approx(expected, abs=1e-12)


def test_an_empty_map():
    nothing, region = np.zeros((4, 4)), np.eye(4, dtype=bool)
    assert np.isnan(localization.energy(nothing, region))
    assert np.isnan(localization.average_precision(nothing, region))
    assert localization.pointing(nothing, region) == 0
    assert not localization.box_ious(nothing, np.array([[0, 0, 4, 4]])).any()
    assert not localization.mask_ious(nothing, region).any()


def test_a_map_that_copies_the_region_is_perfect():
    box = np.array([[3, 2, 9, 7]])
    region = boxes.pixels(box, (12, 12))
    copy = region.astype(float)
    assert localization.box_ious(copy, box).tolist() == [1.0] * len(localization.THRESHOLDS)
    assert localization.mask_ious(copy, region).tolist() == [1.0] * len(localization.THRESHOLDS)
    assert localization.energy(copy, region) == localization.pointing(copy, region) == 1
    assert localization.average_precision(copy, region) == 1


def test_ious_at_thresholds(rng):
    image_map, truth = rng.random((10, 10)), np.array([[1.0, 1, 6, 7], [4, 4, 10, 10]])
    region = boxes.pixels(truth, (10, 10))
    by_box, by_mask = (
        localization.box_ious(image_map, truth),
        localization.mask_ious(image_map, region),
    )
    for place, threshold in enumerate(localization.THRESHOLDS):
        reached = image_map >= threshold
        union = (reached | region).sum()
        assert by_mask[place] == pytest.approx((reached & region).sum() / union)
        box = boxes.around_largest_component(reached)
        expected = 0 if box is None else max(boxes.iou(box[None], truth)[0])
        assert by_box[place] == pytest.approx(expected)


def test_the_threshold_hangs_on_the_hold_out_alone(rng):
    curves, images = rng.random((40, len(localization.THRESHOLDS))), np.arange(40) // 2
    splits = localization.hold_outs(images, 10, seed=3)
    for held_out in splits:
        assert held_out.sum() == 8 and len(set(images[held_out]) & set(images[~held_out])) == 0
        chosen = localization.choose_threshold(curves, held_out)
        mixed = curves.copy()
        mixed[~held_out] = rng.permutation(mixed[~held_out])[:, ::-1]
        assert localization.choose_threshold(mixed, held_out).threshold == chosen.threshold
        place = [round(t, 2) for t in localization.THRESHOLDS].index(chosen.threshold)
        assert chosen.value == pytest.approx(np.mean([row[place] for row in curves[~held_out]]))


def test_drops_and_increases():
    before, after = (
        np.array([0.5, 0.5, 0.4, 0.0, 0.3]),
        np.array([0.2, 0.9, 0.4 * (1 + 5e-7), 0.1, 0.3]),
    )
    assert faithfulness.drops(before, after) == pytest.approx([0.6, 0, 0, np.nan, 0], nan_ok=True)
    assert faithfulness.increases(before, after) == pytest.approx([0, 1, 0, np.nan, 0], nan_ok=True)


def test_control_masks(rng):
    maps, images = rng.random((6, 4, 5)), np.array([0, 0, 1, 1, 2, 2])
    mixed = faithfulness.shuffled(maps, 1)
    assert np.allclose(np.sort(mixed.reshape(6, -1)), np.sort(maps.reshape(6, -1)))
    assert not np.array_equal(mixed, maps)
    drawn = faithfulness.others(images, 1)
    assert (images[drawn] != images).all()
    assert faithfulness.others(np.zeros(3, int), 1).tolist() == [-1, -1, -1]


def test_means_over_images_keep_the_rows_of_an_image_together(rng):
    values, images = rng.random((9, 2)), np.array([4, 4, 4, 7, 7, 8, 9, 9, 2])
    values[3, 1] = np.nan
    mean, replicates = means.over_images(values, images, 50, seed=1)
    assert mean == pytest.approx(np.nanmean(values, axis=0))
    counts = means.resample_weights(np.zeros(5, int), 50, 1)
    order = sorted(set(images))
    for counted, drawn in zip(counts, replicates):
        weights = [counted[order.index(image)] for image in images]
        for column, value in zip(values.T, drawn):
            known = [(w, x) for w, x in zip(weights, column) if x == x]
            total = sum(w for w, _ in known)
            expected = sum(w * x for w, x in known) / total if total else np.nan
            assert value == pytest.approx(expected, nan_ok=True)


def test_a_pair_is_drawn_as_often_as_its_two_images_together(rng):
    images, partners = np.array([0, 1, 2, 2, 4]), np.array([1, 0, -1, 0, 2])
    values = rng.random((5, 2))
    values[3, 1] = np.nan
    mean, replicates = means.over_images(values, images, 40, 3, partners)
    assert mean == pytest.approx(np.nanmean(values, axis=0))
    counts = means.resample_weights(np.zeros(4, int), 40, 3)
    of = {image: column for column, image in enumerate((0, 1, 2, 4))}
    for draw, replicate in zip(counts, replicates):
        weights = np.array(
            [
                draw[of[image]] * (draw[of[other]] if other >= 0 else 1)
                for image, other in zip(images, partners)
            ]
        )
        for column in range(2):
            known = ~np.isnan(values[:, column])
            total = weights[known].sum()
            if total:
                loop = (weights[known] * values[known, column]).sum() / total
                assert replicate[column] == pytest.approx(loop)
            else:
                assert np.isnan(replicate[column])


def test_small_objects_are_a_percentile_of_shares_and_pairs_need_both():
    share = np.array([0.1, 0.2, 0.3, 0.4, np.nan])
    rows = {"energy": np.arange(5.0)}
    made = means.of_subsets(rows, share)
    assert np.array_equal(made["energy"], rows["energy"])
    assert np.flatnonzero(~np.isnan(made["energy@25"])).tolist() == [0]
    both = np.array([0.4, 0.2, 0.3, 0.4, np.nan])
    assert np.isnan(means.of_subsets(rows, share, both)["energy@25"]).all()
    assert boxes.share(np.array([[0, 0, 2, 2.5]]), (4, 5)) == 0.25
    assert boxes.share(np.array([[0, 0, 2, 2], [1, 1, 3, 3]]), (4, 5)) == 7 / 20


def test_one_image_or_pair_has_no_interval(rng):
    values = rng.random((6, 3))
    values[1:, 0] = np.nan  # one row
    values[2:, 1] = np.nan  # two rows of one image, or of one pair
    for partners in (None, np.array([1, 0, 2, 3, 1, 0])):
        images = np.array([0, 0, 1, 2, 3, 4]) if partners is None else np.array([0, 1, 1, 2, 3, 3])
        mean, replicates = means.over_images(values, images, 50, 0, partners)
        assert np.isfinite(mean).all() and np.isnan(replicates[:, :2]).all()
        low, high = means.bounds(replicates).T
        assert np.isnan(low[:2]).all() and low[2] < mean[2] < high[2]
