"""maps + model -> what the score does when an image is multiplied by its map: ADP, PIC, deletion and insertion.

Every map is shown beside control masks: a constant of the map's own mean (a
brighter mask leaves more of the score, so equal mass is the control that counts), its values in random
places, another image's map; and beside all of them ones, a constant .5, a centred Gaussian and, where
boxes are known, the object alone and the background alone. Scores are stored row by row.
"""

import functools
from typing import TYPE_CHECKING

from gradtools.network import passes
from gradtools.network.models import Model
from gradtools.selection.results import Result
from gradtools.stages import run
from gradtools.stages.faithfulness import shown
from gradtools.stages.faithfulness.plan import Options, Plan, columns, make_plan
from gradtools.stages.faithfulness.scoring import compute
from gradtools.stages.faithfulness.shown import read_frames
from gradtools.stages.faithfulness.summary import Facts, Rows, keep_in_shard, of_shards, summarise
from gradtools.store import Store, paths

if TYPE_CHECKING:
    from typing_extensions import Unpack

__all__ = [
    "Options",
    "Plan",
    "columns",
    "compute",
    "make_plan",
    "measure",
    "of_shards",
    "read_frames",
    "summarise",
]


def measure(
    source: Store,
    model: Model,
    output: str,
    options: Options,
    *,
    where: tuple[str, ...] = (),
    images_dir: str | None = None,
    **how: "Unpack[run.How]",
) -> list[Result]:
    """Score the maps of an open store under every mask and write scores and statistics, block by block.

    Parameters
    ----------
    source : store.Store
        With maps, of this model.
    model : models.Model
    output : str
        Path of the store, or '-'.
    where, images_dir
        Which samples, and where their images have gone.
    how
        Fields of `run.Run`.

    Returns
    -------
    list of Result
        Empty of a shard.

    Raises
    ------
    GradtoolsError, UsageError
    """
    this = run.begin(output, [source], **how)
    passes.use_threads(this.threads)
    plan = make_plan(source, model, options, this.say, where, images_dir)
    facts, rows = Facts.of(plan), Rows(plan.sample, plan.partner, plan.share, plan.both)
    scoring = shown.Scoring(
        columns(plan),
        functools.partial(compute, plan),
        functools.partial(summarise, facts, rows),
        paths.FAITHFULNESS,
        {"map": plan.rows.astype("i4")},
        {"kinds": list(plan.kinds), "where": list(where)},
        "maps",
        functools.partial(keep_in_shard, facts, rows),
    )
    return shown.write(this, plan, scoring, model)[1]
