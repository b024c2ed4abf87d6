"""The nearest samples of one sample as bars, as in the blog post, with the floor as a line."""

from matplotlib.figure import Figure

from gradtools.figures import page
from gradtools.tables.wording import ROWS, feature_head

ITSELF, BEYOND, WITHIN = "#717581", page.COLOURS[0], "#c9ced6"
BAR_HEIGHT, NAME_LENGTH = 0.17, 40  # inches, characters


def neighbours(found: list, names: list[str], path: str) -> None:
    """Draw the nearest samples of one as bars, and the floor under which they say nothing.

    Parameters
    ----------
    found : list of neighbors.Near
        One panel each.
    names : list of str
        Of all samples of the store.
    path : str
        As for `page.save`, and the errors too.
    """
    page.save(draw(found, names), path)


@page.styled
def draw(found: list, names: list[str]) -> Figure:
    """Draw one panel a feature: itself first, bars nearer than the floor in colour, the others pale.

    Parameters
    ----------
    found : list of neighbors.Near
    names : list of str
        Of all samples of the store.

    Returns
    -------
    Figure
    """
    longest = max(len(near.index) for near in found)
    figure = page.sheet(
        page.WIDTH / 2 * (1 + (len(found) > 1)), len(found) * (BAR_HEIGHT * longest + 0.75)
    )
    for panel, near in zip(figure.subplots(len(found), 1, squeeze=False)[:, 0], found):
        _bars(panel, near, [page.shortened(names[row], NAME_LENGTH) for row in near.index])
    return figure


def _bars(panel, near, names):
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
