"""A page of pictures in rows and columns: heads above, names at the left, colour bars at the right.

`draw` lays a page out in inches; a PNG is composed of arrays (`raster`), vector formats are drawn by matplotlib (`vector`).
"""

import dataclasses
import io
import textwrap
from collections.abc import Mapping, Sequence

import numpy as np

from gradtools.errors import UsageError
from gradtools.figures import page, paper

GAP, LINE, LEFT, BAR, LETTER = (
    0.06,
    0.14,
    1.1,
    0.62,
    0.056,
)  # inches; LETTER is a mean one of 6.5 points

TITLE_LETTER, HEAD_LETTER = 0.063, 0.062  # of 8 and of 7 points
NARROWEST = 3.2
SMALLEST = 0.2  # inches of a picture where a width was asked for
SPACING = 1.25  # of lines, in heights of a letter
Words = Mapping[tuple[int, int], str]  # by row and column of the picture


@dataclasses.dataclass(frozen=True)
class Bar:
    """A colour bar: its colours, the value where it begins (it ends at 1) and what it says."""

    colours: str
    low: float
    text: str


@dataclasses.dataclass(frozen=True)
class Text:
    """Lines at a point (inches from the lower left corner), size in points; `plate` lays a pale ground under them."""

    text: str
    x: float
    y: float
    size: float
    across: str = "left"
    upright: str = "top"
    plate: bool = False


@dataclasses.dataclass(frozen=True)
class Picture:
    """An image (H, W, 3), uint8 or float in [0, 1], and its rectangle in inches: left, bottom, width, height."""

    image: np.ndarray
    place: tuple[float, float, float, float]


@dataclasses.dataclass(frozen=True)
class Scale:
    """A colour bar and its rectangle in inches."""

    bar: Bar
    place: tuple[float, float, float, float]


@dataclasses.dataclass(frozen=True)
class Mosaic:
    """A page as it is laid out: its size in inches, and what stands where."""

    width: float
    height: float
    texts: tuple[Text, ...]
    pictures: tuple[Picture, ...]
    scales: tuple[Scale, ...]


def draw(
    title: str,
    heads: Sequence[str],
    rows: Sequence[tuple[str, Sequence[np.ndarray | None]]],
    bars: Sequence[Bar],
    side: float | None = None,
    notes: Words | None = None,
    marks: Words | None = None,
) -> Mosaic:
    """Lay out pictures.

    Parameters
    ----------
    title : str
        Lines above all.
    heads : list of str
        One a column, of one or two lines.
    rows : list of (str, list of (H, W, 3) array or None)
        Each row's name, and its pictures.
    bars : list of Bar
    side : float, optional
        Width of a picture in inches; by default what a page holds.
    notes : dict of (int, int) to str, optional
        What is written below the picture at a row and column, or in its place where there is none.
    marks : dict of (int, int) to str, optional
        What is written on it.

    Raises
    ------
    UsageError
        The width that was asked for has no room for so many pictures.
    """
    notes, marks, columns = notes or {}, marks or {}, len(heads)
    left, right = LEFT if any(name for name, _ in rows) else GAP, BAR * len(bars) + GAP
    chosen = paper.chosen_width()
    if chosen is not None:
        left = min(left, LEFT * chosen / page.WIDTH + 0.3)
        side = _side(chosen - left - right, columns, chosen)
        heads, below = _lettered(heads, side)
        title += below
        notes = {
            place: _cut(words, side * _apart(notes, place, columns))
            for place, words in notes.items()
        }
        marks = {place: _cut(words, side) for place, words in marks.items()}
        rows = [(_cut(name, left - GAP), pictures) for name, pictures in rows]
    elif side is None:  # what a page holds, but none narrower than its head
        widest = max(len(line) for head in heads for line in head.split("\n"))
        room = (page.WIDTH - left - right) / columns - GAP
        side = max(min(1.6, room), HEAD_LETTER * widest)
    first = next(picture for _, pictures in rows for picture in pictures if picture is not None)
    tall = side * first.shape[0] / first.shape[1]
    step = tall + GAP + (LINE if notes else 0)
    width = chosen or max(left + columns * (side + GAP) + right, NARROWEST)
    title = _folded(title, width - 2 * GAP)
    top = 2 * GAP + LINE * (1 + title.count("\n") + max(1 + head.count("\n") for head in heads))
    height = top + max(len(rows) * step, 1.0) + GAP
    texts, placed = [Text(title, GAP, height - GAP, 8)], []
    for column, head in enumerate(heads):
        middle = left + column * (side + GAP) + side / 2
        texts.append(Text(head, middle, height - top + 0.03, 7, "center", "bottom"))
    for row, (name, pictures) in enumerate(rows):
        bottom = height - top - row * step - tall
        texts.append(Text(name, left - GAP, bottom + tall / 2, 6.5, "right", "center"))
        for column, picture in enumerate(pictures):
            at = left + column * (side + GAP)
            note, mark = (words.get((row, column), "") for words in (notes, marks))
            if picture is None:
                texts.append(Text(note, at + side / 2, bottom + tall / 2, 6, "center", "center"))
                continue
            placed.append(Picture(picture, (at, bottom, side, tall)))
            texts.append(Text(note, at, bottom - 0.02, 6))
            if mark:
                texts.append(Text(mark, at + side / 2, bottom + 0.04, 6, "center", "bottom", True))
    long = min(height - top - GAP, max(tall, 1.6))
    scales = [
        Scale(bar, (width - right + GAP + index * BAR, height - top - long, 0.09, long))
        for index, bar in enumerate(bars)
    ]
    return Mosaic(width, height, tuple(text for text in texts if text.text), (*placed,), (*scales,))


