"""How the features of a job lie in its store: the columns that grow, and what does not."""

from gradtools import store
from gradtools.network import passes
from gradtools.store import paths


def columns(job):
    """The datasets that grow, one row an image."""
    found = passes.schema.columns(job)
    if job.target is not None:
        found.append(store.Column(paths.TARGET, dtype="i4"))
    for tap in job.taps:
        found += _tap_columns(tap, job)
    return found


def _tap_columns(tap, job):
    """The datasets of one tap."""
    options = job.options
    found = passes.schema.tap_columns(tap, job)
    for name in options.maps:
        dtype = (
            {"float16": "f2", "float32": "f4"}[options.map_dtype] if name == "activation" else "f4"
        )
        found.append(store.Column(paths.tap(tap.name, f"{name}_map"), tap.shape, dtype=dtype))
    if tap.prefix:
        found += [
            store.Column(paths.tap(tap.name, f"token_{name}"), (tap.channels,))
            for name in ("activation", "gradient")[: 1 if job.target is None else 2]
        ]
    return found


def begin(part, job):
    """Write what does not grow: samples, classes and model, and the taps' verdicts."""
    passes.schema.begin(part, job)
    passes.schema.begin_taps(part, job)
