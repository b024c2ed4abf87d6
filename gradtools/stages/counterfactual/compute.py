"""Moves made, read by the head, and met with stored images and drawn pictures: the arrays of one block of them."""

import numpy as np

from gradtools import store
from gradtools.errors import GradtoolsError
from gradtools.math.links import counterfactual
from gradtools.stages.counterfactual import pictured
from gradtools.stages.counterfactual.plan import Plan
from gradtools.store import paths


def columns(plan: Plan) -> list[store.Column]:
    """Return the datasets that moves fill."""
    points, width = plan.options.points, plan.r.shape[1]
    rows = store.Axis(paths.MOVE)

    def column(name: str, *tail: int, dtype: str = "f8", axis: store.Axis = rows) -> store.Column:
        return store.Column(paths.counterfactual(name), tail, dtype=dtype, axis=axis)

    made = [
        *(column(name, dtype="i4") for name in ("sample", "target", "origin", "active")),
        *(column(name) for name in ("distance", "alone", "moved")),
        column("end", width),
        column("ledger", width),
        column("probability", points, 2),
        column("predicted", points, dtype="i4"),
        column("nearest", points, dtype="i4"),
        column("gap", points),
        column("random_predicted", dtype="i4"),
        column("random_nearest", dtype="i4"),
    ]
    if plan.drawing is not None:
        made += [
            column("drawn_probability", points, 2),
            column("drawn_predicted", points, dtype="i4"),
            column("random_drawn", dtype="i4"),
        ]
        made += pictured.columns(plan, rows)
    if plan.drawing is not None and plan.kept:
        shape = plan.drawing.generator.shape
        kept = store.Axis(paths.KEPT, last=plan.kept)
        made.append(column("picture", points, *shape, dtype="u1", axis=kept))
    return made


def moved(plan: Plan, block: store.Block) -> dict[str, np.ndarray]:
    """Return the arrays of a block of moves, by path."""
    made = [_moved(plan, place) for place in range(block.start, block.stop)]
    values = {name: np.stack([np.asarray(row[name]) for row in made]) for name in made[0]}
    lines, others = values.pop("path"), values.pop("random")
    if plan.drawing is not None:
        values |= pictured.drawn(plan, block, lines, others)
    return {paths.counterfactual(name): value for name, value in values.items()}


def _moved(plan: Plan, place: int) -> dict[str, float | np.ndarray]:
    """The arrays of one move, and its path (T, D) and the end of a random one as long (D,); no distance where there is none."""
    row, target, origin = (int(x[place]) for x in (plan.sample, plan.target, plan.origin))
    r, options = plan.r[row].astype(float), plan.options
    try:
        move = counterfactual.least_move(
            r, plan.weight, plan.bias, target, options.margin, plan.lower
        )
        both = [target, origin]
        alone = counterfactual.least_move(
            r, plan.weight[both], plan.bias[both], 0, options.margin, plan.lower
        ).step
        distance, step = float(np.linalg.norm(move.step)), move.step
        active = int(np.count_nonzero(move.multipliers))
    except GradtoolsError:
        distance, step, alone, active = np.nan, np.zeros(len(r)), np.full(len(r), np.nan), 0
    line = counterfactual.along(r, step, options.points)
    other = counterfactual.random_move(step, plan.r.std(0), (options.seed, 7, row, target))
    ends = np.maximum(r + other, plan.lower)
    logits = line @ plan.weight.T + plan.bias
    nearest, gap = _nearest(plan, np.concatenate([line, ends[None]]), row)
    return {
        "sample": row,
        "target": target,
        "origin": origin,
        "active": active,
        "distance": distance,
        "alone": float(np.linalg.norm(alone)),
        "moved": np.mean(np.abs(step) > 1e-9 * max(np.abs(step).max(), 1e-300)),
        "end": line[-1],
        "ledger": counterfactual.ledger(step, plan.weight, target, origin),
        "probability": pictured.softmax(logits)[:, [origin, target]],
        "predicted": logits.argmax(1),
        "nearest": nearest[:-1],
        "gap": gap[:-1],
        "random_predicted": (plan.weight @ ends + plan.bias).argmax(),
        "random_nearest": nearest[-1],
        "path": line,
        "random": ends,
    }


def _nearest(plan: Plan, points: np.ndarray, row: int) -> tuple[np.ndarray, np.ndarray]:
    """Rows of the stored images nearest to points (T, D), the moved sample left out, and their distances."""
    others = plan.original[plan.original != row]
    rows = plan.r[others].astype(float)
    gaps = (rows**2).sum(1) - 2 * points @ rows.T
    best = gaps.argmin(1)
    return others[best], np.linalg.norm(points - rows[best], axis=1)
