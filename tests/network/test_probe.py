"""The head probe: taps whose gradients say nothing but the class."""

import pytest
import torch
from conftest import needs_data
from networks import TOY_SOURCE, Toy, cifar_network, images, torchvision_network
from torch import nn

from gradtools.errors import GradtoolsError
from gradtools.network import models, taps
from gradtools.network.models import heads
from gradtools.stages import layers


def verdicts(network, specs, size=(3, 64, 64), **options):
    trace = taps.trace(network, taps.blank(network, size))
    chosen = taps.resolve(trace, specs)
    head = heads.read(network, trace.classifier)
    return taps.probe(network, chosen, size, head=head, **options)


def test_resnet_s_block_output_holds_class_rows():
    by_tap = verdicts(torchvision_network("resnet18"), ["layer4", "layer4.1.conv2", "layer3"])
    assert by_tap["layer4"].class_weights and by_tap["layer4"].max_error_to_class_row < 1e-9
    assert (
        "equal class weights of the target class; they hold no information beyond the target label"
        in by_tap["layer4"].sentence
    )
    for name in ("layer4.1.conv2", "layer3"):
        assert (
            not by_tap[name].spatially_constant
            and not by_tap[name].input_independent
            and not by_tap[name].sentence
        )
    assert (
        by_tap["layer4.1.conv2"].max_error_to_class_row > 1e-3
        and by_tap["layer3"].max_error_to_class_row is None
    )


def test_densenet_s_relu_holds_class_rows_and_the_map_before_it_does_not():
    by_tap = verdicts(torchvision_network("densenet121"), ["features@relu", "features"])
    assert by_tap["features@relu"].class_weights and not by_tap["features"].class_weights


def test_patches_that_nobody_reads():
    network = torchvision_network("vit_tiny")
    head = network.heads.head
    with torch.no_grad():
        kept = head.weight.clone()
        head.weight.normal_(generator=torch.Generator().manual_seed(0))
        by_tap = verdicts(
            network, ["encoder.layers.encoder_layer_11", "encoder.layers.encoder_layer_10"]
        )
        head.weight.copy_(kept)
    assert (
        by_tap["encoder.layers.encoder_layer_11"].zero
        and "are zero" in by_tap["encoder.layers.encoder_layer_11"].sentence
    )
    assert (
        not by_tap["encoder.layers.encoder_layer_10"].zero
        and not by_tap["encoder.layers.encoder_layer_10"].sentence
    )


def test_two_linear_layers_depend_on_the_class_alone_without_being_its_row():
    network = nn.Sequential(
        nn.Conv2d(3, 4, 3), nn.AdaptiveAvgPool2d(1), nn.Flatten(), nn.Linear(4, 4), nn.Linear(4, 3)
    ).eval()
    verdict = verdicts(network.requires_grad_(False), ["0"], (3, 8, 8))["0"]
    assert verdict.spatially_constant and verdict.input_independent and not verdict.class_weights
    assert "depend on the target class alone" in verdict.sentence


def test_a_constant_that_depends_on_the_input():
    class Squared(Toy):
        def forward(self, x):
            return self.classifier(self.body(self.stem(x)).mean((2, 3)) ** 2)

    verdict = verdicts(Squared().eval().requires_grad_(False), ["body"], (3, 8, 8))["body"]
    assert verdict.spatially_constant and not verdict.input_independent and not verdict.sentence


