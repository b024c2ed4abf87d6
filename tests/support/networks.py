"""Networks that several tests share, built once a session."""

import contextlib
import functools
import inspect
from unittest import mock

import pytest
import torch
from conftest import DATA
from torch import nn

OPTIONS = {
    "vit_b_16": {"image_size": 64},
    "vit_tiny": {  # vit_b_16's modules, 1/600 of its parameters
        "image_size": 64,
        "patch_size": 16,
        "num_layers": 12,
        "num_heads": 2,
        "hidden_dim": 32,
        "mlp_dim": 64,
    },
}


class _Narrow(nn.Linear):
    """A linear layer between 32 units where VGG has 4,096: its classifier has 124 of 133 million parameters."""

    def __init__(self, inputs, outputs):
        super().__init__(*(32 if count == 4096 else count for count in (inputs, outputs)))


@functools.cache
def torchvision_network(name):
    """An architecture of torchvision with random weights and random BatchNorm statistics, frozen, in eval mode."""
    models = pytest.importorskip("torchvision.models")
    narrow = mock.patch("torch.nn.Linear", _Narrow) if name == "vgg11" else contextlib.nullcontext()
    with torch.random.fork_rng(), narrow:
        torch.manual_seed(0)
        make = models.VisionTransformer if name == "vit_tiny" else models.get_model_builder(name)
        module = make(**OPTIONS.get(name, {})).eval().requires_grad_(False)
        for child in module.modules():
            if isinstance(child, nn.BatchNorm2d):
                child.running_mean.normal_(0, 0.2)
                child.running_var.uniform_(0.5, 2)
                child.weight.uniform_(0.5, 1.5)
                child.bias.normal_(0, 0.2)
    return module


@functools.cache
def cifar_network(name="resnet20"):
    """One of the trained networks of the shared data."""
    from gradtools.network import models

    return models.load(f"{DATA / 'cifar_resnet.py'}:{name}", str(DATA / f"cifar10_{name}.pth"))


def images(count=2, size=64, dtype=torch.float32, seed=1):
    """Noise, (count, 3, size, size)."""
    return torch.randn(count, 3, size, size, generator=torch.Generator().manual_seed(seed)).to(
        dtype
    )


class Toy(nn.Module):
    """Two convolutions, global average pooling and a linear layer of hand-set rows."""

    ROWS = [[1.0, -2.0, 3.0], [0.5, 0.25, -1.0]]

    def __init__(self):
        super().__init__()
        self.stem = nn.Conv2d(3, 4, 3, padding=1)
        self.body = nn.Conv2d(4, 3, 3, padding=1)
        self.classifier = nn.Linear(3, 2)
        with torch.no_grad():
            self.classifier.weight.copy_(torch.tensor(self.ROWS))

    def forward(self, x):
        return self.classifier(self.body(self.stem(x).relu()).mean((2, 3)))


TOY_SOURCE = "import torch\nfrom torch import nn\n\n\n" + inspect.getsource(Toy)
