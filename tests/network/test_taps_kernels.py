"""Which convolutions make a tap's channels, told from the networks' own code."""

import pytest
from networks import images, torchvision_network

from gradtools.errors import GradtoolsError
from gradtools.network import taps
from gradtools.network.taps import kernels

DENSE = tuple(f"features.denseblock4.denselayer{number}.conv2" for number in range(1, 17))


def kernels_of(name, spec):
    network, x = torchvision_network(name), images(1)
    (tap,) = taps.resolve(taps.trace(network, x), [spec])
    result = kernels.find(network, tap, x)
    assert not any(parameter.requires_grad for parameter in network.parameters())
    return result


@pytest.mark.parametrize(
    "name, spec, modules, summed",
    [
        ("vgg11", "features.20", ("features.18",), False),
        ("resnet18", "conv1", ("conv1",), False),
        ("resnet18", "maxpool", ("conv1",), False),
        ("resnet18", "layer4.1.bn1", ("layer4.1.conv1",), False),
        ("resnet18", "layer4", ("layer4.1.conv2",), True),
        ("squeezenet1_0", "features.9", ("features.9.expand1x1", "features.9.expand3x3"), False),
        ("squeezenet1_0", "features.12.squeeze_activation", ("features.12.squeeze",), False),
        ("densenet121", "features@relu", ("features.transition3.conv", *DENSE), False),
        ("mobilenet_v2", "features.18", ("features.18.0",), False),
        (
            "googlenet",
            "inception5b",
            tuple(
                f"inception5b.{part}.conv"
                for part in ("branch1", "branch2.1", "branch3.1", "branch4.1")
            ),
            False,
        ),
    ],
)
def test_convolutions_below_a_tap(name, spec, modules, summed):
    assert kernels_of(name, spec) == kernels.Kernels(modules, summed)


@pytest.mark.parametrize(
    "name, spec, words",
    [
        ("vit_tiny", "encoder.layers.encoder_layer_3", "not made one by one"),
        ("swin_t", "features.1", "not made one by one"),
        ("resnet18", "input", "no convolution lies below"),
    ],
)
def test_channels_that_no_kernel_makes(name, spec, words):
    with pytest.raises(GradtoolsError, match=words):
        kernels_of(name, spec)
