"""The last layer's rows as a store of classes, and how they are normalised (mathematics#row-normalisation)."""

import hashlib

import numpy as np
import pytest
import torch
from conftest import DATA, needs_data
from torch import nn

from gradtools import store
from gradtools.errors import GradtoolsError, UsageError
from gradtools.math.rows import class_rows
from gradtools.math.rows.vectors import product_block
from gradtools.network import models
from gradtools.selection import features
from gradtools.stages import classes


def network(tmp_path, head):
    """A module file whose make() ends in `head`, an expression of torch's nn."""
    path = tmp_path / "net.py"
    path.write_text(
        "from torch import nn\n"
        "CLASSES = ('crane', 'it\\'s, [a]: maillot', 'crane')\n"
        f"def make():\n    return nn.Sequential(nn.Conv2d(3, 5, 3, padding=1), nn.ReLU(), {head})\n"
    )
    return models.load(f"{path}:make", without_images=True)


HEADS = {
    "linear behind dropout": "nn.AdaptiveAvgPool2d(1), nn.Flatten(), nn.Dropout(.5), nn.Linear(5, 3)",
    "1x1 convolution": "nn.Dropout(.5), nn.Conv2d(5, 3, 1), nn.ReLU(), nn.AdaptiveAvgPool2d(1), nn.Flatten()",
}


@pytest.mark.parametrize("head", HEADS.values(), ids=HEADS)
def test_the_store_has_the_raw_rows_of_linear_and_convolutional_heads(head, tmp_path):
    model = network(tmp_path, head)
    layer = [module for module in model.module if isinstance(module, (nn.Linear, nn.Conv2d))][-1]
    classes.classes(model, str(tmp_path / "c.h5"))
    with store.read(str(tmp_path / "c.h5")) as made:
        assert made.kind == "classes" and made.unit == "class"
        assert (
            made.ids == ["crane (0)", "it's, [a]: maillot", "crane (2)"]
            and made.model_class_names[2] == "crane"
        )
        (feature,) = features.resolve(made)
        assert np.array_equal(feature.read(0, 3), layer.weight.detach().flatten(1).numpy())
        name = model.head.name
        expected = hashlib.sha256(f"{model.weights_sha256}/{name}/1".encode()).digest()
        assert made.values("/samples/digest")[1].tobytes() == expected


def test_a_network_without_class_rows_is_refused(tmp_path):
    model = network(tmp_path, "nn.AdaptiveAvgPool2d(1), nn.Flatten()")
    with pytest.raises(GradtoolsError, match="no class has a row"):
        classes.classes(model, str(tmp_path / "c.h5"))


def test_post_is_torchs_standardisation_and_makes_cosine_pearson():
    rows = np.random.default_rng(0).normal(2, 3, (12, 40)).astype("f4")
    weight = torch.from_numpy(rows).double()
    weight = (weight - weight.mean(1, keepdim=True)) / weight.std(
        1, keepdim=True
    )  # the blog post's two lines
    standardised = class_rows.normalised(rows, "post")
    assert np.allclose(standardised, weight.numpy(), atol=1e-13)
    assert np.allclose(np.linalg.norm(standardised, axis=1), np.sqrt(39), atol=1e-12)
    assert np.allclose(
        standardised @ standardised.T / 39, np.corrcoef(rows.astype("f8")), atol=1e-13
    )
    distances = product_block(standardised, standardised, "euclidean")
    assert np.allclose(distances**2, 2 * 39 * (1 - np.corrcoef(rows.astype("f8"))), atol=1e-10)


def test_gauge_does_not_see_a_vector_added_to_every_row():
    random = np.random.default_rng(1)
    rows, shift = random.normal(size=(9, 20)), random.normal(size=20) * 10
    assert np.allclose(
        class_rows.normalised(rows, "gauge"),
        class_rows.normalised(rows + shift, "gauge"),
        atol=1e-13,
    )
    assert not np.allclose(
        class_rows.normalised(rows, "post"), class_rows.normalised(rows + shift, "post"), atol=0.1
    )


def test_constant_rows_are_zero_and_unknown_names_refused():
    assert not class_rows.normalised(np.full((2, 7), 0.1), "post").any()
    with pytest.raises(UsageError, match="post, raw, gauge"):
        class_rows.normalised(np.eye(3), "pre")


@needs_data
def test_the_mean_row_of_real_networks(tmp_path):
    """mathematics#row-normalisation: mean-row norm over mean row norm .18 for SqueezeNet, about 0 for the CIFAR networks."""
    shares = {}
    for name, spec, weights in (
        ("squeezenet", "squeezenet1_0", "squeezenet1_0_imagenet.pth"),
        ("resnet20", f"{DATA}/cifar_resnet.py:resnet20", "cifar10_resnet20.pth"),
    ):
        rows = models.load(spec, str(DATA / weights), without_images=True).head.weight.astype("f8")
        shares[name] = np.linalg.norm(rows.mean(0)) / np.linalg.norm(rows, axis=1).mean()
        gauge = class_rows.normalised(rows, "gauge")
        assert np.allclose(gauge.mean(0), 0, atol=1e-12)
    assert abs(shares["squeezenet"] - 0.18) < 0.01 and shares["resnet20"] < 0.02
