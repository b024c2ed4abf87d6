"""Every equation against explicit float64 loops; captum; the identities of mathematics#saliency-methods."""

import contextlib
import copy
import itertools
import math

import numpy as np
import pytest
import torch
from conftest import needs_data
from networks import Toy, cifar_network, images, torchvision_network
from torch import nn

from gradtools.errors import GradtoolsError, UsageError
from gradtools.network import taps
from gradtools.network.saliency import guided, methods, subset
from gradtools.selection import map_methods

N, C, H, W = 3, 5, 2, 3


@pytest.fixture(scope="module")
def tensors():
    """Activations as after a ReLU, and gradients with zeros among them, float64."""
    generator = torch.Generator().manual_seed(0)
    A = torch.randn(N, C, H, W, generator=generator, dtype=torch.float64)
    G = torch.randn(N, C, H, W, generator=generator, dtype=torch.float64)
    G[:, 1] = 0
    G[:, 2] = G[:, 2].abs()
    return A, G


def relu(value):
    return max(float(value), 0.0)


def looped(term, A, G):
    """Map whose pixel (i, j) is the sum over channels of term(n, k, i, j)."""
    return np.array(
        [
            [[math.fsum(term(n, k, i, j) for k in range(C)) for j in range(W)] for i in range(H)]
            for n in range(N)
        ]
    )


def mean_gradient(G, n, k):
    return math.fsum(float(G[n, k, i, j]) for i in range(H) for j in range(W)) / (H * W)


TERMS = {
    "gradcam": lambda A, G: lambda n, k, i, j: mean_gradient(G, n, k) * float(A[n, k, i, j]),
    "hirescam": lambda A, G: lambda n, k, i, j: float(G[n, k, i, j]) * float(A[n, k, i, j]),
    "gam": lambda A, G: lambda n, k, i, j: relu(G[n, k, i, j]) * relu(A[n, k, i, j]),
    "layercam": lambda A, G: lambda n, k, i, j: relu(G[n, k, i, j]) * float(A[n, k, i, j]),
    "activation": lambda A, G: lambda n, k, i, j: float(A[n, k, i, j]),
    "positive-gradients": lambda A, G: lambda n, k, i, j: relu(G[n, k, i, j]),
    "negative-gradients": lambda A, G: lambda n, k, i, j: relu(-G[n, k, i, j]),
}


@pytest.mark.parametrize("name", methods.AT_TAPS)
@pytest.mark.parametrize("dtype, rtol", [(torch.float64, 1e-12), (torch.float32, 1e-5)])
def test_equations(tensors, name, dtype, rtol):
    A, G = tensors
    computed = methods.AT_TAPS[name](A.to(dtype), G.to(dtype)).numpy()
    expected = looped(TERMS[name](A, G), A, G)
    np.testing.assert_allclose(computed, expected, rtol=rtol, atol=rtol * np.abs(expected).max())


def printed_weight(A, G, n, k, score):
    """mathematics#grad-cam-plus-plus with Y = exp(s), term by term; terms of gradient 0 are 0."""
    Y, S, total = math.exp(score), math.fsum(A[n, k].flatten().tolist()), []
    for g in G[n, k].flatten().tolist():
        if g > 0 and 2 + g * S > 0:
            second, third = Y * g**2, Y * g**3
            total.append(second / (2 * second + S * third) * relu(Y * g))
    return math.fsum(total)


