"""How the features of a job lie in its store: the columns that grow, what does not, and what must be equal to go on."""

import dataclasses
import hashlib
import json

import numpy as np

from gradtools import __version__, store, taps


def columns(job):
    """The datasets that grow, one row an image."""
    column, n_classes = store.Column, job.width
    found = [
        column("/samples/digest", (32,), ["/byte"], "u1", "SHA-256 of the image file"),
        column("/samples/height", (), [], "i4", "height of the original image", "pixel"),
        column("/samples/width", (), [], "i4", "width of the original image", "pixel"),
    ]
    if job.target is None:
        found.append(
            column("/outputs/embedding", (n_classes,), ["/embedding"], "f4", "output of a network without a class head")
        )
    else:
        found += [
            column("/outputs/logits", (n_classes,), ["/class"], "f4", "logits"),
            column("/outputs/predicted", (), [], "i4", "class of the largest logit"),
            column("/outputs/target", (), [], "i4", "class the gradients are about"),
        ]
    for tap in job.taps:
        found += _tap_columns(tap, job)
    return found


def _tap_columns(tap, job):
    """The datasets of one tap."""
    channels, height, width = tap.shape
    where, options = f"/taps/{tap.name}", job.options
    texts = {
        "activation": "mean activation over positions",
        "active_share": "share of positions with activation above zero",
    }
    if job.target is not None:
        texts |= {
            "gradient": "mean over positions of the score's gradient (Grad-CAM's weight)",
            "contribution": "sum over positions of gradient times activation",
        }
    found = [store.Column(f"{where}/{name}", (channels,), ["channel"], "f4", text) for name, text in texts.items()]
    for name in options.maps:
        dtype = {"float16": "f2", "float32": "f4"}[options.map_dtype] if name == "activation" else "f4"
        found.append(
            store.Column(f"{where}/{name}_map", tap.shape, ["channel", "y", "x"], dtype, f"{name} at every position")
        )
    if tap.prefix:
        found += [
            store.Column(f"{where}/token_{name}", (channels,), ["channel"], "f4", f"{name} of the class token")
            for name in ("activation", "gradient")
            if name in texts
        ]
    return found


def command(job):
    """What must be the same for a stopped job to go on."""
    listed, model = job.images, job.model
    return {
        **dataclasses.asdict(job.options),
        "version": __version__,
        "model": model.spec,
        "weights": model.weights_sha256,
        "preprocess": str(_preprocess_text(model)),
        "tap": [tap.name for tap in job.taps],
        "images": _sha(listed.ids, listed.sizes.tolist()),
        "image times": _sha(listed.mtimes.tolist()),
        "root": str(listed.root),
        "labels": _sha(listed.labels.tolist(), listed.label_names),
        "label mapping": hashlib.sha256(job.member.tobytes()).hexdigest(),
    }


def _sha(*values):
    return hashlib.sha256(json.dumps(values).encode()).hexdigest()


def _preprocess_text(model):
    """The preprocessing as JSON; a callable of the model's own by its name."""
    own = model.preprocess
    return json.dumps(own, sort_keys=True) if isinstance(own, dict) else getattr(own, "__qualname__", repr(type(own)))


def begin(part, job):
    """Write what does not grow: samples' names and labels, classes, model, the taps' verdicts."""
    listed, model, options = job.images, job.model, job.options
    part.attributes("/", source=str(listed.root), root=str(listed.root))
    part.put("/samples/id", list(listed.ids), ["/sample"], "path below the root")
    part.put("/samples/label", listed.labels.astype("i4"), ["/sample"], "data class, -1 where none")
    if listed.labels_many is not None:
        part.put(
            "/samples/labels",
            listed.labels_many.astype("u1"),
            ["/sample", "/label"],
            "data classes of images with several",
        )
    if listed.label_names:
        part.put("/classes/name", list(listed.label_names), ["/label"], "data class")
        if job.target is not None:
            part.put("/classes/member", job.member, ["/label", "/class"], "model classes of each data class")
    if listed.boxes is not None:
        part.table("/boxes", listed.boxes, "boxes in pixels of the original image, half-open", row="box")
    _begin_model(part, job)
    part.attributes(
        "/model",
        model=model.spec,
        weights=str(model.weights),
        weights_sha256=model.weights_sha256,
        preprocess=_preprocess_text(model),
        score=options.score,
        target=options.target,
        temperature=options.temperature,
        device=options.device,
        dtype=options.dtype,
        batch_size=options.batch_size,
        folded=int(options.fold),
    )
    _begin_taps(part, job)


def _begin_model(part, job):
    """The model's classes and the rows of its last layer."""
    model = job.model
    if job.target is not None and model.class_names:
        part.put("/model/class_name", list(model.class_names), ["/class"], "class of the model")
    if model.head is not None and job.target is not None:
        part.put(
            "/model/weight",
            model.head.weight.astype("f4"),
            ["/class", "/embedding"],
            "row of the last layer",
            attrs={"module": model.head.name},
        )
        part.put("/model/bias", model.head.bias.astype("f4"), ["/class"], "bias of the last layer")


def _begin_taps(part, job):
    """Order, defaults and verdicts of the taps."""
    chosen = [tap.name for tap in job.taps]
    defaults = {name: taps.resolve(job.trace, [f"auto:{name}"])[0].name for name in ("last-conv", "last-block")}
    blocks = [tap.name for tap in taps.resolve(job.trace, ["auto:blocks"]) if tap.name in chosen]
    part.attributes(
        "/taps",
        order=json.dumps(chosen),
        blocks=json.dumps(blocks),
        default_gradient=defaults["last-conv"] if defaults["last-conv"] in chosen else chosen[-1],
        default_activation=defaults["last-block"] if defaults["last-block"] in chosen else chosen[-1],
    )
    for tap in job.taps:
        verdict = job.verdicts.get(tap.name)
        facts = (
            {}
            if verdict is None
            else {
                "spatially_constant": int(verdict.spatially_constant),
                "input_independent": int(verdict.input_independent),
            }
        )
        part.attributes(f"/taps/{tap.name}", shape=np.array(tap.shape, "i4"), call=tap.call, **facts)
