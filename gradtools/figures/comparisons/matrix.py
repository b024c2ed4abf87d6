"""A matrix of comparisons: every space with every other, such as a network's taps."""

from typing import TYPE_CHECKING

import numpy as np

from gradtools.errors import GradtoolsError
from gradtools.figures import page

if TYPE_CHECKING:
    from matplotlib.axes import Axes
    from matplotlib.figure import Figure

    from gradtools.selection.comparisons import Comparisons

CELL = 0.42  # inches
DARK = 0.55  # share of the scale from which on text is dark


@page.styled
def draw(comparisons: "Comparisons", by: str, title: str) -> "Figure":
    """Draw one statistic of every pair; where few of all pairs were compared, a bar for each of these.

    Parameters
    ----------
    comparisons : selection.comparisons.Comparisons
    by : str
        Name of the statistic.
    title : str

    Returns
    -------
    Figure
    """
    places = sorted(
        {
            place
            for comparison in comparisons.comparisons
            for place in (comparison.first, comparison.second)
        }
    )
    values = np.full((len(places),) * 2, np.nan)
    for comparison in comparisons.comparisons:
        statistic = comparison.measured.statistics.get(by)
        if statistic is not None:
            pair = places.index(comparison.first), places.index(comparison.second)
            values[pair] = values[pair[::-1]] = statistic.value
    if np.isnan(values).all():
        raise GradtoolsError(f"no pair has {title}: choose another --by")
    if 2 * np.isnan(values).sum() > len(places) ** 2:
        return _bars(comparisons, by, title)
    np.fill_diagonal(values, 1)
    names = [
        page.shortened(comparisons.spaces[place].name, 18 if page.narrow() else 34)
        for place in places
    ]
    side = CELL * len(places)
    figure = page.sheet(
        side + 1.2 + 0.055 * max(map(len, names)),
        side + 0.8 + 0.04 * max(map(len, names)),
        pictures=True,
    )
    panel = figure.subplots()
    image = panel.imshow(values, cmap="viridis", vmin=min(0, np.nanmin(values)), vmax=1)
    _numbers(panel, values)
    panel.set_xticks(range(len(names)), names, rotation=40, ha="right", rotation_mode="anchor")
    panel.set_yticks(range(len(names)), names)
    panel.tick_params(length=0)
    panel.spines[:].set_visible(False)
    figure.colorbar(image, ax=panel, shrink=0.8, aspect=25, pad=0.02).outline.set_visible(False)
    figure.suptitle(f"{title}, {page.samples([comparisons.facts['samples']])}")
    return figure


def _bars(comparisons: "Comparisons", by: str, title: str) -> "Figure":
    """A bar for each pair that was compared, as of two models' spaces."""
    pairs = [
        (f"{comparison.a} ~ {comparison.b}", comparison.measured.statistics[by])
        for comparison in comparisons.comparisons
        if by in comparison.measured.statistics
    ]
    names = [page.shortened(name, 28 if page.narrow() else 70) for name, _ in pairs]
    figure = page.sheet(page.WIDTH, 0.8 + 0.26 * len(pairs))
    panel = figure.subplots()
    for place, (_, statistic) in enumerate(pairs):
        panel.barh(place, statistic.value, color=page.COLOURS[0], height=0.7)
        panel.text(statistic.value, place, f" {statistic.value:.2f}", va="center", size=6)
    panel.set_yticks(range(len(names)), names)
    panel.invert_yaxis()
    panel.set_xlim(min(0, panel.get_xlim()[0]), 1.05)
    panel.set_xlabel(title)
    figure.suptitle(page.samples([comparisons.facts["samples"]]))
    return figure


def _numbers(panel: "Axes", values: np.ndarray) -> None:
    """The values, where there is room for them."""
    if len(values) > 16:
        return
    for row, column in np.ndindex(*values.shape):
        value = values[row, column]
        if value == value:
            panel.text(
                column,
                row,
                f"{value:.2f}",
                ha="center",
                va="center",
                size=6,
                color="black" if value > DARK else "white",
            )
