"""A population of units in pictures: label vectors in the plane and as a heat map, sparsity curves, and the sparsest units."""

import numpy as np
from matplotlib.axes import Axes
from matplotlib.figure import Figure

from gradtools.figures import page
from gradtools.math.links import population
from gradtools.math.trees import cutting
from gradtools.selection.populations import Population

DOT = 14  # points squared


@page.styled
def label_planes(units: Population, path: str, seed: int = 0) -> None:
    """Draw label vectors in the plane by t-SNE, units and their decoys, coloured by the part that each changes most.

    Parameters
    ----------
    units : Population
    path : str
        Where the picture goes.
    seed : int
    """
    figure = page.sheet(page.WIDTH, 3.9 * (1 + 0.4 * page.narrow()))
    axes = figure.subplots(*((2, 1) if page.narrow() else (1, 2)))
    _plane(axes[0], units.vectors, units.clear, units.parts, seed)
    _plane(axes[1], units.decoys, np.zeros(len(units.number), bool), units.parts, seed)
    axes[0].set_title("units; filled: beyond decoys")
    axes[1].set_title("random directions (control)")
    handles, names = axes[0].get_legend_handles_labels()
    page.legend_below(figure, handles, names, len(names))
    figure.suptitle(
        f"t-SNE of what {len(units.number)} units change in the {units.metric} of each part; colour: the part changed most"
    )
    page.save(figure, path)


def _plane(
    axes: Axes, vectors: np.ndarray, filled: np.ndarray, parts: list[str], seed: int
) -> None:
    """Draw one set of label vectors, hollow where they are not filled."""
    places, strongest = population.plane(vectors, seed), np.abs(vectors).argmax(1)
    for number, part in enumerate(parts):
        colour = page.COLOURS[number % len(page.COLOURS)]
        for shown, face in ((filled, colour), (~filled, "none")):
            rows = (strongest == number) & shown
            x, y = places[rows].T
            axes.scatter(x, y, s=DOT, facecolors=face, edgecolors=colour, linewidths=0.8)
        axes.scatter([], [], s=DOT, color=colour, label=page.shown(part))
    axes.set_xticks([])
    axes.set_yticks([])


@page.styled
def label_heat(units: Population, path: str, k: int | None = None) -> None:
    """Draw the label vectors of units in the order of Ward's tree, clusters apart and named, and those of decoys in theirs.

    Parameters
    ----------
    units, path
        As for `label_planes`.
    k : int, optional
        Clusters; by default those of the largest mean silhouette.
    """
    vectors = units.vectors
    merges = population.ward(vectors)
    labels = cutting.cut(merges, k or population.best_cut(vectors, merges)[0])
    order = cutting.leaves(merges)
    control = cutting.leaves(population.ward(units.decoys))
    limit = float(np.percentile(np.abs(vectors), 99)) or 1.0
    figure = page.sheet(page.WIDTH, max(3.0, min(9.0, 0.075 * len(vectors) + 1.6)))
    left, right = figure.subplots(1, 2)
    for panel, values, title in (
        (left, vectors[order], "units"),
        (right, units.decoys[control], "random directions (control)"),
    ):
        drawn = panel.imshow(
            values, cmap="RdBu_r", vmin=-limit, vmax=limit, aspect="auto", interpolation="nearest"
        )
        panel.set_xticks(
            range(len(units.parts)),
            list(map(page.shown, units.parts)),
            rotation=90 if page.narrow() else 45,
        )
        panel.set_yticks([])
        panel.set_title(title)
    _clusters(left, labels[order], vectors[order], units.parts)
    figure.colorbar(drawn, ax=[left, right], label=f"mean change of {units.metric}", shrink=0.5)
    figure.suptitle(f"what {len(vectors)} units change in the {units.metric} of each part")
    page.save(figure, path)


def _clusters(axes: Axes, labels: np.ndarray, vectors: np.ndarray, parts: list[str]) -> None:
    """Part clusters of ordered rows by lines, and name those of at least a fortieth of the rows."""
    edges = [0, *(np.flatnonzero(np.diff(labels)) + 1), len(labels)]
    named = []
    for start, stop in zip(edges, edges[1:]):
        axes.axhline(stop - 0.5, color="black", linewidth=0.5)
        if stop - start >= len(labels) / 40:
            name = population.name_of(vectors[start:stop].mean(0), parts)
            named.append(((start + stop - 1) / 2, f"{page.shortened(name, 30)} ({stop - start})"))
    axes.set_yticks([place for place, _ in named], [name for _, name in named])
    axes.tick_params(axis="y", length=0)


@page.styled
def sparsity_curves(units: Population, names: list[str], path: str) -> None:
    """Draw the sparsity of label vectors, units in falling order, a line a class, and that of decoys.

    Parameters
    ----------
    units, path
        As for `label_planes`.
    names : list of str
        Of the classes.
    """
    figure = page.sheet(page.WIDTH, 3.2 * (1 + 0.6 * page.narrow()))
    axes = figure.subplots(*((2, 1) if page.narrow() else (1, 2)), sharey=True)
    labels = np.unique(units.label)
    groups = [("all classes", units), *((names[one], units.of_class(one)) for one in labels)]
    for (name, group), colour in zip(groups, ["black", *page.COLOURS * 10]):
        wide = 1.8 if name == "all classes" else 0.9
        for panel, vectors in zip(axes, (group.vectors, group.decoys)):
            values = np.sort(population.hoyer(vectors))[::-1]
            values = values[np.isfinite(values)]
            panel.plot(
                np.linspace(0, 1, len(values)), values, color=colour, linewidth=wide, label=page.shown(name)
            )  # fmt: skip
    axes[0].set_title("units")
    axes[1].set_title("random directions (control)")
    axes[0].set_ylabel(f"sparsity of the change of {units.metric}")
    for panel in axes:
        panel.set_xlabel("share of units, the sparsest first")
        panel.set_ylim(0, 1)
    _legend(figure, axes[0])
    figure.suptitle(
        f"in how few parts {len(units.number)} units change the {units.metric}: 0 in all alike, 1 in one alone"
    )
    page.save(figure, path)


def _legend(figure: Figure, axes: Axes) -> None:
    """Name the lines below the panels, at most a dozen."""
    handles, names = axes.get_legend_handles_labels()
    page.legend_below(figure, handles[:12], names[:12], 6)
