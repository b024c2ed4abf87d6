"""Pages composed of arrays look as matplotlib draws the same layout."""

import io

import numpy as np
import pytest
from matplotlib import colormaps
from PIL import Image

from gradtools.errors import UsageError
from gradtools.figures import objects, page, paper
from gradtools.figures.overlays import blending, captions, mosaic, raster, vector
from gradtools.selection import map_methods

TITLE = "a title with gÄpj\nof two lines: 0.5"
BARS = [mosaic.Bar(blending.FOR, 0.0, "map, 0 to 1"), mosaic.Bar(blending.SIGNED, -1.0, "both")]


@pytest.fixture(scope="module")
def laid_out():
    """Smooth pictures as uint8 and float, one missing, words in its place, below and on the others."""
    y, x = np.mgrid[:180, :200] / 200
    smooth = np.stack([x, y, 0.5 + 0.4 * np.sin(9 * x * y)], axis=-1)
    rows = [
        ("a row's\nname", [(smooth * 255).astype("u1"), smooth[:, ::-1]]),
        ("b", [None, smooth[::-1]]),
    ]
    notes = {(0, 0): "below: 1.5", (1, 0): "zero everywhere:\nnothing"}
    return mosaic.draw(TITLE, ["one", "two\ntap"], rows, BARS, 1.3, notes, {(0, 1): "constant"})


@pytest.fixture(scope="module")
def both(laid_out):
    """The page by each way, (H, W, 3) uint8."""
    with io.BytesIO() as file:
        with page.style():
            vector.figure(laid_out).savefig(file, dpi=page.DPI, format="png")
        drawn = np.asarray(Image.open(file).convert("RGB"))
    return np.asarray(raster.render(laid_out)), drawn


def test_pictures_and_bars_have_matplotlibs_pixels(laid_out, both):
    ours, drawn = (array.astype(int) for array in both)
    assert ours.shape == drawn.shape
    for place in [picture.place for picture in laid_out.pictures] + [
        scale.place for scale in laid_out.scales
    ]:
        left, top, right, bottom = raster._pixels(place, len(ours))
        inner = np.s_[top + 3 : bottom - 3, left + 3 : right - 3]
        difference = np.abs(ours[inner] - drawn[inner]).max(axis=-1)
        assert np.quantile(difference, 0.9) <= 4  # a mark on a picture is text: its edges differ


def test_words_cover_matplotlibs_places(laid_out, both):
    """Blurred over 8 pixels, as much ink at the same places: fonts are hinted in two ways."""
    ink = [255 - array[..., 1].astype(float) for array in both]
    for array in ink:  # what stands outside pictures
        for one in laid_out.pictures:
            left, top, right, bottom = raster._pixels(one.place, len(array))
            array[top - 1 : bottom + 1, left - 1 : right + 1] = 0
    height, width = (side // 8 * 8 for side in ink[0].shape)
    ours, drawn = (a[:height, :width].reshape(height // 8, 8, -1, 8).mean(axis=(1, 3)) for a in ink)
    assert ours.sum() == pytest.approx(drawn.sum(), rel=0.1)
    assert np.corrcoef(ours.ravel(), drawn.ravel())[0, 1] > 0.9


def test_the_same_page_gives_the_same_bytes_and_every_suffix_is_written(laid_out, tmp_path):
    for suffix in ("png", "svg", "pdf"):
        written = []
        for turn in range(2):
            path = tmp_path / f"{turn}.{suffix}"
            mosaic.save(laid_out, str(path))
            written.append(path.read_bytes())
        assert written[0] == written[1]
    assert (tmp_path / "0.svg").read_bytes().count(b"<image") == 3 + len(BARS)
    with Image.open(tmp_path / "0.png") as image:
        assert (
            image.info["Software"] == page.MAKER
            and image.info["dpi"] == (pytest.approx(page.DPI, abs=0.01),) * 2
        )


@pytest.mark.parametrize("colours, low", [(blending.FOR, 0.0), (blending.SIGNED, -1.0)])
def test_colours_are_matplotlibs(colours, low):
    values = np.append(np.random.default_rng(0).uniform(low, 1, 500), [low, 1])[None]
    np.testing.assert_array_equal(
        blending.coloured(values, colours, low),
        colormaps[colours]((values - low) / (1 - low))[..., :3],
    )


def test_a_large_enlargement_keeps_squares():
    image = np.random.default_rng(1).integers(0, 256, (4, 4, 3), dtype="u1")
    np.testing.assert_array_equal(
        np.asarray(raster._sized(image, (18, 18)))[[1, 6, 10, 16]][:, [1, 6, 10, 16]], image
    )


def test_heads_of_boxes_fit_their_pictures_however_many_columns_there_are():
    names = [f"map:{method}@features.12" for method in map_methods.METHODS]
    names += ["map:gradcam-positive@features.10+features.12:max", "map:gam@" + "a" * 40]
    for columns in (3, 13):
        for picture in ("boxes", "pairs"):
            side = objects._side(columns, picture)
            for name in names:
                for line in objects._head(name, side).split("\n"):
                    assert len(line) * mosaic.LETTER <= side + 0.02, (name, line)
    assert objects._head("map:gam@a+b:max", 1.0) == "GAM\nlast 2 taps\nmax"


def test_heads_of_many_columns_stand_apart():
    """Each head, as wide as it is drawn, ends before the next begins."""
    heads = [captions.method_head(method) for method in map_methods.METHODS] * 2
    pictures = [np.zeros((8, 8, 3), "u1")] * len(heads)
    page_of_many = mosaic.draw("many", heads, [("", pictures)], BARS[:1])
    drawn = vector.figure(page_of_many)
    drawn.canvas.draw()
    boxes = sorted(
        (text.get_window_extent().x0, text.get_window_extent().x1)
        for text in drawn.texts
        if text.get_text() in heads
    )
    assert len(boxes) == len(heads)
    assert all(before[1] <= after[0] for before, after in zip(boxes, boxes[1:]))


@pytest.mark.parametrize("width", [3.25, 6.75])
def test_a_page_is_as_wide_as_was_asked_and_its_words_stay_apart(width):
    """Heads that are wider than a picture become letters, which the title explains."""
    heads = ["image", *(captions.method_head(method) for method in list(map_methods.METHODS)[:5])]
    pictures = [np.zeros((8, 8, 3), "u1")] * len(heads)
    notes = {(0, 0): "a name that is much longer than a picture is wide " * 3}
    paper.set_width(width)
    try:
        narrow = mosaic.draw("many", heads, [("a row", pictures)], BARS[:1], 0.82, notes)
        with pytest.raises(UsageError, match="no room for 24 pictures"):
            mosaic.draw("many", heads * 4, [("", pictures * 4)], BARS[:1])
    finally:
        paper.set_width(None)
    assert narrow.width == width
    drawn = vector.figure(narrow)
    drawn.canvas.draw()
    boxes = {text.get_text(): text.get_window_extent() for text in drawn.texts}
    assert all(-2 <= box.x0 and box.x1 <= drawn.bbox.width + 2 for box in boxes.values()), boxes
    assert width > 6 or ("a image" in narrow.texts[0].text and "a" in boxes)
    edges = [picture.place for picture in narrow.pictures]
    assert all(x >= 0 and x + wide <= width for x, _, wide, _ in edges)
