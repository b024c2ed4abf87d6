"""Training steps: the norm of the loss's gradient with respect to the kernel that makes each channel, image by image (mathematics#training-steps)."""

from __future__ import annotations

import contextlib
from collections.abc import Iterator, Mapping, Sequence
from typing import TYPE_CHECKING

import numpy as np
import torch
from torch import nn

from gradtools.network import taps
from gradtools.network.passes import array
from gradtools.store import paths

if TYPE_CHECKING:
    from gradtools.network import passes
    from gradtools.network.ablation.plan import Place
    from gradtools.network.taps import Tap


@contextlib.contextmanager
def inputs(network: nn.Module, places: Sequence[Place]) -> Iterator[dict[str, torch.Tensor]]:
    """Keep what the kernels' convolutions read in forward passes made within it; yields {name: (B, C, H, W) tensor}."""
    read = {}
    with contextlib.ExitStack() as stack:
        for name in dict.fromkeys(tap.module for place in places for tap in place.kernels):
            hook = network.get_submodule(name).register_forward_pre_hook(
                lambda _, given, name=name: read.update({name: given[0].detach().clone()})
            )
            stack.callback(hook.remove)
        yield read


def norms(
    places: Sequence[Place],
    job: passes.Job,
    logits: torch.Tensor,
    classes: torch.Tensor,
    tapped: Mapping[str, torch.Tensor],
    read: Mapping[str, torch.Tensor],
) -> dict[str, np.ndarray]:
    """Return the Euclidean norm of d cross-entropy / d kernel_k for every channel k.

    Parameters
    ----------
    logits : (B, K) tensor
        Of a pass whose graph is kept.
    classes : (B,) int64 tensor
        What the cross-entropy is about: the target.
    tapped : dict of str to tensor
        At the convolutions, among others.
    read : dict of str to tensor
        From `inputs`.

    Returns
    -------
    dict of str to (B, C) array, by path in the store
    """
    loss = torch.nn.functional.cross_entropy(
        logits / job.options.temperature, classes, reduction="sum"
    )
    convolutions = dict.fromkeys(tap for place in places for tap in place.kernels)
    slopes = taps.gradients(loss, {tap.name: tapped[tap.name] for tap in convolutions})
    of_tap = {
        tap: of_images(_convolution(job, tap), read[tap.module], slopes[tap.name])
        for tap in convolutions
    }
    return {
        paths.tap(place.tap.name, "kernel_gradient"): np.concatenate(
            [of_tap[tap] for tap in place.kernels], axis=1
        )
        for place in places
        if place.kernels
    }


def _convolution(job: passes.Job, tap: Tap) -> nn.Conv2d:
    """Return the convolution of a kernel's tap."""
    module = job.network.get_submodule(tap.module)
    assert isinstance(module, nn.Conv2d)  # as `kernels.find` has it
    return module


def of_images(convolution: nn.Conv2d, x: torch.Tensor, slopes: torch.Tensor) -> np.ndarray:
    """Return the norm of the gradient at every kernel of a convolution, image by image.

    Parameters
    ----------
    convolution : torch.nn.Conv2d
    x : (B, C_in, H, W) tensor
        What it has read.
    slopes : (B, C, H', W') tensor
        Gradient at its output.

    Returns
    -------
    (B, C) float32 array
    """
    rows = []
    for image in range(len(x)):
        weight = convolution.weight.detach().requires_grad_()
        with torch.enable_grad():
            output = torch.func.functional_call(
                convolution, {"weight": weight}, (x[image : image + 1],)
            )
        (gradient,) = torch.autograd.grad(output, weight, slopes[image : image + 1])
        rows.append(gradient.flatten(1).double().norm(dim=1))
    return array(torch.stack(rows))
