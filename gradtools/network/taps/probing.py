"""The head probe (mathematics#head-probe): do gradients at a tap say anything that the target class does not?"""

from __future__ import annotations

import dataclasses
from collections.abc import Iterator, Sequence
from typing import TYPE_CHECKING

import torch
from torch import nn

from gradtools.errors import GradtoolsError
from gradtools.network.taps.capture import forward, gradients, to_chw
from gradtools.network.taps.grammar import Tap

if TYPE_CHECKING:
    from gradtools.network.models.heads import Head

TOLERANCE = 1e-5  # of the largest gradient: float32 rounding
PARALLEL = (
    "gradient weights at this tap are the class row times a number of each image: their direction holds no information beyond the "
    "target label"
)
CANCELS = "{what} at this tap sum to zero over positions in every channel, as a normalisation makes them: the pooled {one} is rounding noise"
COSINE = 1 - 1e-5  # above it two directions are one
NOISE = 1e-4  # of the sum of absolute values: a sum over positions below it is float32 rounding (mathematics#head-probe)
GROUP = 2**26  # tap values an image at a time: 256 MiB


@dataclasses.dataclass(frozen=True)
class Verdict:
    """What gradients of one class's logit at a tap are, seen on two unrelated inputs.

    `max_error_to_class_row` is max|G - W_c/(HW)| (mathematics#gradient-at-the-head), None where the classifier's rows have another length or there is no
    classifier; `class_weights` says that it is rounding. `parallel`: the pooled gradient is the class row times a number of each input.
    `gradient_cancels`, `activation_cancels`: values of every channel sum to zero over positions, so that what is pooled is rounding noise.
    """

    spatially_constant: bool
    input_independent: bool
    zero: bool
    max_error_to_class_row: float | None
    class_weights: bool
    parallel: bool = False
    gradient_cancels: bool = False
    activation_cancels: bool = False

    @property
    def sentence(self) -> str:
        """What a user should know of the tap; empty where its gradients depend on the image, and its pooled values too."""
        about = [self.about_gradients]
        if self.activation_cancels:
            about.append(CANCELS.format(what="activations", one="activation"))
        return "; ".join(filter(None, about))

    @property
    def about_gradients(self) -> str:
        """What a user should know of the gradients; empty where they depend on the image."""
        if self.zero:
            return "gradients at this tap are zero: the output does not depend on its map"
        if self.gradient_cancels:
            return CANCELS.format(what="gradients", one="gradient")
        if not (self.spatially_constant and self.input_independent):
            return PARALLEL if self.parallel else ""
        what = (
            "equal class weights of the target class"
            if self.class_weights
            else "depend on the target class alone"
        )
        return (
            f"gradient weights at this tap {what}; they hold no information beyond the target label"
        )


@torch.enable_grad()
def probe(
    module: nn.Module,
    taps: Sequence[Tap],
    size: Sequence[int],
    head: Head | None = None,
    target: int | None = None,
    seed: int = 0,
) -> dict[str, Verdict]:
    """Compare the gradients at taps for two unrelated inputs and one target.

    Parameters
    ----------
    module : torch.nn.Module
    taps : sequence of Tap
    size : (3, H, W)
    head : Head, optional
        The classifier; its rows are compared with the gradients.
    target : int, optional
        Class; by default the argmax of the first input.

    Returns
    -------
    dict of str to Verdict

    Raises
    ------
    GradtoolsError
        Where the output is no (N, K) tensor, or depends on none of the taps.
    """
    like = next(module.parameters(), torch.empty(0))
    inputs = torch.randn((2, *size), generator=torch.Generator().manual_seed(seed)).to(like)
    verdicts = {}
    for group in _groups(taps):
        logits, tapped = forward(module, inputs, group)
        if logits.dim() != 2:
            raise GradtoolsError(
                f"the network gives shape {tuple(logits.shape)} for 2 images, where (images, classes) "
                "is needed; --head none takes it as an embedding"
            )
        if target is None:
            target = int(logits[0].argmax())
        at_taps = gradients(logits[:, target], tapped)
        for tap in group:
            maps, values = (to_chw(of[tap.name], tap)[0] for of in (at_taps, tapped))
            verdicts[tap.name] = _judge(maps, values.detach(), head, target)
    return verdicts


def _groups(taps: Sequence[Tap]) -> Iterator[list[Tap]]:
    """Yield the taps in groups that fit in memory together."""
    group: list[Tap] = []
    size_of_group = 0
    for tap in taps:
        size = tap.channels * (tap.height * tap.width + tap.prefix)
        if group and size_of_group + size > GROUP:
            yield group
            group, size_of_group = [], 0
        group.append(tap)
        size_of_group += size
    if group:
        yield group


def _judge(
    maps: torch.Tensor, values: torch.Tensor, head: Head | None, target: int | None
) -> Verdict:
    """Return the verdict on gradients and activations, (2, C, H, W) each, of one target."""
    scale = float(maps.abs().max())
    limit = TOLERANCE * scale
    spread = float((maps - maps.mean((2, 3), keepdim=True)).abs().max())
    change = float((maps[0] - maps[1]).abs().max())
    error = _error_to_class_row(maps, head, target)
    class_weights = error is not None and scale > 0 and error <= limit
    parallel = (
        scale > 0 and error is not None and head is not None and _are_parallel(maps, head, target)
    )
    return Verdict(
        spread <= limit,
        change <= limit,
        scale == 0,
        error,
        class_weights,
        parallel,
        gradient_cancels=_cancel(maps),
        activation_cancels=_cancel(values),
    )


def _cancel(maps: torch.Tensor) -> bool:
    """Return True if the values of every channel sum to zero over positions, beside their size."""
    sums, sizes = maps.double().sum((2, 3)).abs(), maps.double().abs().sum((2, 3))
    return float(sizes.max()) > 0 and float(sums.max()) <= NOISE * float(sizes.max())


def _are_parallel(maps: torch.Tensor, head: Head, target: int | None) -> bool:
    """Return True if the pooled gradients of both inputs, where there are any, have the direction of the class row."""
    row = torch.as_tensor(head.weight[target]).double()
    pooled = maps.double().mean((2, 3)).cpu()
    pooled = pooled[pooled.norm(dim=1) > 0]
    cosine = torch.nn.functional.cosine_similarity(pooled, row[None], eps=1e-300)
    return len(pooled) > 0 and bool((cosine > COSINE).all())


def _error_to_class_row(maps: torch.Tensor, head: Head | None, target: int | None) -> float | None:
    if head is None or head.weight.shape[1] != maps.shape[1]:
        return None
    row = torch.as_tensor(head.weight[target]).to(maps) / (maps.shape[2] * maps.shape[3])
    return float((maps - row[:, None, None]).abs().max())
