"""A page of pictures in rows and columns: heads above, names at the left, colour bars at the right."""

import dataclasses

from matplotlib.cm import ScalarMappable
from matplotlib.colors import Normalize

from gradtools.figures import page

GAP, LINE, LEFT, BAR, LETTER = .06, .14, .95, .62, .052  # inches


@dataclasses.dataclass(frozen=True)
class Bar:
    """A colour bar: its colours, the value where it begins (it ends at 1) and what it says."""

    colours: str
    low: float
    text: str


@page.styled
def draw(title, heads, rows, bars, side=None, notes=None):
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
        What is written below the picture at a row and column.

    Returns
    -------
    Figure
    """
    columns, notes = len(heads), notes or {}
    named = any(name for name, _ in rows)
    left = LEFT if named else GAP
    right = BAR * len(bars) + GAP
    side = side or min(1.6, (page.WIDTH - left - right) / columns - GAP)
    first = next(picture for _, pictures in rows for picture in pictures if picture is not None)
    tall = side * first.shape[0] / first.shape[1]
    below = LINE if notes else 0
    top = GAP + LINE * (1 + title.count("\n")) + GAP + LINE * max(1 + head.count("\n") for head in heads)
    width = max(left + columns * (side + GAP) + right, 2.4)
    height = max(top + len(rows) * (tall + GAP + below) + GAP, top + .9)
    figure = page.sheet(width, height)
    figure.set_layout_engine("none")
    figure.text(GAP / width, 1 - GAP / height, title, ha="left", va="top", size=8, linespacing=1.25)
    for row, (name, pictures) in enumerate(rows):
        bottom = height - top - row * (tall + GAP + below) - tall
        if name:
            figure.text((left - GAP) / width, (bottom + tall / 2) / height, name, ha="right", va="center", size=6.5)
        for column, picture in enumerate(pictures):
            at = left + column * (side + GAP)
            if picture is not None:
                panel = figure.add_axes((at / width, bottom / height, side / width, tall / height))
                panel.imshow(picture)
                panel.set_axis_off()
            if row == 0:
                figure.text((at + side / 2) / width, (bottom + tall + .03) / height, heads[column], ha="center", va="bottom", size=7)
            if (row, column) in notes:
                figure.text((at + side / 2) / width, (bottom - .02) / height, notes[row, column], ha="center", va="top", size=6)
    _bars(figure, bars, (width, height), width - right + GAP, top, min(height - top - GAP, max(tall, 1.6)))
    return figure


def _bars(figure, bars, size, start, top, long):
    """The colour bars, from the top down."""
    width, height = size
    for index, bar in enumerate(bars):
        axes = figure.add_axes(((start + index * BAR) / width, (height - top - long) / height, .09 / width, long / height))
        drawn = figure.colorbar(ScalarMappable(Normalize(bar.low, 1), bar.colours), cax=axes)
        drawn.set_ticks([bar.low, (bar.low + 1) / 2, 1])
        drawn.set_label(bar.text, labelpad=2, size=6.5)
        drawn.outline.set_visible(False)


def fitted(name, inches):
    """A name cut to a width."""
    return page.shortened(name, max(int(inches / LETTER), 4))
