"""
A closed-form generator of creatures made of soft ellipses, with exact masks of their parts, and its small classifier.

A creature is a body, legs, a tail, a head, ears and eyes, each part one or two ellipses of its own colour, drawn one
over the other on a plain ground. Its 12 latents move, stretch or colour one thing each (`LATENTS`), and its class is
nothing but the mean of some of them (`RULES`): a hare has long ears and a short tail, a fox a long tail, a bear a large
body, a crane long legs, an owl large eyes. So which latents a classifier must read is known.

`Creatures` is the generator, `convnet` the classifier untrained and `trained` with the weights `creature_convnet.pth`
beside this file (float16, made by `python -m gradtools.training.creature_network`).

    gradtools extract --generator gradtools.bundled.creatures:Creatures --per-class 50 \
        --model gradtools.bundled.creatures:trained -o creatures.h5

Images (N, 3, 64, 64): RGB in 0..1. Logits (N, 5) in the order of CLASSES.
"""

import math
from collections.abc import Sequence
from pathlib import Path
from typing import NamedTuple

import torch
from torch import Tensor, nn

__all__ = ["CLASSES", "PREPROCESS", "Creatures", "convnet", "trained"]

CLASSES = ("hare", "fox", "bear", "crane", "owl")
PARTS = ("background", "body", "leg", "tail", "head", "ear", "eye")
LATENTS = (
    "across", "down", "body length", "body height", "head size", "ear length", "leg length",
    "tail length", "tail angle", "eye size", "brightness", "hue",
)  # fmt: skip
RULES = {  # the mean of a class, in standard deviations, of the latents that make it
    "hare": {"ear length": 2.0, "tail length": -1.5},
    "fox": {"tail length": 2.0, "ear length": 0.5},
    "bear": {"body length": 1.5, "body height": 1.5, "tail length": -1.0},
    "crane": {"leg length": 2.0, "body height": -1.0},
    "owl": {"eye size": 2.0, "head size": 1.0},
}
PREPROCESS = {"resize": None, "crop": None, "mean": (0.5, 0.5, 0.5), "std": (0.25, 0.25, 0.25)}
SIDE, SPREAD, EDGE = (
    64,
    0.5,
    0.6,
)  # pixels, deviation of a latent within a class, pixels of a soft edge
GROUND = (0.85, 0.9, 0.95)
COLOURS = {  # of each part; hue turns body, legs, tail and head from brown to blue-grey
    "body": (0.62, 0.44, 0.30), "leg": (0.45, 0.30, 0.20), "tail": (0.78, 0.55, 0.30),
    "head": (0.70, 0.52, 0.38), "ear": (0.90, 0.62, 0.62), "eye": (0.08, 0.08, 0.12),
}  # fmt: skip
COOL = (-0.18, -0.02, 0.18)  # what a hue of 1 adds
WEIGHTS = Path(__file__).with_name("creature_convnet.pth")


class Ellipse(NamedTuple):
    """Centre, half axes in pixels and angle in radians from the row axis, each (N,), and the part it belongs to."""

    part: str
    x: Tensor
    y: Tensor
    a: Tensor
    b: Tensor
    angle: Tensor


def ellipses(w: Tensor) -> list[Ellipse]:
    """
    Place the ellipses of creatures, the lowest first.

    Parameters
    ----------
    w : (N, 12) tensor

    Returns
    -------
    list of Ellipse
    """
    latent = dict(zip(LATENTS, (2.5 * torch.tanh(w / 2.5)).unbind(1)))
    zero = torch.zeros_like(w[:, 0])
    x, y = 29 + 1.5 * latent["across"], 38 + 1.5 * latent["down"]
    length, height = (
        13 * torch.exp(0.13 * latent["body length"]),
        8 * torch.exp(0.13 * latent["body height"]),
    )
    head = 6.5 * torch.exp(0.12 * latent["head size"])
    ear, eye = 5 * torch.exp(0.25 * latent["ear length"]), 2 * torch.exp(0.2 * latent["eye size"])
    leg, tail = (
        5 * torch.exp(0.2 * latent["leg length"]),
        5 * torch.exp(0.22 * latent["tail length"]),
    )
    turn = math.pi * 0.8 + 0.25 * latent["tail angle"]  # up and to the left
    head_x, head_y = x + 0.9 * length, y - height - 0.3 * head
    tail_x, tail_y = (
        x - 0.9 * length + 0.8 * tail * torch.cos(turn),
        y - 0.8 * tail * torch.sin(turn),
    )
    return [
        *(Ellipse("leg", x + side * length, y + height + 0.6 * leg, zero + 2, leg, zero) for side in (-0.5, 0.5)),
        Ellipse("tail", tail_x, tail_y, tail, zero + 2.2, -turn),
        Ellipse("body", x, y, length, height, zero),
        *(Ellipse("ear", head_x + side * head, head_y - 0.7 * head - 0.6 * ear, zero + 2, ear, zero) for side in (-0.45, 0.45)),
        Ellipse("head", head_x, head_y, head, head, zero),
        *(Ellipse("eye", head_x + side * head, head_y - 0.1 * head, eye, eye, zero) for side in (-0.35, 0.45)),
    ]  # fmt: skip


