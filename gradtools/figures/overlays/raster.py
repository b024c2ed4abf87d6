"""A mosaic as pixels: pictures are resized and pasted as arrays, text is drawn by Pillow in matplotlib's font."""

import functools
import os
from typing import BinaryIO

import numpy as np
from PIL import Image, ImageDraw, ImageFont
from PIL.PngImagePlugin import PngInfo

from gradtools.figures import page
from gradtools.figures.overlays import blending
from gradtools.figures.overlays.mosaic import SPACING, Bar, Mosaic, Scale, Text

POINT = page.DPI / 72  # pixels
PLATE_ALPHA, PLATE_PAD = 191, 0.2  # of 255; of the text's size
LARGE = 3  # times: beyond, and where it is whole, pixels stay squares, as matplotlib shows them
TICK, TICK_WIDTH, PAD, LABEL_PAD = 3.5, 0.6, 3.5, 2.0  # points
LABEL = 6.5  # points, of a colour bar's words
COMPRESSION = {
    "compress_level": 1,
    "compress_type": 3,
}  # zlib, runs alone: photographs gain 8 % from 6, which takes three times as long
Box = tuple[int, int, int, int]


def write(mosaic: Mosaic, target: str | BinaryIO) -> None:
    """Write a page as a PNG that says who made it; the same page gives the same bytes."""
    made = PngInfo()
    made.add_text("Software", page.MAKER)
    dots = (page.DPI, page.DPI)
    render(mosaic).save(target, "PNG", pnginfo=made, dpi=dots, **COMPRESSION)


def render(mosaic: Mosaic) -> Image.Image:
    """Return a page as an RGB image of `page.DPI` pixels an inch."""
    size = round(mosaic.width * page.DPI), round(mosaic.height * page.DPI)
    canvas = Image.new("RGB", size, "white")
    for picture in mosaic.pictures:
        left, top, right, bottom = _pixels(picture.place, size[1])
        canvas.paste(_sized(picture.image, (right - left, bottom - top)), (left, top))
    for scale in mosaic.scales:
        _paste_scale(canvas, scale)
    for text in mosaic.texts:
        _write(canvas, text)
    return canvas


def _pixels(place: tuple[float, float, float, float], height: int) -> Box:
    """Return a rectangle in inches as pixels: left, top, right, bottom."""
    left, bottom, wide, tall = (part * page.DPI for part in place)
    edges = left, height - bottom - tall, left + wide, height - bottom
    return round(edges[0]), round(edges[1]), round(edges[2]), round(edges[3])


def _sized(image: np.ndarray, size: tuple[int, int]) -> Image.Image:
    """Return an image (H, W, 3) at a width and height; nearest where it is enlarged much or by a whole number."""
    if image.dtype != np.uint8:
        image = (image * 255 + 0.5).astype(np.uint8)
    times = size[0] / image.shape[1], size[1] / image.shape[0]
    square = all(one > LARGE or (one >= 1 and one == int(one)) for one in times)
    how = Image.Resampling.NEAREST if square else Image.Resampling.HAMMING
    return Image.fromarray(image).resize(size, how)


@functools.cache
def _font(size: float) -> ImageFont.FreeTypeFont:
    """Return DejaVu Sans, which matplotlib brings, at a size in points."""
    import matplotlib

    path = os.path.join(matplotlib.get_data_path(), "fonts", "ttf", "DejaVuSans.ttf")
    return ImageFont.truetype(path, size * POINT, layout_engine=ImageFont.Layout.BASIC)


@functools.cache
def _line_height(size: float) -> tuple[float, float]:
    """Return how far a line of text rises above and falls below its baseline (pixels)."""
    _, top, _, bottom = _font(size).getbbox("lp", anchor="ls")
    return -top, bottom


