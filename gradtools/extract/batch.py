"""Features of one batch: one forward pass, one backward pass for all taps, reductions over positions."""

import contextlib

import numpy as np
import torch

from gradtools import scores, taps
from gradtools.errors import GradtoolsError
from gradtools.extract.job import inputs

NUMPY = {"float16": "f2", "float32": "f4"}


def halved_on_need(job, batch, say):
    """One batch; in halves, and those again, where the device's memory does not hold it."""
    parts, done = [(0, len(batch.pixels))], []
    while parts:
        start, stop = parts.pop(0)
        try:
            done.append(
                run_batch(job, batch.pixels[start:stop], job.images.labels[batch.start + start : batch.start + stop])
            )
        except (torch.OutOfMemoryError, MemoryError):
            if stop - start == 1:
                raise GradtoolsError(
                    f"one image does not fit the memory of {job.options.device} with these taps: ask for fewer"
                ) from None
            middle = (start + stop) // 2
            parts[:0] = [(start, middle), (middle, stop)]
            say(
                f"a batch of {stop - start} does not fit the memory of {job.options.device}: halved, so values may differ in rounding"
            )
    return {path: np.concatenate([values[path] for values in done]) for path in done[0]}


def run_batch(job, pixels, label):
    """Features of one batch.

    Parameters
    ----------
    pixels : (B, 3, H, W) u8 or float array
    label : (B,) int array

    Returns
    -------
    dict of str to (B, ...) array, by path in the store
    """
    options, dtype = job.options, getattr(torch, job.options.dtype)
    x = inputs(pixels, job.model).to(options.device, dtype, memory_format=torch.channels_last)
    with (
        taps.head_inputs(job.network, job.model.head.name) if options.score == "cosine" else contextlib.nullcontext()
    ) as read:
        output, tapped = taps.forward(job.network, x, job.taps)
    if job.target is None:
        values, gradients = {"/outputs/embedding": _array(output.detach())}, {}
    else:
        values, gradients = _scored(job, output, tapped, label, _cosine(job, read[0]) if read else None)
    for tap in job.taps:
        values |= _tap_values(tap, tapped[tap.name].detach(), gradients.get(tap.name), options)
    return values


def _cosine(job, embedding):
    """Cosine of the head's input (B, D) with every class row, (B, K)."""
    rows = torch.as_tensor(job.model.head.weight).to(embedding)
    return torch.nn.functional.normalize(embedding, dim=1) @ torch.nn.functional.normalize(rows, dim=1).T


def _scored(job, logits, tapped, label, cosine):
    """Outputs of a network with classes, and the score's gradients at every tap."""
    options = job.options
    total, classes = scores.score(
        logits / options.temperature, job.target, options.score, label=label, member=job.member, cosine=cosine
    )
    gradients = taps.gradients(total, tapped)
    detached = logits.detach()
    return {
        "/outputs/logits": _array(detached),
        "/outputs/predicted": _array(detached.argmax(1), "i4"),
        "/outputs/target": _array(classes, "i4"),
    }, gradients


def _tap_values(tap, activation, gradient, options):
    """Reductions over positions of one tap, in float64 (SPEC 0), and the maps that were asked for."""
    where = f"/taps/{tap.name}"
    maps, token = taps.to_chw(activation, tap)
    values = {f"{where}/activation": _mean(maps), f"{where}/active_share": _mean(maps > 0)}
    if "activation" in options.maps:
        values[f"{where}/activation_map"] = _array(maps, NUMPY[options.map_dtype])
    if token is not None:
        values[f"{where}/token_activation"] = _array(token)
    if gradient is None:
        return values
    slopes, token = taps.to_chw(gradient, tap)
    values |= {
        f"{where}/gradient": _mean(slopes),
        f"{where}/contribution": _array((slopes * maps).sum((2, 3), dtype=torch.float64)),
    }
    if "gradient" in options.maps:
        values[f"{where}/gradient_map"] = _array(slopes)
    if token is not None:
        values[f"{where}/token_gradient"] = _array(token)
    return values


def _mean(maps):
    """Mean over positions, (B, C) float32 from float64 sums."""
    return _array(maps.sum((2, 3), dtype=torch.float64) / (maps.shape[2] * maps.shape[3]))


def _array(tensor, dtype="f4"):
    return np.ascontiguousarray(tensor.cpu().numpy(), dtype=dtype)
