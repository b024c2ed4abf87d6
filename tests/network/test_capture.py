"""Activations and gradients at taps, against finite differences, closed forms and captum (mathematics#capture)."""

import copy

import numpy as np
import pytest
import torch
from conftest import DATA, needs_data
from networks import Toy, cifar_network, images, torchvision_network
from torch import nn
from torch.multiprocessing.reductions import StorageWeakRef

from gradtools.errors import GradtoolsError
from gradtools.network import models, taps
from gradtools.network.taps import saving

H = 1e-4


def capture(network, x, specs, classes=None):
    """({name: tap tensor}, {name: gradient of the class's logit}, taps, logits)."""
    chosen = taps.resolve(taps.trace(network, x[:1]), specs)
    logits, tapped = taps.forward(network, x, chosen)
    classes = logits.argmax(1) if classes is None else torch.as_tensor(classes)
    gradients = taps.gradients(logits.gather(1, classes[:, None])[:, 0], tapped)
    return (
        {name: tensor.detach() for name, tensor in tapped.items()},
        gradients,
        {tap.name: tap for tap in chosen},
        logits.detach(),
    )


def rerun(network, x, tap, change):
    """Logits where the output of the tap's call is `change(output)`: a loop of its own over the calls, out of place."""
    calls = []

    def hook(_module, _inputs, output):
        calls.append(None)
        return change(output.clone()) if len(calls) == tap.call + 1 else None

    handle = network.get_submodule(tap.module).register_forward_hook(hook)
    try:
        with torch.no_grad():
            return network(x)
    finally:
        handle.remove()


def finite_differences(network, x, tap, target, entries):
    """Central differences of a logit for flat entries of one image's tap; NaN at a kink.

    A kink shows as slopes that differ to the two sides, or with the step.
    """
    slopes = []
    here = float(rerun(network, x, tap, lambda output: output)[0, target])
    for h in (H, H / 2):

        def change(output, h=h):
            flat = output.flatten(1)
            for row, entry in enumerate(entries):
                flat[2 * row, entry] += h
                flat[2 * row + 1, entry] -= h
            return flat.view_as(output)

        scores = rerun(network, x.expand(2 * len(entries), -1, -1, -1).clone(), tap, change)[
            :, target
        ]
        above, below = (scores[::2] - here) / h, (here - scores[1::2]) / h
        slopes.append(
            torch.where(
                (above - below).abs() < 1e-2 * below.abs().clamp_min(1e-3),
                (above + below) / 2,
                torch.nan,
            )
        )
    return torch.where(
        (slopes[0] - slopes[1]).abs() < 1e-6 * slopes[1].abs().clamp_min(1e-3), slopes[1], torch.nan
    )


RESNET_TAPS = [
    "layer4",
    "layer4.1",
    "layer4.1.bn2",
    "layer4.1.relu#0",
    "layer4.1.relu#-1",
    "layer4.1.conv2",
    "layer4.0.downsample.0",
    "layer3.1.bn1",
    "layer1",
    "bn1",
    "relu",
]


@pytest.fixture(scope="module")
def resnet():
    return copy.deepcopy(torchvision_network("resnet18")).double()


@pytest.fixture(scope="module")
def captured(resnet):
    return capture(resnet, images(1, dtype=torch.float64), RESNET_TAPS, [7])


@pytest.mark.parametrize("spec", RESNET_TAPS)
def test_gradients_of_resnet18_are_finite_differences(resnet, captured, spec):
    values, gradients, chosen, _ = captured
    name = spec.replace("#-1", "#1")
    entries = np.random.default_rng(0).integers(0, values[name].numel(), 5)
    expected = finite_differences(resnet, images(1, dtype=torch.float64), chosen[name], 7, entries)
    smooth = ~expected.isnan()
    assert smooth.sum() >= 3
    torch.testing.assert_close(
        gradients[name].flatten()[entries][smooth], expected[smooth], rtol=1e-5, atol=1e-9
    )


@pytest.mark.parametrize("spec", RESNET_TAPS)
def test_activations_are_those_before_later_operations_in_place(resnet, captured, spec):
    values, _, chosen, logits = captured
    tap = chosen[spec.replace("#-1", "#1")]
    seen = []
    again = rerun(
        resnet,
        images(1, dtype=torch.float64),
        tap,
        lambda output: seen.append(output.clone()) or output,
    )
    assert torch.equal(values[tap.name], seen[0])
    torch.testing.assert_close(logits, again, rtol=1e-12, atol=0)


