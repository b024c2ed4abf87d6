"""The picture of a network's answers: images by label and answer, a panel a model."""

import numpy as np

from gradtools.errors import GradtoolsError
from gradtools.figures import page
from gradtools.selection import confusion

MOST = 30  # labels and answers that a panel shows; the rest of the answers is one column
OTHERS = "other answers"


@page.styled
def draw(subjects):
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
    shown = [s for s in subjects if s.answers is not None and s.answers.known.any()]
    if not shown:
        raise GradtoolsError(
            "no answers to draw: give the stores of gradtools extract, with labels that meet the model's classes"
        )
    counted = [_cut(confusion.count(subject.answers)) for subject in shown]
    side = max(2.6, 0.22 * max(len(one.labels) for one in counted) + 1.2)
    columns = min(len(shown), 3)
    rows = -(-len(shown) // columns)
    figure = page.sheet(max(page.WIDTH, side * columns) if columns > 1 else side + 1.5, side * rows)
    panels = figure.subplots(rows, columns, squeeze=False).ravel()
    for panel, subject, one in zip(panels, shown, counted):
        image = _panel(panel, one)
        panel.set_title(f"{subject.name}: {100 * one.right.sum() / one.counts.sum():.1f} % right")
    for panel in panels[len(shown) :]:
        panel.set_axis_off()
    figure.colorbar(image, ax=list(panels[: len(shown)]), label="share of the label's images")
    return figure


def _cut(counted):
    """The first MOST labels, and their answers; rarer answers are summed."""
    counts = counted.counts[:MOST]
    labels = counted.labels[:MOST]
    rest = [place for place in range(len(labels), len(counted.answers)) if counts[:, place].any()]
    if not rest:
        return confusion.Confusion(labels, labels, counts[:, : len(labels)])
    summed = counts[:, rest].sum(axis=1, keepdims=True)
    counts = np.concatenate([counts[:, : len(labels)], summed], axis=1)
    return confusion.Confusion(labels, [*labels, OTHERS], counts)


def _panel(panel, one):
    """One model's matrix."""
    shares = one.counts / np.maximum(one.counts.sum(axis=1, keepdims=True), 1)
    image = panel.imshow(shares, cmap="Blues", vmin=0, vmax=1, aspect="auto")
    panel.set_xticks(range(len(one.answers)), one.answers, rotation=90)
    panel.set_yticks(range(len(one.labels)), one.labels)
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
