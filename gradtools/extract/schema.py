"""How the features of a job lie in its store: the columns that grow, and what does not."""

import json

import numpy as np

from gradtools import jobs, store, taps
from gradtools.errors import GradtoolsError
from gradtools.store import paths


def columns(job):
    """The datasets that grow, one row an image."""
    found = jobs.schema.columns(job)
    if job.target is not None:
        found.append(store.Column(paths.TARGET, (), [], "i4", "class the gradients are about"))
    for tap in job.taps:
        found += _tap_columns(tap, job)
    return found


def _tap_columns(tap, job):
    """The datasets of one tap."""
    channels, height, width = tap.shape
    where, options = paths.tap(tap.name), job.options
    texts = {"activation": "mean activation over positions", "active_share": "share of positions with activation above zero"}
    if job.target is not None:
        texts |= {"gradient": "mean over positions of the score's gradient (Grad-CAM's weight)",
                  "contribution": "sum over positions of gradient times activation"}
    found = [store.Column(f"{where}/{name}", (channels,), ["channel"], "f4", text) for name, text in texts.items()]
    for name in options.maps:
        dtype = {"float16": "f2", "float32": "f4"}[options.map_dtype] if name == "activation" else "f4"
        found.append(store.Column(f"{where}/{name}_map", tap.shape, ["channel", "y", "x"], dtype, f"{name} at every position"))
    if tap.prefix:
        found += [store.Column(f"{where}/token_{name}", (channels,), ["channel"], "f4", f"{name} of the class token")
                  for name in ("activation", "gradient") if name in texts]
    return found


def begin(part, job):
    """Write what does not grow: samples, classes and model, and the taps' verdicts."""
    jobs.schema.begin(part, job)
    _begin_taps(part, job)


def _begin_taps(part, job):
    """Order, defaults and verdicts of the taps."""
    chosen = [tap.name for tap in job.taps]
    blocks = [name for name in _automatic(job, "blocks") if name in chosen]
    defaults = {key: name for key, part_of in (("default_gradient", "last-conv"), ("default_activation", "last-block"))
                for name in _automatic(job, part_of) if name in chosen}
    part.attributes(paths.TAPS, order=json.dumps(chosen), blocks=json.dumps(blocks), **defaults)
    for tap in job.taps:
        verdict = job.verdicts.get(tap.name)
        facts = {} if verdict is None else {"spatially_constant": int(verdict.spatially_constant),
                                            "input_independent": int(verdict.input_independent)}
        part.attributes(paths.tap(tap.name), shape=np.array(tap.shape, "i4"), call=tap.call, **facts)


def _automatic(job, name):
    """Names of the taps that an auto: name stands for; none in a network without maps."""
    try:
        return [tap.name for tap in taps.resolve(job.trace, [f"auto:{name}"])]
    except GradtoolsError:
        return []
