"""Passes in mixed precision: the network below its classifier in bfloat16 or float16, the classifier and all sums in float32.

The classifier stays whole, since logits of eight bits tie: the argmax would be the first of them.
"""

import contextlib
from collections.abc import Iterator, Mapping
from typing import TYPE_CHECKING

import torch

from gradtools.errors import UsageError
from gradtools.network import taps
from gradtools.network.passes.plan import Job

if TYPE_CHECKING:
    from torch import nn

TYPES = {"bf16": torch.bfloat16, "fp16": torch.float16}
SCALE = 1024.0  # of a score's gradients in float16, whose smallest number is 6e-8


def kind(job: Job) -> str:
    """Return the job's --amp: none, bf16 or fp16; commands without the option compute whole."""
    return str(getattr(job.options, "amp", "none"))


def check(job: Job) -> None:
    """Refuse what cannot be computed in mixed precision.

    Raises
    ------
    UsageError
    """
    asked = kind(job)
    if asked == "none":
        return
    if job.options.dtype != "float32":
        raise UsageError(f"--amp {asked} with --dtype {job.options.dtype}: leave one of them out")
    if job.target is not None and job.model.head is None:
        raise UsageError(
            f"--amp {asked}: no classifier with a row for each class was found in {job.model.spec}, and logits of half "
            "precision tie; name it with --head NAME"
        )


@contextlib.contextmanager
def passing(job: Job) -> Iterator[None]:
    """Run passes of a job's network in the precision that its options ask for (mathematics#mixed-precision)."""
    asked = kind(job)
    if asked == "none":
        yield
        return
    device = torch.device(job.options.device).type
    with contextlib.ExitStack() as stack:
        stack.enter_context(torch.autocast(device, TYPES[asked]))
        if job.model.head is not None:
            head = job.network.get_submodule(job.model.head.name)
            stack.enter_context(_whole(head, device))
        yield


@contextlib.contextmanager
def _whole(module: torch.nn.Module, device: str) -> Iterator[None]:
    """Have a module compute in float32 inside of autocast."""
    entered: list[torch.autocast] = []

    def before(_module: "nn.Module", inputs: tuple) -> tuple:
        entered.append(torch.autocast(device, enabled=False))
        entered[-1].__enter__()
        return tuple(value.float() if torch.is_tensor(value) else value for value in inputs)

    def after(_module: "nn.Module", _inputs: tuple, _output: torch.Tensor) -> None:
        entered.pop().__exit__(None, None, None)

    hooks = (
        module.register_forward_pre_hook(before),
        module.register_forward_hook(after, always_call=True),
    )
    try:
        yield
    finally:
        for hook in hooks:
            hook.remove()


def gradients(
    job: Job, scores: torch.Tensor, tapped: Mapping[str, torch.Tensor], retain: bool = False
) -> dict[str, torch.Tensor]:
    """Return the gradient of the sum of the scores at each tap (see `taps.gradients`); in float16 that of their multiple, divided again."""
    if kind(job) != "fp16":
        return taps.gradients(scores, tapped, retain)
    scaled = taps.gradients(scores * SCALE, tapped, retain)
    return {name: gradient.float() / SCALE for name, gradient in scaled.items()}


def whole(tensor: torch.Tensor) -> torch.Tensor:
    """Return a tensor of 16 bits as float32, any other as it is."""
    return tensor.float() if tensor.dtype in TYPES.values() else tensor
