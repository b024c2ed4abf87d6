"""Directions, decoys, parts of pictures and change fields against closed forms."""

import numpy as np
import pytest
from scipy.ndimage import map_coordinates

from gradtools.math.links import directions, flow, regions

pytest.importorskip("skimage")
RNG = np.random.default_rng(0)


def ellipse(a, b, theta, side=160, light=0.7, centre=(80, 75)):
    """A picture (1, side, side) and mask of an ellipse whose major axis is turned by theta from the columns' axis."""
    y, x = np.mgrid[:side, :side]
    right, down = x - centre[0], y - centre[1]
    along = right * np.cos(theta) + down * np.sin(theta)
    across = -right * np.sin(theta) + down * np.cos(theta)
    inside = (along / a) ** 2 + (across / b) ** 2 <= 1
    return (light * inside)[None], inside.astype(int)


def measured(*shapes):
    pictures, masks = zip(*(ellipse(**shape) for shape in shapes))
    return regions.measure(np.stack(pictures), np.stack(masks), 2)


def test_ellipse_has_its_closed_forms():
    values = measured({"a": 60, "b": 25, "theta": 0.4})[0, 1]
    named = dict(zip(regions.METRICS, values))
    assert named["area"] == pytest.approx(np.pi * 60 * 25, rel=0.01)
    assert named["eccentricity"] == pytest.approx(np.sqrt(1 - (25 / 60) ** 2), abs=1e-3)
    assert named["luminance"] == pytest.approx(0.7)
    assert (named["x"], named["y"]) == pytest.approx((80, 75), abs=0.05)
    assert (named["major"], named["minor"]) == pytest.approx((120, 50), rel=0.01)
    # scikit-image turns from the row axis: 90 degrees less the turn from the column axis
    assert regions.axial_difference(named["angle"], 90 - np.degrees(0.4)) == pytest.approx(
        0, abs=0.5
    )


@pytest.mark.parametrize(("before", "after", "turn"), [(89, -89, 2), (-89, 89, -2), (0, 90, 90), (10, 30, 20)])  # fmt: skip
def test_angles_are_axial(before, after, turn):
    assert regions.axial_difference(after, before) == pytest.approx(turn)


def test_brightness_changes_luminance_alone_and_an_axis_changes_area_and_shape():
    shape = {"a": 50, "b": 20, "theta": 0.3}
    values = measured(shape, shape | {"light": 0.5}, shape | {"a": 60})
    of_light, of_axis = (
        dict(zip(regions.METRICS, regions.changes(values[:1].copy(), values[step : step + 1].copy())[0, 1]))
        for step in (1, 2)
    )  # fmt: skip
    assert of_light["luminance"] == pytest.approx(-0.2)
    assert all(of_light[name] == 0 for name in ("area", "eccentricity", "angle", "x", "y", "major"))
    assert of_axis["area"] == pytest.approx(10 / 110, abs=0.005) and of_axis["eccentricity"] > 0.01
    assert of_axis["luminance"] == 0


def test_constant_picture_has_no_entropy_and_noise_nearly_all():
    mask = np.ones((2, 40, 40), int)
    pictures = np.stack([np.full((1, 40, 40), 0.3), RNG.uniform(size=(1, 40, 40))])
    values = regions.measure(pictures, mask, 2)[:, 1, 2]
    assert values[0] == 0 and 5.5 < values[1] <= np.log2(81)


def test_small_parts_have_no_values():
    picture, mask = ellipse(2, 2, 0)
    assert np.isnan(regions.measure(picture[None], mask[None], 2)[0, 1]).all()


def test_components_meet_those_of_the_first_step():
    """Two discs; in the second step a third one far away, which shifts no centre."""
    discs = [ellipse(6, 6, 0, centre=centre)[1] for centre in ((40, 40), (100, 40), (120, 120))]
    masks = np.stack([discs[0] + discs[1], discs[0] + discs[1] + discs[2]])
    values = regions.measure(masks[:, None].astype(float), masks, 2)[:, 1]
    np.testing.assert_allclose(values[:, 5:7], [[70, 40], [70, 40]])


def test_steps_set_a_unit_and_a_projection():
    r, coef = RNG.normal(size=(30, 6)), RNG.normal(size=(4, 6))
    (unit,) = directions.of_units(np.array([2]), r.min(0), r.max(0))
    steps = directions.steps_along(unit, r, 5)
    np.testing.assert_allclose(
        steps[:, :, 2], np.tile(np.linspace(r[:, 2].min(), r[:, 2].max(), 5), (30, 1))
    )
    np.testing.assert_array_equal(
        np.delete(steps, 2, axis=2), np.repeat(np.delete(r, 2, axis=1)[:, None], 5, 1)
    )
    singular = directions.of_link(coef, r, 3)
    assert len(singular) == 3
    along = directions.steps_along(singular[1], r, 4) @ singular[1].vector
    np.testing.assert_allclose(along, np.tile(np.linspace(along.min(), along.max(), 4), (30, 1)))
    np.testing.assert_allclose(abs(np.linalg.svd(coef)[2][1] @ singular[1].vector), 1)


