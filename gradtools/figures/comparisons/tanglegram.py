"""A tanglegram: two trees of the same samples face to face, a line between the two leaves of each."""

from typing import TYPE_CHECKING

import numpy as np
from matplotlib.collections import LineCollection

from gradtools.errors import GradtoolsError
from gradtools.figures import page, paper
from gradtools.math import trees
from gradtools.math.spaces import untangle
from gradtools.math.spaces.rsa import HELD

if TYPE_CHECKING:
    from matplotlib.axes import Axes
    from matplotlib.figure import Figure

    from gradtools.selection.comparisons import Comparison, Comparisons

# Inches a leaf, points of its name, and points of its line: from few leaves to many.
SIZES = ((60, 0.13, 6.5, 0.7), (200, 0.1, 5.0, 0.6), (10**9, 0.06, 3.2, 0.35))
TREE, LINES = 1.7, 1.6  # inches
LETTER = 0.0076  # inches a letter and point of its size


@page.styled
def draw(comparisons: "Comparisons", comparison: "Comparison") -> "Figure":
    """Draw the trees of a pair, turned so that few lines cross; lines have the colours of the first tree's clusters.

    Parameters
    ----------
    comparisons : selection.comparisons.Comparisons
    comparison : selection.comparisons.Comparison

    Returns
    -------
    Figure
    """
    if comparison.first not in comparisons.trees:
        raise GradtoolsError(
            f"{len(comparisons.ids)} samples make no tanglegram: choose at most {HELD} with --where list=FILE"
        )
    merges = [comparisons.trees[place] for place in (comparison.first, comparison.second)]
    one, other, crossed = untangle.untangle(*merges)
    n = len(comparisons.ids)
    _, step, size, line = next(row for row in SIZES if n <= row[0])
    names = [page.shortened(name, 14 if page.narrow() else 32) for name in comparisons.ids]
    room = max(map(len, names)) * size * LETTER + 0.1
    rest = (page.width() - 2 * room) / (2 * TREE + LINES) if paper.chosen_width() else 1.0
    widths = [TREE * rest, room, LINES * rest, room, TREE * rest]
    figure = page.sheet(sum(widths), n * step + 0.75)
    left, *middle, right = figure.subplots(1, 5, width_ratios=widths, sharey=True)
    colours = _colours(merges[0], one, comparison)
    for panel, tree, order, name in (
        (left, merges[0], one, comparison.a),
        (right, merges[1], other, comparison.b),
    ):
        _tree(panel, tree, order)
        panel.set_title(page.shortened(name, 30), weight="bold")
    left.invert_xaxis()
    _names(middle[0], one, names, colours, size, "right")
    _lines(middle[1], one, other, colours, line)
    _names(middle[2], other, names, colours, size, "left")
    left.set_ylim(n - 0.5, -0.5)
    figure.suptitle(_title(comparison, crossed, n))
    figure.set_layout_engine("constrained", wspace=0, w_pad=0.01, h_pad=0.02)
    return figure


def _title(comparison: "Comparison", crossed: int, n: int) -> str:
    """How alike the trees are, and how many lines cross beside how many would by chance."""
    agreement = comparison.measured.statistics["cophenetic"].value
    pairs = n * (n - 1) // 2
    return f"correlation of the trees' heights {agreement:.3f}; {crossed} of {pairs} pairs of lines cross (random order: {pairs // 2})"


def _colours(merges: np.ndarray, order: np.ndarray, comparison: "Comparison") -> list[str]:
    """Colour of each leaf: its cluster's in the first tree, cut as the comparison's first ARI was; neighbours have different ones."""
    cuts = [
        int(name.partition("@")[2])
        for name in comparison.measured.statistics
        if name.startswith("ari@")
    ]
    clusters = trees.cut(merges, cuts[0] if cuts else 1)
    turn = {cluster: i for i, cluster in enumerate(dict.fromkeys(clusters[order]))}
    return [page.COLOURS[turn[cluster] % len(page.COLOURS)] for cluster in clusters]


def _tree(panel: "Axes", merges: np.ndarray, order: np.ndarray) -> None:
    """Brackets of a tree whose leaves stand at 0, 1, ... in an order, heights to the side."""
    n = len(merges) + 1
    height, place = np.zeros(2 * n - 1), np.zeros(2 * n - 1)
    place[order] = np.arange(n)
    brackets = []
    for row, (first, second, top, _) in enumerate(merges):
        pair = [int(first), int(second)]
        height[n + row], place[n + row] = top, place[pair].mean()
        brackets.append(
            [
                (height[pair[0]], place[pair[0]]),
                (top, place[pair[0]]),
                (top, place[pair[1]]),
                (height[pair[1]], place[pair[1]]),
            ]
        )
    panel.add_collection(LineCollection(brackets, colors="#404040", linewidths=0.6))
    panel.set_xlim(0, merges[-1, 2] * 1.02 or 1)
    panel.spines["left"].set_visible(False)
    panel.tick_params(axis="y", left=False, labelleft=False)
    panel.set_xlabel("height")


def _names(
    panel: "Axes", order: np.ndarray, names: list[str], colours: list[str], size: float, side: str
) -> None:
    """Names of the leaves, in order, and a pale line from the tree to each."""
    panel.hlines(range(len(order)), 0, 1, color="#e4e4e4", linewidth=0.5, zorder=0)
    for place, leaf in enumerate(order):
        panel.text(
            1 if side == "right" else 0,
            place,
            names[leaf],
            ha=side,
            va="center",
            size=size,
            color=colours[leaf],
            bbox={"facecolor": "white", "edgecolor": "none", "pad": 0.6},
        )
    panel.set_xlim(0, 1)
    panel.set_axis_off()


def _lines(
    panel: "Axes", one: np.ndarray, other: np.ndarray, colours: list[str], width: float
) -> None:
    """A line from each leaf to itself."""
    places = np.empty((2, len(colours)))
    for side, order in enumerate((one, other)):
        places[side, order] = np.arange(len(colours))
    panel.add_collection(
        LineCollection(
            [[(0, a), (1, b)] for a, b in places.T], colors=colours, linewidths=width, alpha=0.8
        )
    )
    panel.set_xlim(-0.03, 1.03)
    panel.set_axis_off()