@pytest.mark.parametrize("score", [0.0, 3.0])
@pytest.mark.parametrize("rectified", [True, False])
def test_grad_cam_plus_plus(tensors, score, rectified):
    """The cancelled form is the printed one over exp(s); denominators that are not positive are counted, their weight is 0."""
    A, G = tensors
    A = A.relu() if rectified else A
    computed, undefined, near = methods.gradcam_plus_plus(A, G)
    expected = looped(
        lambda n, k, i, j: printed_weight(A, G, n, k, score) * float(A[n, k, i, j]), A, G
    ) / math.exp(score)
    np.testing.assert_allclose(computed.numpy(), expected, rtol=1e-10, atol=1e-12)
    bad = [
        sum(
            g > 0 >= 2 + g * math.fsum(A[n, k].flatten().tolist())
            for k in range(C)
            for g in G[n, k].flatten().tolist()
        )
        for n in range(N)
    ]
    close = [
        sum(
            g > 0 and abs(2 + g * math.fsum(A[n, k].flatten().tolist())) <= 0.01
            for k in range(C)
            for g in G[n, k].flatten().tolist()
        )
        for n in range(N)
    ]
    assert near.tolist() == close
    assert undefined.tolist() == bad and (sum(bad) == 0) == rectified
    if rectified:
        literal, overflowed = methods.gradcam_plus_plus_literal(
            A, G, torch.full((N,), score, dtype=torch.float64)
        )
        np.testing.assert_allclose(literal.numpy(), expected * math.exp(score), rtol=1e-10)
        assert not overflowed.any()


def test_weights_near_the_pole_are_counted_on_both_sides():
    """2 + g S at .005, -.005, .02 and 3 from planted gradients and sums."""
    A = torch.full((1, 4, 1, 1), -1.0)
    G = torch.tensor([1.995, 2.005, 1.98, -1.0]).reshape(1, 4, 1, 1)
    _, undefined, near = methods.gradcam_plus_plus(A, G)
    assert near.tolist() == [2] and undefined.tolist() == [1]


def test_literal_exp_overflows_float32_above_88(tensors):
    """e^88.7 is the largest float32; the cancelled form does not mind."""
    A, G = (tensor.float() for tensor in tensors)
    maps, undefined = methods.gradcam_plus_plus_literal(
        A.relu(), G, torch.tensor([1.0, 80.0, 100.0])
    )
    assert undefined.tolist()[0] == 0 < undefined.tolist()[2]
    assert maps[0].max() > 0 and not maps[2].any() and maps.isfinite().all()
    assert methods.gradcam_plus_plus(A.relu(), G)[0].amax((1, 2)).min() > 0


@pytest.mark.parametrize("fill", [0.0, -1.0, 3.0])
def test_constant_and_negative_tensors_give_no_nan(fill):
    A = torch.full((1, 2, 3, 3), fill)
    for G in (
        torch.zeros(1, 2, 3, 3),
        torch.full((1, 2, 3, 3), -0.5),
        torch.full((1, 2, 3, 3), 1.0),
    ):
        for method in methods.AT_TAPS.values():
            assert method(A, G).isfinite().all()
        assert methods.gradcam_plus_plus(A, G)[0].isfinite().all()
        assert methods.gradcam_plus_plus_literal(A, G, torch.tensor([1.0]))[0].isfinite().all()


def at(network, x, spec, score):
    """Activation and gradient at a tap, in float64 where the network is; `score(output)` gives (n,)."""
    (tap,) = taps.resolve(taps.trace(network, x[:1]), [spec])
    output, tapped = taps.forward(network, x, [tap])
    G = taps.gradients(score(output, tapped[tap.name]), tapped)[tap.name]
    return tapped[tap.name].detach(), G


def pooled(tensor):
    """GAP embeddings of neighbouring rows."""
    vectors = tensor.mean((2, 3))
    return vectors[0::2], vectors[1::2]


def test_grad_cam_is_gam_on_the_dot_product():
    """mathematics#gradients-of-pairs: at the pooled tap the gradient is the other image's embedding over HW, never negative."""
    A, G = at(
        torchvision_network("resnet18"),
        images(4, 96),
        "layer4",
        lambda _, tap: (pooled(tap)[0] * pooled(tap)[1]).sum(1),
    )
    assert G.min() >= 0
    expected = methods.gam(A, G)
    torch.testing.assert_close(
        methods.gradcam(A, G), expected, rtol=1e-5, atol=1e-6 * float(expected.max())
    )


def test_signed_grad_cam_sums_to_zero_on_the_cosine():
    """mathematics#gradients-of-pairs: the cosine is homogeneous of degree 0, so sum g A = 0."""
    network = copy.deepcopy(torchvision_network("resnet18")).double()
    A, G = at(
        network,
        images(4, 96, torch.float64),
        "layer4",
        lambda _, tap: torch.nn.functional.cosine_similarity(*pooled(tap)),
    )
    maps = methods.gradcam(A, G)
    assert (G < 0).any() and float(maps.abs().sum()) > 0
    np.testing.assert_array_less(maps.sum((1, 2)).abs(), 1e-9 * maps.abs().sum((1, 2)))