def _side(room: float, columns: int, chosen: float) -> float:
    """Return the width of a picture that fills a room with so many columns."""
    side = room / columns - GAP
    if side < SMALLEST:
        least = chosen - room + columns * (SMALLEST + GAP)
        raise UsageError(
            f"--width {chosen:g}: no room for {columns} pictures in a row: take {least:.1f} inches or more, or fewer maps"
        )
    return side


def _lettered(heads: Sequence[str], side: float) -> tuple[Sequence[str], str]:
    """Return heads that fit so many inches: letters where they are longer, and a line that says what each stands for."""
    widest = max(len(line) for head in heads for line in head.split("\n"))
    if HEAD_LETTER * widest <= side:
        return heads, ""
    names = dict.fromkeys(heads)
    letters = dict(zip(names, map(chr, range(ord("a"), ord("a") + len(names)))))
    said = ", ".join(f"{letter} {' '.join(name.split())}" for name, letter in letters.items())
    return [letters[head] for head in heads], f"\n{said}"


def _apart(notes: Words, place: tuple[int, int], columns: int) -> int:
    """Return how many columns a note may fill: up to the next one of its row."""
    row, column = place
    return min((at for line, at in notes if line == row and at > column), default=columns) - column


def _cut(words: str, inches: float) -> str:
    """Return lines, each of at most so many inches."""
    return "\n".join(fitted(line, inches) for line in words.split("\n"))


def _folded(title: str, inches: float) -> str:
    """Return a title whose lines are at most so long."""
    most = int(inches / TITLE_LETTER)
    return "\n".join("\n".join(textwrap.wrap(line, most)) or line for line in title.split("\n"))


def png(mosaic: Mosaic) -> bytes:
    """Return a page as the bytes of a PNG, which says who made it."""
    from gradtools.figures.overlays import raster

    target = io.BytesIO()
    raster.write(mosaic, target)
    return target.getvalue()


def save(mosaic: Mosaic, path: str, option: str = "--figure") -> None:
    """Write a page: a PNG composed of arrays, another suffix drawn by matplotlib; parameters and errors as for `page.save`."""
    if not path.lower().endswith(".png"):
        from gradtools.figures.overlays import vector

        page.save(vector.figure(mosaic), path, option)
        return
    from gradtools.figures.overlays import raster

    page.write(path, option, lambda target: raster.write(mosaic, target))


def fitted(name: str, inches: float, behind: str = "") -> str:
    """Shorten a name to at most so many inches: at its beginning, or at its end where something stands behind it."""
    length = max(int(inches / LETTER), 4 + len(behind))
    return page.shortened(name, length - len(behind), at_end=bool(behind)) + behind
