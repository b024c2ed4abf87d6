"""Moves drawn through a link: what the classifier sees on the way, how parts change, and the paper's descent beside each move."""

import numpy as np

from gradtools import store
from gradtools.math.links import descent, flow, regions
from gradtools.stages.counterfactual.drawing import Drawn
from gradtools.stages.counterfactual.plan import Plan
from gradtools.store import paths


def columns(plan: Plan, rows: store.Axis) -> list[store.Column]:
    """Return the datasets that only some options fill: parts, change fields, descents."""
    assert plan.drawing is not None
    options, segmenter = plan.options, plan.drawing.segmenter

    def column(name: str, *tail: int, dtype: str = "f4") -> store.Column:
        return store.Column(paths.counterfactual(name), tail, dtype=dtype, axis=rows)

    made = []
    if segmenter is not None:
        shape = (len(segmenter.parts), len(regions.METRICS))
        made += [column("metric", options.points, *shape), column("random_metric", *shape)]
    if options.fields:
        made += [column(name, len(flow.FIELDS)) for name in ("field", "random_field")]
    if options.descent:
        made += [
            column("descent_end", plan.r.shape[1], dtype="f8"),
            column("descent_distance", dtype="f8"),
            *(column(f"descent_{name}", dtype="i4") for name in ("steps", "predicted", "drawn")),
        ]
    return made


def drawn(
    plan: Plan, block: store.Block, lines: np.ndarray, others: np.ndarray
) -> dict[str, np.ndarray]:
    """Return what is seen in pictures along paths (B, T, D), at ends of random moves (B, D), and of descents."""
    assert plan.drawing is not None
    count, points, width = lines.shape
    rows = np.concatenate([lines.reshape(-1, width), others])
    seen = plan.drawing.draw(rows, plan.options.batch_size)
    of_paths = seen.logits[: count * points].reshape(count, points, -1).astype(float)
    both = np.stack([plan.origin, plan.target], 1)[block.start : block.stop, None]
    values = {
        "drawn_probability": np.take_along_axis(softmax(of_paths), both, 2),
        "drawn_predicted": of_paths.argmax(-1),
        "random_drawn": seen.logits[count * points :].argmax(-1),
    }
    shape = seen.pictures.shape[1:]
    along = seen.pictures[: count * points].reshape(count, points, *shape)
    if block.start < plan.kept:
        values["picture"] = np.rint(255 * along).astype("u1")
    if seen.masks is not None:
        values |= _parts(plan, seen, along)
    if plan.options.fields:
        ends = {"field": along[:, -1], "random_field": seen.pictures[count * points :]}
        values |= {name: _fields(along[:, 0], last) for name, last in ends.items()}
    if plan.options.descent:
        values |= _descents(plan, block)
    return values


def softmax(logits: np.ndarray) -> np.ndarray:
    """Return probabilities of logits (..., K)."""
    x = np.exp(logits - logits.max(-1, keepdims=True))
    return x / x.sum(-1, keepdims=True)


def _parts(plan: Plan, seen: Drawn, along: np.ndarray) -> dict[str, np.ndarray]:
    """Metrics of the parts along paths (B, T, L, M), and at ends of random moves (B, L, M)."""
    assert plan.drawing is not None and plan.drawing.segmenter is not None
    assert seen.masks is not None
    count, points = along.shape[:2]
    parts = len(plan.drawing.segmenter.parts)
    masks = seen.masks[: count * points].reshape(count, points, *seen.masks.shape[1:])
    ends, of_ends = (side[count * points :] for side in (seen.pictures, seen.masks))
    paths_of = [
        regions.measure(
            np.concatenate([along[place], ends[place][None]]),
            np.concatenate([masks[place], of_ends[place][None]]),
            parts,
        )
        for place in range(count)
    ]
    values = np.stack(paths_of)
    return {"metric": values[:, :-1], "random_metric": values[:, -1]}


def _fields(first: np.ndarray, last: np.ndarray) -> np.ndarray:
    """Figures of the change fields of pictures (B, C, H, W), (B, F)."""
    pairs = ((a.astype(float).mean(0), b.astype(float).mean(0)) for a, b in zip(first, last))
    return np.stack([flow.field(a, b).summary() for a, b in pairs])


def _descents(plan: Plan, block: store.Block) -> dict[str, np.ndarray]:
    """The paper's descents of a block of moves."""
    assert plan.drawing is not None
    drawing, places = plan.drawing, np.arange(block.start, block.stop)
    r, link = plan.r[plan.sample[places]].astype(float), drawing.link
    target, size = plan.target[places], plan.options.batch_size
    problem = descent.Problem(
        plan.weight, plan.bias, link.coef, link.intercept, plan.origin[places], target
    )

    def reached(rows: np.ndarray, of: np.ndarray) -> np.ndarray:
        return drawing.draw(rows, size).logits.argmax(1) == target[of]

    start = np.zeros_like(r)
    if plan.options.descent == "random":
        for row, place in zip(start, places):
            row[:] = np.random.default_rng([plan.options.seed, 9, int(place)]).random(len(row))
    ends, taken = descent.descend(r, start, plan.lower, problem, reached)
    return {
        "descent_end": ends,
        "descent_distance": np.linalg.norm(ends - r, axis=1),
        "descent_steps": taken,
        "descent_predicted": (ends @ plan.weight.T + plan.bias).argmax(1),
        "descent_drawn": drawing.draw(ends, size).logits.argmax(1),
    }
