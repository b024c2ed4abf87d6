"""Parts found in pictures: each step's picture with the outline of a part, and the metric that was measured of it."""

from typing import TYPE_CHECKING

import numpy as np
from matplotlib.axes import Axes

from gradtools.errors import UsageError
from gradtools.figures import page, paper
from gradtools.math.links import regions
from gradtools.selection.tunings import Tuning

if TYPE_CHECKING:
    from matplotlib.figure import Figure

CELL, LEAST = 0.85, 0.42  # inches of a picture, and at least
SAMPLES = 2  # of each unit


@page.styled
def part_masks(
    tuning: Tuning, rows: list[dict], path: str, part: str, metric: str, names: list[str]
) -> None:
    """Draw the kept samples of some units step by step, all parts tinted and one outlined, its metric below.

    Parameters
    ----------
    tuning, rows, path, part, metric, names
        As for `strips.unit_strips`.

    Raises
    ------
    UsageError
        No pictures or no masks are stored.
    """
    if tuning.picture is None or tuning.mask is None or tuning.metric is None:
        raise UsageError(
            "--picture masks: the tuning keeps no masks: give --keep N to gradtools tune, which stores those of N samples"
        )
    steps = tuning.picture.shape[2]
    samples = paper.fitting(min(SAMPLES, tuning.picture.shape[1]), steps * LEAST, 0.8)
    figure = page.sheet(CELL * samples * steps + 0.9, (CELL + 0.2) * len(rows) + 0.8, pictures=True)
    axes = figure.subplots(len(rows), samples * steps, squeeze=False)
    place, measure = tuning.place(part), regions.METRICS.index(metric)
    for line, row in zip(axes, rows):
        for number, panel in enumerate(line):
            at = row["row"], number // steps, number % steps
            _panel(panel, tuning.picture[at], tuning.mask[at], place)
            value = tuning.metric[(*at, place, measure)]
            panel.set_xlabel(f"{value:.3g}" if np.isfinite(value) else "too small", labelpad=1)
        line[0].set_ylabel(f"{row['unit']}: {row['effect']:+.3g}", rotation=0, ha="right")
    for number in range(samples):
        axes[0, number * steps].set_title(page.shown(names[tuning.label[number]]))
    _legend(figure, tuning.parts)
    figure.suptitle(f"{metric} of {page.shown(part)} (outlined), below each step its value")
    page.save(figure, path)


def _panel(axes: Axes, picture: np.ndarray, mask: np.ndarray, place: int) -> None:
    """Draw a picture (C, H, W) u8 with its parts (H, W): tints, and the outline of one."""
    image = picture.transpose(1, 2, 0) / 255.0
    image = np.repeat(image, 3, axis=2) if image.shape[2] == 1 else image
    axes.imshow(0.55 * image + 0.45 * _tints(mask), interpolation="nearest")
    if (mask == place).any() and not (mask == place).all():
        axes.contour(mask == place, [0.5], colors="black", linewidths=0.9)
    axes.set_xticks([])
    axes.set_yticks([])
    for side in axes.spines.values():
        side.set_visible(False)


def _tints(mask: np.ndarray) -> np.ndarray:
    """Colours (H, W, 3) of the parts of a mask; the background is white."""
    colours = np.array([_rgb(number) for number in range(int(mask.max()) + 1)])
    return colours[mask]


def _rgb(number: int) -> tuple[float, float, float]:
    from matplotlib.colors import to_rgb

    return (
        (1.0, 1.0, 1.0) if number == 0 else to_rgb(page.COLOURS[(number - 1) % len(page.COLOURS)])
    )


def _legend(figure: "Figure", parts: list[str]) -> None:
    """Name the tints below the panels."""
    from matplotlib.patches import Patch

    handles = [
        Patch(color=_rgb(number), label=page.shown(part))
        for number, part in enumerate(parts)
        if number
    ]
    figure.legend(
        handles=handles,
        loc="outside lower center",
        ncols=page.legend_columns(parts, min(len(handles), 8)),
    )
