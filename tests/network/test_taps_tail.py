"""The network from a tap onward against the whole network with plain hooks: residual, dense, fire-module, plain and attention networks."""

import pytest
import torch
from conftest import needs_data
from networks import cifar_network, images, torchvision_network
from torch import nn
from torch.overrides import TorchFunctionMode

from gradtools.errors import GradtoolsError
from gradtools.network import taps

AXIS = {"nchw": 1, "nhwc": 3, "tokens": 2}


def tap_of(network, x, spec):
    return taps.resolve(taps.trace(network, x[:1]), [spec])[0]


def by_hook(network, x, tap, channel):
    """The whole network, in which the output of a module's call has a channel of zeros."""
    calls = []

    def hook(_module, _inputs, output):
        calls.append(None)
        if len(calls) == tap.call + 1:
            output = output.clone()
            output.select(AXIS[tap.layout], channel).zero_()
        return output

    handle = network.get_submodule(tap.module).register_forward_hook(hook)
    with torch.no_grad():
        logits = network(x)
    handle.remove()
    return logits


def from_tap(network, x, tap, image, channels):
    """Logits of one image without each of some channels, by the tail; the last with all of them."""
    tail = taps.tail.prepare(network, tap, x[:1])
    with taps.tail.recorded(tail, x) as trunk:
        _, tapped = taps.forward(network, x, [tap])
    rows = torch.cat([tapped[tap.name].detach()[image : image + 1]] * (len(channels) + 1))
    for row, channel in zip(rows, channels):
        row.select(AXIS[tap.layout] - 1, channel).zero_()
    return tail, taps.tail.run(tail, trunk, image, rows)