def test_decoys_go_as_far_in_the_latent_as_their_units():
    r, coef = RNG.normal(size=(30, 6)), RNG.normal(size=(4, 6))
    units = directions.of_units(np.arange(6), r.min(0), r.max(0))
    for unit, decoy in zip(units, directions.decoys(units, coef, r.std(0), 1)):
        ways = [
            coef @ (steps[0, -1] - steps[0, 0])
            for steps in (directions.steps_along(one, r, 3) for one in (unit, decoy))
        ]
        assert np.linalg.norm(ways[0]) == pytest.approx(np.linalg.norm(ways[1]))


def test_threshold_is_the_least_that_decoys_allow():
    units, others = np.arange(40.0), np.arange(40.0) - 22
    limit = directions.threshold(units, others, 0.05)
    ratios = {t: (1 + (others >= t).sum()) / (units >= t).sum() for t in units}
    assert limit == min(t for t, ratio in ratios.items() if ratio <= 0.05) == 18
    assert directions.threshold(units, units, 0.05) == np.inf


def test_random_directions_are_selected_in_at_most_17_of_200_seeds():
    """Units that are fresh random directions, a metric that is linear in the latent: 17 is the 98 % bound of 1 in 20."""
    selected = 0
    for seed in range(200):
        rng = np.random.default_rng([9, seed])
        coef, gradient, sd = rng.normal(size=(8, 30)), rng.normal(size=8), rng.uniform(0.5, 2, 30)
        real = directions.of_units(np.arange(30), -sd, sd)
        effects = [
            np.abs([gradient @ coef @ one.vector * (one.high - one.low) for one in made])
            for made in (
                directions.decoys(real, coef, sd, 1000 + seed),
                directions.decoys(real, coef, sd, seed),
            )
        ]
        selected += np.isfinite(directions.threshold(*effects))
    assert selected <= 17


def test_agreement_is_of_pairs_of_two_classes():
    changes = np.array([[1.0, 0], [1, 0], [0, 1], [0, 0]])
    assert directions.agreement(changes, np.array([0, 1, 2, 3])) == pytest.approx(1 / 3)
    assert directions.agreement(changes, np.array([0, 0, 1, 1])) == pytest.approx(0)
    assert np.isnan(directions.agreement(changes[:2], np.array([0, 0])))


def patterned(side, scale=1.0, turn=0.0, shift=(0, 0)):
    """A picture (side, side) of an ellipse with a pattern that is scaled, turned and shifted with it."""
    y, x = np.mgrid[:side, :side] / side
    right, down = x - 0.5 - shift[0] / side, y - 0.5 - shift[1] / side
    angle = 0.3 + turn
    along = (right * np.cos(angle) + down * np.sin(angle)) / (0.29 * scale)
    across = (-right * np.sin(angle) + down * np.cos(angle)) / (0.19 * scale)
    inside = 1 / (1 + np.exp((np.hypot(along, across) - 1) / 0.0375))
    return inside * (0.55 + 0.35 * np.sin(5 * along + 1) * np.cos(4 * across + 0.5))


@pytest.mark.parametrize("side", [48, 96])
@pytest.mark.parametrize("scale", [0.9, 1.05, 1.15])
def test_scaled_ellipse_has_its_divergence(side, scale):
    measured = flow.field(patterned(side), patterned(side, scale=scale)).summary()
    named = dict(zip(flow.FIELDS, measured))
    assert named["whole_divergence"] == pytest.approx(2 * (scale - 1), abs=0.006)
    assert named["zoom"] == pytest.approx(scale, abs=0.003)
    assert abs(named["whole_curl"]) < 0.006 and abs(named["rotation"]) < 0.2


@pytest.mark.parametrize("side", [48, 96])
@pytest.mark.parametrize("turn", [-0.2, 0.1, 0.3])
def test_turned_ellipse_has_its_curl(side, turn):
    measured = flow.field(patterned(side), patterned(side, turn=turn)).summary()
    named = dict(zip(flow.FIELDS, measured))
    assert named["whole_curl"] == pytest.approx(2 * np.sin(turn), abs=0.015)
    assert named["rotation"] == pytest.approx(np.degrees(turn), abs=0.5)
    assert named["whole_divergence"] == pytest.approx(2 * (np.cos(turn) - 1), abs=0.015)
    assert named["zoom"] == pytest.approx(1, abs=0.005)


