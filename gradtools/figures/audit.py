"""A contact sheet of an audit: images whole, their objects, their backgrounds, and the probability of each."""

from collections.abc import Sequence
from typing import NamedTuple

import numpy as np

from gradtools.figures import page
from gradtools.figures.overlays.frames import frames
from gradtools.store import Store

SIDE, MOST = 1.15, 10  # inches of a picture; rows of a sheet
HEADS = ("whole", "object alone", "background alone")
HIDDEN = (90, 96, 110)  # what is drawn where pixels are hidden, whatever the fill


class AuditRow(NamedTuple):
    """One image of the sheet: row of its sample, its class, (H, W) bool object, and the scores by name of `HEADS`."""

    sample: int
    label: str
    inside: np.ndarray
    scores: Sequence[float]


@page.styled
def audit_sheet(
    source: Store,
    rows: Sequence[AuditRow],
    title: str,
    path: str,
    images_dir: str | None = None,
) -> None:
    """Draw images with their objects and backgrounds apart, each with its probability.

    Parameters
    ----------
    source : store.Store
        That has the images.
    rows : sequence of AuditRow
        At most `MOST` are drawn.
    title : str
    path : str
        PNG, SVG or PDF.
    images_dir : str, optional
        Where the images have gone.
    """
    rows = rows[:MOST]
    frame = frames(source, sorted({row.sample for row in rows}), images_dir)
    figure = page.sheet(4.2 * SIDE, len(rows) * (SIDE + 0.22) + 0.35, pictures=True)
    figure.suptitle(title)
    axes = figure.subplots(len(rows), 3, squeeze=False)
    for line, row in zip(axes, rows):
        whole = frame(row.sample)
        inside = row.inside[:, :, None]
        pictures = (whole, np.where(inside, whole, HIDDEN), np.where(inside, HIDDEN, whole))
        for axis, picture, head, score in zip(line, pictures, HEADS, row.scores):
            axis.imshow(picture.astype("u1"), interpolation="nearest")
            axis.set_title(f"{head} {score:.2f}", fontsize=6)
            axis.set_axis_off()
        name = page.shortened(f"{row.label}: {source.ids[row.sample]}", 34)
        line[0].text(0, -0.04, name, transform=line[0].transAxes, fontsize=5.5, ha="left", va="top")
    page.save(figure, path)
