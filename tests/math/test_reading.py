"""The reading of raw maps against its equations, written out for one map at a time."""

import numpy as np
import pytest

from gradtools.errors import GradtoolsError, UsageError
from gradtools.math.maps.reading import read_maps, signed_unit, unit_range
from gradtools.math.maps.resize import resize

RNG = np.random.default_rng(0)
TAPS = [RNG.normal(size=(5, 7, 7)), RNG.normal(size=(5, 14, 13)) * 3]


def nrm(m):
    return (m - m.min()) / (m.max() - m.min())


def gam(
    taps,
    size,
    rectify=lambda m: np.maximum(m, 0),
    fuse=lambda parts: sum(parts) / len(parts),
    renorm=True,
):
    """GAM's eq. 1 and 2 (mathematics#gam-and-layercam), map by map."""
    fused = []
    for maps in zip(*taps):
        m = fuse([nrm(resize(rectify(m), size)) for m in maps])
        fused.append(nrm(m) if renorm else m)
    return fused


@pytest.mark.parametrize("renorm", [True, False])
@pytest.mark.parametrize(
    "fuse, function",
    [
        ("mean", lambda parts: sum(parts) / len(parts)),
        ("max", lambda parts: np.maximum(*parts)),
        ("product", lambda parts: parts[0] * parts[1]),
        ("3,1", lambda parts: 0.75 * parts[0] + 0.25 * parts[1]),
    ],
)
def test_the_order_is_relu_resize_normalise_fuse_normalise(fuse, function, renorm):
    maps, degenerate = read_maps(TAPS, (32, 30), fuse=fuse, renorm=renorm)
    np.testing.assert_allclose(maps, gam(TAPS, (32, 30), fuse=function, renorm=renorm), atol=1e-12)
    assert maps.shape == (5, 32, 30) and not degenerate.any()


def test_normalising_before_the_resize_would_leave_the_unit_range():
    maps, _ = read_maps(TAPS[:1], (32, 32))
    assert (maps.min(axis=(1, 2)) == 0).all() and (maps.max(axis=(1, 2)) == 1).all()
    other = np.array([resize(nrm(np.maximum(m, 0)), (32, 32)) for m in TAPS[0]])
    assert other.min() < 0 and other.max() > 1


def test_against_is_for_the_negative_map_and_signed_keeps_one_scale():
    against, _ = read_maps(TAPS, (16, 16), sign="against")
    np.testing.assert_allclose(against, gam([-maps for maps in TAPS], (16, 16)), atol=1e-12)
    signed, _ = read_maps(TAPS[:1], (16, 16), sign="signed")
    expected = [m / np.abs(m).max() for m in resize(TAPS[0], (16, 16))]
    np.testing.assert_allclose(signed, expected, atol=1e-12)
    negated, _ = read_maps([-TAPS[0]], (16, 16), sign="signed")
    np.testing.assert_array_equal(signed, -negated)


def test_signed_maxima_are_the_values_of_largest_magnitude():
    taps = [np.array([[[1.0, -0.2], [0.1, 0]]]), np.array([[[0.3, -1], [-0.4, 0]]])]
    maps, _ = read_maps(taps, sign="signed", fuse="max")
    np.testing.assert_allclose(maps, [[[1, -1], [-0.4, 0]]])


def test_without_a_size_the_largest_tap_gives_it():
    assert read_maps(TAPS)[0].shape == (5, 14, 13)
    np.testing.assert_allclose(read_maps(TAPS[:1])[0], gam(TAPS[:1], (7, 7)), atol=1e-14)


@pytest.mark.parametrize("compat", [None, "cam"])
@pytest.mark.parametrize("value", [-1.5, 0, 0.3, 1e6])
def test_constant_and_all_negative_maps_become_zeros_and_are_counted(value, compat):
    maps = np.concatenate([TAPS[0], np.full((1, 7, 7), value), -np.abs(TAPS[0][:1])])
    read, degenerate = read_maps([maps.astype(np.float32)], (19, 23), compat=compat)
    np.testing.assert_array_equal(degenerate, [False] * 5 + [True, True])
    assert np.abs(read[degenerate]).max() < 1e-6 and np.isfinite(read).all()