def test_gam_is_layercam_where_activations_are_not_negative(tensors):
    A, G = tensors
    torch.testing.assert_close(
        methods.gam(A.abs(), G), methods.layercam(A.abs(), G), rtol=1e-12, atol=0
    )
    assert not torch.allclose(methods.gam(A, G), methods.layercam(A, G))


@pytest.mark.parametrize("name, spec", [("resnet18", "layer4"), ("densenet121", "features@relu")])
def test_closed_forms_of_a_pooled_linear_head(name, spec):
    """mathematics#gam-and-layercam: GAM = sum ReLU(W_ck) A_k / HW, Grad-CAM = HiResCAM = sum W_ck A_k / HW."""
    network = torchvision_network(name)
    A, G = at(network, images(2), spec, lambda output, _: output[:, 7])
    row = (
        (network.fc if name == "resnet18" else network.classifier)
        .weight[7]
        .double()[None, :, None, None]
    )
    area = A.shape[2] * A.shape[3]
    cam = ((row * A).sum(1) / area).float()
    scale = float(cam.abs().max())
    torch.testing.assert_close(methods.gradcam(A, G), cam, rtol=1e-5, atol=1e-5 * scale)
    torch.testing.assert_close(methods.hirescam(A, G), cam, rtol=1e-5, atol=1e-5 * scale)
    torch.testing.assert_close(
        methods.gam(A, G), ((row.relu() * A).sum(1) / area).float(), rtol=1e-5, atol=1e-5 * scale
    )


@pytest.mark.parametrize(
    "name, spec",
    [
        ("resnet18", "layer4"),
        ("resnet18", "layer4.1.conv2"),
        ("resnet18", "layer2"),
        ("resnet18", "layer3.0.bn1"),
        ("squeezenet1_0", "features.12"),
        ("vgg11", "features.19"),
        ("densenet121", "features.denseblock3"),
        ("mobilenet_v2", "features.13"),
    ],
)
def test_captum(name, spec):
    """Signed, before ReLU and resize."""
    attribution = pytest.importorskip("captum.attr")
    network = copy.deepcopy(torchvision_network(name)).double()
    x = images(2, 96, torch.float64)
    A, G = at(network, x, spec, lambda output, _: output[[0, 1], [3, 5]])
    expected = (
        attribution.LayerGradCam(network, network.get_submodule(spec))
        .attribute(x, torch.tensor([3, 5]))[:, 0]
        .detach()
    )
    torch.testing.assert_close(
        methods.gradcam(A, G), expected, rtol=1e-9, atol=1e-10 * float(expected.abs().max())
    )


# Channel subsets


def test_grad_cam_is_for_less_against(tensors):
    """mathematics#grad-cam: Map = P - Q."""
    A, G = tensors
    parts = [
        methods.gradcam(
            *(t * subset.mask(subset.parse(text), A, G)[:, :, None, None] for t in (A, G))
        )
        for text in ("positive", "negative")
    ]
    torch.testing.assert_close(parts[0] + parts[1], methods.gradcam(A, G), rtol=1e-12, atol=1e-14)
    assert methods.gradcam(A.abs(), -G.abs()).max() <= 0


