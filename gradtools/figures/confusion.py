"""The picture of a network's answers: images by label and answer, a panel a model."""

from typing import TYPE_CHECKING

import numpy as np

from gradtools.errors import GradtoolsError
from gradtools.figures import page, paper
from gradtools.selection import confusion

if TYPE_CHECKING:
    from matplotlib.axes import Axes
    from matplotlib.figure import Figure
    from matplotlib.image import AxesImage

    from gradtools.selection.subjects import Subject

MOST = 30  # labels and answers that a panel shows; the rest of the answers is one column
OTHERS = "other answers"


@page.styled
def draw(subjects: "list[Subject]") -> "Figure":
    """Draw the share of each label's images that got each answer; counts are written where there is room.

    Parameters
    ----------
    subjects : list of Subject

    Returns
    -------
    Figure

    Raises
    ------
    GradtoolsError
        No label meets a class of a model.
    """
    counted = [
        (subject.name, _cut(confusion.count(subject.answers)))
        for subject in subjects
        if subject.answers is not None and subject.answers.known.any()
    ]
    if not counted:
        raise GradtoolsError(
            "no answers to draw: give the stores of gradtools extract, with labels that meet the model's classes"
        )
    side = max(2.6, 0.22 * max(len(counts.labels) for _, counts in counted) + 1.2)
    columns = paper.fitting(min(len(counted), 3), 2.2)
    rows = -(-len(counted) // columns)
    figure = page.sheet(max(page.WIDTH, side * columns) if columns > 1 else side + 1.5, side * rows)
    panels = figure.subplots(rows, columns, squeeze=False).ravel()
    for panel, (name, counts) in zip(panels, counted):
        image = _panel(panel, counts)
        panel.set_title(f"{name}: {100 * counts.right.sum() / counts.counts.sum():.1f} % right")
    for panel in panels[len(counted) :]:
        panel.set_axis_off()
    figure.colorbar(image, ax=list(panels[: len(counted)]), label="share of the label's images")
    return figure


def _cut(counted: confusion.Confusion) -> confusion.Confusion:
    """The first MOST labels, and their answers; rarer answers are summed."""
    counts = counted.counts[:MOST]
    labels = counted.labels[:MOST]
    rest = [place for place in range(len(labels), len(counted.answers)) if counts[:, place].any()]
    if not rest:
        return confusion.Confusion(labels, labels, counts[:, : len(labels)])
    summed = counts[:, rest].sum(axis=1, keepdims=True)
    counts = np.concatenate([counts[:, : len(labels)], summed], axis=1)
    return confusion.Confusion(labels, [*labels, OTHERS], counts)


def _panel(panel: "Axes", one: confusion.Confusion) -> "AxesImage":
    """One model's matrix."""
    shares = one.counts / np.maximum(one.counts.sum(axis=1, keepdims=True), 1)
    image = panel.imshow(shares, cmap="Blues", vmin=0, vmax=1, aspect="auto")
    panel.set_xticks(range(len(one.answers)), list(map(page.shown, one.answers)), rotation=90)
    panel.set_yticks(range(len(one.labels)), list(map(page.shown, one.labels)))
    panel.set(xlabel="answer", ylabel="label")
    if len(one.labels) <= 12:
        for row, column in zip(*np.nonzero(one.counts)):
            colour = "white" if shares[row, column] > 0.6 else "black"
            panel.text(
                *(column, row, str(one.counts[row, column])),
                ha="center",
                va="center",
                fontsize=6,
                color=colour,
            )
    return image
