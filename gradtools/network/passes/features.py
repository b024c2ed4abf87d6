"""Features of one batch: one forward pass, one backward pass for all taps, reductions over positions."""

import contextlib
import dataclasses
from collections.abc import Callable
from typing import TYPE_CHECKING

import numpy as np
import torch

from gradtools.network import passes, scores, taps
from gradtools.network.passes import array, mixed
from gradtools.store import paths

if TYPE_CHECKING:
    from gradtools.network.passes.plan import Job
    from gradtools.network.taps.grammar import Tap

NUMPY = {"float16": "f2", "float32": "f4"}


@dataclasses.dataclass(frozen=True)
class Options(passes.Options):
    """What decides the features, beside what every pass takes."""

    maps: tuple[str, ...] = ()  # "gradient", "activation": stored whole
    map_dtype: str = "float32"  # of activation maps
    embedding: bool = False  # also what the head reads
    amp: str = "none"  # or bf16, fp16: precision below the classifier


def run_batch(
    job: passes.Job[Options], pixels: np.ndarray, label: np.ndarray
) -> dict[str, np.ndarray]:
    """Return the features of one batch.

    Parameters
    ----------
    pixels : (B, C, H, W) u8 or float array
    label : (B,) int array

    Returns
    -------
    dict of str to (B, ...) array, by path in the store
    """
    options = job.options
    with contextlib.ExitStack() as stack:
        read = (
            stack.enter_context(taps.head_inputs(job.network, job.model.classifier.name))
            if options.embedding
            else []
        )
        output, tapped, cosine = passes.forward(job, passes.inputs(pixels, job))
    if job.target is None:
        values = passes.outputs(job, output)
        gradients: dict[str, torch.Tensor] = {}
    else:
        values, gradients = _scored(job, output, tapped, label, cosine)
    if read:
        values[paths.EMBEDDING] = array(read[-1].detach())
    for tap in job.taps:
        values |= _tap_values(tap, tapped[tap.name].detach(), gradients.get(tap.name), options)
    return values


def _scored(
    job: "Job",
    logits: torch.Tensor,
    tapped: dict[str, torch.Tensor],
    label: np.ndarray,
    cosine: torch.Tensor | None,
) -> tuple[dict[str, np.ndarray], dict[str, torch.Tensor]]:
    """Return the outputs of a network with classes, and the score's gradients at every tap."""
    options = job.options
    total, classes = scores.score(
        logits / options.temperature,
        job.known_target,
        options.score,
        label=label,
        member=job.member,
        cosine=cosine,
    )
    gradients = mixed.gradients(job, total, tapped)
    return passes.outputs(job, logits) | {paths.TARGET: array(classes, "i4")}, gradients


def _tap_values(
    tap: "Tap", activation: torch.Tensor, gradient: torch.Tensor | None, options: Options
) -> dict[str, np.ndarray]:
    """Return the reductions over positions of one tap, and the maps that were asked for."""
    tensors = (
        {"activation": activation}
        if gradient is None
        else {"activation": activation, "gradient": gradient}
    )
    where, maps, values = paths.tap(tap.name), {}, {}
    for name, tensor in tensors.items():
        maps[name], token = taps.to_chw(tensor, tap)
        if name in options.maps:
            values[paths.inside(where, f"{name}_map")] = array(
                maps[name], NUMPY[options.map_dtype] if name == "activation" else "f4"
            )
        if token is not None:
            values[paths.inside(where, f"token_{name}")] = array(token)
    reduced = passes.reductions.over_positions(maps["activation"], maps.get("gradient"))
    return values | {paths.inside(where, name): array(column) for name, column in reduced.items()}


def parallel_rows(
    job: passes.Job[Options], read: Callable, kept: np.ndarray, block: int = 4096
) -> dict[str, tuple[int, int]]:
    """Count an extraction's rows whose gradient has the direction of the class row it is about (mathematics#gradient-at-the-head).

    Parameters
    ----------
    read : callable
        `read(path, start, stop)` gives stored rows.
    kept : (N,) bool array
        Which of the rows are of images that could be read.

    Returns
    -------
    dict of str to (int, int)
        By tap, of those whose gradient is as long as a class row: rows of this direction, and rows with a gradient, at least one.
    """
    counts: dict[str, tuple[int, int]] = {}
    for tap in _comparable(job):
        class_rows = job.model.classifier.weight
        same = rows = 0
        for start in range(0, len(kept), block):
            stop, readable = min(start + block, len(kept)), kept[start : start + block]
            gradient = read(paths.tap(tap.name, "gradient"), start, stop)[readable]
            classes = read(paths.TARGET, start, stop)[readable]
            parallel, with_gradient = _parallel(gradient, class_rows[classes])
            same, rows = same + parallel, rows + with_gradient
        if rows:
            counts[tap.name] = same, rows
    return counts


def _comparable(job: "Job") -> "list[Tap]":
    """Return the taps whose gradients can be multiples of a class row: of one class's logit, with as many channels."""
    one_logit = job.target is not None and job.target.kind in ("argmax", "class", "label")
    if not one_logit or job.options.score != "logit" or job.model.head is None:
        return []
    return [tap for tap in job.taps if tap.channels == job.model.head.weight.shape[1]]


def _parallel(gradient: np.ndarray, rows: np.ndarray) -> tuple[int, int]:
    """Return (rows with the direction of their class row, rows with a gradient)"""
    gradient, rows = gradient.astype(float), rows.astype(float)
    lengths = np.linalg.norm(gradient, axis=1) * np.linalg.norm(rows, axis=1)
    has = lengths > 0
    cosine = np.einsum("ij,ij->i", gradient, rows)[has] / lengths[has]
    return int((cosine > taps.COSINE).sum()), int(has.sum())
