"""The grid of principal components of the blog post: columns are features; rows are the true class, then each method."""

import dataclasses
from collections.abc import Iterator
from typing import TYPE_CHECKING

import numpy as np
from matplotlib.figure import Figure
from matplotlib.lines import Line2D

from gradtools.errors import GradtoolsError
from gradtools.figures import page, paper
from gradtools.figures.matching import UNMATCHED, matched
from gradtools.selection.subjects import short_name

if TYPE_CHECKING:
    from matplotlib.axes import Axes
    from matplotlib.figure import SubFigure

    from gradtools.selection.results import Result

MARKERS = ("o", "^")
NAMED_CLASSES = len(page.COLOURS) * len(MARKERS)  # beyond, a colour bar
LEGEND_WIDTH = 1.1
PANEL, LEAST = 1.3, 0.85  # inches, and at least where a width was asked for
MANY_COLOURS = "viridis"
TRUE_CLASS = "true class"


@dataclasses.dataclass(frozen=True)
class Plane:
    """A column: coordinates (n, 2), shares of the variance (2,) or None, and {method: (labels (n,), ARI)}."""

    feature: str
    coordinates: np.ndarray
    shares: np.ndarray | None
    clusterings: dict[str, tuple[np.ndarray, float]]


@dataclasses.dataclass(frozen=True)
class Grid:
    """One model's planes, over samples of the given classes (n,)."""

    name: str
    classes: np.ndarray
    class_names: list[str]
    planes: list[Plane]


def projections(
    name: str,
    classes: np.ndarray,
    class_names: list[str],
    results: "list[Result]",
    projections: dict[str, tuple[np.ndarray, np.ndarray]],
    path: str,
) -> None:
    """Draw what `cluster` found: columns are features; rows are the true class, then each method's typical repeat.

    Parameters
    ----------
    name : str
        The model's specification, for the title.
    classes : (n,) int array
        Class of each clustered sample, an index of `class_names`; -1 where there is none.
    class_names : list of str
    results : list of cluster.Result
    projections : dict of feature name to ((n, 2) coordinates, (2,) shares of the variance)
    path : str
        As for `page.save`, and the errors too.
    """
    drawn = [
        Plane(feature, coordinates, shares, _typical_repeats(results, feature))
        for feature, (coordinates, shares) in projections.items()
    ]
    page.save(draw([Grid(short_name(name), classes, class_names, drawn)]), path)


def _typical_repeats(results: "list[Result]", feature: str) -> dict[str, tuple[np.ndarray, float]]:
    """{method: (labels, ARI)} of a feature's repeats nearest the mean."""
    return {
        result.method: typical_repeat(result) for result in results if result.feature == feature
    }


def typical_repeat(result: "Result") -> tuple[np.ndarray, float]:
    """Return (labels, ARI) of the repeat whose ARI is nearest the mean that tables show; of the first without classes."""
    values = np.asarray(result.columns["ari"])
    place = 0 if np.isnan(values).any() else int(np.abs(values - values.mean()).argmin())
    if result.labels is None:
        raise ValueError(f"{result.path}: a result without the labels of its clusters")
    return result.labels[place], float(values[place])


@page.styled
def draw(grids: list[Grid]) -> Figure:
    """Draw one grid a model, one below the other.

    Parameters
    ----------
    grids : list of Grid

    Returns
    -------
    Figure
    """
    if not any(grid.planes for grid in grids):
        raise GradtoolsError("no projections to draw: gradtools cluster computes them")
    grids = [part for grid in grids for part in _wrapped(grid)]
    used = {method for grid in grids for plane in grid.planes for method in plane.clusterings}
    methods = [method for method in page.METHODS if method in used]
    columns = max(len(grid.planes) for grid in grids)
    room = (page.width() - (0.7 if page.narrow() else 0.6 + LEGEND_WIDTH)) / columns
    side = min(PANEL, room) if paper.chosen_width() else PANEL
    height = side * (1 + len(methods)) + (1.4 if page.narrow() else 0.8)
    figure = page.sheet(max(3.5, PANEL * columns + LEGEND_WIDTH), height * len(grids))
    for part, grid in zip(figure.subfigures(len(grids), 1, squeeze=False)[:, 0], grids):
        _grid(part, grid, methods)
    return figure


def _wrapped(grid: Grid) -> Iterator[Grid]:
    """Yield a model's grid in parts whose columns fit the width that was asked for."""
    columns = paper.fitting(len(grid.planes), LEAST, 0.5)
    for start in range(0, len(grid.planes), columns):
        yield dataclasses.replace(grid, planes=grid.planes[start : start + columns])