def test_shifted_ellipse_moves_by_its_shift_and_has_neither():
    measured = flow.field(patterned(48), patterned(48, shift=(2, -1))).summary()
    named = dict(zip(flow.FIELDS, measured))
    assert (named["shift_x"], named["shift_y"]) == pytest.approx((2, -1), abs=0.05)
    assert abs(named["whole_divergence"]) < 0.01 and abs(named["whole_curl"]) < 0.01


def test_ellipse_of_the_generator_moves_and_grows_in_closed_form():
    """Flat inside: its shift and zoom can be seen, and nothing else is asked of it."""
    import planted_links
    import torch

    made = planted_links.EllipseGenerator()
    places = torch.tensor(
        [[24.0, 24, 12, 6, 0.3, 0.6], [26, 23, 12, 6, 0.3, 0.6], [24, 24, 13.2, 6.6, 0.3, 0.6]]
    )
    first, shifted, grown = made.synth((places - made.CENTRE) / made.SCALE)[:, 0].double().numpy()
    named = dict(zip(flow.FIELDS, flow.field(first, shifted).summary()))
    assert (named["shift_x"], named["shift_y"]) == pytest.approx((2, -1), abs=0.01)
    named = dict(zip(flow.FIELDS, flow.field(first, grown).summary()))
    assert named["whole_divergence"] == pytest.approx(0.2, abs=0.03)


def test_affine_change_is_found():
    data = pytest.importorskip("skimage.data")
    transform = pytest.importorskip("skimage.transform")
    first = data.astronaut()[::2, ::2].mean(2) / 255
    affine = transform.AffineTransform(scale=1.05, rotation=0.06, translation=(4, -3))
    second = transform.warp(first, affine.inverse, mode="edge")
    measured = flow.field(first, second)
    assert measured.inliers >= 20
    corners = np.array([[40, 40], [200, 60], [100, 220.0]])
    moved = np.c_[corners, np.ones(3)] @ measured.affine.T
    assert np.abs(moved[:, :2] - affine(corners)).max() < 0.5
    named = dict(zip(flow.FIELDS, measured.summary()))
    assert named["zoom"] == pytest.approx(1.05, abs=0.01)
    assert named["rotation"] == pytest.approx(np.degrees(0.06), abs=0.3)
    assert np.abs(measured.flow[:, 40:-40, 40:-40]).mean() < 0.3


def test_flow_of_a_small_picture_is_its_displacement():
    """28 x 28 pixels: too few features, so the affine map is fitted to the flow; map and flow together are the shift."""
    y, x = np.mgrid[:40, :40].astype(float)
    texture = 0.5 + 0.2 * np.sin(x / 2.3) * np.cos(y / 2.9) + 0.2 * np.sin((x + 2 * y) / 4.1)
    first = texture[6:34, 6:34]
    second = map_coordinates(texture, [y[6:34, 6:34] - 0.7, x[6:34, 6:34] - 1.2], order=3)
    named = dict(zip(flow.FIELDS, flow.field(first, second).summary()))
    assert (named["shift_x"], named["shift_y"]) == pytest.approx((1.2, 0.7), abs=0.4)


@pytest.mark.parametrize("seed", range(4))
def test_components_have_scikit_images_moments(seed):
    """Blobs of every size, lines and squares, by regionprops one at a time."""
    from scipy import ndimage
    from skimage import measure as skimage_measure

    rng = np.random.default_rng(seed)
    mask = ndimage.gaussian_filter(rng.standard_normal((60, 50)), 1.5 + seed) > 0.03
    mask[:9, :9], mask[1:7, 2:6], mask[8, :9] = False, True, True
    rows = [
        (one.area, one.eccentricity, one.orientation, *one.centroid[::-1])
        + (one.axis_major_length, one.axis_minor_length)
        for one in skimage_measure.regionprops(skimage_measure.label(mask, connectivity=2))
        if one.area >= 4
    ]
    rows.sort(key=lambda row: -row[0])
    expected = np.array([row[1:] for row in rows])
    expected[:, 1] = np.degrees(expected[:, 1])
    values = regions._components(mask)
    turn = regions.axial_difference(values[:, 1], expected[:, 1])
    round_ones = expected[:, 0] < 1e-6
    np.testing.assert_allclose(turn[~round_ones], 0, atol=1e-6)
    others = [0, 2, 3, 4, 5]
    np.testing.assert_allclose(values[:, others], expected[:, others], atol=1e-6)
    assert len(regions._components(np.zeros((5, 5), bool))) == 0
