"""Deletion and insertion curves of channels: a row a tap, a line a ranking with its interval, the area under it in the legend."""

from typing import TYPE_CHECKING

import numpy as np
from matplotlib.figure import Figure

from gradtools.errors import GradtoolsError
from gradtools.figures import page
from gradtools.tables import ablation
from gradtools.tables.wording import FILLED_BY, RANKINGS_OF_CHANNELS

if TYPE_CHECKING:
    from matplotlib.axes import Axes

    from gradtools.selection.results import Columns

CURVES = {
    "deletion": "channels taken away, the ranking's first in front",
    "insertion": "channels put in, the ranking's first in front",
}
STYLES: dict[str, page.Style] = {"random": {"color": "black", "linestyle": "--"}}
PANEL_HEIGHT = 2.2


def deletion_curves(measured: dict[str, dict[str, ablation.Result]], path: str) -> None:
    """Draw what `channels --ablate` found: deletion and insertion of channels along every ranking.

    Parameters
    ----------
    measured : dict of str to dict
        As for `drawn`, and the errors too.
    path : str
        As for `page.save`, and the errors too.
    """
    page.save(drawn(measured), path)


def drawn(measured: dict[str, dict[str, ablation.Result]]) -> Figure:
    """Draw the curves of every model that has some; returns a Figure.

    Parameters
    ----------
    measured : dict of str to dict
        Of every model the tables of its ablation, by their names in the store.

    Raises
    ------
    GradtoolsError
        There are no curves; names the command that computes them.
    """
    curves = {name: tables for name, tables in measured.items() if "channel_points" in tables}
    if not curves:
        raise GradtoolsError(
            f"no deletion and insertion curves to draw: {FILLED_BY['channels']} --ablate zero computes them, unless with --steps 0"
        )
    return draw(curves)


@page.styled
def draw(measured: dict[str, dict[str, ablation.Result]]) -> Figure:
    """Draw one row a model and tap, deletion beside insertion.

    Parameters
    ----------
    measured : dict of str to dict
        Of every model the tables channel_points and channel_curves, which have `columns` and `facts`.

    Returns
    -------
    Figure
    """
    rows = [
        (name, tap, tables)
        for name, tables in measured.items()
        for tap in dict.fromkeys(tables["channel_points"].columns["tap"])
    ]
    below = len(CURVES) if page.narrow() else 1  # panels one below the other
    figure = page.sheet(page.WIDTH * 1.35, PANEL_HEIGHT * len(rows) * below + 0.6)
    axes = figure.subplots(len(rows) * below, len(CURVES) // below, squeeze=False)
    axes = axes.reshape(len(rows), len(CURVES))
    for line, (name, tap, tables) in zip(axes, rows):
        for panel, curve in zip(line, CURVES):
            points, areas = (
                _of(tables[table].columns, tap, curve)
                for table in ("channel_points", "channel_curves")
            )
            _panel(panel, points, areas)
            panel.set_title(
                page.shortened(f"{name}, {tap}: {curve}", 60)
                + _fewer(areas, int(tables["channel_curves"].facts["images"]))
            )
        line[0].set_ylabel("share of the full score")
    for panel, text in zip(axes[-1], CURVES.values()):
        panel.set_xlabel(f"share of the {text}")
    every = [tables["channel_points"].facts for tables in measured.values()]
    about = " | ".join(dict.fromkeys(ablation.whose(facts) for facts in every))
    said = dict.fromkeys(line for facts in every for line in ablation.warnings(facts))
    figure.suptitle(
        "\n".join(
            [
                f"deletion and insertion of channels (zero fill), {page.shown(about)}",
                "mean over images; shades: 95 % of resampled images; numbers: areas under the curves; random is the control",
                *said,
            ]
        )
    )
    return figure


def _of(columns: "Columns", tap: str, curve: str) -> dict[str, dict[str, np.ndarray]]:
    """The rows of one tap and curve, {ranking: {column: array}}."""
    arrays = {name: np.asarray(column) for name, column in columns.items()}
    mine = (arrays["tap"] == tap) & (arrays["curve"] == curve)
    return {
        ranking: {
            name: column[mine & (arrays["ranking"] == ranking)] for name, column in arrays.items()
        }
        for ranking in dict.fromkeys(arrays["ranking"][mine].tolist())
    }


def _panel(
    panel: "Axes", points: dict[str, dict[str, np.ndarray]], areas: dict[str, dict[str, np.ndarray]]
) -> None:
    """One line a ranking."""
    for number, (ranking, words) in enumerate(RANKINGS_OF_CHANNELS.items()):
        at, value, low, high = (
            points[ranking][name].astype(float) for name in ("taken", "value", "low", "high")
        )
        style = STYLES.get(ranking, {"color": page.COLOURS[number]})
        label = f"{_decimals(areas[ranking]['value'][0])}  {words}"
        panel.plot(
            at / at[-1], value, label=label, zorder=3 - number / 10, **style
        )  # of equal curves the first shows
        panel.fill_between(at / at[-1], low, high, color=style["color"], alpha=0.15, linewidth=0)
    panel.axhline(0, color="black", linewidth=0.5)
    panel.axhline(1, color=page.GREY, linewidth=0.5)
    panel.set_xlim(0, 1)
    panel.legend(loc="center left", bbox_to_anchor=(1.01, 0.5), handlelength=1.2, borderaxespad=0)


def _fewer(areas: dict[str, dict[str, np.ndarray]], images: int) -> str:
    """How many images have a share, where not all have."""
    counted = int(max(rows["images"][0] for rows in areas.values()))
    return f"\n{counted} images, for the others have no score above 0" if counted < images else ""


def _decimals(area: float) -> str:
    return "-" if area != area else f"{area:.2f}"
