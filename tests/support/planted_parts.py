"""A network whose units count the pixels of one part of a creature each, by their colour."""

import torch
from torch import nn

from gradtools.bundled import creatures

PREPROCESS = {"resize": None, "crop": None, "mean": (0.0,) * 3, "std": (1.0,) * 3}
PARTS = ("ear", "eye", "tail")
OF_CLASS = {"hare": "ear", "owl": "eye", "fox": "tail"}  # the others are never the answer


class PartCounter(nn.Module):
    """Hundreds of pixels near the colours of ears, eyes and tail; the class is the part that is large for its kind."""

    def __init__(self):
        super().__init__()
        self.colours = torch.tensor([creatures.COLOURS[name] for name in PARTS])
        self.identity, self.linear = nn.Identity(), nn.Linear(3, 5)
        usual = self.counts(creatures.Creatures().synth(torch.zeros(1, 12)))[0]
        with torch.no_grad():
            self.linear.weight.zero_()
            self.linear.bias.fill_(-10)
            for name, part in OF_CLASS.items():
                row, unit = creatures.CLASSES.index(name), PARTS.index(part)
                self.linear.weight[row, unit] = 1 / usual[unit]
                self.linear.bias[row] = -1

    def counts(self, x):
        gaps = ((x[:, None] - self.colours[None, :, :, None, None]) ** 2).sum(2)
        return torch.exp(-gaps / (2 * 0.06**2)).sum((2, 3)) / 100

    def forward(self, x):
        return self.linear(self.identity(self.counts(x)))