def cover(ellipse: Ellipse) -> Tensor:
    """Return how much of each pixel an ellipse covers, (N, 64, 64) in 0..1; a pixel at (x, y) has its centre there."""
    rows, columns = torch.meshgrid(torch.arange(SIDE), torch.arange(SIDE), indexing="ij")
    x, y, a, b, angle = (value[:, None, None] for value in ellipse[1:])
    right, down = columns.to(x) - x, rows.to(x) - y
    along = right * torch.cos(angle) + down * torch.sin(angle)
    across = -right * torch.sin(angle) + down * torch.cos(angle)
    radius = torch.sqrt((along / a) ** 2 + (across / b) ** 2 + 1e-9)
    distance = (1 - radius) * torch.minimum(a, b)  # about the distance to the edge in pixels
    return torch.sigmoid(distance / EDGE * 4)


class Creatures:
    """The generator as gradtools takes it (`gradtools help mathematics#generators`)."""

    n_classes, classes, shape, parts = len(CLASSES), CLASSES, (3, SIDE, SIDE), PARTS
    latents = ("ellipses",)

    def __init__(self) -> None:
        self.centres = torch.zeros(len(CLASSES), len(LATENTS))
        for row, name in zip(self.centres, CLASSES):
            for latent, mean in RULES[name].items():
                row[LATENTS.index(latent)] = mean

    def to(self, device: str) -> "Creatures":
        """Draw on a device."""
        self.centres = self.centres.to(device)
        return self

    def sample(self, n: int, seed: int, cls: Sequence[int] | None = None) -> Tensor:
        """Draw z (n, 12)."""
        return torch.randn(n, len(LATENTS), generator=torch.Generator().manual_seed(seed))

    def to_w(self, z: Tensor, cls: Sequence[int] | None = None, psi: float = 1.0) -> Tensor:
        """Place z (n, 12) around the means of the classes (n,)."""
        rows = torch.as_tensor(cls, dtype=torch.int64)
        return self.centres[rows] + psi * SPREAD * z.to(self.centres)

    def synth(self, w: Tensor) -> Tensor:
        """Draw the images (n, 3, 64, 64) in 0..1."""
        return self.synth_latent(self.latent(w, "ellipses"), "ellipses")

    def latent(self, w: Tensor, name: str) -> Tensor:
        """Return the numbers of all ellipses, then warmth and light, (n, 47)."""
        numbers = [value for ellipse in ellipses(w) for value in ellipse[1:]]
        warm, light = torch.tanh(w[:, 11] / 2), 1 + 0.12 * torch.tanh(w[:, 10] / 2)
        return torch.stack([*numbers, warm, light], dim=1)

    def synth_latent(self, x: Tensor, name: str) -> Tensor:
        """Draw the images (n, 3, 64, 64) of what `latent` gives."""
        warm, light = (x[:, place, None, None, None] for place in (-2, -1))
        picture = torch.tensor(GROUND).to(x).view(1, 3, 1, 1).expand(len(x), 3, SIDE, SIDE)
        drawn = ellipses(torch.zeros(1, len(LATENTS)))
        for place, known in enumerate(drawn):
            ellipse = Ellipse(known.part, *x[:, 5 * place : 5 * place + 5].unbind(1))
            colour = torch.tensor(COLOURS[ellipse.part]).to(x).view(1, 3, 1, 1)
            if ellipse.part not in ("ear", "eye"):
                colour = colour + warm * torch.tensor(COOL).to(x).view(1, 3, 1, 1)
            alpha = cover(ellipse)[:, None]
            picture = (1 - alpha) * picture + alpha * (colour * light).clamp(0, 1)
        return picture

    def masks(self, w: Tensor) -> Tensor:
        """Return the part on top at every pixel, (n, 64, 64) int64."""
        top = torch.zeros(len(w), SIDE, SIDE, dtype=torch.int64, device=w.device)
        for ellipse in ellipses(w):
            top[cover(ellipse) > 0.5] = PARTS.index(ellipse.part)
        return top


class ConvNet(nn.Module):
    """Three 3x3 convolutions with stride 2 (16, 32, 64 channels), one of 64, average, linear."""

    def __init__(self, num_classes: int):
        super().__init__()
        self.conv1, self.relu1 = nn.Conv2d(3, 16, 3, 2, 1), nn.ReLU()
        self.conv2, self.relu2 = nn.Conv2d(16, 32, 3, 2, 1), nn.ReLU()
        self.conv3, self.relu3 = nn.Conv2d(32, 64, 3, 2, 1), nn.ReLU()
        self.conv4, self.relu4 = nn.Conv2d(64, 64, 3, 1, 1), nn.ReLU()
        self.pool, self.flatten = nn.AdaptiveAvgPool2d(1), nn.Flatten()
        self.linear = nn.Linear(64, num_classes)

    def forward(self, x: Tensor) -> Tensor:
        x = self.relu2(self.conv2(self.relu1(self.conv1(x))))
        x = self.relu4(self.conv4(self.relu3(self.conv3(x))))
        return self.linear(self.flatten(self.pool(x)))


def convnet(num_classes: int = len(CLASSES)) -> ConvNet:
    """Make the classifier untrained."""
    return ConvNet(num_classes)


def trained() -> ConvNet:
    """Make the classifier with its shipped weights, in float32 and evaluation mode."""
    network = convnet()
    network.load_state_dict(torch.load(WEIGHTS, weights_only=True), strict=True)
    return network.float().eval()
