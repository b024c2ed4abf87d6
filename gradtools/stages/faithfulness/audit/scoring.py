"""The scores of images whose object and background are shown apart."""

from collections.abc import Iterator

import numpy as np

from gradtools import store
from gradtools.network import masking
from gradtools.selection import regions
from gradtools.stages.faithfulness.audit.plan import Plan
from gradtools.stages.faithfulness.shown import Frames, check_frame
from gradtools.store import paths

SHOWN = ("whole", "inside", "outside", "neither", "other_inside", "other_outside")


def columns(plan: Plan) -> list[store.Column]:
    """Return the datasets that the blocks fill: the score of every row, shown in six ways."""
    axis = store.Axis(paths.SHOWN)
    return [
        store.Column(paths.audit(fill, name), axis=axis)
        for fill in plan.options.fill
        for name in SHOWN
    ]


def masks(plan: Plan, row: int) -> Iterator[tuple[str, np.ndarray]]:
    """Yield (name, mask) of what is shown of one row's image; without another image of its size four of them."""
    inside = object_of(plan.regions[row])
    yield "whole", np.ones(inside.shape, "f4")
    yield "inside", inside.astype("f4")
    yield "outside", (~inside).astype("f4")
    yield "neither", np.zeros(inside.shape, "f4")
    if plan.others[row] < 0:
        return
    other = object_of(plan.regions[plan.others[row]])
    if other.shape == inside.shape:
        yield "other_inside", other.astype("f4")
        yield "other_outside", (~other).astype("f4")


def object_of(region: regions.Region) -> np.ndarray:
    """Return the pixels of a region's object, (H, W) bool: its masks, else its boxes; crowds of its class with it."""
    inside = region.pixels if region.mask is None else region.mask
    return inside if region.ignored is None else inside | region.ignored


def compute(plan: Plan, block: store.Block, frames: Frames) -> dict[str, np.ndarray]:
    """Score the rows of one block, shown in every way; NaN where there is no other image.

    Returns
    -------
    dict of str to (n,) float array
        By path.
    """
    at = range(block.start, block.stop)
    check_frame(plan.source, plan.regions[at[0]].size, frames)
    scores = {}
    for fill in plan.options.fill:
        wanted = [(name, place) for place, row in enumerate(at) for name, _ in masks(plan, row)]
        shown = (
            (frames.row[int(plan.sample[row])], mask) for row in at for _, mask in masks(plan, row)
        )
        members = plan.members[[block.start + place for _, place in wanted]]
        values = _score(plan, frames.pixels, shown, fill, members)
        for name in SHOWN:
            scores[paths.audit(fill, name)] = np.full(len(at), np.nan)
        for (name, place), value in zip(wanted, values):
            scores[paths.audit(fill, name)][place] = value
    return scores


def _score(
    plan: Plan,
    pixels: np.ndarray,
    shown: Iterator[masking.Shown],
    fill: str,
    members: np.ndarray,
) -> np.ndarray:
    """Return the probability of the classes (n, K) of everything that is shown, (n,) float64."""
    return masking.scores(
        plan.job,
        pixels,
        shown,
        fill,
        lambda x, places: masking.probability(plan.job, x, members[places]),
    )
