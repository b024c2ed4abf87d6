"""Names of taps: the table of `auto:` names, and the grammar."""

import pytest
import torch
from conftest import needs_data
from networks import Toy, cifar_network, images, torchvision_network
from tap_table import TABLE, expand
from torch import nn

from gradtools.errors import GradtoolsError, UsageError
from gradtools.network import taps


def names(trace, *specs, **options):
    return [tap.name for tap in taps.resolve(trace, specs, **options)]


@pytest.mark.parametrize("name, blocks, last_conv", TABLE, ids=[row[0] for row in TABLE])
def test_automatic_taps_are_those_of_the_table(name, blocks, last_conv):
    trace = taps.trace(torchvision_network(name), images(1))
    blocks = expand(blocks)
    assert names(trace, "auto:blocks") == blocks
    assert names(trace, "auto:last-block") == blocks[-1:]
    assert names(trace, "auto:last-conv") == [last_conv]
    assert names(trace, layers=2) == blocks[-2:]


@needs_data
def test_automatic_taps_of_the_cifar_networks():
    trace = taps.trace(cifar_network().module, images(1, 32))
    assert names(trace, "auto:blocks", "auto:last-conv") == [
        "layer1",
        "layer2",
        "layer3.2.conv2",
        "layer3",
    ]


def test_a_network_in_a_wrapper_has_the_same_taps():
    class Wrapper(nn.Module):
        def __init__(self):
            super().__init__()
            self.net = torchvision_network("densenet121")

        def forward(self, x):
            return self.net(x / 2)

    trace = taps.trace(Wrapper(), images(1))
    assert names(trace, "auto:last-block") == ["net.features@relu"]
    assert names(trace, "auto:blocks")[1] == "net.features.denseblock1"


def test_the_convolution_of_a_shortcut_is_not_the_last():
    class Block(nn.Module):
        def __init__(self):
            super().__init__()
            self.main = nn.Conv2d(3, 4, 3, 2, 1)
            self.shortcut = nn.Conv2d(3, 4, 1, 2)

        def forward(self, x):
            return self.main(x) + self.shortcut(x)

    network = nn.Sequential(
        Block(), nn.ReLU(), nn.AdaptiveAvgPool2d(1), nn.Flatten(), nn.Linear(4, 2)
    )
    assert names(taps.trace(network, images(1, 8)), "auto:last-conv") == ["0.main"]


def test_layouts_of_transformers():
    vit = taps.trace(torchvision_network("vit_tiny"), images(1))
    (block,) = taps.resolve(vit, ["encoder.layers.encoder_layer_3"])
    assert (block.layout, block.shape, block.prefix) == ("tokens", (32, 4, 4), 1)
    assert vit.attention and vit.classifier == "heads.head"
    swin = taps.trace(torchvision_network("swin_t"), images(1))
    last, norm, permute = taps.resolve(swin, ["features.7", "norm", "permute"])
    assert [(tap.layout, tap.shape) for tap in (last, norm, permute)] == [
        ("nhwc", (768, 2, 2))
    ] * 2 + [("nchw", (768, 2, 2))]


def test_layout_is_found_where_height_equals_the_channels():
    """At 384 pixels swin's first stage is 96 x 96 x 96: shapes alone do not tell the channels."""

    class LastChannels(nn.Module):
        def __init__(self):
            super().__init__()
            self.conv = nn.Conv2d(3, 8, 1)
            self.norm = nn.LayerNorm(8)
            self.mix = nn.Sequential(nn.Linear(8, 8), nn.GELU())
            self.out = nn.Linear(8, 2)

        def forward(self, x):
            y = self.norm(self.conv(x).permute(0, 2, 3, 1))
            return self.out((y + self.mix(y)).permute(0, 3, 1, 2).mean((2, 3)))

    trace = taps.trace(LastChannels(), images(1, 8))
    assert [tap.layout for tap in taps.resolve(trace, ["conv", "norm", "mix"])] == [
        "nchw",
        "nhwc",
        "nhwc",
    ]


