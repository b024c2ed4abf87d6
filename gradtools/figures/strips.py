"""Unit strips: what a unit does to pictures of several classes, a row a unit and a group of steps a sample."""

import numpy as np

from gradtools.errors import UsageError
from gradtools.figures import page, paper
from gradtools.selection.tunings import Tuning

CELL, LEAST = 0.42, 0.22  # inches of a picture, and at least
GAP = 0.15  # of a picture, between samples


@page.styled
def unit_strips(
    tuning: Tuning,
    rows: list[dict],
    path: str,
    part: str,
    metric: str,
    names: list[str],
    title: str = "",
) -> None:
    """Draw the kept samples of some units over their steps.

    Parameters
    ----------
    tuning : Tuning
        With pictures.
    rows : list of dict
        The units (see `tunings.top`).
    path : str
        Where the picture goes.
    part, metric : str
        What they were chosen by.
    names : list of str
        Of the classes.
    title : str
        By default that they were chosen by their effect.

    Raises
    ------
    UsageError
        No pictures are stored.
    """
    if tuning.picture is None:
        raise UsageError(
            "--figure: the tuning keeps no pictures: give --keep N to gradtools tune, which stores those of N samples"
        )
    steps = tuning.picture.shape[2]
    kept = paper.fitting(tuning.picture.shape[1], steps * LEAST, 1.2)
    width = kept * steps * CELL + (kept - 1) * GAP * CELL + 1.6
    figure = page.sheet(max(width, 4.0), len(rows) * (CELL + 0.04) + 0.9, pictures=True)
    axes = figure.subplots(1, 1)
    sheets = [_strip(tuning.picture[row["row"], :kept]) for row in rows]
    gap = np.full((2, *sheets[0].shape[1:]), 255, "u1")
    sheet = np.concatenate([part for one in sheets for part in (one, gap)][:-1])
    axes.imshow(sheet, interpolation="nearest")
    height = tuning.picture.shape[-2]
    axes.set_yticks(
        [place * (height + 2) + height / 2 for place in range(len(rows))],
        [f"{row['unit']}{row.get('note', '')}: {row['effect']:+.3g}" for row in rows],
    )
    wide = tuning.picture.shape[-1]
    centres = [
        place * (steps * wide + max(1, int(GAP * wide))) + steps * wide / 2 for place in range(kept)
    ]
    axes.set_xticks(centres, [page.shown(names[label]) for label in tuning.label[:kept]])
    axes.xaxis.tick_top()
    axes.tick_params(length=0)
    for side in axes.spines.values():
        side.set_visible(False)
    by_effect = f"units by their effect on the {metric} of {page.shown(part)}"
    figure.suptitle(f"{title or by_effect}: {steps} steps over the unit's range")
    page.save(figure, path)


def _strip(pictures: np.ndarray) -> np.ndarray:
    """Lay pictures (P, T, C, H, W) u8 out in one row, (H, W', 3)."""
    rgb = np.repeat(pictures, 3, axis=2) if pictures.shape[2] == 1 else pictures
    gap = np.full((rgb.shape[3], max(1, int(GAP * rgb.shape[4])), 3), 255, "u1")
    parts: list[np.ndarray] = []
    for sample in rgb:
        parts += [*(one.transpose(1, 2, 0) for one in sample), gap]
    return np.concatenate(parts[:-1], axis=1)