@pytest.mark.parametrize("affine", [False, True])
@pytest.mark.parametrize("side", [8, 64])
def test_what_an_instance_normalisation_takes_the_mean_of_is_noise(affine, side):
    """Its output sums to zero over positions, and so does the gradient of what it reads; pooled, both are rounding."""
    torch.manual_seed(0)
    network = nn.Sequential(
        *(nn.Conv2d(3, 8, 3, padding=1), nn.InstanceNorm2d(8, affine=affine), nn.ReLU()),
        *(nn.Conv2d(8, 4, 3, padding=1), nn.InstanceNorm2d(4, affine=affine), nn.ReLU()),
        *(nn.AdaptiveAvgPool2d(1), nn.Flatten(), nn.Linear(4, 3)),
    ).eval()
    by_tap = verdicts(network.requires_grad_(False), list("012345"), (3, side, side))
    assert {name: one.gradient_cancels for name, one in by_tap.items()} == dict(
        zip("012345", [True, False, False, True, False, False])
    )
    assert {name: one.activation_cancels for name, one in by_tap.items()} == dict(
        zip("012345", [False, True, False, False, True, False])
    )
    assert "rounding noise" in by_tap["0"].about_gradients and not by_tap["2"].sentence
    assert by_tap["1"].sentence and not by_tap["1"].about_gradients


def test_the_target_can_be_chosen():
    network = Toy().eval().requires_grad_(False)
    rows = torch.tensor(Toy.ROWS)
    wrong = models.Head("classifier", rows.flip(0).numpy(), torch.zeros(2).numpy())
    chosen = taps.resolve(taps.trace(network, images(1, 8)), ["body"])
    assert taps.probe(network, chosen, (3, 8, 8), target=1)["body"].max_error_to_class_row is None
    error = taps.probe(network, chosen, (3, 8, 8), head=wrong, target=1)[
        "body"
    ].max_error_to_class_row
    assert error == pytest.approx(float((rows[0] - rows[1]).abs().max()) / 64)


def test_taps_behind_the_output_are_refused():
    network = nn.Sequential(nn.Conv2d(3, 4, 3), nn.ReLU()).eval().requires_grad_(False)
    chosen = taps.resolve(taps.trace(network, images(1, 8)), ["0"])
    with pytest.raises(GradtoolsError, match="--head none takes it as an embedding"):
        taps.probe(network, chosen, (3, 8, 8))


@needs_data
@pytest.mark.parametrize("name", ["resnet20", "resnet56"])
def test_the_trained_networks(name):
    model = cifar_network(name)
    last = {"resnet20": "layer3.2.conv2", "resnet56": "layer3.8.conv2"}[name]
    rows = {row["tap"]: row for row in layers.rows(model, size=32)}
    assert rows["layer3"]["constant"] == rows["layer3"]["independent"] == "yes"
    assert "equal class weights" in rows["layer3"]["verdict"]
    assert rows["layer3"]["auto"] == "auto:blocks auto:last-block"
    assert (
        rows[last]["constant"] == "no"
        and rows[last]["auto"] == "auto:last-conv"
        and rows[last]["verdict"] == ""
    )
    assert [rows[last][key] for key in ("module", "calls", "channels", "height", "width")] == [
        "Conv2d",
        1,
        64,
        8,
        8,
    ]


def test_layers_lists_every_call_of_every_module(tmp_path):
    (tmp_path / "toy.py").write_text(
        TOY_SOURCE
        + """

class Twice(Toy):
    def forward(self, x):
        self.stem(x)
        return super().forward(x)
"""
    )
    rows, notes = layers.describe(f"{tmp_path / 'toy.py'}:Twice", preprocess="none", size=8)
    assert [(row["tap"], row["calls"], row["channels"], row["height"]) for row in rows] == [
        ("stem#0", 2, 4, 8),
        ("stem#1", 2, 4, 8),
        ("body", 1, 3, 8),
    ]
    assert rows[0]["verdict"].endswith("does not depend on its map") and rows[2]["verdict"]
    assert rows[2]["auto"] == "auto:blocks auto:last-block auto:last-conv" and notes
    rows, _ = layers.describe(f"{tmp_path / 'toy.py'}:Toy", preprocess="none", size=8, no_head=True)
    assert {row["constant"] for row in rows} == {"-"}


def test_a_densenet_s_taps_include_the_relu_that_is_no_module():
    model = models.load("densenet121", "random")
    rows = {row["tap"]: row for row in layers.rows(model, size=64)}
    assert rows["features@relu"]["auto"] == "auto:blocks auto:last-block auto:last-conv"
    assert (rows["features@relu"]["constant"], rows["features"]["constant"]) == ("yes", "no")
