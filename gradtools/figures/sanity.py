"""Sanity as pictures: maps along the cascade, and how alike they stay, with intervals and the null."""

from typing import TYPE_CHECKING

import numpy as np
from matplotlib.figure import Figure

from gradtools import store
from gradtools.errors import GradtoolsError
from gradtools.figures import page, paper
from gradtools.figures.overlays import blending
from gradtools.figures.overlays.mosaic import Bar, Mosaic, draw, fitted, save
from gradtools.math.maps.resize import resize
from gradtools.selection.results import Result
from gradtools.selection.subjects import short_name
from gradtools.store import Store, paths
from gradtools.tables.sanity import NULL_ROW, words_of

if TYPE_CHECKING:
    from matplotlib.axes import Axes

PANEL = 2.3  # inches
UNIT = Bar(blending.FOR, 0.0, "map, 0 to 1 in each")


def sanity_strip(path_of_store: str, path: str) -> None:
    """Draw the maps of the trained network and of every network held against it, a row an image and method.

    Parameters
    ----------
    path_of_store : str
        What `sanity` wrote.
    path : str
        As for `page.save`, and the errors too.
    """
    with store.read(path_of_store) as source:
        save(strip(source), path)


def strip(source: Store) -> Mosaic:
    """Return the strip of an open store; of several seeds the first."""
    frames = source.values(paths.SANITY_FRAME)
    if frames is None:
        raise GradtoolsError(
            f"{source.name}: no pictures of maps: make it anew with gradtools sanity"
        )
    mode, group = (
        source.texts(paths.inside(paths.SANITY, name)) or [] for name in ("mode", "group")
    )
    step, seed = (source.needed(paths.inside(paths.SANITY, name)) for name in ("step", "seed"))
    shown = np.flatnonzero(seed == 0)
    words = [words_of(mode[place], int(step[place]), group[place]) for place in shown]
    heads = ["image", "trained", *map(_head, words)]
    rows = []
    for name in _maps(source):
        trained = source.needed(paths.sanity(name, paths.TRAINED))
        pictures = source.needed(paths.sanity(name, paths.PICTURE))[shown]
        for number, frame in enumerate(frames):
            every = [trained[number], *pictures[:, number]]
            rows.append((_head(name), [frame, *(_over(frame, values) for values in every)]))
    model = short_name(source.model.get("model", source.name))
    title = f"{model}: maps as its parameters or labels become random"
    return draw(title, heads, rows, [UNIT], side=min(1.2, 7.5 / len(heads)))


def _maps(source: Store) -> list[str]:
    """Return the names of the maps that have pictures."""
    names = source.tree(paths.SANITY)
    return [name for name in names if source.values(paths.sanity(name, paths.TRAINED)) is not None]


def _head(words: str) -> str:
    """Return words on two lines."""
    name, _, rest = words.partition("@")
    first, _, second = name.partition(", ")
    below = rest or second
    return f"{fitted(first, 0.9)}\n{fitted(below, 0.9)}" if below else fitted(first, 0.9)


def _over(frame: np.ndarray, values: np.ndarray) -> np.ndarray:
    """Return a map of 0 to 255 over its image, whatever their sizes."""
    side = frame.shape[:2]
    read = values[None] / 255
    sized = read if values.shape == side else np.clip(resize(read, side), 0, 1)
    return blending.over(frame, sized[0])


def sanity_curve(results: list[Result], path: str) -> None:
    """Draw how alike maps stay along the cascade, a panel a measure.

    Parameters
    ----------
    results : list of Result
        Of `sanity`.
    path : str
        As for `page.save`, and the errors too.
    """
    page.save(curve(results), path)


@page.styled
def curve(results: list[Result]) -> Figure:
    """Return the curves: a line a map, the interval over images around it, its null dashed, seeds as error bars."""
    measures = list(dict.fromkeys(result.metric for result in results))
    beside = paper.fitting(len(measures), 2.0)
    lines = -(-len(measures) // beside)
    figure = page.sheet(max(page.WIDTH, PANEL * len(measures) + 1.6), PANEL * lines + 0.9)
    panels = figure.subplots(lines, beside, squeeze=False).ravel()
    for axes in panels[len(measures) :]:
        axes.set_axis_off()
    for panel, measure in zip(panels, measures):
        chosen = [result for result in results if result.metric == measure]
        for colour, result in zip(page.COLOURS, chosen):
            _line(panel, result, colour)
        steps = _steps(chosen[0])
        heads = [words_of(*one) for one in steps]
        panel.set_xticks(
            range(len(heads)), [fitted(head, 1.0) for head in heads], rotation=35, ha="right"
        )
        panel.set_ylabel(f"{measure} with the trained map")
        panel.axhline(0, color=page.GREY, linewidth=0.5)
    handles, labels = panel.get_legend_handles_labels()
    figure.legend(
        handles,
        labels,
        loc="outside lower center" if paper.chosen_width() else "outside right center",
        ncols=page.legend_columns(labels, len(labels)) if paper.chosen_width() else 1,
    )
    facts = results[0].facts
    figure.suptitle(
        f"{facts['images_in_all']} images, {facts['seeds']} networks a step: band 95 % of images, bars ± sd of networks; "
        f"dashed: {NULL_ROW}"
    )
    return figure


def _steps(result: Result) -> list[tuple[str, str, str]]:
    """Return mode, step and group of the rows that are networks."""
    groups = result.columns["group"]
    return [
        (*statistic.partition(":")[::2], str(group))
        for statistic, group in zip(result.columns["statistic"], groups)
        if ":" in statistic
    ]


def _line(panel: "Axes", result: Result, colour: str) -> None:
    """Draw one map's line, band, bars and null."""
    count = len(_steps(result))
    x = np.arange(count)
    value, low, high, spread = (
        np.asarray(result.columns[name], float)[:count]
        for name in ("value", "low", "high", "spread")
    )
    label = result.feature.removeprefix("map:")
    panel.fill_between(x, low, high, color=colour, alpha=0.2, linewidth=0)
    panel.errorbar(
        x, value, spread, color=colour, label=label, marker="o", markersize=3, elinewidth=0.8
    )
    null = result.get("null").value
    if null == null:
        panel.axhline(null, color=colour, linestyle="--", linewidth=0.7)