def test_traps_of_the_last_block(captured):
    """The table of mathematics#capture: bn2 has neither the block output's gradient nor its activation; relu's calls are two taps."""
    values, gradients, _, _ = captured
    assert values["layer4.1.bn2"].min() < 0 <= values["layer4"].min()
    assert torch.equal(values["layer4.1.relu#1"], values["layer4"])
    assert not torch.allclose(gradients["layer4.1.bn2"], gradients["layer4"])
    # below the block's last ReLU: its gradient where its output is positive, else 0
    torch.testing.assert_close(
        gradients["layer4.1.bn2"], gradients["layer4"] * (values["layer4"] > 0)
    )
    assert not torch.allclose(gradients["layer4.1.relu#0"], gradients["layer4.1.relu#1"])


def test_at_the_block_output_gradients_are_class_rows(resnet, captured):
    _, gradients, _, _ = captured
    row = resnet.fc.weight[7] / 4
    torch.testing.assert_close(
        gradients["layer4"][0], row[:, None, None].expand(-1, 2, 2), rtol=0, atol=1e-15
    )


def test_a_following_relu_is_captured_behind_itself():
    """At DenseNet's functional ReLU gradients are class rows, also where the map is 0."""
    network = torchvision_network("densenet121")
    x = images(2)
    values, gradients, _, logits = capture(
        network, x, ["features@relu", "features", "features.denseblock3"], [3, 5]
    )
    torch.testing.assert_close(logits, network(x))
    assert (
        torch.equal(values["features@relu"], values["features"].relu())
        and values["features"].min() < 0
    )
    rows = network.classifier.weight[[3, 5]] / 4
    torch.testing.assert_close(
        gradients["features@relu"], rows[:, :, None, None].expand(-1, -1, 2, 2)
    )
    torch.testing.assert_close(
        gradients["features"], gradients["features@relu"] * (values["features"] > 0)
    )


def test_relu_after_a_module_is_the_relu_module():
    network = torchvision_network("vgg11")
    values, gradients, _, _ = capture(
        network, images(1), ["features.18@relu", "features.18", "features.19"], [3]
    )
    assert (
        torch.equal(values["features.18@relu"], values["features.19"])
        and values["features.18"].min() < 0
    )
    torch.testing.assert_close(gradients["features.18@relu"], gradients["features.19"])


@pytest.mark.parametrize(
    "name, specs",
    [
        ("resnet18", ["auto:blocks", "auto:last-conv", "input"]),
        ("densenet121", ["auto:blocks"]),
        ("swin_t", ["auto:blocks", "features.0"]),
        ("vit_tiny", ["auto:blocks", "conv_proj"]),
        ("squeezenet1_0", ["auto:blocks"]),
    ],
)
def test_one_image_alone_and_in_a_batch(name, specs):
    """In float64: in float32 a batch rounds in another order, and a ReLU's input near 0 may fall on the other side."""
    network = copy.deepcopy(torchvision_network(name)).double()
    x = images(2, dtype=torch.float64)
    _, together, _, logits = capture(network, x, specs)
    for number in range(2):
        _, alone, _, _ = capture(
            network, x[number : number + 1], specs, logits[number : number + 1].argmax(1)
        )
        for tap, gradient in alone.items():
            torch.testing.assert_close(
                together[tap][number : number + 1],
                gradient,
                rtol=1e-8,
                atol=1e-10 * float(gradient.abs().max()),
            )


@pytest.mark.parametrize(
    "name, spec", [("vit_tiny", "encoder.layers.encoder_layer_10"), ("swin_t", "features.5")]
)
def test_gradients_of_transformers_are_finite_differences(name, spec):
    network = copy.deepcopy(torchvision_network(name)).double()
    nn.init.normal_(
        (network.heads if name == "vit_tiny" else network).get_submodule("head").weight,
        generator=torch.Generator().manual_seed(0),
    )
    x = images(1, dtype=torch.float64)
    values, gradients, chosen, _ = capture(network, x, [spec], [7])
    entries = np.random.default_rng(0).integers(0, values[spec].numel(), 4)
    expected = finite_differences(network, x, chosen[spec], 7, entries)
    torch.testing.assert_close(gradients[spec].flatten()[entries], expected, rtol=1e-4, atol=1e-9)