def test_the_rounding_of_float32_sums_is_no_pattern_and_what_is_larger_is_one():
    rng = np.random.default_rng(0)
    weights = rng.random((1, 512, 1)).astype("f4")
    sums = [weights[:, rng.permutation(512)].sum(axis=1, dtype="f4") for _ in range(49)]
    flat = np.stack(sums, axis=-1).reshape(1, 7, 7)  # equal sums, in another order at each position
    assert np.ptp(flat) > 0
    read, degenerate = read_maps([flat], (21, 21))
    assert degenerate.all() and not read.any()
    slight = 1 + 1e-5 * rng.random((1, 7, 7)).astype("f4")
    assert not read_maps([slight], (21, 21))[1].any()


def test_a_dead_tap_leaves_the_other_and_a_product_with_it_is_degenerate():
    dead = [TAPS[0], np.zeros((5, 9, 9))]
    mean, degenerate = read_maps(dead, (14, 14))
    np.testing.assert_allclose(mean, gam(TAPS[:1], (14, 14)), atol=1e-12)
    assert not degenerate.any()
    product, degenerate = read_maps(dead, (14, 14), fuse="product")
    assert degenerate.all() and not product.any()


def test_positive_scale_does_not_matter_and_one_or_no_row_is_enough():
    np.testing.assert_allclose(read_maps([1e-30 * TAPS[0]])[0], read_maps(TAPS[:1])[0], atol=1e-12)
    np.testing.assert_allclose(read_maps([TAPS[0][:1]])[0], read_maps(TAPS[:1])[0][:1])
    empty, degenerate = read_maps([np.zeros((0, 7, 7))], (9, 9))
    assert empty.shape == (0, 9, 9) and degenerate.shape == (0,)
    assert unit_range(np.zeros((0, 2, 2)))[0].shape == signed_unit(np.zeros((0, 2, 2)))[0].shape


@pytest.mark.parametrize("size", [(32, 40), (5, 5), (7, 7)])
def test_the_compat_mode_is_pytorch_grad_cams(size):
    torch = pytest.importorskip("torch")

    def scale(cam, size=None):
        """utils/image.py, scale_cam_image; cv2's INTER_LINEAR is torch's bilinear."""
        cam = cam - np.min(cam)
        cam = np.float32(cam / (1e-7 + np.max(cam)))
        if size is not None:
            cam = torch.nn.functional.interpolate(
                torch.from_numpy(cam)[None, None], size, mode="bilinear"
            )[0, 0].numpy()
        return cam

    expected = [
        scale(np.maximum([scale(np.maximum(m, 0), size) for m in maps], 0).mean(axis=0))
        for maps in zip(*TAPS)
    ]
    np.testing.assert_allclose(read_maps(TAPS, size, compat="cam")[0], expected, atol=1e-6)


@pytest.mark.parametrize(
    "options, words",
    [
        ({"fuse": "median"}, "unknown fusion"),
        ({"fuse": "1,2,3"}, "one weight a tap"),
        ({"fuse": "1,-1"}, "none negative"),
        ({"fuse": "0,0"}, "not all zero"),
        ({"fuse": "1,nan"}, "one weight"),
        ({"sign": "both"}, "unknown sign"),
        ({"sign": "signed", "fuse": "product"}, "two values against"),
        ({"compat": "cam", "fuse": "max"}, "compat mode"),
    ],
)
def test_what_cannot_be_read_so_is_a_usage_error(options, words):
    with pytest.raises(UsageError, match=words):
        read_maps(TAPS, **options)


def test_bad_maps_are_named():
    bad = TAPS[0].copy()
    bad[3, 2, 1] = np.nan
    with pytest.raises(GradtoolsError, match="map 3 of tap 1"):
        read_maps([TAPS[1], bad])
    with pytest.raises(GradtoolsError, match="5, 4 maps"):
        read_maps([TAPS[0], TAPS[1][:4]])
    with pytest.raises(UsageError, match="--tap"):
        read_maps([])
