"""How the features of a job lie in its store: the columns that grow, and what does not."""

from gradtools.network import passes
from gradtools import store
from gradtools.store import paths


def columns(job):
    """The datasets that grow, one row an image."""
    found = passes.schema.columns(job)
    if job.target is not None:
        found.append(store.Column(paths.TARGET, (), [], "i4", "class the gradients are about"))
    for tap in job.taps:
        found += _tap_columns(tap, job)
    return found


def _tap_columns(tap, job):
    """The datasets of one tap."""
    where, options = paths.tap(tap.name), job.options
    found = passes.schema.tap_columns(tap, job)
    for name in options.maps:
        dtype = {"float16": "f2", "float32": "f4"}[options.map_dtype] if name == "activation" else "f4"
        found.append(store.Column(f"{where}/{name}_map", tap.shape, ["channel", "y", "x"], dtype, f"{name} at every position"))
    if tap.prefix:
        found += [store.Column(f"{where}/token_{name}", (tap.channels,), ["channel"], "f4", f"{name} of the class token")
                  for name in ("activation", "gradient")[:1 if job.target is None else 2]]
    return found


def begin(part, job):
    """Write what does not grow: samples, classes and model, and the taps' verdicts."""
    passes.schema.begin(part, job)
    passes.schema.begin_taps(part, job)