def test_tokens_become_maps_and_the_class_token():
    """What enters ViT's blocks is the patch convolution's map plus the positions, and the class token apart."""
    network = torchvision_network("vit_tiny")
    values, _, chosen, _ = capture(network, images(2), ["encoder.dropout", "conv_proj"])
    maps, token = taps.to_chw(values["encoder.dropout"], chosen["encoder.dropout"])
    position = network.encoder.pos_embedding[0]
    for row in range(4):
        for column in range(4):
            torch.testing.assert_close(
                maps[:, :, row, column],
                values["conv_proj"][:, :, row, column] + position[1 + 4 * row + column],
            )
    torch.testing.assert_close(token, (network.class_token[0] + position[:1]).expand(2, -1))


def test_patches_of_the_last_block_of_a_vit_have_no_gradient():
    network = copy.deepcopy(torchvision_network("vit_tiny"))
    nn.init.normal_(network.heads.head.weight)  # torchvision sets it to 0
    _, gradients, chosen, _ = capture(
        network,
        images(1),
        ["encoder.layers.encoder_layer_11", "encoder.layers.encoder_layer_10"],
        [3],
    )
    maps, token = taps.to_chw(
        gradients["encoder.layers.encoder_layer_11"], chosen["encoder.layers.encoder_layer_11"]
    )
    assert maps.abs().max() == 0 < token.abs().max()
    maps, _ = taps.to_chw(
        gradients["encoder.layers.encoder_layer_10"], chosen["encoder.layers.encoder_layer_10"]
    )
    assert maps.abs().max() > 0


def test_last_channels_become_maps():
    values, gradients, chosen, _ = capture(
        torchvision_network("swin_t"), images(2), ["norm", "permute"]
    )
    for tensors in (values, gradients):
        last, first = (taps.to_chw(tensors[name], chosen[name])[0] for name in ("norm", "permute"))
        assert last.shape == (2, 768, 2, 2)
        torch.testing.assert_close(last, first)


def test_the_input_as_a_tap(resnet):
    x = images(2, dtype=torch.float64)
    values, gradients, _, _ = capture(resnet, x, ["input", "layer4"], [1, 2])
    leaf = x.clone().requires_grad_()
    resnet(leaf)[[0, 1], [1, 2]].sum().backward()
    assert torch.equal(values["input"], x)
    torch.testing.assert_close(gradients["input"], leaf.grad)


def test_the_graph_begins_at_the_lowest_tap(resnet):
    chosen = taps.resolve(taps.trace(resnet, images(1, dtype=torch.float64)), ["layer3", "layer4"])
    _, tapped = taps.forward(resnet, images(1, dtype=torch.float64), chosen)
    assert tapped["layer3"].is_leaf and not tapped["layer4"].is_leaf
    assert not any(child._forward_hooks for child in resnet.modules())


def test_taps_that_nothing_depends_on():
    class Branch(Toy):
        def forward(self, x):
            self.stem(x)
            return super().forward(x)

    network = Branch().eval().requires_grad_(False)
    _, gradients, _, _ = capture(network, images(1, 8), ["stem#0", "stem#1"])
    assert gradients["stem#0"].abs().max() == 0 < gradients["stem#1"].abs().max()
    with pytest.raises(GradtoolsError, match="depend on none of the taps stem#0"):
        capture(network, images(1, 8), ["stem#0"])


def test_the_classifier_s_input_is_part_of_the_graph():
    network = Toy().eval().requires_grad_(False)
    x = images(2, 8)
    chosen = taps.resolve(taps.trace(network, x[:1]), ["body"])
    with taps.head_inputs(network, "classifier") as collected:
        _, tapped = taps.forward(network, x, chosen)
    torch.testing.assert_close(collected[0], tapped["body"].mean((2, 3)))
    gradient = taps.gradients(collected[0][:, 1], tapped)["body"]
    expected = torch.zeros(2, 3, 8, 8)
    expected[:, 1] = 1 / 64
    torch.testing.assert_close(gradient, expected)


