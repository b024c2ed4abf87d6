"""How the channels of every tap are distributed: small multiples, one histogram a tap."""

import numpy as np

from gradtools.figures import page
from gradtools.math.channels.channel_values import STATISTICS
from gradtools.selection.subjects import short_name

ACROSS = 4
PANEL_HEIGHT = 1.35
NEGATIVE, ZERO, POSITIVE = "#3f90da", page.GREY, "#bd1f01"


def channels(name, found, kind, path):
    """Draw what `channels` found: the distribution of the channels' values, one histogram a tap.

    Parameters
    ----------
    name : str
        The model's specification, for the title.
    found : selection.channels.ChannelResults
    kind : str
        gradient or contribution.
    path : str
        As for `page.save`, and the errors too.
    """
    title = "\n".join(
        [f"{short_name(name)}, {found.groups.whose}: {kind} of every channel", *found.warnings]
    )
    page.save(draw(found.taps, kind, title), path)


@page.styled
def draw(found, kind, title):
    """Draw one panel a tap, in order of execution: the share of the channels in every bin, on a logarithmic scale.

    Parameters
    ----------
    found : list of selection.channels.TapChannels
        Their first group is drawn.
    kind : str
        gradient or contribution.
    title : str

    Returns
    -------
    Figure
    """
    columns = min(ACROSS, len(found))
    rows = -(-len(found) // columns)
    figure = page.sheet(max(page.WIDTH * columns / ACROSS, 3.6), PANEL_HEIGHT * rows + 0.75)
    axes = figure.subplots(rows, columns, squeeze=False, sharey=True)
    for panel, one in zip(axes.flat, found):
        _panel(panel, one, kind)
    for panel in axes.flat[len(found) :]:
        panel.set_axis_off()
    for panel in axes[:, 0]:
        panel.set_ylabel("share of channels")
    for panel in axes.flat[max(0, len(found) - columns) : len(found)]:
        panel.set_xlabel(kind)
    figure.suptitle(
        f"{page.shown(title)}\nshares of the channels below, at and above 0 (mean over images); "
        "grey: the bin around 0; scale logarithmic"
    )
    return figure


def _panel(panel, one, kind):
    """The histogram of one tap and what it comes to."""
    edges, counts = one.histograms[kind]
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
    panel.xaxis.get_offset_text().set_size(6)
    panel.set_title(page.shortened(one.tap, 30), pad=3)
    _say(panel, one, dict(zip(STATISTICS, one.distribution[kind].value[0])))


def _say(panel, one, means):
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
    effective, channels = means["effective"], one.values["gradient"].shape[1]
    panel.annotate(
        f"{effective:.0f} of {channels}\neffective" if effective == effective else "all zero",
        (0.97, 0.8),
        xycoords="axes fraction",
        ha="right",
        va="top",
        size=5.5,
    )