def test_a_module_that_is_called_twice_needs_its_number():
    trace = taps.trace(torchvision_network("resnet18"), images(1))
    with pytest.raises(
        UsageError,
        match=r"called 2 times in one pass; write layer4.1.relu#0 to layer4.1.relu#1 \(layer4.1.relu#-1",
    ):
        taps.resolve(trace, ["layer4.1.relu"])
    assert names(trace, "layer4.1.relu#-1", "layer4.1.relu#1", "layer4.1.relu#0") == [
        "layer4.1.relu#0",
        "layer4.1.relu#1",
    ]
    with pytest.raises(UsageError, match="called 2 times in one pass, counted from 0"):
        taps.resolve(trace, ["layer4.1.relu#2"])
    with pytest.raises(UsageError, match="the number of the call"):
        taps.resolve(trace, ["layer4.1.relu#last"])
    assert names(trace, "layer4#-1") == ["layer4"]


def test_names_that_are_not_there():
    trace = taps.trace(torchvision_network("resnet18"), images(1))
    with pytest.raises(UsageError, match="no module layer5 .*did you mean layer"):
        taps.resolve(trace, ["layer5"])
    with pytest.raises(UsageError, match="there are auto:last-block, auto:last-conv"):
        taps.resolve(trace, ["auto:lastconv"])
    with pytest.raises(UsageError, match="no module that runs matches"):
        taps.resolve(trace, ["block*"])
    with pytest.raises(UsageError, match="the only suffix is @relu"):
        taps.resolve(trace, ["layer4@gelu"])
    with pytest.raises(UsageError, match="no ReLU follows layer4 directly"):
        taps.resolve(trace, ["layer4@relu"])
    with pytest.raises(UsageError, match="has 5 blocks"):
        taps.resolve(trace, [], layers=6)


def test_outputs_that_are_no_maps_are_refused():
    trace = taps.trace(torchvision_network("vit_tiny"), images(1))
    with pytest.raises(UsageError, match="no single tensor"):
        taps.resolve(trace, ["encoder.layers.encoder_layer_0.self_attention"])
    with pytest.raises(UsageError, match="does not run as a module"):
        taps.resolve(trace, ["encoder.layers.encoder_layer_0.self_attention.out_proj"])


def test_globs_and_lists_come_in_order_of_execution():
    trace = taps.trace(torchvision_network("resnet18"), images(1))
    assert names(trace, "layer4", "input", "layer1") == ["input", "layer1", "layer4"]
    assert names(trace, "layer?", "layer3") == ["layer1", "layer2", "layer3", "layer4"]
    assert names(trace, "layer[12].0.relu") == [
        f"layer{stage}.0.relu#{call}" for stage in (1, 2) for call in (0, 1)
    ]
    assert names(trace, "layer[12].0.relu#-1") == ["layer1.0.relu#1", "layer2.0.relu#1"]
    convolutions = [
        name
        for name, child in torchvision_network("resnet18").named_modules()
        if isinstance(child, nn.Conv2d)
    ]
    assert sorted(names(trace, "auto:convs")) == sorted(convolutions)
    assert len(names(trace, "auto:relus")) == 17


def test_the_relu_of_an_inner_module_has_the_outer_name():
    trace = taps.trace(torchvision_network("densenet121"), images(1))
    assert names(trace, "features.norm5@relu", "features@relu") == ["features@relu"]


def test_the_classifier_is_the_layer_the_logits_come_from():
    expected = {
        "resnet18": "fc",
        "squeezenet1_0": "classifier.1",
        "vgg11": "classifier.6",
        "swin_t": "head",
        "densenet121": "classifier",
    }
    for name, classifier in expected.items():
        assert taps.trace(torchvision_network(name), images(1)).classifier == classifier
    headless = nn.Sequential(
        nn.Conv2d(3, 4, 1), nn.BatchNorm2d(4), nn.AdaptiveAvgPool2d(1), nn.Flatten()
    ).eval()
    assert taps.trace(headless, images(1, 8)).classifier is None


def test_networks_that_cannot_be_traced():
    with pytest.raises(GradtoolsError, match="does not run on an input of"):
        taps.trace(nn.Linear(5, 2), images(1, 8))
    with pytest.raises(GradtoolsError, match="gives a dict for an input of"):

        class Wrapped(Toy):
            def forward(self, x):
                return {"logits": super().forward(x)}

        taps.trace(Wrapped(), images(1, 8))
    with pytest.raises(GradtoolsError, match="this network has none"):
        taps.resolve(
            taps.trace(nn.Sequential(nn.Flatten(), nn.Linear(192, 2)), images(1, 8)),
            ["auto:blocks"],
        )


def test_tracing_leaves_the_network_as_it_was():
    network = Toy().eval()
    taps.trace(network, images(1, 8))
    assert not any(child._forward_hooks or child._forward_pre_hooks for child in network.modules())
    assert torch.is_grad_enabled()