@pytest.mark.parametrize(
    "name, spec",
    [
        ("resnet18", "layer3.1.conv1"),
        ("resnet18", "layer4.0.relu#0"),
        ("resnet18", "layer2.0.downsample.0"),
        ("resnet18", "layer3"),
        ("resnet18", "conv1"),
        ("resnet18", "layer4.1.bn2"),
        ("densenet121", "features.denseblock3.denselayer5.conv1"),
        ("densenet121", "features.denseblock2"),
        ("densenet121", "features.norm5"),
        ("squeezenet1_0", "features.5.squeeze"),
        ("squeezenet1_0", "features.9"),
        ("squeezenet1_0", "features.9.expand1x1_activation"),
        ("vgg11", "features.13"),
        ("googlenet", "inception4c.branch2.0.bn"),
        ("swin_t", "features.3.1"),
        ("vit_tiny", "encoder.layers.encoder_layer_5.ln_1"),
    ],
)
def test_a_channel_of_zeros_equals_the_whole_network_with_it(name, spec):
    network, x = torchvision_network(name), images(3)
    tap = tap_of(network, x, spec)
    channels = [0, tap.channels // 3, tap.channels - 1]
    tail, logits = from_tap(network, x, tap, 1, channels)
    assert tail.short
    scale = float(network(x).abs().max())
    for row, channel in zip(logits, channels):
        expected = by_hook(network, x, tap, channel)
        assert float((row - expected[1]).abs().max()) <= 1e-5 * scale
    assert float((logits[-1] - network(x)[1]).abs().max()) <= 1e-5 * scale


def test_the_relu_that_follows_a_dense_network():
    network, x = torchvision_network("densenet121"), images(2)
    _, logits = from_tap(network, x, tap_of(network, x, "features@relu"), 1, [7])
    with torch.no_grad():
        maps = network.features(x).relu()
        maps[:, 7] = 0
        expected = network.classifier(maps.mean((2, 3)))
    torch.testing.assert_close(logits[0], expected[1], rtol=1e-4, atol=1e-5)


class _Convolutions(TorchFunctionMode):
    """Counts the convolutions that are computed, and for how many images."""

    def __init__(self):
        super().__init__()
        self.seen = []

    def __torch_function__(self, function, types, args=(), kwargs=None):
        if getattr(function, "__name__", "") == "conv2d":
            self.seen.append(len(args[0]))
        return function(*args, **(kwargs or {}))


@pytest.mark.parametrize(
    "name, spec, after",
    [
        ("squeezenet1_0", "features.12", [5]),
        ("resnet18", "layer4.0.relu#0", [5, 1, 5, 5]),
        ("vgg11", "features.20", []),
    ],
)
def test_nothing_before_the_tap_runs_again(name, spec, after):
    """Behind features.12 stands the classifier's convolution; behind the ReLU conv2, the shortcut's, which reads no tap, and two more."""
    network, x = torchvision_network(name), images(2)
    tap = tap_of(network, x, spec)
    tail = taps.tail.prepare(network, tap, x[:1])
    with taps.tail.recorded(tail, x) as trunk:
        _, tapped = taps.forward(network, x, [tap])
    rows = torch.cat([tapped[tap.name].detach()[:1]] * 5)
    with _Convolutions() as count:
        first = taps.tail.run(tail, trunk, 0, rows.clone())
    assert count.seen == after
    assert torch.equal(
        taps.tail.run(tail, trunk, 0, rows.clone()), first
    )  # what was recorded has not been changed
    assert not any("forward" in vars(module) for module in network.modules())


def test_only_what_is_read_again_is_kept():
    network, x = torchvision_network("vgg11"), images(2)
    tail = taps.tail.prepare(network, tap_of(network, x, "features.15"), x[:1])
    with taps.tail.recorded(tail, x) as trunk:
        network(x)
    assert trunk.outputs == {}


class _Counting(nn.Module):
    """Asks how many images there are before the tap and uses it after it."""

    def __init__(self):
        super().__init__()
        self.first, self.second, self.last = nn.Conv2d(3, 4, 3), nn.Conv2d(4, 5, 3), nn.Linear(5, 2)

    def forward(self, x):
        count = x.shape[0]
        return self.last(self.second(self.first(x).relu()).reshape(count, 5, -1).mean(2))


def test_a_network_that_cannot_start_at_the_tap_runs_whole():
    torch.manual_seed(0)
    network, x = _Counting().eval().requires_grad_(False), images(3, 8)
    tap = tap_of(network, x, "first")
    tail, logits = from_tap(network, x, tap, 2, [1, 3])
    assert not tail.short
    for row, channel in zip(logits, (1, 3)):
        torch.testing.assert_close(row, by_hook(network, x, tap, channel)[2], rtol=1e-5, atol=1e-6)


class _Residual(nn.Module):
    """Changes in place, and reads behind the tap, what was made before it."""

    def __init__(self):
        super().__init__()
        self.first, self.second, self.last = (
            nn.Conv2d(3, 4, 3, padding=1),
            nn.Conv2d(4, 4, 3, padding=1),
            nn.Linear(4, 2),
        )

    def forward(self, x):
        shortcut = self.first(x)
        shortcut += 1
        torch.relu_(shortcut)
        out = self.second(shortcut)
        torch.relu_(shortcut)
        shortcut += out
        return self.last(shortcut.mean((2, 3)))


def test_tensors_changed_in_place_around_the_tap():
    torch.manual_seed(0)
    network, x = _Residual().eval().requires_grad_(False), images(2, 8)
    tap = tap_of(network, x, "second")
    tail, logits = from_tap(network, x, tap, 1, [0, 2])
    assert tail.short
    for row, channel in zip(logits, (0, 2)):
        torch.testing.assert_close(row, by_hook(network, x, tap, channel)[1], rtol=1e-5, atol=1e-6)


@needs_data
def test_a_shortcut_that_is_padded_to_the_shape_of_the_images():
    network, x = cifar_network("resnet20").module, images(3, 32)
    tap = tap_of(network, x, "layer2.0.conv1")
    tail, logits = from_tap(network, x, tap, 2, [4])
    assert tail.short
    torch.testing.assert_close(logits[0], by_hook(network, x, tap, 4)[2], rtol=1e-4, atol=1e-5)


def test_the_input_as_a_tap():
    network, x = torchvision_network("squeezenet1_0"), images(2)
    _, logits = from_tap(network, x, tap_of(network, x, "input"), 1, [2])
    changed = x.clone()
    changed[:, 2] = 0
    torch.testing.assert_close(logits[0], network(changed)[1], rtol=1e-4, atol=1e-5)


class _OtherWay(nn.Module):
    """Leaves its second convolution out where an image is dark."""

    def __init__(self):
        super().__init__()
        self.first, self.second, self.last = nn.Conv2d(3, 4, 3), nn.Conv2d(4, 4, 3), nn.Linear(4, 2)

    def forward(self, x):
        maps = self.first(x)
        if float(x.mean()) > 0:
            maps = self.second(maps)
        return self.last(maps.mean((2, 3)))


def test_a_tap_that_is_not_reached_is_an_error():
    network, x = _OtherWay().eval().requires_grad_(False), images(2, 8).abs()
    tail = taps.tail.Tail(network, tap_of(network, x, "second"), (), short=False)
    with pytest.raises(GradtoolsError, match="not reached"):
        taps.tail.run(tail, taps.tail.Trunk(-x, {}), 0, torch.zeros(1, 4, 4, 4))