def test_maps_before_a_convolution_that_classifies_are_averaged():
    network = torchvision_network("squeezenet1_0")
    chosen = taps.resolve(taps.trace(network, images(1)), ["features.12"])
    with taps.head_inputs(network, "classifier.1") as collected:
        _, tapped = taps.forward(network, images(2), chosen)
    torch.testing.assert_close(collected[0], tapped["features.12"].mean((2, 3)))


@pytest.mark.parametrize("spec", ["layer4", "layer4.1.conv2", "layer3.0.bn1", "layer2"])
def test_grad_cam_is_captum_s(spec):
    attribution = pytest.importorskip("captum.attr")
    network = copy.deepcopy(torchvision_network("resnet18")).double()
    x = images(2, dtype=torch.float64)
    values, gradients, _, _ = capture(network, x, [spec], [3, 5])
    ours = (gradients[spec].mean((2, 3), keepdim=True) * values[spec]).sum(1, keepdim=True)
    reference = (
        attribution.LayerGradCam(network, network.get_submodule(spec))
        .attribute(x, torch.tensor([3, 5]))
        .detach()
    )
    torch.testing.assert_close(
        ours, reference, rtol=1e-9, atol=1e-10 * float(reference.abs().max())
    )


# The closed forms of mathematics#gradient-at-the-head on trained networks.


@pytest.fixture(scope="module")
def photographs():
    """Four test images of CIFAR-10, normalised, (4, 3, 32, 32)."""
    from PIL import Image

    paths = [
        sorted((DATA / "cifar10" / name).iterdir())[0] for name in ("cat", "dog", "ship", "frog")
    ]
    pixels = (
        np.stack([np.asarray(Image.open(path).convert("RGB")) for path in paths]).astype(np.float32)
        / 255
    )
    pixels = (pixels - np.float32([0.485, 0.456, 0.406])) / np.float32([0.229, 0.224, 0.225])
    return torch.from_numpy(pixels.transpose(0, 3, 1, 2).copy())


@needs_data
@pytest.mark.parametrize("name", ["resnet20", "resnet56"])
def test_identity_1_gradient_weights_are_class_rows(name, photographs):
    model = cifar_network(name)
    _, gradients, _, logits = capture(model.module, photographs, ["layer3"])
    rows = model.head.weight[logits.argmax(1)] / 64
    assert np.abs(gradients["layer3"].numpy() - rows[:, :, None, None]).max() <= 6e-9
    assert np.abs(gradients["layer3"].mean((2, 3)).numpy() - rows).max() <= 6e-9


@needs_data
def test_identity_1_of_log_probabilities(photographs):
    model = cifar_network()
    chosen = taps.resolve(taps.trace(model.module, photographs[:1]), ["layer3"])
    logits, tapped = taps.forward(model.module, photographs, chosen)
    gradient = (
        taps.gradients(logits.log_softmax(1).max(1).values, tapped)["layer3"].mean((2, 3)).numpy()
    )
    probabilities = logits.detach().double().softmax(1).numpy()
    rows = model.head.weight.astype(np.float64)
    expected = (rows[probabilities.argmax(1)] - probabilities @ rows) / 64
    assert np.abs(gradient - expected).max() <= 5e-9


@needs_data
def test_closed_form_2_at_the_last_convolution(photographs):
    """GW_k = W_ck/(HW) * gamma_k/sqrt(var_k + eps) * a_k, a_k the share of the block output's pixels above 0."""
    model = cifar_network()
    values, gradients, _, logits = capture(model.module, photographs, ["layer3.2.conv2", "layer3"])
    norm = model.module.layer3[2].bn2
    scale = (norm.weight.double() / (norm.running_var.double() + norm.eps).sqrt()).numpy()
    active = (values["layer3"] > 0).double().mean((2, 3)).numpy()
    expected = model.head.weight[logits.argmax(1)] / 64 * scale * active
    assert np.abs(gradients["layer3.2.conv2"].mean((2, 3)).numpy() - expected).max() <= 3e-8


