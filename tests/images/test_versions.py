"""Changed versions of images against numpy and PIL by hand, and that nothing but seed, id, kind and number decides them."""

import hashlib

import numpy as np
import pytest
from PIL import Image

from gradtools import images
from gradtools.errors import UsageError
from gradtools.images import versions

RULES = {
    "resize": None,
    "crop": None,
    "mean": (0, 0, 0),
    "std": (1, 1, 1),
    "interpolation": "bilinear",
}


@pytest.fixture(scope="module")
def picture():
    rng = np.random.default_rng(3)
    small = Image.fromarray(rng.integers(0, 256, (6, 8, 3), dtype="u1"))
    return small.resize(
        (40, 30), Image.Resampling.BICUBIC
    )  # smooth, so that rounding of positions shows little


def drawn(kind, number=0, sample="a/b.png", seed=7):
    """The eight numbers, by the definition in the docstring."""
    words = np.frombuffer(hashlib.sha256(f"{sample}\0{kind}\0{number}".encode()).digest(), "<u4")
    return np.random.default_rng([seed, *map(int, words)]).random(8)


def changed(picture, kind, strength, number=0):
    return np.asarray(
        versions.change(picture, versions.Version(kind, strength, number), "a/b.png", 7),
        dtype=float,
    )


def looked_up(pixels, x, y, outside):
    """Bilinear values at pixel centres (x, y); the given colour outside the image."""
    height, width, _ = pixels.shape
    inside = (x >= 0) & (x < width) & (y >= 0) & (y < height)
    x, y = np.clip(x - 0.5, 0, width - 1), np.clip(y - 0.5, 0, height - 1)
    left, top = np.floor(x).astype(int), np.floor(y).astype(int)
    right, below = np.minimum(left + 1, width - 1), np.minimum(top + 1, height - 1)
    a, b = (x - left)[..., None], (y - top)[..., None]
    value = (pixels[top, left] * (1 - a) + pixels[top, right] * a) * (1 - b) + (
        pixels[below, left] * (1 - a) + pixels[below, right] * a
    ) * b
    return np.where(inside[..., None], value, outside)


def grid(picture):
    return np.meshgrid(np.arange(picture.width) + 0.5, np.arange(picture.height) + 0.5)


def test_flip(picture):
    assert np.array_equal(changed(picture, "flip", 1), np.asarray(picture)[:, ::-1])


def test_rotation(picture):
    pixels, (x, y) = np.asarray(picture, dtype=float), grid(picture)
    angle = np.radians((2 * drawn("rotation", 1)[0] - 1) * 25)
    u, v = x - picture.width / 2, y - picture.height / 2
    expected = looked_up(
        pixels,
        np.cos(angle) * u - np.sin(angle) * v + picture.width / 2,
        np.sin(angle) * u + np.cos(angle) * v + picture.height / 2,
        np.rint(pixels.mean((0, 1))),
    )
    error = np.abs(changed(picture, "rotation", 25, 1) - expected).max(2)
    assert np.median(error) <= 1 and (error > 1.5).mean() < 0.02  # single pixels on the rim


def test_crop(picture):
    pixels, (x, y), d = np.asarray(picture, dtype=float), grid(picture), drawn("crop")
    expected = looked_up(
        pixels, d[0] * 0.4 * picture.width + 0.6 * x, d[1] * 0.4 * picture.height + 0.6 * y, 0
    )
    error = np.abs(changed(picture, "crop", 0.4) - expected)
    assert (
        np.median(error) < 1 and np.quantile(error, 0.95) < 4
    )  # the window's rim is not blended with what is outside


def test_perspective_moves_the_corners(picture):
    d, (width, height) = drawn("perspective").reshape(4, 2), picture.size
    corners = np.array([[0, 0], [width, 0], [width, height], [0, height]], float)
    inner = corners + np.array([[1, 1], [-1, 1], [-1, -1], [1, -1]]) * d * 0.3 / 2 * [width, height]
    a, b, c, e, f, g, h, i = versions.homography(inner, corners)
    for (x, y), (u, v) in zip(inner, corners):
        assert np.allclose(
            [(a * x + b * y + c) / (h * x + i * y + 1), (e * x + f * y + g) / (h * x + i * y + 1)],
            [u, v],
        )
    pixels, (x, y) = np.asarray(picture, dtype=float), grid(picture)
    below = h * x + i * y + 1
    expected = looked_up(
        pixels,
        (a * x + b * y + c) / below,
        (e * x + f * y + g) / below,
        np.rint(pixels.mean((0, 1))),
    )
    error = np.abs(changed(picture, "perspective", 0.3) - expected).max(2)
    assert np.median(error) <= 1 and (error > 1.5).mean() < 0.03