@pytest.mark.parametrize(
    "text",
    [
        "positive",
        "negative",
        "nearzero:0.2",
        "nearzero:40%",
        "nearzero",
        "top2",
        "top2:gradient",
        "top2:abs",
        "top3:activation",
        "0,3",
    ],
)
def test_subsets_by_sorting(tensors, text):
    A, G = tensors
    inside = subset.mask(subset.parse(text), A, G).numpy()
    for n in range(N):
        alpha = [mean_gradient(G, n, k) for k in range(C)]
        size = [abs(a) for a in alpha]
        kind, _, value = text.partition(":")
        ranked = {
            "": [float((G[n, k] * A[n, k]).sum()) for k in range(C)],
            "gradient": alpha,
            "abs": size,
            "activation": [float(A[n, k].mean()) for k in range(C)],
        }
        if kind in ("positive", "negative"):
            expected = [a > 0 if kind == "positive" else a < 0 for a in alpha]
        elif kind == "nearzero":
            bound = sorted(size)[{"40%": 1, "": 2}[value]] if value != "0.2" else None
            expected = [s <= bound if bound is not None else s < 0.2 for s in size]
        elif kind == "0,3":
            expected = [k in (0, 3) for k in range(C)]
        else:
            best = sorted(range(C), key=lambda k: -ranked[value][k])[: int(kind[3:])]
            expected = [k in best for k in range(C)]
        assert inside[n].tolist() == expected


def test_ties_at_zero_are_near_zero():
    """mathematics#channel-subsets: a lower half of |alpha| that is all zeros holds every channel of gradient 0."""
    G = torch.zeros(1, 10, 2, 2)
    G[0, :2] = 1
    assert subset.mask(subset.parse("nearzero"), G, G).sum() == 8


@pytest.mark.parametrize(
    "text", ["tops", "top0", "top3:luck", "nearzero:-1", "nearzero:200%", "1,x", ""]
)
def test_what_is_no_subset(text):
    with pytest.raises(UsageError, match="--channels"):
        subset.parse(text)


# Guided backpropagation


class Rectified(nn.Module):
    """A convolution, a ReLU written in one way, a second one, and a sum."""

    def __init__(self, relu):
        super().__init__()
        self.first, self.second, self.relu = nn.Conv2d(3, 4, 3), nn.Conv2d(4, 4, 3), relu

    def forward(self, x):
        x = self.relu(self.first(x))
        return self.relu(self.second(x)).mean((2, 3))


WAYS = {
    "module": nn.ReLU(),
    "in place": nn.ReLU(inplace=True),
    "functional": nn.functional.relu,
    "torch": torch.relu,
    "method": lambda x: x.relu(),
    "clamp": lambda x: x.clamp(min=0),
    "in place, result not used": lambda x: (x.relu_(), x)[1],
}


def by_hand(network, x, k):
    """Guided backpropagation written out: R = 1[a > 0] 1[R > 0] R at each ReLU (Springenberg et al. 2015, eq. 3)."""
    a = network.first(x)
    b = network.second(a.relu())
    R = torch.zeros_like(b)
    R[:, k] = 1 / (b.shape[2] * b.shape[3])
    R = R * (b > 0) * (R > 0)
    R = nn.functional.conv_transpose2d(R, network.second.weight)
    R = R * (a > 0) * (R > 0)
    return nn.functional.conv_transpose2d(R, network.first.weight)


@pytest.mark.parametrize("way", WAYS)
def test_guided_backpropagation(way):
    torch.manual_seed(0)
    network = Rectified(WAYS[way]).double().eval().requires_grad_(False)
    x = images(2, 8, torch.float64)
    with guided.guided_relus("it"):
        _, gradient = at(network, x, "input", lambda output, _: output[:, 2])
    torch.testing.assert_close(gradient, by_hand(network, x, 2), rtol=1e-10, atol=1e-14)
    _, plain = at(network, x, "input", lambda output, _: output[:, 2])
    assert not torch.allclose(plain, gradient)


def test_guided_backpropagation_without_relus_is_refused():
    network = (
        nn.Sequential(nn.Conv2d(3, 4, 3), nn.GELU(), nn.AdaptiveAvgPool2d(1), nn.Flatten())
        .eval()
        .requires_grad_(False)
    )
    with pytest.raises(GradtoolsError, match="it rectifies by Gelu"), guided.guided_relus("it"):
        at(network, images(1, 8), "input", lambda output, _: output[:, 0])


OTHERS = {
    "LeakyRelu": nn.LeakyReLU(),
    "Hardswish": nn.Hardswish(inplace=True),
    "Silu": nn.SiLU(),
    "Gelu": nn.functional.gelu,
    "Prelu": nn.PReLU(),
    "Threshold": lambda x: nn.functional.threshold(x, 0, 0),
    "Hardtanh": nn.Hardtanh(),
    "Elu": nn.SELU(),
}


