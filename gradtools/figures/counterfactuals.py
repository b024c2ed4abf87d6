"""Moves to other classes: strips of pictures, metrics along the path, how pixels move, and heat maps of pairs of classes."""

import numpy as np
from matplotlib.axes import Axes

from gradtools.errors import GradtoolsError, UsageError
from gradtools.figures import page, paper
from gradtools.math.links import regions
from gradtools.selection.counterfactuals import ALL, Moves
from gradtools.selection.results import Result

CELL, LEAST = 0.5, 0.38  # inches of a picture, and at least
LABEL = {"facecolor": "white", "alpha": 0.7, "linewidth": 0, "pad": 0.6}
COLUMNS = 4  # pairs of classes whose curves are drawn
PICTURES = ("strips", "heat", "curves", "fields")
PANELS = {  # of the heat maps: figure, title, scale
    "distance": ("mean distance", "viridis_r"),
    "drawn": ("share of pictures of the target", "viridis"),
    "random_drawn": ("the same of random moves", "viridis"),
    "share": ("share of the top unit (number)", "magma"),
}


def least_moves(
    moves: Moves, results: list[Result], path: str, picture: str | None = None, metric: str = "area"
) -> None:
    """Draw moves.

    Parameters
    ----------
    moves : Moves
    results : list of Result
        Their tables.
    path : str
        Where the picture goes.
    picture : str, optional
        strips: the kept pictures, a row a move, with the target's probability; heat: distances, flips and the top unit's share, origin
        by target; curves: a metric of each part along the path; fields: how pixels move from the first to the last picture. By
        default strips, or heat where no pictures are kept.
    metric : str
        Of the curves.

    Raises
    ------
    UsageError
        The moves have no pictures, or no metrics.
    """
    picture = picture or ("strips" if "picture" in moves.values else "heat")
    if picture in ("strips", "fields") and "picture" not in moves.values:
        raise UsageError(
            f"--picture {picture}: the moves keep no pictures: give gradtools counterfactual a --link and --keep N"
        )
    if picture == "curves" and not moves.parts:
        raise UsageError(
            "--picture curves: the parts of pictures were not measured: give gradtools counterfactual --segmenter S"
        )
    if picture == "strips":
        _strips(moves, path)
    elif picture == "fields":
        _fields(moves, path)
    elif picture == "curves":
        _curves(moves, path, metric)
    else:
        pairs = next(result for result in results if result.method == "pairs")
        _heat(pairs, moves.names, path)


@page.styled
def _strips(moves: Moves, path: str) -> None:
    """Draw a row a move: pictures, and beside them the target's probability by the head and by the picture."""
    pictures = moves.values["picture"]
    count, points = pictures.shape[:2]
    shown = _shown(points)
    figure = page.sheet(len(shown) * CELL + 3.4, count * (CELL + 0.22) + 0.7, pictures=True)
    grid = figure.subplots(
        count, 2, squeeze=False, gridspec_kw={"width_ratios": [len(shown) * CELL, 1.5]}
    )
    for place, (left, right) in enumerate(grid):
        _strip(left, moves, place, shown)
        x = np.linspace(0, 1, points)
        right.plot(x, moves.values["probability"][place, :, 1], color=page.COLOURS[0], label="head")
        right.plot(
            x, moves.values["drawn_probability"][place, :, 1], "--", color=page.COLOURS[1], label="picture"
        )  # fmt: skip
        right.set_ylim(-0.05, 1.05)
        right.set_xticks([0, 1], [] if place < count - 1 else ["start", "end"])
    if page.narrow():
        handles, names = grid[0, 1].get_legend_handles_labels()
        figure.legend(handles, names, loc="outside lower center", ncols=2)
    else:
        grid[0, 1].legend(loc="upper left")
    grid[0, 1].set_title("p(target)")
    figure.suptitle(
        "least moves of what the head reads, drawn through the link; above each picture its class"
    )
    page.save(figure, path)


def _shown(points: int) -> np.ndarray:
    """Return the points of a path that are drawn: all, or as many as have room, both ends among them."""
    fit = max(2, paper.fitting(points, LEAST, 1.7))
    return np.unique(np.linspace(0, points - 1, fit).round().astype(int))


def _strip(axes: Axes, moves: Moves, place: int, shown: np.ndarray) -> None:
    """Lay the pictures of one move out in a row, their classes above."""
    pictures = moves.values["picture"][place][shown]
    rgb = np.repeat(pictures, 3, axis=1) if pictures.shape[1] == 1 else pictures
    axes.imshow(
        np.concatenate([one.transpose(1, 2, 0) for one in rgb], axis=1), interpolation="nearest"
    )
    wide = pictures.shape[-1]
    classes = moves.values["drawn_predicted"][place][shown]
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


