"""A trial on one sheet: an image, the truth, and what every method makes of it."""

import textwrap

import numpy as np
from matplotlib.axes import Axes

from gradtools.figures import page, paper
from gradtools.selection.results import Result

COLUMNS = 7
PANEL = 1.05  # inches
LETTERS = 20  # of a line above a panel


@page.styled
def trial_sheet(
    image: np.ndarray,
    inside: np.ndarray,
    maps: dict[str, np.ndarray],
    methods: Result,
    path: str,
) -> None:
    """Draw one image with its object outlined, the truth, and every map with its correlation with the truth.

    Parameters
    ----------
    image : (H, W, 3) u8 array
    inside : (H, W) bool array
        The annotated object.
    maps : dict of str to (H, W) array in 0..1
        The truth among them.
    methods : Result
        Of a trial: the mean correlations, printed over the maps.
    path : str
        PNG, SVG or PDF.
    """
    rest = [name for name in maps if name != "truth"]
    columns = paper.fitting(COLUMNS, 0.8)
    rows = -(-(len(rest) + 2) // columns)
    figure = page.sheet(columns * PANEL, rows * (PANEL + 0.28), pictures=True)
    axes = figure.subplots(rows, columns, squeeze=False).ravel()
    axes[0].imshow(image, interpolation="nearest")
    _panel(axes[0], "image, object outlined", inside)
    for place, name in enumerate(["truth", *rest], 1):
        axes[place].imshow(maps[name], cmap="viridis", vmin=0, vmax=1, interpolation="nearest")
        score = methods.get(f"{name}: truth").value
        words = "truth: Shapley values"
        if name != "truth":
            words = textwrap.fill(f"{name} {round(score, 2) + 0.0:.2f}", LETTERS)
        _panel(axes[place], words, inside)
    for axis in axes[len(rest) + 2 :]:
        axis.set_axis_off()
    page.save(figure, path)


def _panel(axis: Axes, title: str, inside: np.ndarray) -> None:
    """Title a panel and outline the object, in red, along the edges of its pixels."""
    axis.set_title(title, fontsize=5.5)
    axis.set_xticks([])
    axis.set_yticks([])
    y, x = np.nonzero(inside)
    left, top = x.min() - 0.5, y.min() - 0.5
    right, bottom = x.max() + 0.5, y.max() + 0.5
    axis.plot(
        [left, right, right, left, left],
        [top, top, bottom, bottom, top],
        color=page.COLOURS[2],
        linewidth=0.8,
    )
