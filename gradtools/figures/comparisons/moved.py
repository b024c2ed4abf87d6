"""The samples whose relations to the others changed most, and those that changed least."""

from typing import TYPE_CHECKING

import numpy as np
from matplotlib.figure import Figure

from gradtools.figures import page
from gradtools.selection.comparisons import Comparison, Comparisons

if TYPE_CHECKING:
    from matplotlib.axes import Axes

    from gradtools.selection.comparisons import Moved

MOST, LEAST = 20, 5
STEP = 0.2  # inches a bar


@page.styled
def draw(comparisons: Comparisons, comparison: Comparison) -> Figure:
    """Draw how far each sample moved as bars with 95 % intervals, its nearest in both spaces beside it; the median as a line.

    Parameters
    ----------
    comparisons : selection.comparisons.Comparisons
    comparison : selection.comparisons.Comparison

    Returns
    -------
    Figure
    """
    moved = comparison.measured.moved
    order = np.argsort(-np.nan_to_num(moved.value, nan=-1), kind="stable")
    rows = order if len(order) <= MOST + LEAST else np.concatenate([order[:MOST], order[-LEAST:]])
    figure = page.sheet(page.WIDTH, STEP * len(rows) + 0.9)
    panel = figure.subplots()
    at = np.arange(len(rows)) + (np.arange(len(rows)) >= MOST) * 0.8 * (len(order) > len(rows))
    panel.barh(at, moved.value[rows], height=0.75, color=page.COLOURS[0], linewidth=0)
    panel.errorbar(
        moved.value[rows],
        at,
        xerr=np.clip(
            [moved.value[rows] - moved.low[rows], moved.high[rows] - moved.value[rows]], 0, None
        ),
        fmt="none",
        ecolor="black",
        elinewidth=0.7,
        capsize=1.2,
    )
    panel.set_yticks(
        at, [page.shortened(comparisons.ids[row], 14 if page.narrow() else 28) for row in rows]
    )
    panel.tick_params(axis="y", length=0)
    panel.set_ylim(at[-1] + 0.6, -0.6)
    _marks(panel, moved)
    _nearest(panel, comparisons, comparison, rows, at)
    panel.set_xlabel("moved: 1 - correlation of its similarities to all others")
    figure.suptitle(
        f"{page.shortened(comparison.a, 30)} and {page.shortened(comparison.b, 30)}: "
        + (
            f"the {MOST} most and {LEAST} least moved of {len(order)}"
            if len(order) > len(rows)
            else f"all {len(order)}"
        )
    )
    return figure


def _marks(panel: "Axes", moved: "Moved") -> None:
    """The median of all, and where nothing is in common."""
    median = float(np.nanmedian(moved.value))
    panel.axvline(median, color="black", linestyle=":", linewidth=0.8)
    panel.annotate(
        "median",
        (median, 1),
        (-2, 1),
        ("data", "axes fraction"),
        "offset points",
        size=6,
        ha="right",
    )
    panel.axvline(1, color="black", linestyle="--", linewidth=0.8)
    panel.annotate(
        "nothing in common",
        (1, 0),
        (-2, 3),
        ("data", "axes fraction"),
        "offset points",
        size=6,
        rotation=90,
        ha="right",
    )


def _nearest(
    panel: "Axes",
    comparisons: Comparisons,
    comparison: Comparison,
    rows: np.ndarray,
    at: np.ndarray,
) -> None:
    """Nearest sample in a and in b, right of the bars; one where it is the same."""
    right = 1.02
    panel.annotate(
        "nearest in a   →   in b",
        (right, 1),
        (0, 1),
        "axes fraction",
        "offset points",
        size=6.5,
        weight="bold",
    )
    moved = comparison.measured.moved
    for place, row in zip(at, rows):
        one, other = (
            page.shortened(comparisons.ids[near[row]], 24)
            for near in (moved.nearest_a, moved.nearest_b)
        )
        text, colour = (
            (f"{one}   →   {other}", "black") if one != other else (f"{one} (in both)", page.GREY)
        )
        panel.annotate(
            text,
            (right, place),
            xycoords=("axes fraction", "data"),
            va="center",
            size=6,
            color=colour,
        )
