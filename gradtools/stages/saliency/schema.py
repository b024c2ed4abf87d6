"""How the maps of a plan lie in its store."""

import json
from typing import TYPE_CHECKING

import numpy as np

from gradtools import store
from gradtools.network import passes
from gradtools.network.saliency import methods
from gradtools.network.saliency.batch import NUMPY
from gradtools.selection import words
from gradtools.store import paths
from gradtools.store.provenance import Fact

if TYPE_CHECKING:
    from gradtools.network.saliency.plan import Plan


def entries(plan: "Plan") -> int:
    """Return how many entries the job has (int): its images, then its pairs."""
    return len(plan.job.images.ids) + (0 if plan.pairs is None else len(plan.pairs))


def _axes(plan: "Plan") -> tuple[store.Axis, store.Axis, store.Axis | None]:
    """The axes of samples, maps and pairs."""
    count = len(plan.job.images.ids)
    samples = store.Axis(last=count)
    if plan.pairs is None:
        return samples, store.Axis(paths.MAP, plan.rows, last=count), None
    return samples, store.Axis(paths.MAP, 2, first=count), store.Axis(paths.PAIR, first=count)


def columns(plan: "Plan") -> list[store.Column]:
    """Return the datasets that grow."""
    samples, maps, pairs = _axes(plan)
    column, dtype = store.Column, NUMPY[plan.job.options.map_dtype]
    grown = passes.schema.columns(plan.job, samples)
    grown.append(column(paths.MAP_SCORE, axis=maps))
    if pairs is None:
        grown.append(
            column(paths.MAP_TARGET, dtype="i4", long_name="class the score is about", axis=maps)
        )
    else:
        grown.append(
            column(
                paths.PAIR_SCORE,
                long_name=f"{plan.job.options.target} of the embeddings",
                axis=pairs,
            )
        )
    for one in plan.every_map:
        text = f"{one.method} of channels {one.subset.text}, raw: before ReLU, resize and normalisation"
        grown.append(
            column(
                paths.maps(one.name),
                (one.tap.height, one.tap.width),
                dtype=dtype,
                long_name=text,
                axis=maps,
            )
        )
        if one.method in (methods.PLUS_PLUS, methods.LITERAL):
            grown.append(
                column(
                    paths.undefined(one.name),
                    dtype="i4",
                    long_name="entries without a weight",
                    axis=maps,
                )
            )
        if one.method == methods.PLUS_PLUS:
            grown.append(
                column(
                    paths.near_pole(one.name),
                    dtype="i4",
                    long_name="entries whose weight has a denominator within .01 of 0",
                    axis=maps,
                )
            )
    return grown


def unused(plan: "Plan") -> dict[str, np.ndarray]:
    """Return the rows of maps that no label fills, by the scale of their dimension."""
    return {} if plan.slots is None else {paths.MAP: (plan.slots < 0).reshape(-1)}


def command(plan: "Plan") -> dict[str, Fact]:
    """Return the options and inputs that must match for a job to resume."""
    pairs = None if plan.pairs is None else passes.schema.sha(plan.pairs.tolist())
    maps = [one.name for one in plan.every_map]
    return passes.schema.command(plan.job) | {
        "maps": maps,
        "pairs drawn": pairs,
        "channels": [one.subset.text for one in plan.every_map],
    }


def begin(part: store.Sink, plan: "Plan") -> None:
    """Write what does not grow: samples, classes and model, and which sample each map is of."""
    options = plan.job.options
    passes.schema.begin(part, plan.job)
    if plan.pairs is None:
        sample = np.repeat(np.arange(len(plan.job.images.ids)), plan.rows)
        partner = np.full(len(sample), -1)
    else:
        sample, partner = plan.pairs.reshape(-1), plan.pairs[:, ::-1].reshape(-1)
        part.put(paths.MAP_TARGET, np.full(len(sample), -1, "i4"))
        for name, rows in zip("ab", plan.pairs.T):
            part.put(paths.pair(name), rows.astype("i4"))
    if plan.slots is not None:
        part.put(paths.MAP_LABEL, plan.slots.reshape(-1).astype("i4"))
    part.put(paths.MAP_SAMPLE, sample.astype("i4"))
    part.put(paths.MAP_PARTNER, partner.astype("i4"))
    pairing = (
        {}
        if plan.pairs is None
        else {
            "pairs": options.pairs,
            "embedding": words.EMBEDDING.get(options.embedding, options.embedding),
            "seed": options.seed,
        }
    )
    part.attributes(
        paths.MAPS,
        order=json.dumps([one.name for one in plan.every_map]),
        target=options.target,
        score=options.score,
        temperature=options.temperature,
        **pairing,
    )
    for one in plan.every_map:
        part.attributes(
            one.path,
            method=one.method + one.subset.suffix,
            tap=one.tap.name,
            channels=one.subset.text,
            module=one.tap.module,
            call=one.tap.call,
        )
