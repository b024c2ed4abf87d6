"""How the channels of every tap are distributed: small multiples, one histogram a tap."""

from typing import TYPE_CHECKING

import numpy as np

from gradtools.figures import page, paper
from gradtools.math.channels.channel_values import STATISTICS
from gradtools.selection.subjects import short_name

if TYPE_CHECKING:
    from matplotlib.axes import Axes
    from matplotlib.figure import Figure

    from gradtools.selection.channels import ChannelResults, TapChannels

ACROSS = 4
PANEL_HEIGHT = 1.35
NEGATIVE, ZERO, POSITIVE = "#3f90da", page.GREY, "#bd1f01"


def channels(name: str, results: "ChannelResults", kind: str, path: str) -> None:
    """Draw what `channels` found: the distribution of the channels' values, one histogram a tap.

    Parameters
    ----------
    name : str
        The model's specification, for the title.
    results : selection.channels.ChannelResults
    kind : str
        gradient or contribution.
    path : str
        As for `page.save`, and the errors too.
    """
    title = "\n".join(
        [f"{short_name(name)}, {results.groups.whose}: {kind} of every channel", *results.warnings]
    )
    page.save(draw(results.taps, kind, title), path)


@page.styled
def draw(taps: "list[TapChannels]", kind: str, title: str) -> "Figure":
    """Draw one panel a tap, in order of execution: the share of the channels in every bin, on a logarithmic scale.

    Parameters
    ----------
    taps : list of selection.channels.TapChannels
        Their first group is drawn.
    kind : str
        gradient or contribution.
    title : str

    Returns
    -------
    Figure
    """
    columns = paper.fitting(min(ACROSS, len(taps)), 1.5)
    rows = -(-len(taps) // columns)
    figure = page.sheet(max(page.WIDTH * columns / ACROSS, 3.6), PANEL_HEIGHT * rows + 0.75)
    axes = figure.subplots(rows, columns, squeeze=False, sharey=True)
    for panel, tap in zip(axes.flat, taps):
        _panel(panel, tap, kind)
    for panel in axes.flat[len(taps) :]:
        panel.set_axis_off()
    for panel in axes[:, 0]:
        panel.set_ylabel("share of channels")
    for panel in axes.flat[max(0, len(taps) - columns) : len(taps)]:
        panel.set_xlabel(kind)
    figure.suptitle(
        f"{page.shown(title)}\nshares of the channels below, at and above 0 (mean over images); "
        "grey: the bin around 0; scale logarithmic"
    )
    return figure


def _panel(panel: "Axes", tap: "TapChannels", kind: str) -> None:
    """The histogram of one tap and what it comes to."""
    edges, counts = tap.histograms[kind]
    counts, middle = counts[0], len(edges) // 2 - 1
    share = counts / counts.sum()
    colours = np.where(
        np.arange(len(counts)) < middle,
        NEGATIVE,
        np.where(np.arange(len(counts)) == middle, ZERO, POSITIVE),
    )
    panel.bar(edges[:-1], share, np.diff(edges), align="edge", color=colours, linewidth=0)
    panel.set_yscale("log")
    panel.set_xlim(edges[0], edges[-1])
    panel.set_ylim(1e-5, 1.5)
    panel.set_yticks([1e-4, 1e-2, 1], ["0.01 %", "1 %", "100 %"])
    panel.minorticks_off()
    panel.ticklabel_format(axis="x", scilimits=(-2, 3))
    panel.locator_params(axis="x", nbins=3)
    panel.xaxis.get_offset_text().set_fontsize(6)
    panel.set_title(page.shortened(tap.tap, 30), pad=3)
    _say(panel, tap, dict(zip(STATISTICS, tap.distribution[kind].value[0])))


def _say(panel: "Axes", tap: "TapChannels", means: dict[str, float]) -> None:
    """The shares and the effective number of channels, in the corners."""
    shares = [f"{means[name]:.2f}".lstrip("0") for name in ("negative", "zero", "positive")]
    for text, x, side, colour in zip(
        shares, (0.03, 0.5, 0.97), ("left", "center", "right"), (NEGATIVE, "#595959", POSITIVE)
    ):
        panel.annotate(
            text,
            (x, 0.98),
            xycoords="axes fraction",
            ha=side,
            va="top",
            size=6,
            color=colour,
            weight="bold",
            bbox={"facecolor": "white", "alpha": 0.7, "linewidth": 0, "pad": 0.5},
        )
    effective, channels = means["effective"], tap.values["gradient"].shape[1]
    panel.annotate(
        f"{effective:.0f} of {channels}\neffective" if effective == effective else "all zero",
        (0.97, 0.8),
        xycoords="axes fraction",
        ha="right",
        va="top",
        size=5.5,
    )