def test_colour(picture):
    def grey(pixels):
        return (pixels @ [19595, 38470, 7471] + 0x8000) // 65536

    pixels, d = np.asarray(picture, dtype=float), 1 + (2 * drawn("colour") - 1) * 0.5
    pixels = np.trunc(np.clip(pixels * d[0], 0, 255))
    mean = int(grey(pixels).mean() + 0.5)
    pixels = np.trunc(np.clip(mean + (pixels - mean) * d[1], 0, 255))
    shade = grey(pixels)[..., None]
    assert (
        np.abs(
            changed(picture, "colour", 0.5) - np.clip(shade + (pixels - shade) * d[2], 0, 255)
        ).max()
        <= 1.01
    )


def test_strengths_scale_one_draw_and_bad_ones_are_refused():
    augmentation = versions.parse(["rotation=5", "rotation=30", "flip", "flip"], 3, 4)
    assert augmentation == images.Augmentation(
        (("rotation", 5.0), ("rotation", 30.0), ("flip", 1.0)), 3, 4
    )
    assert [version.name for version in augmentation.versions()] == ["rotation=5"] * 3 + [
        "rotation=30"
    ] * 3 + ["flip"]
    assert {kind for kind, _ in versions.parse((), 1).kinds} == set(versions.KINDS)
    for text in (
        "rotate",
        "rotation=",
        "rotation=0",
        "crop=1",
        "rotation=nan",
        "flip=2",
        "colour=-1",
    ):
        with pytest.raises(UsageError, match="augment-kind"):
            versions.parse([text], 1)


@pytest.fixture(scope="module")
def folder(tmp_path_factory, picture):
    path, rng = tmp_path_factory.mktemp("photos"), np.random.default_rng(0)
    for place in range(7):
        Image.fromarray(rng.integers(0, 256, (9, 8, 3), dtype="u1")).save(path / f"{place}.png")
    (path / "5.png").write_bytes(b"no image")
    return path


def test_versions_do_not_depend_on_batch_workers_start_or_order(folder):
    augmentation = versions.parse((), 2, 11)
    listed = images.with_versions(images.list_images([str(folder)]), augmentation)
    each = len(augmentation.versions())
    assert len(listed.ids) == 7 * (1 + each) and listed.original.tolist() == [-1] * 7 + [
        i for i in range(7) for _ in range(each)
    ]
    whole = np.concatenate([batch.pixels for batch in images.batches(listed, RULES, 1000)])
    small = list(images.batches(listed, RULES, 5, [(17, len(listed.ids))], workers=3))
    assert np.array_equal(np.concatenate([batch.pixels for batch in small]), whole[17:])
    assert (
        np.concatenate([batch.unreadable for batch in small]).tolist()
        == (listed.original[17:] == 5).tolist()
    )
    turned = images.list_images([str(folder / f"{place}.png") for place in (6, 2, 0)])
    again = np.concatenate(
        [
            batch.pixels
            for batch in images.batches(images.with_versions(turned, augmentation), RULES, 4)
        ]
    )
    for place, row in enumerate((6, 2, 0)):
        assert np.array_equal(
            again[3 + each * place : 3 + each * (place + 1)],
            whole[7 + each * row : 7 + each * (row + 1)],
        )


def test_each_file_is_read_once_a_batch(folder, monkeypatch):
    listed, read = (
        images.with_versions(images.list_images([str(folder)]), versions.parse((), 2)),
        [],
    )
    original = images.decoding.decode
    monkeypatch.setattr(
        images.decoding, "decode", lambda path, *how: read.append(path) or original(path, *how)
    )
    list(images.batches(listed, RULES, 1000))
    assert len(read) == 1 + 7 + 7  # the first one tells the size
