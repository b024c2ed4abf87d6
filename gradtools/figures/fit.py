"""What makes a Figure fit a width that was asked for: long texts in further lines, names that touch slanted, no empty margin."""

from __future__ import annotations

import itertools
import textwrap
from collections.abc import Iterator
from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from matplotlib.axes import Axes
    from matplotlib.figure import Figure, FigureBase
    from matplotlib.text import Text

ROUNDS = 4  # of laying out and folding: a folded text moves what is beside it
MARGIN = 0.03  # inches at each side
LEAST_TYPE = 6.5  # points of the smallest words
SLANT = {"rotation": 40, "ha": "right", "rotation_mode": "anchor"}


def fit(figure: Figure, trimmed: bool) -> None:
    """Fold what is wider than its place, and cut empty height off where pictures keep their shape.

    Parameters
    ----------
    figure : Figure
        Of its final width.
    trimmed : bool
        Whether the height follows from the width, as of pictures in rows.
    """
    for text in _texts(figure):
        text.set_fontsize(max(LEAST_TYPE, text.get_fontsize()))
    for _ in range(ROUNDS):
        figure.draw_without_rendering()
        changed = [_fold_titles(figure), _fold_axes(figure)]
        if trimmed:
            changed.append(_trim(figure))
        if not any(changed):
            break


def _texts(figure: Figure) -> list[Any]:
    from matplotlib.text import Text

    return figure.findobj(Text)


def _parts(figure: FigureBase) -> Iterator[FigureBase]:
    """Yield a figure and the figures in it."""
    yield figure
    for part in figure.subfigs:
        yield from _parts(part)


def _fold_titles(figure: Figure) -> bool:
    """Fold the titles above all panels; return True if one changed."""
    room = figure.bbox.width - 2 * MARGIN * figure.dpi
    every = [getattr(part, "_suptitle", None) for part in _parts(figure)]
    titles = [title for title in every if title is not None]
    folded = [_fold(title, room) for title in titles]  # each, not up to the first
    return any(folded)


def _fold_axes(figure: Figure) -> bool:
    """Fold heads and labels of panels, and slant names below them that touch; return True if one changed."""
    changed = False
    for panel in [axes for axes in figure.axes if axes.get_visible()]:
        room = _room(figure, panel)
        tall = max(panel.bbox.height * 1.15, 0.5 * figure.dpi)
        upright = panel.yaxis.label.get_rotation() == 90
        folded = [
            _fold(panel.title, room),
            _fold(panel.xaxis.label, room),
            _fold(panel.yaxis.label, tall, upright) if upright else False,
            _slant(panel),
        ]
        changed |= any(folded)
    return changed


def _room(figure: Figure, panel: Axes) -> float:
    """Return how wide a text centred on a panel may be: up to half the way to its neighbours, and to the edges."""
    middle = (panel.bbox.x0 + panel.bbox.x1) / 2
    beside = [
        abs((other.bbox.x0 + other.bbox.x1) / 2 - middle)
        for other in figure.axes
        if other.bbox.y0 < panel.bbox.y1 and panel.bbox.y0 < other.bbox.y1
        if other.get_label() != "<colorbar>"
    ]
    apart = min([gap for gap in beside if gap > 1], default=figure.bbox.width)
    edge = 2 * min(middle, figure.bbox.width - middle)
    return min(apart, edge) - 2 * MARGIN * figure.dpi


def _fold(text: Text, room: float, upright: bool = False) -> bool:
    """Fold a text that is longer than its room; return True if it changed."""
    words = text.get_text()
    if not words.strip():
        return False
    extent = text.get_window_extent()
    long = extent.height if upright else extent.width
    if long <= room:
        return False
    lines = words.split("\n")
    most = max(4, int(max(map(len, lines)) * room / long))
    folded = "\n".join(
        itertools.chain.from_iterable(
            textwrap.wrap(line, most, break_long_words=False, break_on_hyphens=False) or [""]
            for line in lines
        )
    )
    text.set_text(folded)
    return folded != words


def _slant(panel: Axes) -> bool:
    """Slant names below a panel where two of them touch; return True if they were level before."""
    labels = [label for label in panel.get_xticklabels() if label.get_text()]
    boxes = sorted((label.get_window_extent() for label in labels), key=lambda box: box.x0)
    level = bool(labels) and labels[0].get_rotation() == 0
    if not level or all(one.x1 + 2 < other.x0 for one, other in zip(boxes, boxes[1:])):
        return False
    above = panel.xaxis.get_ticks_position() == "top"
    for label in labels:
        label.set(**(SLANT | ({"ha": "left"} if above else {})))
    return True


def _trim(figure: Figure) -> bool:
    """Make a figure as high as what is in it; return True if its height changed by more than a hundredth."""
    box = figure.get_tightbbox()
    height = box.height + 2 * MARGIN
    if abs(height - figure.get_figheight()) <= 0.01 * figure.get_figheight():
        return False
    figure.set_figheight(height)
    return True
