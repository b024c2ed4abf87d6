"""Sizes and values against torchvision's own transforms; boxes against pixels."""

import numpy as np
import pytest
from PIL import Image

from gradtools import images
from gradtools.images import preprocessing

MEAN, STD = [0.485, 0.456, 0.406], [0.229, 0.224, 0.225]
SIZES = [(33, 47), (47, 33), (64, 64), (31, 90), (7, 201), (224, 225), (20, 20), (50, 61)]
RULES = [
    (48, 40, "bilinear"),
    (48, 41, "bicubic"),
    (None, 40, "bilinear"),
    ([30, 45], None, "bilinear"),
    (37, None, "lanczos"),
    (None, None, "bilinear"),
    ([51, 22], 33, "nearest"),
    (35, 64, "bilinear"),
]


def rules(resize, crop, interpolation="bilinear"):
    return {
        "resize": resize,
        "crop": crop,
        "mean": MEAN,
        "std": STD,
        "interpolation": interpolation,
    }


def noise(height, width):
    return Image.fromarray(
        np.random.default_rng(height * width).integers(0, 256, (height, width, 3), dtype="u1")
    )


@pytest.mark.parametrize("resize, crop, interpolation", RULES)
@pytest.mark.parametrize("height, width", SIZES)
def test_equal_to_torchvision(resize, crop, interpolation, height, width):
    transforms = pytest.importorskip("torchvision.transforms")
    steps = (
        []
        if resize is None
        else [transforms.Resize(resize, transforms.InterpolationMode(interpolation))]
    )
    steps += [] if crop is None else [transforms.CenterCrop(crop)]
    theirs = transforms.Compose([*steps, transforms.ToTensor(), transforms.Normalize(MEAN, STD)])
    image = noise(height, width)
    pixels = images.preprocess(image, rules(resize, crop, interpolation))
    scale, shift = images.normalisation(rules(resize, crop, interpolation))
    assert pixels.dtype == np.uint8 and scale.dtype == shift.dtype == np.float32
    ours = pixels.astype("f4") * scale[:, None, None] + shift[:, None, None]
    assert ours.shape == tuple(theirs(image).shape)
    assert np.abs(ours - theirs(image).numpy()).max() < 2e-6


def test_a_strip_that_would_become_enormous():
    with pytest.raises(ValueError, match="too long and narrow"):
        images.preprocess(Image.new("RGB", (10000, 1)), rules(224, 224))


@pytest.mark.parametrize(
    "resize, crop",
    [(None, None), (None, 30), (None, 51), ([80, 120], None), ([80, 120], 60), (80, 80), (40, 64)],
)
def test_boxes_follow_the_pixels(resize, crop):
    """A white box is painted, and found again in the preprocessed image."""
    height, width, (x0, y0, x1, y1) = 40, 60, (22, 12, 36, 27)
    pixels = np.zeros((height, width, 3), "u1")
    pixels[y0:y1, x0:x1] = 255
    seen = images.preprocess(Image.fromarray(pixels), rules(resize, crop, "nearest"))[0] > 0
    rows, columns = np.flatnonzero(seen.any(1)), np.flatnonzero(seen.any(0))
    expected = [columns[0], rows[0], columns[-1] + 1, rows[-1] + 1]
    assert np.array_equal(
        images.transform_box([x0, y0, x1, y1], rules(resize, crop), height, width), expected
    )


def test_boxes_outside_the_crop_have_no_area():
    boxes = images.transform_box(
        [[0, 0, 10, 10], [50, 0, 60, 40], [0, 0, 60, 40]], rules(None, 20), 40, 60
    )
    assert ((boxes[:, 2] - boxes[:, 0]) * (boxes[:, 3] - boxes[:, 1])).tolist() == [0, 0, 400]


def test_resized_cuts_the_long_side():
    assert preprocessing.resized(33, 50, 48) == (48, 72)
    assert preprocessing.resized(50, 33, 48) == (72, 48)
    assert preprocessing.resized(33, 50, None) == (33, 50)
    assert preprocessing.resized(33, 50, [10, 20]) == (10, 20)