@pytest.mark.parametrize("name", OTHERS)
def test_guided_backpropagation_in_part_is_refused(name):
    """A network of ReLUs and of something else, at the beginning or at the end."""
    for order in ((nn.ReLU(), OTHERS[name]), (OTHERS[name], nn.ReLU())):
        relus = itertools.cycle(order)
        network = Rectified(lambda x: next(relus)(x)).eval().requires_grad_(False)
        with (
            pytest.raises(GradtoolsError, match=f"(?i)guided-backprop: it rectifies by {name}"),
            guided.guided_relus("it"),
        ):
            at(network, images(1, 8), "input", lambda output, _: output[:, 0])


@pytest.mark.parametrize(
    "name, refused",
    [
        ("mobilenet_v2", False),
        ("vgg11", False),
        ("densenet121", False),
        ("mobilenet_v3_small", True),
        ("efficientnet_b0", True),
    ],
)
def test_guided_backpropagation_of_architectures(name, refused):
    with (
        pytest.raises(GradtoolsError, match="in part only")
        if refused
        else contextlib.nullcontext(),
        guided.guided_relus(name),
    ):
        at(torchvision_network(name), images(1, 64), "input", lambda output, _: output[:, 0])


@pytest.mark.filterwarnings("ignore:`torch.jit.script` is deprecated")
def test_a_relu_in_compiled_code_is_not_passed_over():
    relus = itertools.cycle((torch.relu, torch.jit.script(nn.ReLU())))
    network = Rectified(lambda x: next(relus)(x)).eval().requires_grad_(False)
    with (
        pytest.raises(GradtoolsError, match="by Relu where no ReLU can be reached"),
        guided.guided_relus("it"),
    ):
        at(network, images(1, 8), "input", lambda output, _: output[:, 0])


@needs_data
def test_cosine_gradients_are_negative_in_part():
    """mathematics#gradients-of-pairs: of ds/dv on resnet56 about 40 % are negative."""
    network = cifar_network("resnet56").module
    A, G = at(
        network,
        images(20, 32),
        "layer3",
        lambda _, tap: torch.nn.functional.cosine_similarity(*pooled(tap)),
    )
    assert 0.2 < float((G < 0).double().mean()) < 0.6


def test_toy_head_is_covered_by_the_closed_form():
    network = Toy().eval().requires_grad_(False)
    A, G = at(network, images(1, 8), "body", lambda output, _: output[:, 0])
    expected = sum(weight * A[:, k] for k, weight in enumerate(Toy.ROWS[0])) / 64
    torch.testing.assert_close(methods.gradcam(A, G), expected)


def test_those_who_read_maps_have_the_same_methods():
    """selection may not import network: its table of names stands beside the equations'."""
    assert set(map_methods.METHODS) == {*methods.NAMES, methods.LITERAL}
    assert set(map_methods.AT_INPUT) == set(methods.AT_INPUT)
    assert map_methods.AT_TAPS + map_methods.AT_INPUT == (
        *(name for name in methods.NAMES if name not in methods.AT_INPUT),
        *methods.AT_INPUT,
    )


def test_the_methods_called_signed_are_those_whose_maps_can_speak_against():
    """Of positive activations and gradients of both signs."""
    draws = np.random.default_rng(3)
    A = torch.from_numpy(draws.random((4, 6, 5, 5)))
    G = torch.from_numpy(draws.standard_normal((4, 6, 5, 5)))
    every = {name: method(A, G) for name, method in methods.AT_TAPS.items()}
    every[methods.PLUS_PLUS] = methods.gradcam_plus_plus(A, G)[0]
    negative = {name for name, maps in every.items() if (maps < 0).any()}
    assert negative == set(map_methods.SIGNED)


def test_a_maps_method_is_the_longest_name_it_begins_with():
    assert map_methods.split("gam") == ("gam", "")
    assert map_methods.split("gradcam-0,4") == ("gradcam", "0,4")
    assert map_methods.split("gradcam++-literal-0") == ("gradcam++-literal", "0")
    assert map_methods.split("mine") == (None, "")
