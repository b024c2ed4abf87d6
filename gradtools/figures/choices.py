"""The specification curve: a headline under every choice, sorted, and below it which choice each point is."""

from typing import TYPE_CHECKING

import numpy as np
from matplotlib.figure import Figure

from gradtools.errors import GradtoolsError
from gradtools.figures import page, paper
from gradtools.selection.subjects import Subject
from gradtools.tables import choices
from gradtools.tables.wording import FILLED_BY
from gradtools.tables.wording import choices as words

if TYPE_CHECKING:
    from matplotlib.axes import Axes

MOST_VALUES = 12  # of one choice, each a line of dots
COLOURS = {words.CLEAR: "#1f6fb4", words.OPPOSITE: "#bd1f01", words.UNCLEAR: page.GREY}


@page.styled
def draw(subjects: list[Subject]) -> Figure:
    """Draw the differences with their intervals, sorted, a column a headline; dots below name the choices.

    Parameters
    ----------
    subjects : list of Subject

    Returns
    -------
    Figure

    Raises
    ------
    GradtoolsError
        The stores hold no gradient beside another feature.
    """
    curves = list(choices.curves(subjects))
    if not curves:
        raise GradtoolsError(
            f"no choices to draw: {FILLED_BY['similarity']} and {FILLED_BY['clustering']} compute them"
        )
    labels = [_labels(curve) for curve in curves]
    deepest = max(map(len, labels))
    beside = paper.fitting(len(curves), 3.0)
    lines = -(-len(curves) // beside)
    figure = page.sheet(page.WIDTH * max(1, 0.62 * len(curves)), (2.4 + 0.16 * deepest) * lines)
    panels = figure.subplots(
        2 * lines,
        beside,
        squeeze=False,
        height_ratios=(2.0, 0.16 * deepest + 0.2) * lines,
    )
    pairs = panels.reshape(lines, 2, beside).transpose(0, 2, 1).reshape(-1, 2)
    for axes in pairs[len(curves) :].ravel():
        axes.set_axis_off()
    for (above, below), curve, names in zip(pairs, curves, labels):
        above.sharex(below)
        _points(above, curve)
        _dots(below, curve, names)
    return figure


def _points(panel: "Axes", curve: choices.Curve) -> None:
    """Differences and intervals."""
    cells = [choice.difference for choice in curve.choices]
    for place, cell in enumerate(cells):
        colour = COLOURS[choices.holds(cell)]
        if cell.low is not None and cell.high is not None:
            panel.plot([place, place], [cell.low, cell.high], color=colour, linewidth=0.8)
        value = np.nan if cell.number is None else cell.number
        panel.plot(place, value, "o", color=colour, markersize=2.5)
    panel.axhline(0, color="black", linewidth=0.7, linestyle="--")
    panel.set_ylabel(words.DIFFERENCE)
    share = round(100 * curve.share())
    panel.set_title(f"{curve.id.removeprefix('choices-')}: above 0 in {share} % of {len(cells)}")


def _labels(curve: choices.Curve) -> list[tuple[str, str]]:
    """(name, value) of every line of dots."""
    lines: list[tuple[str, str]] = []
    for name in curve.names:
        values = list(dict.fromkeys(choice.settings.get(name, "") for choice in curve.choices))
        lines += [(name, value) for value in sorted(values)[:MOST_VALUES]]
    return lines


def _dots(panel: "Axes", curve: choices.Curve, lines: list[tuple[str, str]]) -> None:
    """A dot where a choice was made."""
    for line, (name, value) in enumerate(lines):
        places = [
            place
            for place, choice in enumerate(curve.choices)
            if choice.settings.get(name, "") == value
        ]
        panel.plot(places, np.full(len(places), line), ".", color="black", markersize=2.5)
    panel.set_yticks(
        range(len(lines)),
        [f"{name}: {page.shortened(value, 26)}" for name, value in lines],
        fontsize=6,
    )
    panel.invert_yaxis()
    panel.set_xticks([])
    panel.set_xlabel("choices, sorted")
