"""From a picture to r, through a link to w~, and to a picture again: how much of it comes back, for every kind of link."""

import json

import numpy as np

from gradtools import store
from gradtools.math.links import fitting, pictures
from gradtools.network import generators
from gradtools.network.generators import as_read
from gradtools.stages.link.fit import KINDS, Links
from gradtools.stages.link.plan import Plan
from gradtools.store import paths

EXAMPLES = 24  # pictures that are stored for the figure


def kinds_text() -> str:
    """Return the kinds of link in their order, as JSON."""
    return json.dumps(list(KINDS))


def columns(plan: Plan) -> list[store.Column]:
    """Return the datasets that held-out pairs fill, one row each."""
    rows = store.Axis(paths.CYCLE, first=plan.entries)
    names = ["agreement", "embedding_cosine", "ssim", "mse"]
    if plan.embedder is not None:
        names.append("perceptual")
    return [store.Column(paths.cycled(kind, name), axis=rows) for kind in KINDS for name in names]


def compute(
    plan: Plan, part: store.Part, links: Links, block: store.Block
) -> dict[str, np.ndarray]:
    """Return the measures of one block of held-out pairs, by path."""
    entries = np.flatnonzero(plan.held)[block.start - plan.entries : block.stop - plan.entries]
    w, r, predicted = (
        _rows(part, path, entries) for path in (paths.LINK_W, paths.EMBEDDING, paths.PREDICTED)
    )
    classes = plan.classes_of(_rows(part, paths.LABEL, entries))
    before = _drawn(plan, w, classes)
    seen = _seen(plan, before)
    arrays = {store.UNREADABLE: part.unreadable[entries].astype("u1")}
    for kind in KINDS:
        after = _drawn(plan, links.predict[kind](r), classes)
        again, logits = plan.classifier.encode(after, plan.options.batch_size)
        a, b = before.cpu().numpy(), after.cpu().numpy()
        values = {
            "agreement": logits.argmax(1) == predicted,
            "embedding_cosine": fitting.row_cosine(r, again),
            "ssim": pictures.ssim(a, b),
            "mse": pictures.squared_error(a, b),
        }
        if seen is not None and plan.embedder is not None:
            values["perceptual"] = 1 - fitting.row_cosine(
                seen, plan.embedder.outputs(after, plan.options.batch_size)
            )
        arrays |= {
            paths.cycled(kind, name): np.asarray(value, "f4") for name, value in values.items()
        }
    return arrays


def _rows(part: store.Part, path: str, entries: np.ndarray) -> np.ndarray:
    """Rows of a column at ascending entries."""
    first = int(entries[0])
    return part.read(path, first, int(entries[-1]) + 1)[entries - first]


def _drawn(plan: Plan, w: np.ndarray, classes: np.ndarray | None) -> generators.Pictures:
    """Pictures (N, C, H, W) in 0..1 of latents, of the samples' classes where these need them."""
    return plan.generator.render(w, plan.options.batch_size, classes)


def _seen(plan: Plan, drawn: generators.Pictures) -> np.ndarray | None:
    """What the embedder gives, (N, E); None without one."""
    if plan.embedder is None:
        return None
    return plan.embedder.outputs(drawn, plan.options.batch_size)


def examples(plan: Plan, part: store.Part, links: Links) -> np.ndarray:
    """Return pictures of held-out pairs and what each kind of link gives back, (E, 1 + kinds, 3, H, W) u8; classes in turn."""
    labels = part.values(paths.LABEL)[links.rows]
    order = np.argsort(_rank_within(labels), kind="stable")
    chosen = np.sort(links.rows[order[:EXAMPLES]])
    chosen = chosen[np.argsort(part.values(paths.LABEL)[chosen], kind="stable")]
    w, r = (part.values(path)[chosen] for path in (paths.LINK_W, paths.EMBEDDING))
    views = [w, *(links.predict[kind](r) for kind in KINDS)]
    classes = plan.classes_of(part.values(paths.LABEL)[chosen])
    drawn = [as_read(_drawn(plan, latents, classes), 3).cpu().numpy() for latents in views]
    return np.rint(255 * np.stack(drawn, axis=1)).astype("u1")


def _rank_within(labels: np.ndarray) -> np.ndarray:
    """Of each row its number among those of its label."""
    rank = np.zeros(len(labels), int)
    for label in np.unique(labels):
        rows = np.flatnonzero(labels == label)
        rank[rows] = np.arange(len(rows))
    return rank
