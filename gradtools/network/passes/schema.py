"""How samples, classes, model and outputs lie in the store of any pass over images, and what must be equal for it to go on."""

from __future__ import annotations

import dataclasses
import hashlib
import inspect
import json
from typing import TYPE_CHECKING

import numpy as np

from gradtools import __version__, store
from gradtools.errors import GradtoolsError
from gradtools.network import taps
from gradtools.network.models import Model
from gradtools.network.passes import mixed
from gradtools.network.taps import Tap
from gradtools.store import paths

if TYPE_CHECKING:
    from torch import nn

    from gradtools.images.listing import ImageList
    from gradtools.network.passes.plan import Job
    from gradtools.store import provenance

CANCELS = ("gradient_cancels", "activation_cancels")  # verdicts that are stored where they hold
REDUCTIONS = ("activation", "active_share", "gradient", "contribution")


def columns(job: Job, axis: store.Axis = store.Axis()) -> list[store.Column]:
    """Return the datasets that grow by one row an image: what was read of it, and what the network answered."""

    def column(path: str, tail: tuple[int, ...] = (), dtype: str = "f4") -> store.Column:
        return store.Column(path, tail, dtype=dtype, axis=axis)

    common = [
        column(paths.DIGEST, (32,), dtype="u1"),
        column(paths.HEIGHT, dtype="i4"),
        column(paths.WIDTH, dtype="i4"),
    ]
    if job.target is None:
        return common + [column(paths.EMBEDDING, (job.width,))]
    return common + [
        column(paths.LOGITS, (job.width,)),
        column(paths.PREDICTED, dtype="i4"),
    ]


def tap_columns(tap: Tap, job: Job) -> list[store.Column]:
    """Return the datasets of a tap's reductions (see `reductions.over_positions`): without a class head none of gradients."""
    names = REDUCTIONS[: 2 if job.target is None else 4]
    return [store.Column(paths.tap(tap.name, name), (tap.channels,)) for name in names]


def command(job: Job) -> dict[str, provenance.Fact]:
    """Return the options and inputs that must match for a job to resume."""
    listed, model = job.images, job.model
    return {
        **dataclasses.asdict(job.options),
        "version": __version__,
        "model": model.spec,
        "model's code": _code(model.module),
        "head": job.target is not None,
        "target classes": repr(job.target),
        "class names": sha(list(model.class_names or [])),
        "weights": model.weights_sha256,
        "annotations": _annotations_sha(listed),
        "preprocess": str(preprocess_text(model)),
        "output of the network": model.form.text,
        "tap": [tap.name for tap in job.taps],
        "images": sha(listed.ids),
        store.SIZES: sha(listed.sizes.tolist()),
        store.FILES: store.marks(zip(listed.sizes.tolist(), listed.mtimes.tolist())),
        "root": str(listed.root),
        "labels": sha(listed.labels.tolist(), listed.label_names),
        "label mapping": hashlib.sha256(job.member.tobytes()).hexdigest(),
    }


def _code(module: nn.Module) -> str:
    """Return the SHA-256 (hex) of the file that defines a network, or of an exported program's graphs; '' where it has none."""
    known = getattr(module, "code_sha256", None)
    if isinstance(known, str):
        return known
    try:
        with open(inspect.getsourcefile(type(module)) or "", "rb") as source:
            return hashlib.sha256(source.read()).hexdigest()
    except (TypeError, OSError):
        return ""


def sha(*values: provenance.Fact) -> str:
    """Return the SHA-256 (hex) of values as JSON."""
    return hashlib.sha256(json.dumps(values).encode()).hexdigest()


def _annotations_sha(listed: ImageList) -> str | None:
    """Return the SHA-256 (hex) of boxes and masks, None without any."""
    columns = [columns for columns in (listed.boxes, listed.masks) if columns is not None]
    if not columns:
        return None
    parts = [{name: values.tolist() for name, values in table.items()} for table in columns]
    return sha(parts)


def preprocess_text(model: Model) -> str:
    """Return the preprocessing as JSON; a callable of the model's own by its name."""
    rules = model.preprocess
    return (
        json.dumps(rules, sort_keys=True)
        if isinstance(rules, dict)
        else getattr(rules, "__qualname__", repr(type(rules)))
    )


