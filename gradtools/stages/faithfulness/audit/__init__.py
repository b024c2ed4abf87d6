"""maps with masks + model -> which answers are right for the wrong reason.

Every image is shown to the network four times: whole, its object alone, its background alone, and neither. What the
score gains is split into object, background and the interaction of both, which add up exactly; a right answer whose
background gives more than its object is right for the wrong reason. Beside it stands the same split with the object of
another image: where it says the same, the mask made no difference.
"""

import functools
from typing import TYPE_CHECKING

import numpy as np

from gradtools.network import passes
from gradtools.network.models import Model
from gradtools.selection.results import Result
from gradtools.stages import run
from gradtools.stages.faithfulness import shown
from gradtools.stages.faithfulness.audit.plan import Options, Plan, make_plan
from gradtools.stages.faithfulness.audit.scoring import columns, compute, object_of
from gradtools.stages.faithfulness.audit.sheet import draw
from gradtools.stages.faithfulness.audit.statistics import Audit, split, summarise
from gradtools.store import Store, paths

if TYPE_CHECKING:
    from typing_extensions import Unpack

__all__ = [
    "Audit",
    "Options",
    "Plan",
    "audit",
    "compute",
    "draw",
    "make_plan",
    "object_of",
    "split",
    "summarise",
]


def audit(
    source: Store,
    model: Model,
    output: str,
    options: Options,
    *,
    where: tuple[str, ...] = (),
    images_dir: str | None = None,
    **how: "Unpack[run.How]",
) -> Audit:
    """Split the scores of an open store's images and write scores and statistics, block by block.

    Parameters
    ----------
    source : store.Store
        With maps of classes and masks or boxes, of this model.
    model : models.Model
    output : str
        Path of the store, or '-'.
    where, images_dir
        Which samples, and where their images have gone.
    how
        Fields of `run.Run`.

    Raises
    ------
    GradtoolsError, UsageError
    """
    this = run.begin(output, [source], **how)
    passes.use_threads(this.threads)
    plan = make_plan(source, model, options, this.say, where, images_dir)

    def summarised(scores: dict[str, np.ndarray]) -> list[Result]:
        return summarise(plan, {path: values.astype(float) for path, values in scores.items()})

    scoring = shown.Scoring(
        columns(plan),
        functools.partial(compute, plan),
        summarised,
        paths.AUDIT,
        {"label": plan.label.astype("i4"), "right": plan.right.astype("u1")},
        {"where": list(where), "rows": len(plan.regions)},
        "rows",
    )
    scores, results = shown.write(this, plan, scoring, model)
    return Audit(plan, {path: values.astype(float) for path, values in scores.items()}, results)
