"""A page of pictures in rows and columns: heads above, names at the left, colour bars at the right."""

import dataclasses
import textwrap

from matplotlib.cm import ScalarMappable
from matplotlib.colors import Normalize

from gradtools.figures import page

GAP, LINE, LEFT, BAR, LETTER = (
    0.06,
    0.14,
    1.1,
    0.62,
    0.056,
)  # inches; LETTER is a mean one of 6.5 points
TITLE_LETTER = 0.063  # of 8 points

NARROWEST = 3.2
PLATE = {
    "boxstyle": "round,pad=.2",
    "facecolor": "white",
    "alpha": 0.75,
    "linewidth": 0,
}  # behind what is written on a picture


@dataclasses.dataclass(frozen=True)
class Bar:
    """A colour bar: its colours, the value where it begins (it ends at 1) and what it says."""

    colours: str
    low: float
    text: str


@page.styled
def draw(title, heads, rows, bars, side=None, notes=None, marks=None):
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

    Returns
    -------
    Figure
    """
    notes, marks, columns = notes or {}, marks or {}, len(heads)
    left, right = LEFT if any(name for name, _ in rows) else GAP, BAR * len(bars) + GAP
    side = side or min(1.6, (page.WIDTH - left - right) / columns - GAP)
    first = next(picture for _, pictures in rows for picture in pictures if picture is not None)
    tall = side * first.shape[0] / first.shape[1]
    step = tall + GAP + (LINE if notes else 0)
    width = max(left + columns * (side + GAP) + right, NARROWEST)
    title = _folded(title, width - 2 * GAP)
    top = 2 * GAP + LINE * (1 + title.count("\n") + max(1 + head.count("\n") for head in heads))
    height = top + max(len(rows) * step, 1.0) + GAP
    figure = page.sheet(width, height)
    figure.set_layout_engine("none")

    def write(text, x, y, size, ha="left", va="top", **more):
        figure.text(x / width, y / height, text, size=size, ha=ha, va=va, linespacing=1.25, **more)

    write(title, GAP, height - GAP, 8)
    for column, head in enumerate(heads):
        write(
            head,
            left + column * (side + GAP) + side / 2,
            height - top + 0.03,
            7,
            "center",
            "bottom",
        )
    for row, (name, pictures) in enumerate(rows):
        bottom = height - top - row * step - tall
        write(name, left - GAP, bottom + tall / 2, 6.5, "right", "center")
        for column, picture in enumerate(pictures):
            at = left + column * (side + GAP)
            note, mark = (words.get((row, column), "") for words in (notes, marks))
            if picture is None:
                write(note, at + side / 2, bottom + tall / 2, 6, "center", "center")
                continue
            _show(figure, picture, (at / width, bottom / height, side / width, tall / height))
            write(note, at, bottom - 0.02, 6)
            if mark:
                write(mark, at + side / 2, bottom + 0.04, 6, "center", "bottom", bbox=PLATE)
    _bars(
        figure,
        bars,
        (width, height),
        width - right + GAP,
        top,
        min(height - top - GAP, max(tall, 1.6)),
    )
    return figure


def _folded(title, inches):
    """A title whose lines are at most so long."""
    most = int(inches / TITLE_LETTER)
    return "\n".join("\n".join(textwrap.wrap(line, most)) or line for line in title.split("\n"))


def _show(figure, picture, place):
    panel = figure.add_axes(place)
    panel.imshow(picture)
    panel.set_axis_off()


def _bars(figure, bars, size, start, top, long):
    """The colour bars, from the top down."""
    width, height = size
    for index, bar in enumerate(bars):
        axes = figure.add_axes(
            (
                (start + index * BAR) / width,
                (height - top - long) / height,
                0.09 / width,
                long / height,
            )
        )
        drawn = figure.colorbar(ScalarMappable(Normalize(bar.low, 1), bar.colours), cax=axes)
        drawn.set_ticks([bar.low, (bar.low + 1) / 2, 1])
        drawn.set_label(bar.text, labelpad=2, size=6.5)
        drawn.outline.set_visible(False)


def fitted(name, inches):
    """Shorten a name to at most so many inches; its end tells more than its beginning."""
    return page.shortened(name, max(int(inches / LETTER), 4))