def _grid(part: "SubFigure", grid: Grid, methods: list[str]) -> None:
    """One model's panels, its title and its legend."""
    axes = part.subplots(1 + len(methods), len(grid.planes), squeeze=False)
    values = np.unique(grid.classes)
    for column, plane in zip(axes.T, grid.planes):
        codes = {TRUE_CLASS: grid.classes, **_matched(plane, grid.classes)}
        for panel, method in zip(column, [TRUE_CLASS, *methods]):
            _panel(panel, plane, codes.get(method), values, plane.clusterings.get(method))
        column[0].set_title(page.feature(plane.feature))
        _label_components(column, plane.shares)
    for panel, method in zip(axes[:, 0], [TRUE_CLASS, *methods]):
        panel.annotate(
            page.METHODS.get(method, method),
            (0, 0.5),
            (-20, 0),
            "axes fraction",
            "offset points",
            rotation=90,
            ha="center",
            va="center",
            weight="bold",
        )
    part.suptitle(
        f"{page.shown(grid.name)}, {len(grid.classes)} samples, {len(values)} classes"
        + (
            "; clusters have the colour of the class they match; the repeat nearest the mean ARI"
            if methods
            else ""
        )
    )
    if len(values) <= NAMED_CLASSES:
        _legend(part, grid, values)
    else:
        _colour_bar(part, axes, values)


def _matched(plane: Plane, classes: np.ndarray) -> dict[str, np.ndarray]:
    """{method: the class of each sample's cluster}."""
    return {method: matched(labels, classes) for method, (labels, _) in plane.clusterings.items()}


def _panel(
    panel: "Axes",
    plane: Plane,
    codes: np.ndarray | None,
    values: np.ndarray,
    clustering: tuple[np.ndarray, float] | None,
) -> None:
    """The samples of one plane, coloured by class or by the class their cluster stands for."""
    panel.set(xticks=[], yticks=[], box_aspect=1)
    if codes is None:
        panel.set_axis_off()
        return
    if clustering:
        panel.set_title(f"ARI {clustering[1]:.2f}", pad=2)
    for style, chosen in _styles(codes, values):
        x, y = plane.coordinates[chosen].T
        drawn: page.Style = {"linewidths": 0, **style}
        panel.scatter(x, y, s=5, alpha=0.8, rasterized=True, **drawn)
    panel.set_aspect("equal", adjustable="datalim")
    panel.margins(0.06)


def _styles(codes: np.ndarray, values: np.ndarray) -> Iterator[tuple[page.Style, np.ndarray]]:
    """(how they are drawn, which samples) of each class, and of the clusters that stand for none."""
    rest = codes == UNMATCHED
    if rest.any():
        yield {"c": page.GREY, "marker": "x", "linewidths": 0.5}, rest
    if len(values) > NAMED_CLASSES:
        index = np.searchsorted(values, codes[~rest])
        yield (
            {"c": index, "cmap": MANY_COLOURS, "vmin": 0, "vmax": len(values) - 1, "marker": "o"},
            ~rest,
        )
        return
    for index, value in enumerate(values):
        yield {"c": _colour(index), "marker": _marker(index)}, codes == value


def _colour(index: int) -> str:
    return page.COLOURS[index % len(page.COLOURS)]


def _marker(index: int) -> str:
    return MARKERS[index // len(page.COLOURS)]


def _label_components(column: np.ndarray, shares: np.ndarray | None) -> None:
    """The axes of a column, below its last panel and at each panel's left."""
    first, second = (
        (f" ({100 * share:.0f} %)" for share in shares)
        if shares is not None and not paper.chosen_width()
        else ("", "")
    )
    column[-1].set_xlabel(f"PC 1{first}", labelpad=2)
    for panel in column:
        panel.set_ylabel(f"PC 2{second}", labelpad=1)


def _legend(part: "SubFigure", grid: Grid, values: np.ndarray) -> None:
    """The classes' names at the right, and what is drawn of no class."""

    def handle(marker: str, colour: str, label: str) -> Line2D:
        return Line2D(
            [],
            [],
            linestyle="",
            marker=marker,
            markersize=3.5,
            markeredgewidth=0.6 if marker == "x" else 0,
            color=colour,
            label=label,
        )

    handles = [
        handle(_marker(i), _colour(i), _class_name(grid, value)) for i, value in enumerate(values)
    ]
    codes = [matched for plane in grid.planes for matched in _matched(plane, grid.classes).values()]
    if any(UNMATCHED in matched for matched in codes):
        handles.append(handle("x", page.GREY, "further cluster"))
    names = [str(one.get_label()) for one in handles]
    part.legend(
        handles=handles,
        **(
            {"loc": "outside lower center", "ncols": page.legend_columns(names, 5)}
            if page.narrow()
            else {"loc": "outside right center"}
        ),
        title="class",
        alignment="left",
        handletextpad=0.2,
        borderaxespad=0.2,
    )


def _class_name(grid: Grid, value: int) -> str:
    if value < 0:
        return "no label"
    return (
        page.shortened(grid.class_names[value], 18) if value < len(grid.class_names) else str(value)
    )


def _colour_bar(part: "SubFigure", axes: np.ndarray, values: np.ndarray) -> None:
    """Too many classes for names: their numbers, in order."""
    from matplotlib.cm import ScalarMappable
    from matplotlib.colors import Normalize

    scale = ScalarMappable(Normalize(0, len(values) - 1), MANY_COLOURS)
    bar = part.colorbar(scale, ax=axes, shrink=0.5, aspect=30, pad=0.02)
    bar.set_label("class, in order of its name")
    bar.outline.set_visible(False)
