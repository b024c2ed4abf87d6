"""Class x prediction: mean similarity of pairs of the same or another class and prediction, a 2 x 2 map a feature."""

from typing import TYPE_CHECKING

import numpy as np
from matplotlib.figure import Figure

from gradtools.errors import GradtoolsError
from gradtools.figures import page, paper

if TYPE_CHECKING:
    from matplotlib.axes import Axes
    from matplotlib.figure import SubFigure
    from matplotlib.image import AxesImage

    from gradtools.selection.results import Result

# Rows: same, other class; columns: same, other prediction.
CELLS = (
    ("same_class_same_prediction", "same_class_other_prediction"),
    ("other_class_same_prediction", "other_class_other_prediction"),
)
COLUMNS, LEAST = 5, 1.0  # maps in a row, and inches of one at least where a width was asked for
BOUNDED = ("cosine", "correlation")
DARK = 0.6  # share of the scale beyond which text is white


def class_by_prediction(results: "list[Result]", path: str) -> None:
    """Draw what `similarity` found: mean similarity of same or other class x same or other prediction, a map a feature.

    Parameters
    ----------
    results : list of results.Result
    path : str
        As for `page.save`, and the errors too.
    """
    metrics = dict.fromkeys(result.metric for result in results)
    maps = {
        metric: [("", {result.feature: result for result in results if result.metric == metric})]
        for metric in metrics
    }
    page.save(draw(maps), path)


@page.styled
def draw(maps: dict[str, list[tuple[str, dict]]]) -> Figure:
    """Draw heat maps of every metric, one part each with a scale of its own, centred at 0.

    Parameters
    ----------
    maps : dict of metric to list of (model name, {feature: result or None})
        Results have `columns` (statistic, value, pairs) and `facts`. More than COLUMNS features go on in further rows.

    Returns
    -------
    Figure
    """
    maps = {metric: _wrapped(rows) for metric, rows in maps.items()}
    if not any(results for rows in maps.values() for _, results in rows):
        raise GradtoolsError("no similarities to draw: gradtools similarity computes them")
    columns = max(len(results) for rows in maps.values() for _, results in rows)
    heights = [1.22 * len(rows) + 1.05 for rows in maps.values()]
    figure = page.sheet(1.22 * columns + 1.3, sum(heights))
    parts = figure.subfigures(len(maps), 1, squeeze=False, height_ratios=heights)[:, 0]
    for part, (metric, rows) in zip(parts, maps.items()):
        _part(part, metric, rows, columns)
    return figure


def _wrapped(rows: "list[tuple[str, dict[str, Result]]]") -> "list[tuple[str, dict[str, Result]]]":
    """Rows of at most COLUMNS maps, fewer where a width was asked for."""
    columns = paper.fitting(COLUMNS, LEAST, 1.1)
    return [
        (name, dict(list(results.items())[start : start + columns]))
        for name, results in rows
        for start in range(0, len(results), columns)
    ]


def _part(
    part: "SubFigure", metric: str, rows: "list[tuple[str, dict[str, Result]]]", columns: int
) -> None:
    """All maps of one metric, the scale they share, and how many samples they rest on."""
    axes = part.subplots(len(rows), columns, squeeze=False)
    tables = [[cells(result) for result in results.values()] for _, results in rows]
    limit = _limit(metric, [means for line in tables for means, _ in line])
    above, below = (
        [[], *(list(results) for _, results in rows[:-1])],
        [*(len(line) for line in tables[1:]), 0],
    )
    for at, (line, (name, results)) in enumerate(zip(axes, rows)):
        for panel in line[len(results) :]:
            panel.set_axis_off()
        for index, (panel, feature) in enumerate(zip(line, results)):
            image = _map(panel, *tables[at][index], limit)
            panel.set_title(page.feature(feature) if above[at] != list(results) else "", pad=3)
            _label(panel, bottom=index >= below[at], left=index == 0)
        line[0].annotate(
            page.shortened(name, 22),
            (0, 0.5),
            (-34, 0),
            "axes fraction",
            "offset points",
            rotation=90,
            ha="center",
            va="center",
            weight="bold",
        )
    bar = part.colorbar(image, ax=axes, shrink=min(1.0, 1.4 / len(rows)), aspect=18, pad=0.02)
    bar.set_label(f"mean {metric} over pairs")
    bar.outline.set_visible(False)
    counts = [
        result.facts["rows"]
        for _, results in rows
        for result in results.values()
        if result is not None
    ]
    part.suptitle(
        f"class x prediction, {page.samples(counts)}; below each mean the number of pairs"
    )


def _limit(metric: str, means: list[np.ndarray]) -> float:
    """Where the scale ends on both sides of 0."""
    if metric in BOUNDED:
        return 1.0
    return float(np.nanmax(np.abs(means), initial=0)) or 1.0


def cells(result: "Result") -> tuple[np.ndarray, np.ndarray]:
    """Return means and numbers of pairs of the four cells, (2, 2) each; NaN and 0 where there are none."""
    statistic = list(result.columns["statistic"]) if result is not None else []
    means, pairs = np.full((2, 2), np.nan), np.zeros((2, 2), np.int64)
    for index in np.ndindex(2, 2):
        name = CELLS[index[0]][index[1]]
        if name in statistic:
            at = statistic.index(name)
            means[index], pairs[index] = result.columns["value"][at], result.columns["pairs"][at]
    return means, pairs


def _map(panel: "Axes", means: np.ndarray, pairs: np.ndarray, limit: float) -> "AxesImage":
    """One 2 x 2 map with its numbers."""
    image = panel.imshow(means, cmap="RdBu_r", vmin=-limit, vmax=limit)
    for row, column in np.ndindex(2, 2):
        mean = means[row, column]
        text = f"{mean:.3f}\n({_count(int(pairs[row, column]))})" if mean == mean else "-"
        panel.text(
            column,
            row,
            text,
            ha="center",
            va="center",
            size=6,
            color="white" if abs(mean) > DARK * limit else "black",
        )
    panel.spines[:].set_visible(False)
    panel.tick_params(length=0)
    return image


def _count(pairs: int) -> str:
    """A number of pairs in the width of a cell."""
    return f"{pairs}" if pairs < 10**6 else f"{pairs / 10**6:.1f}M"


def _label(panel: "Axes", bottom: bool, left: bool) -> None:
    panel.set_xticks([0, 1], ["same", "other"] if bottom else ["", ""])
    panel.set_yticks([0, 1], ["same", "other"] if left else ["", ""], rotation=90, va="center")
    panel.set(xlabel="prediction" if bottom else "", ylabel="class" if left else "")