@page.styled
def _heat(result: Result, names: list[str], path: str) -> None:
    """Draw figures of every pair of classes, before by after."""
    rows = [row for row in result.rows() if row["origin"] != ALL]
    met = [{str(row[side]) for row in rows} for side in ("origin", "target")]
    origins, targets = ([name for name in names if name in side] for side in met)
    panels = [name for name in PANELS if any(row[name] == row[name] for row in rows)]
    side = min(0.34, 8 / max(len(origins), len(targets)))
    across = paper.fitting(min(2, len(panels)), 2.6)
    down = -(-len(panels) // across)
    figure = page.sheet(
        across * (len(targets) * side + 1.9),
        down * (len(origins) * side + 1.3) + 0.4,
        pictures=True,
    )
    grid = figure.subplots(down, across, squeeze=False)
    for axes in grid.flat[len(panels) :]:
        axes.set_axis_off()
    for axes, name in zip(grid.flat, panels):
        title, colours = PANELS[name]
        values = np.full((len(origins), len(targets)), np.nan)
        for row in rows:
            place = origins.index(str(row["origin"])), targets.index(str(row["target"]))
            values[place] = row[name]
            if name == "share" and int(row["unit"]) >= 0:
                axes.text(*place[::-1], str(row["unit"]), ha="center", va="center", size=5, bbox=LABEL)  # fmt: skip
        shares = name in ("drawn", "random_drawn")
        limits = (0, 1) if shares else (None, None)
        drawn = axes.imshow(values, cmap=colours, vmin=limits[0], vmax=limits[1])
        axes.set_xticks(range(len(targets)), [page.shown(name) for name in targets], rotation=90)
        axes.set_yticks(range(len(origins)), [page.shown(name) for name in origins])
        axes.set_xlabel("to")
        axes.set_ylabel("from")
        axes.set_title(title)
        figure.colorbar(drawn, ax=axes, shrink=0.8)
    facts = result.facts
    figure.suptitle(
        f"least moves of what the head reads: {facts['moves']} moves, margin {float(facts['margin']):g}"
    )
    page.save(figure, path)


@page.styled
def _curves(moves: Moves, path: str, metric: str) -> None:
    """Draw a metric of each part along the path, a column a pair of classes, a line a move, and where random moves end."""
    values = moves.values
    measure = regions.METRICS.index(metric)
    along = values["metric"][..., measure].astype(float)
    ends = values["random_metric"][..., measure].astype(float)
    real = np.isfinite(values["distance"])
    keys, counts = np.unique(
        np.stack([values["origin"], values["target"]], 1)[real], axis=0, return_counts=True
    )
    columns = paper.fitting(COLUMNS, 1.3, 0.4)
    chosen = keys[np.argsort(-counts, kind="stable")[:columns]]
    parts = [
        place for place in range(1, len(moves.parts)) if np.isfinite(along[real][..., place]).any()
    ]
    if not parts:
        raise GradtoolsError(f"no part of the pictures has a value of {metric}")
    figure = page.sheet(1.7 * len(chosen) + 1.0, 1.0 * len(parts) + 1.1)
    grid = figure.subplots(len(parts), len(chosen), squeeze=False, sharex=True, sharey="row")
    x = np.linspace(0, 1, along.shape[1])
    for column, (origin, target) in zip(grid.T, chosen):
        rows = np.flatnonzero(real & (values["origin"] == origin) & (values["target"] == target))
        names = [page.shortened(moves.names[side], 12) for side in (origin, target)]
        column[0].set_title(f"{names[0]} to {names[1]} ({len(rows)})")
        for axes, part in zip(column, parts):
            _curve(axes, x, along[rows][..., part], ends[rows][..., part])
        column[-1].set_xticks([0, 1], ["start", "end"])
    for axes, part in zip(grid[:, 0], parts):
        axes.set_ylabel(page.shown(moves.parts[part]))
    figure.suptitle(
        f"{metric} of each part along the path: moves, their mean (bold), and the mean at the end of random moves (dot)"
    )
    page.save(figure, path)


def _curve(axes: Axes, x: np.ndarray, lines: np.ndarray, ends: np.ndarray) -> None:
    """Draw lines (n, T) of moves with their mean, and the mean of the ends (n,) of random moves."""
    axes.plot(x, lines.T, color=page.GREY, linewidth=0.4, alpha=0.6)
    known = np.isfinite(lines).all(1)
    if known.any():
        axes.plot(x, lines[known].mean(0), color=page.COLOURS[0], linewidth=1.6)
    if np.isfinite(ends).any():
        axes.plot(
            [1], [np.nanmean(ends)], "o", color=page.COLOURS[2], markersize=3.5, clip_on=False
        )


@page.styled
def _fields(moves: Moves, path: str) -> None:
    """Draw the first and last picture of kept moves, the first aligned to the last, and the flow that is left."""
    from gradtools.figures import fields

    pictures = moves.values["picture"]
    size = fields.CELL
    figure = page.sheet(
        size * len(fields.HEADS) + 1.5, (size + 0.12) * len(pictures) + 0.6, pictures=True
    )
    grid = figure.subplots(len(pictures), len(fields.HEADS), squeeze=False)
    for place, line in enumerate(grid):
        fields.draw(line, pictures[place])
        origin, target = (
            page.shown(moves.names[moves.values[side][place]]) for side in ("origin", "target")
        )
        line[0].set_ylabel(f"{origin} to {target}", rotation=0, ha="right")
    for axes, head in zip(grid[0], fields.HEADS):
        axes.set_title(head)
    figure.suptitle("how pixels move from the start to the end of least moves")
    page.save(figure, path)
