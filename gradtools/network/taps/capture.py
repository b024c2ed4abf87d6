"""Activations and gradients at taps, in one forward and one backward pass.

The traps live here (mathematics#capture): an output that a later in-place operation overwrites, a module called several times, a
graph that reaches further down than the lowest tap.
"""

import contextlib
import itertools
from collections.abc import Callable, Iterator, Mapping, Sequence

import numpy as np
import torch
from torch import nn

from gradtools.errors import GradtoolsError
from gradtools.network.taps.grammar import Tap
from gradtools.network.taps.saving import LeanGraph
from gradtools.network.taps.tracing import RELUS, EveryFunction, Nested, first_map, replaced


def forward(
    module: nn.Module, x: torch.Tensor, taps: Sequence[Tap]
) -> tuple[torch.Tensor, dict[str, torch.Tensor]]:
    """Run a network and keep the tensors at the taps.

    Parameters
    ----------
    module : torch.nn.Module
        In eval mode, its parameters frozen: then nothing below the lowest tap is recorded.
    x : (N, 3, H, W) tensor
    taps : sequence of Tap

    Returns
    -------
    output : (N, K) tensor
    tapped : dict of str to tensor
        For each tap's name its tensor in the network's own layout (`to_chw` turns it); each requires grad.

    Raises
    ------
    GradtoolsError
        Where a tap was not reached.
    """
    kept: dict[str, torch.Tensor] = {}
    modules = dict(module.named_modules())
    by_module: dict[str, list[Tap]] = {}
    for tap in taps:
        by_module.setdefault(tap.module, []).append(tap)
    with contextlib.ExitStack() as stack, torch.enable_grad():
        relus = (
            stack.enter_context(_FollowingRelus(kept)) if any(tap.relu for tap in taps) else None
        )
        for name, group in by_module.items():
            if name:
                stack.callback(
                    modules[name].register_forward_hook(_keeper(group, kept, relus)).remove
                )
        if "" in by_module:
            x = _keep(x, "input", kept)
        stack.enter_context(LeanGraph())
        output = module(x)
    missing = [tap.name for tap in taps if tap.name not in kept]
    if missing:
        raise GradtoolsError(
            f"tap {missing[0]} was not reached in this pass: the network took another way than with its example image"
        )
    return output, {tap.name: kept[tap.name] for tap in taps}


def gradients(
    scores: torch.Tensor, tapped: Mapping[str, torch.Tensor], retain: bool = False
) -> dict[str, torch.Tensor]:
    """Return the gradient of the sum of the scores at each tap.

    In eval mode images do not meet, so this holds each image's own gradient.

    Parameters
    ----------
    scores : (N,) tensor
    tapped : dict of str to tensor
        From `forward`.
    retain : bool
        Keep the graph for other scores of the same pass.

    Returns
    -------
    dict of str to tensor
        Shaped as the taps; zero at a tap that no score depends on.
    """
    if not scores.requires_grad:
        raise GradtoolsError(
            f"the scores depend on none of the taps {', '.join(tapped)}: choose taps before the head"
        )
    slopes = torch.autograd.grad(
        scores.sum(), list(tapped.values()), allow_unused=True, retain_graph=retain
    )
    return {
        name: torch.zeros_like(tensor) if gradient is None else gradient
        for (name, tensor), gradient in zip(tapped.items(), slopes)
    }


def activations(module: nn.Module, x: torch.Tensor, tap: Tap) -> np.ndarray:
    """Return the maps at one tap of images x (N, 3, H, W): (N, C, h, w) array, without gradients."""
    with torch.no_grad():
        _, tapped = forward(module, x, [tap])
    return to_chw(tapped[tap.name].detach(), tap)[0].numpy()


def to_chw(tensor: torch.Tensor, tap: Tap) -> tuple[torch.Tensor, torch.Tensor | None]:
    """Return a tap's tensor as maps, and its class token.

    Parameters
    ----------
    tensor : tensor
        In the tap's layout: (N, C, H, W), (N, H, W, C), (N, T, C), (N, C, L) or (N, C).

    Returns
    -------
    maps : (N, C, H, W) tensor
    token : (N, C) tensor or None
    """
    if tap.layout == "nchw":
        return tensor, None
    if tap.layout == "nhwc":
        return tensor.permute(0, 3, 1, 2), None
    if tap.layout == "vector":
        return tensor[:, :, None, None], None
    if tap.layout == "ncl":
        return tensor.unflatten(2, (tap.height, tap.width)), None
    maps = tensor[:, tap.prefix :].transpose(1, 2).unflatten(2, (tap.height, tap.width))
    return maps, tensor[:, 0] if tap.prefix else None


@contextlib.contextmanager
def head_inputs(module: nn.Module, name: str) -> Iterator[list[torch.Tensor]]:
    """Collect what the classifier of that name reads in every pass, (N, D); maps before a 1x1 convolution are averaged.

    Yields
    ------
    list of (N, D) tensor
        One a pass, part of the graph.
    """
    collected = []

    def hook(_: nn.Module, inputs: tuple) -> None:
        x = inputs[0]
        collected.append(x.mean((2, 3)) if x.dim() == 4 else x)

    handle = module.get_submodule(name).register_forward_pre_hook(hook)
    try:
        yield collected
    finally:
        handle.remove()


def _keep(tensor: torch.Tensor, name: str, kept: dict[str, torch.Tensor]) -> torch.Tensor:
    """Keep a tensor, which begins the graph where none before requires grad, and give the network a copy to change."""
    kept[name] = tensor if tensor.requires_grad else tensor.detach().requires_grad_()
    return kept[name].clone()


def _keeper(
    taps: Sequence[Tap], kept: dict[str, torch.Tensor], relus: "_FollowingRelus | None"
) -> Callable:
    """Return the forward hook that keeps the outputs of the calls that taps ask for."""
    calls = itertools.count()

    def hook(module: nn.Module, _inputs: tuple, output: Nested) -> Nested:
        call = next(calls)
        for tap in taps:
            if tap.call == call and not tap.relu:
                tensor, _ = first_map(module, output)
                output = replaced(output, _keep(tensor, tap.name, kept))
        for tap in taps:
            if relus is not None and tap.call == call and tap.relu:
                relus.expect(output, tap.name)
        return output

    return hook


class _FollowingRelus(EveryFunction):
    """Keeps the output of the ReLU that is next applied to an expected tensor.

    A ReLU in the hook instead would leave the network's own behind it, whose gradient is 0 wherever the map is 0.
    """

    def __init__(self, kept: dict[str, torch.Tensor]) -> None:
        super().__init__()
        self.kept = kept
        self.expected: list[tuple[Nested, str]] = []

    def expect(self, tensor: Nested, name: str) -> None:
        self.expected.append((tensor, name))

    def called(self, name: str, function: Callable, args: tuple, kwargs: Mapping) -> torch.Tensor:
        output = function(*args, **kwargs)
        if name in RELUS:
            for number, (tensor, tap) in enumerate(self.expected):
                if args and args[0] is tensor:
                    del self.expected[number]
                    return _keep(output, tap, self.kept)
        return output