@needs_data
def test_squeezenet_s_gradient_weights_point_along_the_class_row():
    """mathematics#gradient-at-the-head: GW = W_c times the share of active pixels of the class map."""
    pytest.importorskip("torchvision")
    model = models.load("squeezenet1_0", str(DATA / "squeezenet1_0_imagenet.pth"))
    values, gradients, _, logits = capture(
        model.module, images(2, 128), ["features.12", "classifier.1"]
    )
    classes = logits.argmax(1)
    share = torch.stack(
        [(values["classifier.1"][row, c] > 0).double().mean() for row, c in enumerate(classes)]
    ).numpy()
    height, width = values["features.12"].shape[2:]
    expected = model.head.weight[classes] * share[:, None] / (height * width)
    np.testing.assert_allclose(
        gradients["features.12"].mean((2, 3)).numpy(), expected, rtol=1e-4, atol=1e-8
    )


def plain_gradients(network, x, specs):
    """Gradients of the argmax's logit at taps by a graph of PyTorch's own, kept by hooks that clone."""
    kept, handles = {}, []
    for name in specs:

        def hook(_module, _inputs, output, name=name):
            kept[name] = output if output.requires_grad else output.detach().requires_grad_()
            return kept[name].clone()

        handles.append(network.get_submodule(name).register_forward_hook(hook))
    try:
        output = network(x)
    finally:
        for handle in handles:
            handle.remove()
    return torch.autograd.grad(output.max(1).values.sum(), [kept[name] for name in specs])


@pytest.mark.parametrize("amp", [False, True])
@pytest.mark.parametrize(
    "name", ["resnet18", "squeezenet1_1", "mobilenet_v2", "densenet121", "googlenet"]
)
def test_gradients_are_those_of_a_graph_that_keeps_all(name, amp, monkeypatch):
    """Bit for bit, also where the inputs of convolutions that are not kept are full of NaN."""
    shapes = []

    def poisoned(kept):
        shapes.append(kept)
        return kept if torch.is_tensor(kept) else torch.full_like(empty(kept), torch.nan)

    empty = saving._of_shape
    monkeypatch.setattr(saving, "_of_shape", poisoned)
    network, x = torchvision_network(name).eval().requires_grad_(False), images(2, size=64)
    trace = taps.trace(network, x[:1])
    chosen = [tap for tap in taps.resolve(trace, ["auto:blocks"]) if not tap.relu]
    with torch.autocast("cpu", torch.bfloat16, enabled=amp):
        output, tapped = taps.forward(network, x, chosen)
        plain = plain_gradients(network, x, [tap.module for tap in chosen])
    gradients = taps.gradients(output.max(1).values, tapped)
    assert len(chosen) > 1 and any(not torch.is_tensor(kept) for kept in shapes)
    for expected, found in zip(plain, gradients.values()):
        assert torch.equal(expected, found) and bool(expected.any())


def test_a_graph_keeps_no_input_of_a_convolution():
    """Above the lowest tap they are freed as soon as they are read, while the graph is there."""
    network = nn.Sequential(
        *(nn.Conv2d(3, 4, 3), nn.ReLU(), nn.Conv2d(4, 5, 3), nn.ReLU(inplace=True)),
        *(nn.Conv2d(5, 6, 3), nn.ReLU(), nn.Flatten(), nn.Linear(600, 7)),
    )
    network.eval().requires_grad_(False)
    read = []
    for place in (2, 4):
        network[place].register_forward_pre_hook(
            lambda _, inputs: read.append(StorageWeakRef(inputs[0].untyped_storage()))
        )
    x = torch.rand(2, 3, 16, 16)
    chosen = taps.resolve(taps.trace(network, x[:1]), ["1", "5"])
    read.clear()
    output, tapped = taps.forward(network, x, chosen)
    assert [one.expired() for one in read] == [True, True]
    assert taps.gradients(output.max(1).values, tapped)["1"].any()


def test_kernels_that_ask_for_gradients_have_their_inputs():
    """A network that is being trained is not one of frozen kernels."""
    convolution, x = nn.Conv2d(2, 3, 3), torch.rand(1, 2, 5, 5, requires_grad=True)
    with saving.LeanGraph():
        lean = torch.autograd.grad(convolution(x).relu().sum(), [x, convolution.weight])
    whole = torch.autograd.grad(convolution(x).relu().sum(), [x, convolution.weight])
    assert all(map(torch.equal, lean, whole))
