"""Dendrograms, as long as their leaves need: a name a line in type of one size, so that a thousand can be read when zoomed in."""

import textwrap
from collections.abc import Iterator
from typing import TYPE_CHECKING

import numpy as np
from matplotlib.collections import LineCollection
from matplotlib.figure import Figure

from gradtools.figures import page, paper
from gradtools.math import trees
from gradtools.selection.subjects import short_name
from gradtools.tables.wording import LINKAGES, LINKED_ON, ROWS

if TYPE_CHECKING:
    from matplotlib.axes import Axes

    from gradtools.selection.results import Facts
    from gradtools.selection.trees import Tree

UPRIGHT = 40  # leaves up to which the root is on top
LARGE_TYPE, SMALL_TYPE, LEAST_TYPE = 7, 5.5, 3  # points; with smaller ones no names are drawn
LARGE_LEAVES = 60  # up to which type is large
LONGEST = 190.0  # inches; PDF pages end at 200, and pixels of PNG at 65,536
LINE = 1.25 / 72  # inches a point of type
CHARACTER = 0.56 / 72  # mean width
NAME = 44  # characters
DEPTH = 5.0  # inches from root to leaves, where the page is longer than wide
COLOURS = tuple(
    colour for colour in page.COLOURS if colour not in ("#94a4a2", "#717581")
)  # grey is what lies above the colours


def tree(
    name: str, merged: "Tree", orientation: str | None, path: str, leaves: int | None = None
) -> None:
    """Draw what `dendrogram` found.

    Parameters
    ----------
    name : str
        The model's specification, for the title.
    merged : selection.trees.Tree
    orientation : str or None
        As for `draw`.
    path : str
        As for `page.save`, and the errors too.
    leaves : int, optional
        Of a PDF with so many leaves a page; by default one page has them all.
    """
    if leaves is None:
        page.save(draw(short_name(name), merged, orientation), path)
    else:
        parts = range(0, len(merged.names), leaves)
        drawn = (draw(short_name(name), merged, orientation, (at, leaves)) for at in parts)
        page.save_pages(drawn, path)


@page.styled
def draw(
    name: str,
    tree: "Tree",
    orientation: str | None = None,
    part: tuple[int, int] | None = None,
) -> Figure:
    """Draw one tree: branches and names in the colours of its clusters, the cut as a dashed line with their numbers, heights on an axis.

    Parameters
    ----------
    name : str
        The model.
    tree : selection.trees.Tree
    orientation : str, optional
        Where the root is: left, top, right or bottom; by default top for a few leaves, else left.
    part : (int, int), optional
        First leaf and number of leaves of a page; by default all.

    Returns
    -------
    Figure
    """
    start, most = part or (0, len(tree.names))
    order = tree.order[start : start + most]
    n = len(order)
    upright = paper.fitting(UPRIGHT, LARGE_TYPE * LINE, 0.9)
    orientation = orientation or ("top" if len(tree.names) <= upright else "left")
    sideways = orientation in ("left", "right")
    longest = LONGEST if sideways or not paper.chosen_width() else page.width() - 0.9
    size = min(LARGE_TYPE if n <= LARGE_LEAVES else SMALL_TYPE, longest / n / LINE)
    longest_name = NAME // (1 + page.narrow())
    names = [
        page.shortened(tree.names[leaf], longest_name) if size >= LEAST_TYPE else ""
        for leaf in order
    ]
    lines = list(_title(name, tree.facts))
    if part:
        lines[0] += f", leaves {start + 1} to {start + n}"
    lines, bold = _folded(lines)
    label = max(map(len, names)) * size * CHARACTER
    figure, panel = _sheet(n, size, label, orientation, 0.23 + 0.13 * len(lines))
    _branches(panel, tree, sideways)
    _cut(panel, tree, sideways)
    _height_axis(panel, tree, orientation)
    colours = [_colour(int(tree.colours[leaf]), "black") for leaf in order]
    _leaf_axis(panel, names, colours, start, size, orientation)
    for place, line in enumerate(lines):
        figure.text(
            0.12 / figure.get_figwidth(),
            1 - (0.14 + 0.13 * place) / figure.get_figheight(),
            line,
            size=7,
            weight="bold" if place < bold else "normal",
            va="center",
        )
    return figure


def _folded(lines: list[str]) -> tuple[list[str], int]:
    """Return lines of the title that fit the width that was asked for, and how many are the first one's."""
    if not paper.chosen_width():
        return lines, 1
    most = int((page.width() - 0.24) / (7 * CHARACTER))
    folded = [textwrap.wrap(line, most, break_on_hyphens=False) for line in lines]
    return [piece for pieces in folded for piece in pieces], len(folded[0])


def _sheet(
    n: int, size: float, label: float, orientation: str, head: float
) -> "tuple[Figure, Axes]":
    """An empty page and its panel, margins in inches: title above, names on the side of the leaves, heights on the other two."""
    along = max(n * size * LINE, 1.2)
    if orientation in ("left", "right"):
        width, height = page.width(), along + head + 0.62
        names, other = label + 0.12, 0.22
        x, wide = (other if orientation == "left" else names), width - names - other
        box = (x, 0.34, wide, along)
    else:
        width = paper.chosen_width() or max(along + 0.9, page.WIDTH / 2)
        height = DEPTH * 0.6 + head + label + 0.2
        box = (0.62, label + 0.12 if orientation == "top" else 0.15, width - 0.8, DEPTH * 0.6)
        height += 0 if orientation == "top" else 0.1
    figure = page.sheet(width, height)
    figure.set_layout_engine("none")
    return figure, figure.add_axes(
        (box[0] / width, box[1] / height, box[2] / width, box[3] / height)
    )


