"""model -> features whose samples are the classes: the last layer's row of each (mathematics#row-normalisation).

The rows are stored as they are; commands that compare them normalise (`math.class_rows`).
"""

import collections
from collections.abc import Sequence

import numpy as np

from gradtools import store
from gradtools.errors import GradtoolsError
from gradtools.network import models, passes, taps
from gradtools.stages import run
from gradtools.store import paths


def classes(model: models.Model, output: str, *, force: bool = False) -> None:
    """Write a store whose samples are the classes of a network.

    Parameters
    ----------
    model : models.Model
    output : str
        Path of the store, or '-'.
    force : bool
        Replace an output that exists.

    Raises
    ------
    GradtoolsError
        The network has no classifier with a row for each class.
    """
    job = run.begin(output, force=force)
    if model.head is None:
        raise GradtoolsError(
            f"{model.spec}: its output comes from no linear layer or 1x1 convolution, so no class has a row of weights; --head NAME "
            "names a layer that has them"
        )
    if model.shape is not None:
        models.check(model.module, taps.blank(model.module, model.shape), model.spec, head=True)
    count = len(model.head.weight)
    with store.create(output, "classes", force=job.force, source=model.spec) as sink:
        sink.attributes(paths.SAMPLES, unit="class")
        sink.put(paths.ID, sample_ids(model.class_names, count), long_name="class of the model")
        sink.put(paths.LABEL, np.full(count, -1, "i4"))
        sink.put(
            paths.DIGEST,
            store.unit_digests(model.weights_sha256, model.head.name, count),
            long_name="SHA-256 of weights' digest, tap and index",
        )
        sink.put(
            paths.PREDICTED,
            np.arange(count, dtype="i4"),
            long_name="the class itself, which picks its row of weights",
        )
        passes.schema.begin_model(sink, model)
        sink.attributes(
            paths.MODEL,
            model=model.spec,
            weights=str(model.weights),
            weights_sha256=model.weights_sha256,
        )
        job.note(sink, classes=count, weights_sha256=model.weights_sha256)


def sample_ids(names: Sequence[str] | None, count: int) -> list[str]:
    """Return the names of the classes as ids, each once: where several classes share a name, it is followed by the index (list of str)."""
    names = names or [str(index) for index in range(count)]
    times = collections.Counter(names)
    return [name if times[name] == 1 else f"{name} ({index})" for index, name in enumerate(names)]
