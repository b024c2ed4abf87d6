"""What a network must be, checked before the first block: one finite row an image, the same alone, again and beside another."""

import contextlib
from collections.abc import Callable
from contextlib import AbstractContextManager
from typing import TYPE_CHECKING

import torch
from torch import nn

from gradtools.errors import GradtoolsError
from gradtools.network.taps import tensors

if TYPE_CHECKING:
    from torch.utils.hooks import RemovableHandle

TOLERANCE = 1e-4  # of the largest logit: float32 rounding in another batch
SUMS_TO_ONE = 1e-4


@torch.no_grad()
def check(
    module: nn.Module, images: torch.Tensor, spec: str, *, classes: bool = True, head: bool = False
) -> None:
    """Try a network on two images: each alone must give what it gives beside the other, and again.

    Parameters
    ----------
    module : torch.nn.Module
        In eval mode, its output already logits.
    images : (2, C, H, W) tensor
        The first is one of the data's where there is one.
    spec : str
        The model's name, for messages.
    classes : bool
        Whether the output is logits: probabilities, and rows of length 1, are refused.
    head : bool
        Whether the layer of the classes was named or found.

    Raises
    ------
    GradtoolsError
        Names the module where it begins.
    """
    first = images[:1]
    with _own_randomness(images):
        alone, again, both = (_run(module, batch) for batch in (first, first, images))
    if not alone.isfinite().all():
        name = first_not_finite(module, first)
        raise GradtoolsError(
            f"{spec}: its output is NaN or infinite; the first that is not finite is the output of {name}: fix the network or its weights"
        )
    limit = TOLERANCE * float(both.abs().max())
    if _differ(alone, again, limit):
        where = _where_it_begins(module, first, first)
        raise GradtoolsError(
            f"{spec} draws at random: the same image gives two different outputs; it begins {where}: "
            "a dropout or noise that eval() does not switch off (functional dropout takes training=self.training)"
        )
    if _differ(alone, both[:1], limit):
        where = _where_it_begins(module, first, images)
        raise GradtoolsError(
            f"{spec}: the images of a batch are not independent (an image alone and beside another has different outputs), first {where}: "
            "every image must be computed by itself (BatchNorm needs running statistics, no mean may be over the batch)"
        )
    if classes:
        _check_logits(both, spec, head)


def _run(module: nn.Module, batch: torch.Tensor) -> torch.Tensor:
    output = module(batch)
    if not torch.is_tensor(output) or output.dim() != 2 or len(output) != len(batch):
        shape = tuple(output.shape) if torch.is_tensor(output) else type(output).__name__
        raise GradtoolsError(
            f"the network returns {shape} for {len(batch)} image{'s' * (len(batch) > 1)}: its output must have one row an image "
            "(images, classes), and every module must keep the images of a batch apart"
        )
    return output


def _check_logits(output: torch.Tensor, spec: str, head: bool) -> None:
    """Refuse outputs that are known not to be logits."""
    ones = output.new_ones(len(output))
    probabilities = {"": output, "logarithms of ": output.exp()}
    for what, values in probabilities.items():
        if values.min() >= 0 and torch.allclose(values.sum(1), ones, atol=SUMS_TO_ONE):
            raise GradtoolsError(
                f"{spec}: its outputs are {what}probabilities (each row sums to 1), and what entered the softmax is out of reach: "
                "return the logits"
            )
    if (
        not head
        and output.shape[1] > 2
        and torch.allclose(output.norm(dim=1), ones, atol=SUMS_TO_ONE)
    ):
        raise GradtoolsError(
            f"{spec}: its outputs have length 1, as embeddings do, so they are not logits:  take them as they are with --head none, "
            "or return the logits"
        )


