"""Cosine and euclidean matrices of every pair side by side, in class order or that of the leaves of a tree."""

from typing import TYPE_CHECKING

import numpy as np
from matplotlib.figure import Figure
from matplotlib.ticker import MaxNLocator

from gradtools.figures import page
from gradtools.math import trees
from gradtools.tables.wording import ROWS, units

if TYPE_CHECKING:
    from matplotlib.axes import Axes
    from matplotlib.figure import SubFigure

    from gradtools.selection.neighbors import Matrices

NAMED = 60  # samples or classes beyond which no names are drawn
MIDDLE = 0.995  # share of the pairs inside the colour scale, so that a few extreme ones do not bleach the rest
COLOURS = {"cosine": "RdBu_r", "euclidean": "viridis"}


def every_pair(matrices: "list[Matrices]", order: str, path: str) -> None:
    """Draw cosine and euclidean matrices side by side, a row a feature.

    Parameters
    ----------
    matrices : list of selection.neighbors.Matrices
    order : str
        class or leaf.
    path : str
        As for `page.save`, and the errors too.
    """
    page.save(draw(matrices, order), path)


@page.styled
def draw(matrices: "list[Matrices]", order: str) -> Figure:
    """Draw one row of two panels a feature.

    Parameters
    ----------
    matrices : list of selection.neighbors.Matrices
    order : str
        class, as they come; leaf, of Ward's tree of the distances in optimal leaf order.

    Returns
    -------
    Figure
    """
    size = page.width() / (1 if page.narrow() else 2)
    lines = 2 if page.narrow() else 1
    figure = page.sheet(page.WIDTH, len(matrices) * size * lines + 0.3)
    parts = figure.subfigures(len(matrices), 1, squeeze=False)[:, 0]
    for part, pairs in zip(parts, matrices):
        places = (
            _leaf_order(pairs.values["euclidean"])
            if order == "leaf"
            else np.arange(len(pairs.names))
        )
        count = len(pairs.values)
        shape = (count, 1) if page.narrow() else (1, count)
        panels = part.subplots(*shape, squeeze=False).ravel()
        for panel, (metric, matrix) in zip(panels, pairs.values.items()):
            _matrix(part, panel, metric, matrix[np.ix_(places, places)])
            _name(panel, pairs, places, order, left=panel is panels[0] or page.narrow())
        drawn = f" of {pairs.samples}, drawn" if pairs.samples > len(pairs.names) else ""
        part.suptitle(
            f"{page.shown(pairs.feature)} (rows {ROWS.get(pairs.normalised, pairs.normalised)}), {len(pairs.names)} {units(pairs.unit, len(pairs.names))}{drawn}, {order} order"
        )
    return figure


def _leaf_order(distances: np.ndarray) -> np.ndarray:
    """Leaves of Ward's tree in optimal order, (n,) int ((n, n) distances)."""
    return trees.leaves(trees.linkage(trees.distances_from_matrix(distances, "euclidean")))


def _matrix(part: "SubFigure", panel: "Axes", metric: str, matrix: np.ndarray) -> None:
    """One matrix with its scale, which the diagonal does not stretch."""
    pairs = matrix[np.triu_indices(len(matrix), 1)]
    low, high = np.quantile(pairs, [1 - MIDDLE, MIDDLE])
    low, high = (-max(-low, high), max(-low, high)) if metric == "cosine" else (low, high)
    image = panel.imshow(
        matrix, cmap=COLOURS[metric], vmin=low, vmax=high, interpolation="antialiased"
    )
    bar = part.colorbar(
        image, ax=panel, location="bottom", shrink=0.8, aspect=30, pad=0.02, extend="both"
    )
    bar.locator = MaxNLocator(5)
    bar.set_label(metric)
    bar.outline.set_visible(False)


def _name(panel: "Axes", pairs: "Matrices", places: np.ndarray, order: str, left: bool) -> None:
    """Names beside the rows, numbers where they are many; of labelled samples in class order one name a class, lines between."""
    panel.spines[:].set_visible(False)
    panel.tick_params(length=0)
    panel.set_xticks([])
    if order != "class" or not left:
        panel.set_yticks([])
    if order == "class" and (pairs.labels >= 0).any():
        classes, first, count = np.unique(pairs.labels, return_index=True, return_counts=True)
        ends = first[1:] - 0.5
        panel.hlines(ends, -0.5, len(places) - 0.5, color="black", linewidth=0.3)
        panel.vlines(ends, -0.5, len(places) - 0.5, color="black", linewidth=0.3)
        names = [pairs.class_names[label] for label in classes]
        at = first + (count - 1) / 2
    else:
        names = [pairs.names[place] for place in places]
        at = np.arange(float(len(places)))
    if left and len(names) <= NAMED:
        panel.set_yticks(
            at, [page.shortened(name, 20) for name in names], size=min(6.5, 250 / len(names))
        )
