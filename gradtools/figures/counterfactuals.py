"""Moves to other classes: strips of the pictures along their paths, or, without pictures, distances by pair of classes."""

import numpy as np
from matplotlib.axes import Axes

from gradtools.figures import page
from gradtools.selection.counterfactuals import Moves
from gradtools.selection.results import Result

CELL = 0.5  # inches of a picture


@page.styled
def least_moves(moves: Moves, result: Result, path: str) -> None:
    """Draw the kept pictures, a row a move, with the target's probability; else a heat map of mean distances.

    Parameters
    ----------
    moves : Moves
    result : Result
        A row a pair of classes.
    path : str
        Where the picture goes.
    """
    if "picture" in moves.values:
        _strips(moves, path)
    else:
        _distances(result, path)


def _strips(moves: Moves, path: str) -> None:
    """Draw a row a move: pictures, and beside them the target's probability by the head and by the picture."""
    pictures = moves.values["picture"]
    count, points = pictures.shape[:2]
    figure = page.sheet(points * CELL + 3.4, count * (CELL + 0.22) + 0.7)
    grid = figure.subplots(
        count, 2, squeeze=False, gridspec_kw={"width_ratios": [points * CELL, 1.5]}
    )
    for place, (left, right) in enumerate(grid):
        _strip(left, moves, place)
        x = np.linspace(0, 1, points)
        right.plot(x, moves.values["probability"][place, :, 1], color=page.COLOURS[0], label="head")
        right.plot(
            x, moves.values["drawn_probability"][place, :, 1], "--", color=page.COLOURS[1], label="picture"
        )  # fmt: skip
        right.set_ylim(-0.05, 1.05)
        right.set_xticks([0, 1], [] if place < count - 1 else ["start", "end"])
    grid[0, 1].legend(loc="upper left")
    grid[0, 1].set_title("p(target)")
    figure.suptitle(
        "least moves of what the head reads, drawn through the link; above each picture its class"
    )
    page.save(figure, path)


def _strip(axes: Axes, moves: Moves, place: int) -> None:
    """Lay the pictures of one move out in a row, their classes above."""
    pictures = moves.values["picture"][place]
    rgb = np.repeat(pictures, 3, axis=1) if pictures.shape[1] == 1 else pictures
    axes.imshow(
        np.concatenate([one.transpose(1, 2, 0) for one in rgb], axis=1), interpolation="nearest"
    )
    wide = pictures.shape[-1]
    classes = moves.values["drawn_predicted"][place]
    names = [page.shown(moves.names[label])[:8] for label in classes]
    axes.set_xticks([wide * (k + 0.5) for k in range(len(names))], names)
    axes.xaxis.tick_top()
    origin, target = (
        page.shown(moves.names[moves.values[side][place]]) for side in ("origin", "target")
    )
    axes.set_yticks([pictures.shape[-2] / 2], [f"{origin} to {target}"])
    axes.tick_params(length=0)
    for side in axes.spines.values():
        side.set_visible(False)


def _distances(result: Result, path: str) -> None:
    """Draw the mean distance of every pair of classes."""
    rows = list(result.rows())
    origins, targets = (
        list(dict.fromkeys(str(row[side]) for row in rows)) for side in ("origin", "target")
    )
    values = np.full((len(origins), len(targets)), np.nan)
    for row in rows:
        place = origins.index(str(row["origin"])), targets.index(str(row["target"]))
        values[place] = row["distance"]
    side = min(0.3, 8 / max(values.shape))
    figure = page.sheet(len(targets) * side + 2.6, len(origins) * side + 1.5)
    axes = figure.subplots(1, 1)
    drawn = axes.imshow(values, cmap="viridis_r")
    axes.set_xticks(range(len(targets)), [page.shown(name) for name in targets], rotation=90)
    axes.set_yticks(range(len(origins)), [page.shown(name) for name in origins])
    axes.set_xlabel("to")
    axes.set_ylabel("from")
    figure.colorbar(drawn, ax=axes, label="mean distance")
    figure.suptitle("least moves of what the head reads")
    page.save(figure, path)
