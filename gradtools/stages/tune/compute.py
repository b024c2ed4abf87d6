"""Directions rendered, measured and read again: the arrays of one block of them."""

import itertools
from concurrent import futures

import numpy as np

from gradtools import store
from gradtools.math.links import directions, flow, regions
from gradtools.network import passes
from gradtools.network.generators import as_read
from gradtools.stages.tune.plan import Plan
from gradtools.store import paths


def columns(plan: Plan) -> list[store.Column]:
    """Return the datasets that directions fill."""
    samples, steps = plan.options.samples, plan.options.steps
    parts, metrics = len(plan.segmenter.parts), len(regions.METRICS)
    rows = store.Axis(paths.DIRECTION)

    def column(name: str, *tail: int, dtype: str = "f4") -> store.Column:
        return store.Column(paths.tuning(name), tail, dtype=dtype, axis=rows)

    made = [
        column("metric", samples, steps, parts, metrics),
        column("fidelity", samples),
        column("selectivity", samples),
        column("probability", samples),
        column("stability"),
        column("change"),
    ]
    if plan.options.fields:
        made.append(column("field", samples, len(flow.FIELDS)))
    if plan.options.keep:
        shape = (plan.options.keep, steps)
        made.append(column("picture", *shape, *plan.generator.shape, dtype="u1"))
        made.append(column("mask", *shape, *plan.generator.shape[1:], dtype="u1"))
    return made


def tuned(plan: Plan, block: store.Block) -> dict[str, np.ndarray]:
    """Return the arrays of a block of directions, by path."""
    rows = [_tuned(plan, plan.directions[place]) for place in range(block.start, block.stop)]
    return {path: np.stack([row[path] for row in rows]) for path in rows[0]}


def _tuned(plan: Plan, direction: directions.Direction) -> dict[str, np.ndarray]:
    """The arrays of one direction."""
    r = directions.steps_along(direction, plan.link.r[plan.rows], plan.options.steps)
    samples, steps, width = r.shape
    w = plan.link.latent(r.reshape(-1, width))
    classes = plan.classes_of(r.reshape(-1, width))
    pictures = plan.generator.render(w, plan.options.batch_size, classes)
    again, logits = plan.classifier.encode(pictures, plan.options.batch_size)
    masks = plan.segmenter.find(w, pictures, classes)
    shown = pictures.cpu().numpy().reshape(samples, steps, *pictures.shape[1:])
    masks = masks.reshape(samples, steps, *masks.shape[1:])
    values = {
        "metric": _measured(shown, masks, len(plan.segmenter.parts)),
        "change": np.abs(shown[:, -1] - shown[:, 0]).mean(),
        "stability": directions.agreement(
            (shown[:, -1] - shown[:, 0]).reshape(samples, -1), plan.link.label[plan.rows]
        ),
        **_read_again(plan, direction, again.reshape(samples, steps, width).astype(float), logits),
    }
    if plan.options.fields:
        grey = as_read(pictures, 1).cpu().numpy().reshape(samples, steps, *pictures.shape[2:])
        values["field"] = np.stack(
            [flow.field(one[0], one[-1]).summary() for one in grey.astype(float)]
        )
    if plan.options.keep:
        values["picture"] = np.rint(255 * shown[: plan.options.keep]).astype("u1")
        values["mask"] = masks[: plan.options.keep].astype("u1")
    return {paths.tuning(name): np.asarray(value) for name, value in values.items()}


def _measured(pictures: np.ndarray, masks: np.ndarray, parts: int) -> np.ndarray:
    """Measures of every sample's pictures, (S, T, parts, 9): two thirds of them is the entropy, in code that lets other threads run."""
    with futures.ThreadPoolExecutor(passes.use_threads()) as pool:
        return np.stack([*pool.map(regions.measure, pictures, masks, itertools.repeat(parts))])


def _read_again(
    plan: Plan, direction: directions.Direction, r: np.ndarray, logits: np.ndarray
) -> dict[str, np.ndarray]:
    """Fidelity, selectivity and change of the class's probability of each sample (mathematics#fidelity)."""
    realised = r[:, -1] - r[:, 0]
    asked = direction.high - direction.low
    moved = directions.coordinate(direction, realised)
    values = {"fidelity": moved / asked}
    sizes = np.abs(realised) / plan.span
    if direction.kind == "unit":
        values["selectivity"] = 1.0 + (sizes > sizes[:, direction.number, None]).sum(1)
    else:
        values["selectivity"] = np.full(len(r), np.nan)
    x = logits.reshape(len(r), -1, logits.shape[-1]).astype(float)
    x = np.exp(x - x.max(-1, keepdims=True))
    response = np.einsum(
        "stk,sk->st", x / x.sum(-1, keepdims=True), plan.link.member[plan.link.label[plan.rows]]
    )
    return values | {"probability": response[:, -1] - response[:, 0]}
