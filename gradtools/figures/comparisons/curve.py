"""A curve over checkpoints: how alike each is to the first, or the last, one."""

from typing import TYPE_CHECKING

import numpy as np

from gradtools.errors import GradtoolsError
from gradtools.figures import page, paper
from gradtools.math.pairs.bootstrap import interval

if TYPE_CHECKING:
    from matplotlib.axes import Axes
    from matplotlib.figure import Figure

    from gradtools.selection.comparisons import Comparison, Comparisons

LINES = {"cka_debiased": "CKA, debiased", "rsa_pearson": "RSA", "cophenetic": "trees"}
MARKERS = "osD"
SHIFT = 0.008  # of the axis, between lines at one store, so that their intervals do not overlap


@page.styled
def draw(results: "Comparisons", values: np.ndarray, label: str) -> "Figure":
    """Draw one panel a feature, one line a statistic with 95 % intervals, over the positions of the stores.

    Parameters
    ----------
    results : selection.comparisons.Comparisons
    values : (m,) float array
        Position of every store.
    label : str
        Of the axis.

    Returns
    -------
    Figure
    """
    panels = _panels(results)
    if not panels:
        raise GradtoolsError(
            "a curve takes one store and others to compare it with: name several stores and --against first or last"
        )
    beside = paper.fitting(min(2, len(panels)), 2.2)
    lines = -(-len(panels) // beside)
    figure = page.sheet(page.WIDTH / 2 * beside, 2.6 * lines)
    axes = figure.subplots(lines, beside, squeeze=False, sharex=True, sharey=True).ravel()
    for panel, (anchor, role, comparisons) in zip(axes, panels):
        for index, (name, text) in enumerate(LINES.items()):
            _line(panel, results, comparisons, values, name, text, index)
        panel.set_title(page.shortened(f"{role} against {results.spaces[anchor].name}", 50))
        panel.set(xlabel=label, ylabel="how alike")
        panel.grid(axis="y", linewidth=0.3, color="#d0d0d0")
        panel.axhline(0, color="black", linewidth=0.6)
    for panel in axes[len(panels) :]:
        panel.set_axis_off()
    handles, names = axes[0].get_legend_handles_labels()
    page.legend_below(figure, handles, names, 3)
    figure.suptitle(
        f"{page.samples([results.facts['samples']])}; bars: 95 % intervals of resampled samples"
    )
    return figure


def _panels(results: "Comparisons") -> "list[tuple[int, str, list[Comparison]]]":
    """(the space that all are compared with, role, comparisons) of every role that is compared across stores."""
    groups: dict[tuple[int, str], list[Comparison]] = {}
    for comparison in results.comparisons:
        anchor, other = results.spaces[comparison.first], results.spaces[comparison.second]
        if anchor.source != other.source and other.reference is None:
            groups.setdefault((comparison.first, other.role), []).append(comparison)
    anchors: dict[str, list[tuple[int, str, list[Comparison]]]] = {}
    for (first, role), comparisons in groups.items():
        anchors.setdefault(role, []).append((first, role, comparisons))
    return [parts[0] for parts in anchors.values() if len(parts) == 1]


def _line(
    panel: "Axes",
    results: "Comparisons",
    comparisons: "list[Comparison]",
    values: np.ndarray,
    name: str,
    text: str,
    index: int,
) -> None:
    """One statistic over the stores."""
    points = []
    for comparison in comparisons:
        statistic = comparison.measured.statistics.get(name)
        if statistic is not None:
            bounds = (
                (np.nan, np.nan) if statistic.replicates is None else interval(statistic.replicates)
            )
            points.append(
                (values[results.spaces[comparison.second].source], statistic.value, *bounds)
            )
    if points:
        at, value, low, high = np.array(sorted(points)).T
        at = at + (index - 1) * SHIFT * np.ptp(values)
        panel.errorbar(
            at,
            value,
            np.clip(np.nan_to_num([value - low, high - value]), 0, None),
            elinewidth=0.7,
            capsize=1.5,
            markersize=3,
            marker=MARKERS[index],
            color=page.COLOURS[index],
            label=text,
        )
