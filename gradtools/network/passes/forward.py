"""One batch through the network of a job: its input, its forward pass, its outputs as the store has them."""

from collections.abc import Callable, Sequence
from typing import TypeVar

import numpy as np
import torch

from gradtools.errors import GradtoolsError
from gradtools.network import models, taps
from gradtools.network.passes import mixed
from gradtools.network.passes.plan import Job, normalised
from gradtools.network.taps import Tap
from gradtools.store import paths

Answer = TypeVar("Answer")


def inputs(pixels: np.ndarray, job: Job) -> torch.Tensor:
    """Return the pixels (B, 3, H, W), u8 or float, as what the network reads: normalised, of the job's type, on its device."""
    options = job.options
    device, layout = torch.device(options.device), torch.channels_last
    x = normalised(pixels, job.model).to(getattr(torch, options.dtype), memory_format=layout)
    pinned = device.type == "cuda"  # so that the copy runs while the processor goes on
    return (x.pin_memory() if pinned else x).to(device, memory_format=layout, non_blocking=pinned)


def forward(job: Job, x: torch.Tensor, tapped_at: Sequence[Tap] | None = None) -> tuple:
    """Return the output, tensors at the taps, and with `--score cosine` the cosine of the head's input with every class row.

    Parameters
    ----------
    x : (B, 3, H, W) tensor
    tapped_at : sequence of Tap, optional
        By default the job's.

    Returns
    -------
    output : (B, K) tensor
    tapped : dict of str to tensor
        As `taps.forward` gives them.
    cosine : (B, K) tensor or None

    Raises
    ------
    GradtoolsError
        The output does not have one row an image.
    """
    with mixed.passing(job):
        (output, tapped), cosine = with_cosine(
            job, lambda: taps.forward(job.network, x, job.taps if tapped_at is None else tapped_at)
        )
    if len(output) != len(x):
        raise GradtoolsError(
            f"{job.model.spec} returns {len(output)} rows for {len(x)} images: its output must have one row an image; "
            "--batch-size 1 gives it one at a time"
        )
    return output, tapped, cosine


def with_cosine(job: Job, run: Callable[[], Answer]) -> tuple[Answer, torch.Tensor | None]:
    """Return what a pass of the job's network gives, `run()`, and with `--score cosine` the cosines (B, K) as `forward` has them."""
    by_cosine = job.target is not None and job.options.score == "cosine"
    if not by_cosine:
        return run(), None
    with taps.head_inputs(job.network, job.model.classifier.name) as read:
        answer = run()
    return answer, _cosine(job, read[0])


def _cosine(job: Job, embedding: torch.Tensor) -> torch.Tensor:
    """Return the cosine of the head's input (B, D) with every class row, (B, K)."""
    assert job.model.head is not None  # as `plan` has checked
    rows = torch.as_tensor(job.model.head.weight).to(embedding)
    with torch.autocast(embedding.device.type, enabled=False):  # a product would round to 8 bits
        return (
            torch.nn.functional.normalize(embedding, dim=1)
            @ torch.nn.functional.normalize(rows, dim=1).T
        )


def first_not_finite(job: Job, pixels: np.ndarray) -> str | None:
    """Return the name of the first module, in order of completion, whose output is not finite for pixels (1, C, H, W); None where every one is (mathematics#finite-values)."""
    return models.first_not_finite(job.network, inputs(pixels, job))


def outputs(job: Job, output: torch.Tensor) -> dict[str, np.ndarray]:
    """Return what the store keeps of the network's output (B, K), by path."""
    detached = output.detach()
    if job.target is None:
        return {paths.EMBEDDING: array(detached)}
    return {paths.LOGITS: array(detached), paths.PREDICTED: array(detached.argmax(1), "i4")}


def answers(job: Job, pixels: np.ndarray) -> dict[str, np.ndarray]:
    """Return what the store keeps of the network's output for pixels (B, 3, H, W), without gradients."""
    with torch.inference_mode():
        return outputs(job, job.network(inputs(pixels, job)))


def array(tensor: torch.Tensor, dtype: str = "f4") -> np.ndarray:
    """Return a tensor as a contiguous numpy array."""
    tensor = tensor.detach().cpu()
    if tensor.dtype is torch.bfloat16:  # numpy has no such type
        tensor = tensor.float()
    return np.ascontiguousarray(tensor.numpy(), dtype=dtype)