def check_gradient(module: nn.Module, image: torch.Tensor, spec: str) -> None:
    """Refuse a network whose output has no gradient, and say why: its forward pass runs under no_grad, or cuts the graph.

    Parameters
    ----------
    image : (1, C, H, W) tensor
    """
    without = []

    def note(name: str, child: nn.Module) -> "RemovableHandle":
        return child.register_forward_pre_hook(
            lambda child, _: None if torch.is_grad_enabled() else without.append(name)
        )

    with contextlib.ExitStack() as stack, torch.enable_grad():
        for name, child in module.named_modules():
            if name:
                stack.callback(note(name, child).remove)
        output = module(image.detach().clone().requires_grad_())
    if output.requires_grad:
        return
    why = (
        f"its forward pass runs under torch.no_grad() or inference_mode() (from {without[0]} on)"
        if without
        else "its forward pass cuts the graph (detach, numpy, argmax, or torch.no_grad())"
    )
    raise GradtoolsError(
        f"{spec}: no gradient reaches its output: {why}; take that away, or read activations alone with --head none"
    )


@torch.no_grad()
def first_not_finite(module: nn.Module, image: torch.Tensor) -> str | None:
    """Return the name of the first module, in order of completion, whose output is not finite for an image (1, C, H, W); None where every one is."""
    not_finite = []

    def watch(name: str) -> Callable:
        def hook(_module: nn.Module, _inputs: tuple, output: torch.Tensor) -> None:
            if any(not tensor.isfinite().all() for tensor in tensors(output)):
                not_finite.append(name or "the network")

        return hook

    if not image.isfinite().all():
        return "the preprocessing"
    with contextlib.ExitStack() as stack:
        for name, child in module.named_modules():
            stack.callback(child.register_forward_hook(watch(name)).remove)
        module(image)
    return not_finite[0] if not_finite else None


def _own_randomness(images: torch.Tensor) -> AbstractContextManager[None]:
    devices = [images.device] if images.device.type == "cuda" else []
    return torch.random.fork_rng(devices=devices)


def _differ(a: torch.Tensor, b: torch.Tensor, limit: float) -> bool:
    return not float((a - b).abs().max()) <= limit


def _where_it_begins(module: nn.Module, first_pass: torch.Tensor, second_pass: torch.Tensor) -> str:
    """Return the first place, in words, where the same image has other values in two passes."""
    before = iter(_events(module, first_pass))
    for name, kind, after, parent in _events(module, second_pass):
        _, _, earlier, _ = next(before, (None, None, [], None))
        if any(_other_values(a, b) for a, b in zip(earlier, after)):
            if kind:
                return f"in {name} ({kind})"
            return f"in the code of {parent or type(module).__name__} before {name}"
    return f"in the code of {type(module).__name__}.forward"


def _events(
    module: nn.Module, batch: torch.Tensor
) -> list[tuple[str, str, list[torch.Tensor], str]]:
    """Return the inputs and outputs of every call in order: [(name, kind or '' for inputs, tensors, name of the call around)]."""
    events: list[tuple[str, str, list[torch.Tensor], str]] = []
    around: list[str] = []

    def enter(name: str) -> Callable:
        def hook(_child: nn.Module, inputs: tuple) -> None:
            events.append((name, "", _copies(inputs), around[-1] if around else ""))
            around.append(name)

        return hook

    def leave(name: str) -> Callable:
        def hook(child: nn.Module, _inputs: tuple, output: torch.Tensor) -> None:
            around.pop()
            events.append((name, type(child).__name__, _copies(output), ""))

        return hook

    with contextlib.ExitStack() as stack, _own_randomness(batch):
        torch.manual_seed(torch.seed() % 2**63)
        for name, child in module.named_modules():
            if name:
                stack.callback(child.register_forward_pre_hook(enter(name)).remove)
                stack.callback(child.register_forward_hook(leave(name)).remove)
        module(batch)
    return events


def _copies(values: torch.Tensor | tuple) -> list[torch.Tensor]:
    return [tensor.detach().clone() for tensor in tensors(values) if tensor.is_floating_point()]


def _other_values(a: torch.Tensor, b: torch.Tensor) -> bool:
    """Return True if the first image's part of b, which may be of two images, differs from a."""
    part = b[: len(a)] if a.dim() and b.dim() else b
    if part.shape != a.shape:
        return False
    return _differ(a, part, TOLERANCE * max(float(a.abs().max()), 1e-12)) if a.numel() else False
