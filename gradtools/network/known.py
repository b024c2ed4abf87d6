"""
Networks whose right answer is known: built by hand, so that what their logits depend on has a closed form.

Each is a callable that a model's name can give, as in `gradtools layers gradtools.network.known:window`. Images are
32 x 32 with values in 0..1, and black is no evidence. What each shows is in mathematics#constructions.
"""

import torch
from torch import Tensor, nn
from torch.nn import functional

SIDE = 32
PREPROCESS = {"resize": None, "crop": None, "mean": (0.0, 0.0, 0.0), "std": (1.0, 1.0, 1.0)}
LOGIT = 4.0  # of the image's own class
SQUARE = 0.8  # brightness of a square
WINDOW, CORNERS = 8, ((4, 4), (4, 20), (20, 4), (20, 20))  # y, x of the four windows
MIXING = ((1.0, 0.5, 0.25), (0.25, 1.0, 0.5), (0.5, 0.25, 1.0))  # its columns have one sum
OBJECT, PATCH = 8, 9  # sides of the object and of the cue
MARKED, PLAIN = 2 * SQUARE - 1, SQUARE - 0.3  # what the parts of an object and of a cue give
SMALL = 3  # side of the object of `two_taps`
STRENGTHS = {"cue_weak": 0.2, "cue_strong": 0.8}  # the cue's share of the logit


class Mean(nn.Module):
    """The mean of each channel over positions."""

    def forward(self, x: Tensor) -> Tensor:
        return x.mean((2, 3))


class Windows(nn.Module):
    """Each channel times its own window."""

    masks: Tensor

    def __init__(self) -> None:
        super().__init__()
        self.masks: Tensor
        masks = torch.zeros(len(CORNERS), SIDE, SIDE)
        for mask, (y, x) in zip(masks, CORNERS):
            mask[y : y + WINDOW, x : x + WINDOW] = 1
        self.register_buffer("masks", masks)

    def forward(self, x: Tensor) -> Tensor:
        return x * self.masks


class Window(nn.Module):
    """Four equal channels, each read in a window of its own; class c is what window c holds.

    Taps: `before` the windows and `after` them, and with a pooled end `coarse`, 4 x 4.
    """

    def __init__(self, square: int, pooled: bool) -> None:
        super().__init__()
        self.conv = nn.Conv2d(3, 4, 1, bias=False)
        self.before = nn.ReLU()
        self.after = Windows()
        self.coarse = nn.AvgPool2d(8) if pooled else nn.Identity()
        self.mean = Mean()
        self.head = nn.Linear(4, 4, bias=False)
        with torch.no_grad():
            self.conv.weight.fill_(1 / 3)
            self.head.weight.copy_(torch.eye(4) * LOGIT * SIDE**2 / (SQUARE * square**2))

    def forward(self, x: Tensor) -> Tensor:
        return self.head(self.mean(self.coarse(self.after(self.before(self.conv(x))))))


class Channels(nn.Module):
    """Three colours mixed by M into `mixed`, and separated again by a head of M^-1."""

    def __init__(self) -> None:
        super().__init__()
        self.conv = nn.Conv2d(3, 3, 1, bias=False)
        self.mixed = nn.ReLU()
        self.mean = Mean()
        self.head = nn.Linear(3, 3, bias=False)
        mixing = torch.tensor(MIXING, dtype=torch.float64)
        with torch.no_grad():
            self.conv.weight.copy_(mixing[:, :, None, None])
            scale = LOGIT * SIDE**2 / (SQUARE * OBJECT**2)
            self.head.weight.copy_(torch.linalg.inv(mixing) * scale)

    def forward(self, x: Tensor) -> Tensor:
        return self.head(self.mean(self.mixed(self.conv(x))))


class Parts(nn.Module):
    """Two classes, red and green: an object is of its colour and blue, a cue of its colour alone.

    At `parts` the channels are the objects of both classes, then their cues. Their means, made 1 for a whole object
    and `full` for a whole cue, are joined by `rule`: cue (weighted by the strength), and (the smaller), or (their sum,
    at most 1).
    """

    def __init__(self, rule: str, strength: float = 0.5, full: float = 1.0) -> None:
        super().__init__()
        self.rule, self.strength = rule, strength
        self.conv = nn.Conv2d(3, 4, 1)
        self.parts = nn.ReLU()
        self.mean = Mean()
        self.shares = nn.Linear(4, 4, bias=False)
        self.head = nn.Linear(2, 2, bias=False)
        colours = [[1, 0, 1], [0, 1, 1], [1, 0, -1], [0, 1, -1]]
        each = torch.tensor(2 * [1 / (MARKED * OBJECT**2)] + 2 * [full / (PLAIN * PATCH**2)])
        with torch.no_grad():
            self.conv.weight.copy_(torch.tensor(colours)[:, :, None, None])
            self.conv.bias = nn.Parameter(torch.tensor([-1, -1, -0.3, -0.3]))
            self.shares.weight.copy_(torch.diag(each) * SIDE**2)
            self.head.weight.copy_(torch.eye(2) * LOGIT)

    def forward(self, x: Tensor) -> Tensor:
        shares = self.shares(self.mean(self.parts(self.conv(x))))
        part, cue = shares[:, :2], shares[:, 2:]
        if self.rule == "and":
            return self.head(cue - functional.relu(cue - part))
        if self.rule == "or":
            return self.head(1 - functional.relu(1 - part - cue))
        return self.head((1 - self.strength) * part + self.strength * cue)


def window() -> nn.Module:
    """Build a network that reads one window for each class: a map that looks elsewhere is wrong."""
    return Window(WINDOW, pooled=False)


def channels() -> nn.Module:
    """Build a network that separates classes by channels that all see every class."""
    return Channels()


def cue_weak() -> nn.Module:
    """Build a network in which a fifth of the logit comes from a cue beside the object."""
    return Parts("cue", STRENGTHS["cue_weak"])


def cue_strong() -> nn.Module:
    """Build a network in which four fifths of the logit come from a cue beside the object."""
    return Parts("cue", STRENGTHS["cue_strong"])


def cue_and() -> nn.Module:
    """Build a network that needs both object and cue; the cue is the scarcer, so gradients see it alone."""
    return Parts("and", full=0.9)


def cue_or() -> nn.Module:
    """Build a network for which object or cue is enough: with both there, every gradient is 0."""
    return Parts("or")


def two_taps() -> nn.Module:
    """Build a network that reads one window for each class and pools it coarsely: the last tap cannot show a small object."""
    return Window(SMALL, pooled=True)
