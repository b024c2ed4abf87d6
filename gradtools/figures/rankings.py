"""The nearest samples of one sample as bars, as in the blog post, with the floor as a line."""

from typing import TYPE_CHECKING

from matplotlib.figure import Figure

from gradtools.figures import page
from gradtools.tables.wording import ROWS, feature_head

if TYPE_CHECKING:
    from matplotlib.axes import Axes

    from gradtools.selection.neighbors import Near

ITSELF, BEYOND, WITHIN = "#717581", page.COLOURS[0], "#c9ced6"
BAR_HEIGHT, NAME_LENGTH = 0.17, 40  # inches, characters


def neighbours(nears: "list[Near]", names: list[str], path: str) -> None:
    """Draw the nearest samples of one as bars, and the floor under which they say nothing.

    Parameters
    ----------
    nears : list of selection.neighbors.Near
        One panel each.
    names : list of str
        Of all samples of the store.
    path : str
        As for `page.save`, and the errors too.
    """
    page.save(draw(nears, names), path)


@page.styled
def draw(nears: "list[Near]", names: list[str]) -> Figure:
    """Draw one panel a feature: itself first, bars nearer than the floor in colour, the others pale.

    Parameters
    ----------
    nears : list of selection.neighbors.Near
    names : list of str
        Of all samples of the store.

    Returns
    -------
    Figure
    """
    longest = max(len(near.index) for near in nears)
    figure = page.sheet(
        page.WIDTH / 2 * (1 + (len(nears) > 1)), len(nears) * (BAR_HEIGHT * longest + 0.75)
    )
    for panel, near in zip(figure.subplots(len(nears), 1, squeeze=False)[:, 0], nears):
        _bars(
            panel,
            near,
            [page.shortened(names[row], NAME_LENGTH // (1 + page.narrow())) for row in near.index],
        )
    return figure


def _bars(panel: "Axes", near: "Near", names: list[str]) -> None:
    """One sample's neighbours by one feature."""
    colours = [
        BEYOND if near.floor != near.floor or near.beyond(value) else WITHIN
        for value in near.values
    ]
    colours[0] = ITSELF
    panel.barh(range(len(names)), near.values, height=0.78, color=colours)
    panel.set_yticks(range(len(names)), names)
    panel.set_ylim(len(names) - 0.4, -0.6)
    panel.tick_params(axis="y", length=0)
    panel.set_xlabel(
        f"{near.metric} of {feature_head(near.feature)} (rows {ROWS.get(near.normalised, near.normalised)})"
    )
    panel.set_title(f"nearest to {names[0]}")
    panel.axvline(0, color="black", linewidth=0.6)
    if near.floor == near.floor:
        panel.axvline(near.floor, color="black", linestyle="--", linewidth=0.8)
        panel.text(near.floor, len(names) - 1, f" floor {near.floor:.3f}", va="center", size=6)