def _branches(panel: "Axes", tree: "Tree", sideways: bool) -> None:
    """A bracket a merge, coloured where all its leaves are of one cluster."""
    n = len(tree.names)
    at, heights = np.empty(2 * n - 1), np.append(np.zeros(n), tree.merges[:, 2])
    at[tree.order] = np.arange(n)
    clusters = [*tree.colours.tolist(), *([-1] * (n - 1))]
    lines, colours = [], []
    for node, (first, second, height, _) in enumerate(tree.merges, n):
        first, second = int(first), int(second)
        at[node] = (at[first] + at[second]) / 2
        if clusters[first] == clusters[second]:
            clusters[node] = clusters[first]
        corners = [
            (at[first], heights[first]),
            (at[first], height),
            (at[second], height),
            (at[second], heights[second]),
        ]
        lines.append([corner[::-1] for corner in corners] if sideways else corners)
        colours.append(_colour(clusters[node], page.GREY))
    panel.add_collection(
        LineCollection(lines, colors=colours, linewidths=0.7, capstyle="projecting")
    )


def _colour(cluster: int, without: str) -> str:
    """The colour of a cluster; another where there is none."""
    return without if cluster < 0 else COLOURS[cluster % len(COLOURS)]


def _cut(panel: "Axes", tree: "Tree", sideways: bool) -> None:
    """Where the cut goes through, and the number of each cluster of two or more on its branch."""
    facts = tree.facts
    if facts["k"] in (1, len(tree.names)):
        return
    height = (float(facts["cut_low"]) + float(facts["cut_high"])) / 2
    (panel.axvline if sideways else panel.axhline)(
        height, color="black", linewidth=0.5, linestyle=(0, (4, 3))
    )
    for cluster, at in _middles(tree).items():
        if tree.clusters["size"][cluster] == 1:
            continue
        corner = (height, at) if sideways else (at, height)
        panel.annotate(
            str(cluster),
            corner,
            (0, 0),
            textcoords="offset points",
            size=5.5,
            ha="center",
            va="center",
            bbox={"boxstyle": "round,pad=.15", "facecolor": "white", "edgecolor": "none"},
        )


def _middles(tree: "Tree") -> dict[int, float]:
    """{cluster: place of its branch along the leaves}."""
    n, at = len(tree.names), {}
    for place, leaf in enumerate(tree.order.tolist()):
        at[leaf] = float(place)
    for node, (first, second, _, _) in enumerate(tree.merges, n):
        at[node] = (at[int(first)] + at[int(second)]) / 2
    return {
        cluster: at[node]
        for cluster, node in enumerate(trees.cluster_nodes(tree.merges, int(tree.facts["k"])))
    }


def _height_axis(panel: "Axes", tree: "Tree", orientation: str) -> None:
    """Heights from the leaves to the root; on long pages at both ends."""
    highest = float(tree.merges[-1, 2]) * 1.02 or 1.0
    label = f"height: {tree.facts['height']}"
    if orientation in ("left", "right"):
        panel.set_xlim((highest, 0) if orientation == "left" else (0, highest))
        panel.tick_params(axis="x", top=True, labeltop=True)
        panel.set_xlabel(label)
    else:
        panel.set_ylim((0, highest) if orientation == "top" else (highest, 0))
        panel.set_ylabel(label)


def _leaf_axis(
    panel: "Axes",
    names: list[str],
    colours: list[str],
    start: int,
    size: float,
    orientation: str,
) -> None:
    """A name a leaf, in the colour of its cluster; the first is leaf `start`."""
    panel.spines[:].set_visible(False)
    first, last = start - 0.5, start + len(names) - 0.5
    places = range(start, start + len(names))
    if orientation in ("left", "right"):
        panel.set_ylim(last, first)
        panel.yaxis.set_ticks_position("right" if orientation == "left" else "left")
        panel.set_yticks(places, names, size=size)
        panel.tick_params(axis="y", length=0, pad=2)
        panel.spines[["top", "bottom"]].set_visible(True)
    else:
        panel.set_xlim(first, last)
        panel.xaxis.set_ticks_position("bottom" if orientation == "top" else "top")
        panel.set_xticks(places, names, size=size, rotation=90)
        panel.tick_params(axis="x", length=0, pad=2)
        panel.spines["left"].set_visible(True)
    sideways = orientation in ("left", "right")
    labels = panel.get_yticklabels() if sideways else panel.get_xticklabels()
    for label, colour in zip(labels, colours):
        label.set_color(colour)


def _title(name: str, facts: "Facts") -> Iterator[str]:
    """Whose tree, how it was made, how well it keeps the distances beside what chance keeps."""
    rows = f", rows {ROWS[str(facts['normalised'])]}" if facts["normalised"] else ""
    on = LINKED_ON[str(facts["linkage_on"])]
    yield f"{name}: {facts['rows']} {facts['samples']}"
    yield f"{LINKAGES[str(facts['method'])]}{on} on {facts['feature']}{rows}, {facts['metric']}; {facts['k']} clusters"
    control = facts["cophenetic_control"]
    yield f"cophenetic correlation {facts['cophenetic']:.3f}" + (
        f" (permuted rows: {control:.3f})" if control == control else ""
    )
