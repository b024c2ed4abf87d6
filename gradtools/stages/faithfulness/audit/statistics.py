"""What the four scores of an image say: its split, and which right answers rest on the background."""

import dataclasses

import numpy as np

from gradtools.math.games import shapley
from gradtools.math.pairs.bootstrap import RESAMPLING
from gradtools.math.regions import means
from gradtools.selection.results import Result
from gradtools.stages.faithfulness.audit.plan import Plan
from gradtools.stages.faithfulness.audit.scoring import SHOWN
from gradtools.store import paths

MEASURES = ("flagged", "flagged_other", "difference", "object", "background", "interaction")
EVERY = "every class"


@dataclasses.dataclass(frozen=True)
class Audit:
    """What an audit gave: its plan, the scores by path, and the results of every fill."""

    plan: Plan
    scores: dict[str, np.ndarray]
    results: list[Result]


def split(scores: dict[str, np.ndarray], fill: str, other: bool = False) -> shapley.Split:
    """Return object, background and interaction of every row, with its own mask or with another image's.

    Parameters
    ----------
    scores : dict of str to (M,) array
        By path.
    """
    names = ("whole", "other_inside", "other_outside", "neither") if other else SHOWN[:4]
    return shapley.split(*(scores[paths.audit(fill, name)] for name in names))


def summarise(plan: Plan, scores: dict[str, np.ndarray]) -> list[Result]:
    """Return for every fill what is right for the wrong reason, of every class, and the list of these rows."""
    results = []
    for fill in plan.options.fill:
        parts, control = split(scores, fill), split(scores, fill, other=True)
        flagged = np.where(plan.right, 100.0 * (parts.background > parts.object), np.nan)
        known = plan.right & ~np.isnan(control.object)
        of_other = np.where(known, 100.0 * (control.background > control.object), np.nan)
        values = np.stack(
            [
                flagged,
                of_other,
                flagged - of_other,
                *(np.where(plan.right, part, np.nan) for part in parts),
            ],
            axis=1,
        )
        shown = [
            float(scores[paths.audit(fill, name)][plan.right].mean())
            for name in ("whole", "neither")
        ]
        results.append(_summary(plan, fill, values, *shown))
        results.append(_listed(plan, fill, scores, np.nan_to_num(flagged) > 0))
    return results


def _summary(plan: Plan, fill: str, values: np.ndarray, whole: float, neither: float) -> Result:
    """Return the means of every class and of all rows, with intervals over images, and the mean probabilities."""
    names = plan.source.class_names
    groups = {EVERY: np.ones(len(plan.label), bool)} | {
        str(names[label]): plan.label == label for label in np.unique(plan.label[plan.label >= 0])
    }
    every = np.concatenate(
        [np.where(chosen[:, None], values, np.nan) for chosen in groups.values()], axis=1
    )
    mean, replicates = means.over_images(
        every, plan.sample, plan.options.resamples, plan.options.seed
    )
    bounds = means.bounds(replicates)
    table = {
        "statistic": [f"{group}: {name}" for group in groups for name in MEASURES],
        "value": mean,
        "low": bounds[:, 0],
        "high": bounds[:, 1],
        "images": (~np.isnan(every)).sum(axis=0).astype("i8"),
    }
    facts: dict[str, str | int | float] = {
        "fill": fill,
        "rows": len(plan.label),
        "right": int(plan.right.sum()),
        "images": len(np.unique(plan.sample)),
        "boxes_only": plan.boxes_only,
        "whole": whole,
        "neither": neither,
        "resamples": plan.options.resamples,
        "resampling": RESAMPLING,
        "seed": plan.options.seed,
    }
    title = f"answers that are right for the wrong reason, {fill} fill"
    return Result(
        paths.audit(fill, "summary"), fill, "", "summary", table, facts, title, replicates
    )


def _listed(plan: Plan, fill: str, scores: dict[str, np.ndarray], flagged: np.ndarray) -> Result:
    """Return the flagged rows, those first whose background gives most more than their object."""
    parts = split(scores, fill)
    lead = np.where(flagged, parts.background - parts.object, -np.inf)
    order = np.argsort(-lead, kind="stable")[: int(flagged.sum())]
    names = [*plan.source.class_names, ""]
    table: dict[str, list[str] | np.ndarray] = {
        "shown": order.astype("i8"),
        "id": [plan.source.ids[plan.regions[row].sample] for row in order],
        "class": [str(names[plan.label[row]]) for row in order],
        **{name: scores[paths.audit(fill, name)][order] for name in SHOWN[:4]},
        **{name: part[order] for name, part in zip(shapley.Split._fields, parts)},
    }
    title = f"the answers that are right for the wrong reason, {fill} fill"
    return Result(paths.audit(fill, "flagged"), fill, "", "flagged", table, {"fill": fill}, title)