def _write(canvas: Image.Image, text: Text) -> None:
    lines, font = text.text.split("\n"), _font(text.size)
    rise, fall = _line_height(text.size)
    step = (rise + fall) * SPACING
    tall = rise + fall + step * (len(lines) - 1)
    x, y = text.x * page.DPI, canvas.height - text.y * page.DPI
    top = y - {"top": 0.0, "center": tall / 2, "bottom": tall}[text.upright]
    widths = [font.getlength(line) for line in lines]
    widest = max(widths)
    share = {"left": 0.0, "center": 0.5, "right": 1.0}[text.across]
    if text.plate:
        pad = PLATE_PAD * text.size * POINT
        left = x - share * widest
        _plate(canvas, (left - pad, top - pad, left + widest + pad, top + tall + pad), pad)
    pen = ImageDraw.Draw(canvas)
    for number, (line, width) in enumerate(zip(lines, widths)):
        at = round(x - share * width), round(top + rise + number * step)
        pen.text(at, line, fill="black", font=font, anchor="ls")


def _plate(canvas: Image.Image, box: tuple[float, float, float, float], radius: float) -> None:
    """Lay a pale rectangle with round corners over part of a page."""
    left, top, right, bottom = (round(edge) for edge in box)
    cover = Image.new("L", (right - left, bottom - top))
    ImageDraw.Draw(cover).rounded_rectangle(
        (0, 0, right - left - 1, bottom - top - 1), radius, fill=PLATE_ALPHA
    )
    canvas.paste("white", (left, top), cover)


def _paste_scale(canvas: Image.Image, scale: Scale) -> None:
    left, top, right, bottom = _pixels(scale.place, canvas.height)
    picture, above = _scale(scale.bar, right - left, bottom - top)
    canvas.paste(picture, (left, top - above))


@functools.lru_cache(64)
def _scale(bar: Bar, wide: int, tall: int) -> tuple[Image.Image, int]:
    """Return a colour bar of so many pixels with its ticks and words, and how far these reach above it."""
    font, (rise, fall) = _font(LABEL), _line_height(LABEL)
    values = np.linspace(1, bar.low, tall)[:, None].repeat(wide, axis=1)
    colours = (blending.coloured(values, bar.colours, bar.low) * 255 + 0.5).astype(np.uint8)
    ticks = _ticks(bar.low)
    above = round(rise)
    starts = wide + round((TICK + PAD) * POINT)
    words = starts + round(max(map(font.getlength, ticks)) + LABEL_PAD * POINT)
    label = _upright(bar.text)
    size = words + label.width, max(tall + 2 * above, label.height)
    picture = Image.new("RGB", size, "white")
    picture.paste(Image.fromarray(colours), (0, above))
    pen = ImageDraw.Draw(picture)
    for share, tick in zip((0.0, 0.5, 1.0), ticks):
        y = above + share * (tall - 1)
        pen.line((wide, y, wide + TICK * POINT, y), "black", round(TICK_WIDTH * POINT))
        pen.text((starts, y + (rise - fall) / 2), tick, "black", font, "ls")
    picture.paste(label, (words, max(0, above + (tall - label.height) // 2)))
    return picture, above


def _ticks(low: float) -> tuple[str, str, str]:
    """Return the values at the top, middle and bottom of a bar as matplotlib writes them."""
    values = 1.0, (low + 1) / 2, low
    form = ".0f" if all(value == int(value) for value in values) else ".1f"
    first, second, third = (f"{value:{form}}".replace("-", "\N{MINUS SIGN}") for value in values)
    return first, second, third


def _upright(text: str) -> Image.Image:
    """Return a line that is read from below upwards, on white."""
    font, (rise, fall) = _font(LABEL), _line_height(LABEL)
    line = Image.new("RGB", (int(font.getlength(text)) + 2, int(rise + fall) + 2), "white")
    ImageDraw.Draw(line).text((0, rise), text, "black", font, "ls")
    return line.transpose(Image.Transpose.ROTATE_90)
