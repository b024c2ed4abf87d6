"""BatchNorm folded into convolutions: the same taps and gradients."""

import copy

import pytest
import torch
from networks import images, torchvision_network
from torch import nn

from gradtools.network import taps


def norms(network):
    return sum(isinstance(child, nn.BatchNorm2d) for child in network.modules())


def gradients(network, x, chosen):
    logits, tapped = taps.forward(network, x, chosen)
    return (
        logits.detach(),
        {name: tensor.detach() for name, tensor in tapped.items()},
        taps.gradients(logits.max(1).values, tapped),
    )


# Of DenseNet's 121 norms 59 follow a convolution that nobody else reads: norm0 and the norm2 of 58 layers.
@pytest.mark.parametrize(
    "name, specs, left",
    [
        ("resnet18", ["auto:blocks", "auto:last-conv"], 1),
        ("resnet18", ["bn1", "layer4.1.bn2", "layer2.0.relu#0"], 0),
        ("mobilenet_v2", ["auto:blocks", "auto:last-conv"], 1),
        ("densenet121", ["auto:blocks"], 121 - 59),
    ],
)
def test_taps_and_gradients_stay(name, specs, left):
    """In float64: folding rounds in another order, and a ReLU's input near 0 may fall on the other side."""
    network = copy.deepcopy(torchvision_network(name)).double()
    x = images(2, dtype=torch.float64)
    chosen = taps.resolve(taps.trace(network, x[:1]), specs)
    before = norms(network)
    folded = taps.fold_batchnorm(network, x, chosen)
    assert norms(folded) == left and norms(network) == before
    plain_logits, plain_values, plain_gradients = gradients(network, x, chosen)
    logits, values, slopes = gradients(folded, x, chosen)
    torch.testing.assert_close(
        logits, plain_logits, rtol=1e-9, atol=1e-10 * float(plain_logits.abs().max())
    )
    for ours, plain in ((values, plain_values), (slopes, plain_gradients)):
        for tap in chosen:
            torch.testing.assert_close(
                ours[tap.name],
                plain[tap.name],
                rtol=1e-8,
                atol=1e-9 * float(plain[tap.name].abs().max()),
            )


def test_networks_that_cannot_be_folded_come_back_themselves():
    class Branching(nn.Module):
        def __init__(self):
            super().__init__()
            self.conv, self.norm, self.out = nn.Conv2d(3, 4, 3), nn.BatchNorm2d(4), nn.Linear(4, 2)

        def forward(self, x):
            x = self.norm(self.conv(x))
            return self.out((x if x.sum() > 0 else -x).mean((2, 3)))

    network = Branching().eval().requires_grad_(False)
    chosen = taps.resolve(taps.trace(network, images(1, 8)), ["norm"])
    assert taps.fold_batchnorm(network, images(1, 8), chosen) is network
    plain = nn.Sequential(
        nn.Conv2d(3, 4, 3), nn.AdaptiveAvgPool2d(1), nn.Flatten(), nn.Linear(4, 2)
    ).eval()
    chosen = taps.resolve(taps.trace(plain, images(1, 8)), ["0"])
    assert taps.fold_batchnorm(plain, images(1, 8), chosen) is plain


def test_a_tapped_container_that_ends_in_the_convolution_keeps_its_values():
    network = (
        nn.Sequential(
            nn.Sequential(nn.ReLU(), nn.Conv2d(3, 4, 3)),
            nn.BatchNorm2d(4),
            nn.ReLU(),
            nn.AdaptiveAvgPool2d(1),
            nn.Flatten(),
            nn.Linear(4, 2),
        )
        .eval()
        .requires_grad_(False)
    )
    network[1].running_var.fill_(4)
    x = images(1, 8)
    chosen = taps.resolve(taps.trace(network, x), ["0"])
    _, tapped = taps.forward(taps.fold_batchnorm(network, x, chosen), x, chosen)
    torch.testing.assert_close(tapped["0"].detach(), network[0](x))


def test_a_convolution_that_two_read_is_left_alone():
    class TwoReaders(nn.Module):
        def __init__(self):
            super().__init__()
            self.conv, self.norm, self.out = nn.Conv2d(3, 4, 3), nn.BatchNorm2d(4), nn.Linear(4, 2)

        def forward(self, x):
            y = self.conv(x)
            return self.out((self.norm(y) + y).mean((2, 3)))

    network = TwoReaders().eval().requires_grad_(False)
    chosen = taps.resolve(taps.trace(network, images(1, 8)), ["norm"])
    assert taps.fold_batchnorm(network, images(1, 8), chosen) is network