def begin(part: store.Sink, job: Job) -> None:
    """Write what does not grow: samples' names and labels, classes, model."""
    listed, model, options = job.images, job.model, job.options
    part.attributes("/", source=str(listed.root), root=str(listed.root))
    part.put(paths.ID, list(listed.ids))
    part.put(paths.LABEL, listed.labels.astype("i4"))
    if listed.labels_many is not None:
        part.put(paths.LABELS, listed.labels_many.astype("u1"))
    if listed.label_names:
        part.put(paths.CLASS_NAME, list(listed.label_names))
        if job.target is not None:
            part.put(paths.MEMBER, job.member)
    if listed.boxes is not None:
        part.table(
            paths.BOXES, listed.boxes, "boxes in pixels of the original image, half-open", row="box"
        )
    if listed.masks is not None:
        columns = {name: values for name, values in listed.masks.items() if name != "counts"}
        part.table(paths.MASKS, columns, "masks of the original image", row="mask")
        counts = listed.masks["counts"]
        part.put(paths.MASK_COUNTS, counts)
    _begin_versions(part, listed)
    if job.target is not None:
        begin_model(part, model)
    part.attributes(
        paths.MODEL,
        model=model.spec,
        weights=str(model.weights),
        weights_sha256=model.weights_sha256,
        preprocess=preprocess_text(model),
        score=options.score,
        target=options.target,
        temperature=options.temperature,
        device=options.device,
        dtype=options.dtype,
        batch_size=options.batch_size,
        folded=int(options.fold),
        **_read_otherwise(job),
    )


def _read_otherwise(job: Job) -> dict[str, str]:
    """Return how the network is run, and its output and the image files are read, where that is not the default."""
    model, options = job.model, job.options
    facts = {"output": model.form.text} if model.form.text else {}
    if mixed.kind(job) != "none":
        facts["amp"] = mixed.kind(job)
    if options.value_range is not None:
        facts["range"] = ",".join(f"{value:g}" for value in options.value_range)
    return facts


def _begin_versions(part: store.Sink, listed: ImageList) -> None:
    """Write which samples are augmented from which image."""
    if listed.original is None:
        return
    facts = [
        ("", 0, 0) if version is None else dataclasses.astuple(version)
        for version in listed.versions or ()
    ]
    kinds, strengths, numbers = zip(*facts)
    part.put(paths.ORIGINAL, listed.original)
    part.put(paths.CHANGED_BY, list(kinds))
    part.put(paths.STRENGTH, np.array(strengths, "f4"))
    part.put(paths.VERSION, np.array(numbers, "i4"))


def begin_model(part: store.Sink, model: Model) -> None:
    """Write the model's classes and the rows of its last layer."""
    if model.class_names:
        part.put(paths.MODEL_CLASS_NAME, list(model.class_names))
    if model.head is not None:
        part.put(
            paths.WEIGHT,
            model.head.weight.astype("f4"),
            attrs={"module": model.head.name},
        )
        part.put(paths.BIAS, model.head.bias.astype("f4"))


def begin_taps(part: store.Sink, job: Job) -> None:
    """Write the order, defaults and verdicts of the taps."""
    names = [tap.name for tap in job.taps]
    blocks = [name for name in _automatic(job, "blocks") if name in names]
    defaults = {
        key: name
        for key, part_of in (
            ("default_gradient", "last-conv"),
            ("default_activation", "last-block"),
        )
        for name in _automatic(job, part_of)
        if name in names
    }
    part.attributes(paths.TAPS, order=json.dumps(names), blocks=json.dumps(blocks), **defaults)
    for tap in job.taps:
        verdict = job.verdicts.get(tap.name)
        facts = (
            {}
            if verdict is None
            else {
                "spatially_constant": int(verdict.spatially_constant),
                "input_independent": int(verdict.input_independent),
                **{name: 1 for name in CANCELS if getattr(verdict, name)},
            }
        )
        part.attributes(
            paths.tap(tap.name), shape=np.array(tap.shape, "i4"), call=tap.call, **facts
        )


def _automatic(job: Job, name: str) -> list[str]:
    """Return the names of the taps that an auto: name stands for; none in a network without maps."""
    try:
        return [tap.name for tap in taps.resolve(job.trace, [f"auto:{name}"])]
    except GradtoolsError:
        return []
