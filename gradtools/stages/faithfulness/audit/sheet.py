"""The picture of an audit: a sheet of the right answers whose background gives most more than their object."""

import numpy as np

from gradtools import figures
from gradtools.stages.faithfulness.audit.scoring import object_of
from gradtools.stages.faithfulness.audit.statistics import Audit, split
from gradtools.store import paths


def draw(made: Audit, path: str, images_dir: str | None = None) -> None:
    """Draw a sheet of the answers that are right for the wrong reason; where none is, of those that come nearest.

    Parameters
    ----------
    path : str
        PNG, SVG or PDF.
    images_dir : str, optional
        Where the images have gone.
    """
    plan, fill = made.plan, made.plan.options.fill[0]
    parts = split(made.scores, fill)
    lead = np.where(plan.right, parts.background - parts.object, -np.inf)
    order = np.argsort(-lead, kind="stable")[: int(plan.right.sum())]
    flagged = [row for row in order if lead[row] > 0]
    title = f"{len(flagged)} of {len(order)} right answers are right for the wrong reason"
    if not flagged:
        title = (
            f"none of {len(order)} right answers is right for the wrong reason; the nearest to it"
        )
    names = [*plan.source.class_names, ""]
    shown = ("whole", "inside", "outside")
    rows = [
        figures.AuditRow(
            plan.regions[row].sample,
            str(names[plan.label[row]]),
            object_of(plan.regions[row]),
            [float(made.scores[paths.audit(fill, name)][row]) for name in shown],
        )
        for row in (flagged or order)
    ]
    figures.audit_sheet(plan.source, rows, f"{title} ({fill} fill)", path, images_dir)
