"""Pairs of a latent and what the head reads of its picture: drawn by seed until the classifier recognises the class."""

import hashlib
import time
from collections.abc import Callable

import numpy as np

from gradtools import store
from gradtools.errors import GradtoolsError
from gradtools.network.generators.samples import seed_of
from gradtools.stages.link.plan import Plan
from gradtools.store import paths

Clock = dict[str, float]


def axis(plan: Plan) -> store.Axis:
    """Return the rows of pairs: one a sample."""
    return store.Axis(last=plan.entries)


def columns(plan: Plan) -> list[store.Column]:
    """Return the datasets that pairs fill."""
    rows, classes = axis(plan), plan.member.shape[1]
    return [
        store.Column(paths.LABEL, dtype="i4", axis=rows),
        store.Column(paths.DIGEST, (32,), dtype="u1", axis=rows),
        store.Column(paths.LOGITS, (classes,), axis=rows),
        store.Column(paths.PREDICTED, dtype="i4", axis=rows),
        store.Column(paths.EMBEDDING, (plan.width,), axis=rows),
        store.Column(paths.LINK_W, (plan.generator.width,), axis=rows),
        store.Column(paths.LINK_SEED, dtype="i8", axis=rows),
        store.Column(paths.LINK_ATTEMPTS, dtype="i4", axis=rows),
    ]


def draw(plan: Plan, block: store.Block, clock: Clock) -> dict[str, np.ndarray]:
    """Return the arrays of one block of pairs, by path."""
    if plan.given:
        return _of_file(plan, block)
    entries = np.arange(block.start, block.stop)
    label = entries // plan.options.per_class if plan.conditional else np.full(len(entries), -1)
    arrays = {
        column.path: np.zeros((len(entries), *column.tail), column.dtype)
        for column in columns(plan)
    }
    missing = np.ones(len(entries), bool)
    for attempt in range(plan.options.attempts if plan.conditional else 1):
        at = np.flatnonzero(missing)
        if not len(at):
            break
        seeds = [seed_of(plan.options.seed, int(entries[k]) + attempt * plan.entries) for k in at]
        w, r, logits = _encoded(plan, seeds, label[at], clock)
        predicted = logits.argmax(1)
        known = (
            plan.member[label[at], predicted] != 0 if plan.conditional else np.ones(len(at), bool)
        )
        rows = at[known]
        labels = label[rows] if plan.conditional else predicted[known]
        values = {
            paths.LABEL: labels,
            paths.DIGEST: [
                _digest(plan, int(c), seeds[i]) for c, i in zip(labels, np.flatnonzero(known))
            ],
            paths.LOGITS: logits[known],
            paths.PREDICTED: predicted[known],
            paths.EMBEDDING: r[known],
            paths.LINK_W: w[known],
            paths.LINK_SEED: np.array(seeds)[known],
            paths.LINK_ATTEMPTS: attempt + 1,
        }
        for path, value in values.items():
            if len(rows):
                arrays[path][rows] = value
        missing[rows] = False
    arrays[store.UNREADABLE] = missing.astype("u1")
    return arrays


def _encoded(
    plan: Plan, seeds: list[int], label: np.ndarray, clock: dict[str, float]
) -> tuple[np.ndarray, np.ndarray, np.ndarray]:
    """Latents, R and logits of samples, three float32 arrays."""
    begun, size = time.perf_counter(), plan.options.batch_size
    numbers = plan.numbers[label] if plan.conditional else None
    w = plan.generator.draw(seeds, numbers, plan.options.psi)
    given = numbers if plan.generator.needs_class else None
    parts = plan.generator.render(w.cpu().numpy(), size, given).split(size)
    drawn = time.perf_counter()
    encoded = [plan.classifier.encode(part, size) for part in parts]
    clock["sampling"] += drawn - begun
    clock["encoding"] += time.perf_counter() - drawn
    clock["pairs"] += len(seeds)
    r, logits = (np.concatenate(values) for values in zip(*encoded))
    if not (np.isfinite(r).all() and np.isfinite(logits).all()):
        raise GradtoolsError(
            f"model {plan.classifier.model.spec}: NaN or infinite values for samples of {plan.generator.spec}"
        )
    return w.cpu().numpy(), r, logits


def _digest(plan: Plan, label: int, seed: int) -> np.ndarray:
    """SHA-256 of what a sample is drawn from, (32,) u8."""
    number = int(plan.numbers[label]) if plan.conditional else -1
    text = f"{plan.generator.sha256} {number} {seed} {plan.options.psi!r}"
    return np.frombuffer(hashlib.sha256(text.encode()).digest(), "u1")


def _of_file(plan: Plan, block: store.Block) -> dict[str, np.ndarray]:
    """The arrays of one block of the pairs of a file."""
    rows = slice(block.start, block.stop)
    w, r = (np.ascontiguousarray(plan.given[name][rows], "f4") for name in ("w", "r"))
    logits = plan.classifier.head(r).astype("f4")
    predicted = logits.argmax(1)
    label = plan.given["label"][rows] if "label" in plan.given else predicted
    digests = [
        np.frombuffer(hashlib.sha256(a.tobytes() + b.tobytes()).digest(), "u1")
        for a, b in zip(w, r)
    ]
    return {
        paths.LABEL: label,
        paths.DIGEST: np.stack(digests),
        paths.LOGITS: logits,
        paths.PREDICTED: predicted,
        paths.EMBEDDING: r,
        paths.LINK_W: w,
        paths.LINK_SEED: np.arange(block.start, block.stop),
        paths.LINK_ATTEMPTS: np.zeros(len(w), "i4"),
    }


def check(plan: Plan, part: store.Part) -> None:
    """Refuse pairs of which the classifier recognises none.

    Raises
    ------
    GradtoolsError
    """
    if part.unreadable[: plan.entries].all():
        raise GradtoolsError(
            f"the classifier recognises none of {plan.entries} samples in {plan.options.attempts} draws each: its classes are not the "
            "generator's (their names and order), or --psi is too large"
        )


def counted(plan: Plan, part: store.Part) -> dict[str, int]:
    """Return how many draws there were and how many are recognised; 0 where the label is the network's own answer, empty for labels of a file."""
    if "label" in plan.given:
        return {}
    if plan.given or not plan.conditional:
        return {"recognised": 0, "draws": 0}
    kept = ~part.unreadable[: plan.entries]
    return {"recognised": int(kept.sum()), "draws": int(_tried(plan, part, kept).sum())}


def _tried(plan: Plan, part: store.Part, kept: np.ndarray) -> np.ndarray:
    """Return the draws that each entry took."""
    return np.where(kept, part.values(paths.LINK_ATTEMPTS), plan.options.attempts)


def print_recognised(plan: Plan, part: store.Part, say: Callable[[str], None]) -> None:
    """Print how many samples were recognised, and of which class fewest."""
    kept = ~part.unreadable[: plan.entries]
    if plan.given or not plan.conditional:
        return
    tried = _tried(plan, part, kept)
    of_class = np.arange(plan.entries) // plan.options.per_class
    shares = [
        kept[of_class == c].sum() / tried[of_class == c].sum() for c in range(len(plan.names))
    ]
    worst = int(np.argmin(shares))
    say(
        f"{kept.sum() / tried.sum():.1%} of {tried.sum():,} draws are recognised, fewest of {plan.names[worst]} ({shares[worst]:.1%}); "
        f"{kept.sum():,} pairs"
        + (f", {(~kept).sum():,} not met in {plan.options.attempts} draws" if (~kept).any() else "")
    )
