"""
Three small residual networks for the example's 64 x 64 scenes: 8, 14 and 20 layers.

A 5x5 stem with stride 2, three stages of n blocks of two 3x3 convolutions with 16, 32 and 64 channels (the second and
third stage start with stride 2), global average pooling and one linear layer: 6 n + 2 layers with weights, as in He et
al. 2015, section 4.2. Shortcuts have no parameters (their option A). Weights: `scene_resnet8.pth` and so on beside
this file, float16, made by `python -m gradtools.training.bundled_networks`.

    gradtools layers gradtools.bundled.scene_resnet:resnet14

Input (N, 3, 64, 64): RGB in 0..1, normalised as PREPROCESS says. Output (N, 10): logits in the order of CLASSES.
"""

from torch import Tensor, nn
from torch.nn import functional

from gradtools.bundled.scenes import CLASSES

__all__ = ["CLASSES", "PREPROCESS", "resnet8", "resnet14", "resnet20"]

PREPROCESS = {"resize": None, "crop": None, "mean": (0.25, 0.26, 0.24), "std": (0.25, 0.22, 0.22)}
WIDTHS = (16, 32, 64)


class Shortcut(nn.Module):
    """Identity across a change of shape: every other pixel, and zeros for the channels that are missing."""

    def __init__(self, missing: int):
        super().__init__()
        self.before, self.after = missing // 2, missing - missing // 2

    def forward(self, x: Tensor) -> Tensor:
        return functional.pad(x[..., ::2, ::2], (0, 0, 0, 0, self.before, self.after))


class Block(nn.Module):
    """Two 3x3 convolutions and a shortcut around them."""

    def __init__(self, channels_in: int, channels: int):
        super().__init__()
        grows = channels_in != channels
        self.conv1 = nn.Conv2d(channels_in, channels, 3, 2 if grows else 1, 1, bias=False)
        self.bn1 = nn.BatchNorm2d(channels)
        self.relu1 = nn.ReLU()
        self.conv2 = nn.Conv2d(channels, channels, 3, 1, 1, bias=False)
        self.bn2 = nn.BatchNorm2d(channels)
        self.relu2 = nn.ReLU()
        self.shortcut = Shortcut(channels - channels_in) if grows else nn.Identity()

    def forward(self, x: Tensor) -> Tensor:
        residual = self.relu1(self.bn1(self.conv1(x)))
        residual = self.bn2(self.conv2(residual))
        return self.relu2(residual + self.shortcut(x))


class SceneResNet(nn.Module):
    """Stem, layer1 (32 x 32), layer2 (16 x 16), layer3 (8 x 8), average, linear."""

    def __init__(self, blocks: int, num_classes: int):
        super().__init__()
        self.conv1 = nn.Conv2d(3, WIDTHS[0], 5, 2, 2, bias=False)
        self.bn1 = nn.BatchNorm2d(WIDTHS[0])
        self.relu = nn.ReLU()
        self.layer1 = stage(WIDTHS[0], WIDTHS[0], blocks)
        self.layer2 = stage(WIDTHS[0], WIDTHS[1], blocks)
        self.layer3 = stage(WIDTHS[1], WIDTHS[2], blocks)
        self.pool = nn.AdaptiveAvgPool2d(1)
        self.flatten = nn.Flatten()
        self.linear = nn.Linear(WIDTHS[2], num_classes)

    def forward(self, x: Tensor) -> Tensor:
        x = self.relu(self.bn1(self.conv1(x)))
        x = self.layer3(self.layer2(self.layer1(x)))
        return self.linear(self.flatten(self.pool(x)))


def stage(channels_in: int, channels: int, blocks: int) -> nn.Sequential:
    """Return a row of blocks, the first of which may change the shape."""
    return nn.Sequential(*(Block(channels if i else channels_in, channels) for i in range(blocks)))


def resnet8(num_classes: int = 10) -> SceneResNet:
    """Return a network of one block a stage: 8 layers."""
    return SceneResNet(1, num_classes)


def resnet14(num_classes: int = 10) -> SceneResNet:
    """Return a network of two blocks a stage: 14 layers."""
    return SceneResNet(2, num_classes)


def resnet20(num_classes: int = 10) -> SceneResNet:
    """Return a network of three blocks a stage: 20 layers."""
    return SceneResNet(3, num_classes)
