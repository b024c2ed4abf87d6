"""Channel subsets (mathematics#channel-subsets): a method on some of the channels is a method of its own, as in `gradcam-positive`.

all   positive   negative   zero   nearzero   nearzero:0.001   nearzero:20%   top32   top32:gradient   3,17,40
"""

import dataclasses
import math
import re

import torch

from gradtools.errors import UsageError
from gradtools.math.channels.channel_values import RANKINGS
from gradtools.network.saliency.methods import weights
from gradtools.network.taps import Tap

GRAMMAR = f"all, positive, negative, zero, nearzero[:TAU|:P%], topK[:{'|:'.join(RANKINGS)}] or a list 3,17,40"


@dataclasses.dataclass(frozen=True)
class Subset:
    """Which channels of a tap a map is made of, by the image's own gradients.

    `suffix` goes behind the method's name, `text` is as asked. `bound` is the threshold or, with `share`, the quantile of |alpha| in 0..1.
    """

    kind: str
    suffix: str
    text: str
    bound: float = 0.0
    share: bool = False
    count: int = 0
    ranking: str = "contribution"
    channels: tuple = ()


def parse(text: str) -> Subset:
    """Read one subset.

    Raises
    ------
    UsageError
    """
    name, _, value = text.partition(":")
    if text in ("all", "positive", "negative", "zero"):
        return Subset(text, "" if text == "all" else f"-{text}", text)
    if name == "nearzero":
        return _near_zero(text, value)
    if re.fullmatch(r"top[1-9]\d*", name):
        if value not in ("", *RANKINGS):
            raise UsageError(
                f"--channels {text}: rank by {', '.join(RANKINGS)} (abs is the size of the gradient, gxa gradient x activation)"
            )
        return Subset(
            "top",
            f"-{name}" + (f"-{value}" if value else ""),
            text,
            count=int(name[3:]),
            ranking=value or "contribution",
        )
    if re.fullmatch(r"\d+(,\d+)*", text):
        return Subset(
            "list", "-list", text, channels=tuple(sorted({int(item) for item in text.split(",")}))
        )
    raise UsageError(f"--channels {text}: write {GRAMMAR}")


def _near_zero(text: str, value: str) -> Subset:
    number = value.removesuffix("%") or "50"
    try:
        bound = float(number)
    except ValueError:
        bound = -1.0
    share = value.endswith("%") or not value
    if not 0 <= bound <= (100 if share else math.inf):
        raise UsageError(
            f"--channels {text}: write a threshold of |gradient|, as in nearzero:0.001, or a share, as in nearzero:20%"
        )
    return Subset(
        "nearzero",
        "-nearzero" + (f"-{value}" if value else ""),
        text,
        bound / 100 if share else bound,
        share,
    )


def check(subset: Subset, tap: Tap) -> None:
    """Refuse a subset that a tap has not the channels for."""
    if max(subset.count, *(channel + 1 for channel in subset.channels), 0) > tap.channels:
        raise UsageError(f"--channels {subset.text}: tap {tap.name} has {tap.channels} channels")


def mask(subset: Subset, A: torch.Tensor, G: torch.Tensor) -> torch.Tensor | None:
    """Return the channels of a subset.

    Parameters
    ----------
    A, G : (N, C, H, W) tensor

    Returns
    -------
    (N, C) bool tensor, or None for all of them
    """
    if subset.kind == "all":
        return None
    alpha = weights(G)
    if subset.kind == "positive":
        return alpha > 0
    if subset.kind == "negative":
        return alpha < 0
    if subset.kind == "zero":
        return alpha == 0
    if subset.kind == "nearzero":
        return _smallest(alpha.abs(), subset.bound) if subset.share else alpha.abs() < subset.bound
    members = torch.zeros_like(alpha, dtype=torch.bool)
    if subset.kind == "list":
        members[:, list(subset.channels)] = True
        return members
    order = _ranked(subset.ranking, A, G, alpha).argsort(dim=1, descending=True, stable=True)
    return members.scatter(1, order[:, : subset.count], True)


def _smallest(size: torch.Tensor, share: float) -> torch.Tensor:
    """Return the given share of the channels, those with the smallest values, and what is equal to the largest of these."""
    count = math.ceil(share * size.shape[1] - 1e-9)  # .1 * 70 is more than 7
    return (
        size <= size.kthvalue(count, dim=1, keepdim=True).values
        if count
        else torch.zeros_like(size, dtype=torch.bool)
    )


def _ranked(ranking: str, A: torch.Tensor, G: torch.Tensor, alpha: torch.Tensor) -> torch.Tensor:
    """Return what channels are ranked by, (N, C)."""
    mean = A.sum((2, 3), dtype=torch.float64) / (A.shape[2] * A.shape[3])
    return RANKINGS[ranking](alpha, mean, (G * A).sum((2, 3), dtype=torch.float64))
