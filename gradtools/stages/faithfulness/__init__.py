"""maps + model -> what the score does when an image is multiplied by its map: ADP, PIC, deletion and insertion.

Every map is shown beside masks that know nothing of the image: a constant of the map's own mean (a
brighter mask leaves more of the score, so equal mass is the control that counts), its values in random
places, another image's map; and beside all of them ones, a constant .5, a centred Gaussian and, where
boxes are known, the object alone and the background alone. Scores are stored row by row.
"""

import functools

import numpy as np

from gradtools.math.regions import faithfulness, means
from gradtools.network import passes
from gradtools.network.models import Model
from gradtools.selection.results import Result
from gradtools.stages import run
from gradtools.stages.faithfulness import shown
from gradtools.stages.faithfulness.plan import (
    CURVES,
    GENERAL,
    MASKS,
    Options,
    Plan,
    columns,
    has_curves,
    make_plan,
)
from gradtools.stages.faithfulness.scoring import compute
from gradtools.stages.faithfulness.shown import read_frames
from gradtools.store import Store, paths

__all__ = [
    "Options",
    "Plan",
    "columns",
    "compute",
    "make_plan",
    "measure",
    "read_frames",
    "summarise",
]


def summarise(plan: Plan, scores: dict[str, np.ndarray], options: Options) -> list[Result]:
    """Return ADP, PIC and the areas under the curves of every kind of map and fill.

    Parameters
    ----------
    scores : dict of str to (M, ...) array
        By path.
    """
    results = []
    for fill in options.fill:
        before = scores[paths.faithfulness(GENERAL["ones"], fill, "map")].astype(float)
        for kind in (*plan.kinds, *GENERAL.values()):
            at = {name: paths.faithfulness(kind, fill, name) for name in (*MASKS, *CURVES)}
            after = {
                "" if name == "map" else f"_{name}": scores[at[name]].astype(float)
                for name in MASKS
                if at[name] in scores
            }
            curves = {name: scores[at[name]] for name in CURVES if at[name] in scores}
            rows = faithfulness.statistics(before, after, curves)
            results.append(_result(plan, kind, fill, rows, before))
    return results


def _result(
    plan: Plan, kind: str, fill: str, rows: dict[str, np.ndarray], before: np.ndarray
) -> Result:
    """Return the statistics of one kind of map under one fill, of all objects and, where they are known, the small ones."""
    options = plan.options
    if not np.isnan(plan.share).all():
        rows = means.of_subsets(rows, plan.share, plan.both)
    columns, replicates = means.table(
        rows, plan.sample, options.resamples, options.seed, plan.partner
    )
    facts: dict[str, str | int | float] = {
        "fill": fill,
        "maps": len(plan.rows),
        "images": len(np.unique(plan.sample)),
        "not_positive": int((before <= 0).sum()),
        "both": int(options.both),
        "steps": options.steps if has_curves(plan) else 0,
        "resamples": options.resamples,
        "seed": options.seed,
        "target": str(plan.source.attributes(paths.MAPS).get("target", "")),
    }
    path = paths.faithfulness(kind, fill)
    title = f"what the score does under {kind}, {fill} fill"
    return Result(path, kind, "", fill, columns, facts, title, replicates)


def measure(
    source: Store,
    model: Model,
    output: str,
    options: Options,
    *,
    where: tuple[str, ...] = (),
    images_dir: str | None = None,
    **how,
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

    Raises
    ------
    GradtoolsError, UsageError
    """
    this = run.begin(output, [source], **how)
    passes.use_threads(this.threads)
    plan = make_plan(source, model, options, this.say, where, images_dir)
    scoring = shown.Scoring(
        columns(plan),
        functools.partial(compute, plan),
        lambda scores: summarise(plan, scores, options),
        paths.FAITHFULNESS,
        {"map": plan.rows.astype("i4")},
        {"kinds": list(plan.kinds), "where": list(where)},
        "maps",
    )
    return shown.write(this, plan, scoring, model)[1]
