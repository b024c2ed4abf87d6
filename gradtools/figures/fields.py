"""Change fields: what a unit moves in a picture, as an affine map of the whole and as arrows of what that leaves."""

import numpy as np
from matplotlib.axes import Axes
from matplotlib.colors import hsv_to_rgb

from gradtools.errors import UsageError
from gradtools.figures import page, paper
from gradtools.math.links import flow
from gradtools.selection.tunings import Tuning

CELL, LEAST = 1.05, 0.6  # inches of a picture, and at least
SHOWN = 80  # percentile of lengths below which no arrow is drawn
BORDER, LEAST_SATURATION = 3, 0.5
ARROWS = 16  # a side, at most
SAMPLES = 2  # of each unit
HEADS = ("first step", "last step", "first, aligned", "what is left")


@page.styled
def change_fields(
    tuning: Tuning, rows: list[dict], path: str, part: str, metric: str, names: list[str]
) -> None:
    """Draw the first kept samples of some units: both ends, the first aligned to the last, and the flow that is left.

    Parameters
    ----------
    tuning, rows, path, part, metric, names
        As for `strips.unit_strips`.

    Raises
    ------
    UsageError
        No pictures are stored.
    """
    if tuning.picture is None:
        raise UsageError(
            "--figure: the tuning keeps no pictures: give --keep N to gradtools tune, which stores those of N samples"
        )
    samples = paper.fitting(min(SAMPLES, tuning.picture.shape[1]), len(HEADS) * LEAST, 0.8)
    columns = len(HEADS) * samples
    figure = page.sheet(CELL * columns + 0.8, (CELL + 0.12) * len(rows) + 0.6, pictures=True)
    axes = figure.subplots(len(rows), columns, squeeze=False)
    for line, row in zip(axes, rows):
        for sample in range(samples):
            group = line[len(HEADS) * sample : len(HEADS) * (sample + 1)]
            draw(group, tuning.picture[row["row"], sample])
        line[0].set_ylabel(f"{row['unit']}: {row['effect']:+.3g}", rotation=0, ha="right")
    for place in range(columns):
        label = page.shown(names[tuning.label[place // len(HEADS)]])
        head = HEADS[place % len(HEADS)]
        axes[0, place].set_title(f"{label}\n{head}" if place % len(HEADS) == 0 else head)
    figure.suptitle(f"how pixels move: units by their effect on the {metric} of {page.shown(part)}")
    page.save(figure, path)


def draw(axes: np.ndarray, pictures: np.ndarray) -> None:
    """Draw one row of pictures (T, C, H, W) u8 on four axes, as HEADS says."""
    first, last = (picture.transpose(1, 2, 0) / 255 for picture in (pictures[0], pictures[-1]))
    grey = [picture.mean(2) for picture in (first, last)]
    field = flow.field(*grey)
    shown = [first, last, flow.moved(first, field.affine), last * 0.35 + 0.65]
    for panel, picture in zip(axes, shown):
        panel.imshow(
            np.repeat(picture, 3, axis=2) if picture.shape[2] == 1 else picture, vmin=0, vmax=1
        )
        panel.set_xticks([])
        panel.set_yticks([])
        for side in panel.spines.values():
            side.set_visible(False)
    _arrows(axes[-1], field)


def _arrows(axes: Axes, field: flow.Field) -> None:
    """Draw the longest vectors at textured pixels, coloured by their angle, the more saturated the longer."""
    rows, columns = field.flow
    length = np.where(field.textured, np.hypot(rows, columns), 0)
    step = max(1, round(max(length.shape) / ARROWS))
    y, x = np.mgrid[
        BORDER : length.shape[0] - BORDER : step, BORDER : length.shape[1] - BORDER : step
    ]
    y, x = y.ravel(), x.ravel()
    long = length[y, x] >= max(
        np.percentile(length[field.textured], SHOWN) if field.textured.any() else np.inf, 1e-3
    )
    y, x = y[long], x[long]
    if not len(y):
        return
    share = length[y, x] / length.max()
    hue = (np.arctan2(rows[y, x], columns[y, x]) / (2 * np.pi)) % 1
    saturation = LEAST_SATURATION + (1 - LEAST_SATURATION) * share
    colours = hsv_to_rgb(np.stack([hue, saturation, np.full(len(hue), 0.8)], axis=1))
    axes.quiver(
        x, y, columns[y, x], rows[y, x], color=colours, angles="xy", scale_units="xy", scale=1, width=0.012
    )  # fmt: skip
