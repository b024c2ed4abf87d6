"""
LeNet-5, one channel, 32 x 32: the small classifier of handwritten digits.

Two 5x5 convolutions (6 and 16 channels), each followed by a ReLU and a 2x2 maximum, a third (120 channels) that
leaves one position, and two linear layers (84, classes), as in LeCun et al. 1998, figure 2, with ReLUs in place of
scaled tanh, maxima in place of trained sub-sampling and every channel read by every other. Its 84 numbers before the
last layer are the `embedding`.

`lenet5` makes it untrained; `digits` loads the weights `digit_lenet5.pth` beside this file (float16, made by
`python -m gradtools.training.digit_networks` from the training half of scikit-learn's digits).

    gradtools layers gradtools.bundled.lenet:digits

Input (N, 1, 32, 32): grey in 0..1, normalised as PREPROCESS says. Output (N, 10): logits in the order of CLASSES.
"""

from pathlib import Path

import torch
from torch import Tensor, nn

from gradtools.bundled.scenes import CLASSES

__all__ = ["CLASSES", "PREPROCESS", "LeNet5", "digits", "lenet5"]

PREPROCESS = {"resize": [32, 32], "crop": None, "mean": (0.3,), "std": (0.37,), "channels": 1}
WEIGHTS = Path(__file__).with_name("digit_lenet5.pth")


class LeNet5(nn.Module):
    """conv1 (28 x 28), pool1, conv2 (10 x 10), pool2, conv3 (1 x 1), linear1, linear2."""

    def __init__(self, num_classes: int):
        super().__init__()
        self.conv1, self.relu1, self.pool1 = nn.Conv2d(1, 6, 5), nn.ReLU(), nn.MaxPool2d(2)
        self.conv2, self.relu2, self.pool2 = nn.Conv2d(6, 16, 5), nn.ReLU(), nn.MaxPool2d(2)
        self.conv3, self.relu3 = nn.Conv2d(16, 120, 5), nn.ReLU()
        self.flatten = nn.Flatten()
        self.linear1, self.relu4 = nn.Linear(120, 84), nn.ReLU()
        self.linear2 = nn.Linear(84, num_classes)

    def forward(self, x: Tensor) -> Tensor:
        x = self.pool1(self.relu1(self.conv1(x)))
        x = self.pool2(self.relu2(self.conv2(x)))
        x = self.flatten(self.relu3(self.conv3(x)))
        return self.linear2(self.relu4(self.linear1(x)))


def lenet5(num_classes: int = 10) -> LeNet5:
    """Make the network untrained."""
    return LeNet5(num_classes)


def digits() -> LeNet5:
    """Make the network with its shipped weights, in float32 and evaluation mode."""
    network = lenet5()
    network.load_state_dict(torch.load(WEIGHTS, weights_only=True), strict=True)
    return network.float().eval()
