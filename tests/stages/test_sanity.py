"""Sanity: random networks in order from the output down, comparisons against loops, and a map that learns nothing."""

import numpy as np
import pytest
import torch
from networks import TOY_SOURCE
from PIL import Image
from scipy.stats import spearmanr

from gradtools import images, store
from gradtools.network import models, randomise
from gradtools.stages import sanity

RULES = (
    'PREPROCESS = {"resize": None, "crop": None, "mean": (0.5, 0.5, 0.5), "std": (0.25, 0.25, 0.25)}\n'
    'CLASSES = ("ant", "bee")\n'
)


@pytest.fixture(scope="module")
def model(tmp_path_factory):
    path = tmp_path_factory.mktemp("model") / "toy.py"
    path.write_text(TOY_SOURCE + RULES)
    torch.manual_seed(0)
    return models.load(f"{path}:Toy")


@pytest.fixture(scope="module")
def listed(tmp_path_factory):
    folder = tmp_path_factory.mktemp("photos")
    rng = np.random.default_rng(0)
    for number in range(4):
        pixels = rng.integers(0, 256, (8, 8, 3), dtype="u1")
        Image.fromarray(pixels).save(folder / f"{number}.png")
    return images.list_images([str(folder)])


def test_the_cascade_goes_from_the_output_to_the_input(model, listed):
    plan = sanity.make_plan(
        listed, model, sanity.Options(tap=("body",), seeds=2), lambda line: None
    )
    groups = [variant.groups for variant in plan.variants]
    steps = [("classifier",), ("classifier", "body"), ("classifier", "body", "stem")]
    assert groups == [step for step in steps for _ in range(2)]
    assert [
        variant.groups for variant in randomise.variants(["a", "b"], ("independent", "full"), 1)
    ] == [
        ("a",),
        ("b",),
        ("a", "b"),
    ]


def test_only_the_groups_of_a_variant_become_random(model):
    variant = randomise.Variant("cascade", 1, ("classifier", "body"), 3)
    changed = randomise.randomised(model, variant)
    again = randomise.randomised(model, variant)
    assert changed.weights_sha256 != model.weights_sha256 == model.weights_sha256
    for name, value in changed.module.state_dict().items():
        same = torch.equal(value, model.module.state_dict()[name])
        assert same == name.startswith("stem")
        assert torch.equal(value, again.module.state_dict()[name])
    other = randomise.randomised(model, randomise.Variant("cascade", 1, ("classifier", "body"), 4))
    assert not torch.equal(other.module.body.weight, changed.module.body.weight)


def test_running_statistics_are_reset():
    class Normed(torch.nn.Module):
        def __init__(self):
            super().__init__()
            self.bn = torch.nn.BatchNorm2d(2)
            self.bn.running_mean.fill_(5)
            self.scale = torch.nn.Parameter(torch.arange(6.0))

    network = Normed()
    for part in network.modules():
        with torch.no_grad():
            randomise._reset(part)
    assert not network.bn.running_mean.any()
    assert not torch.equal(network.scale, torch.arange(6.0))


def test_comparisons_equal_a_loop():
    rng = np.random.default_rng(0)
    trained, other = rng.standard_normal((2, 5, 8, 8)).astype("f4")
    found = sanity.compare(trained, other)
    for row in range(5):
        first, second = (np.maximum(maps[row], 0).ravel() for maps in (trained, other))
        assert found["spearman"][row] == pytest.approx(spearmanr(first, second)[0])
        both = spearmanr(abs(trained[row]).ravel(), abs(other[row]).ravel())[0]
        assert found["absolute"][row] == pytest.approx(both)
    same = sanity.compare(trained, trained)
    assert same["spearman"] == pytest.approx(np.ones(5)) and same["ssim"] == pytest.approx(
        np.ones(5)
    )


def test_a_map_of_activations_before_the_random_part_does_not_change(model, listed, tmp_path):
    asked = sanity.Options(method=("activation", "gradcam"), tap=("stem",), seeds=2, resamples=10)
    results = sanity.measure(
        listed, model, str(tmp_path / "s.h5"), asked, threads=1, say=lambda line: None
    )
    by_name = {(result.feature, result.metric): result for result in results}
    activation = by_name["map:activation@stem", "spearman"]
    assert activation.get("cascade:0").value == pytest.approx(1)
    assert activation.get("cascade:1").value == pytest.approx(1)
    assert activation.get("cascade:2").value < 0.99
    assert by_name["map:gradcam@stem", "spearman"].get("cascade:1").value < 0.99
    with store.read(str(tmp_path / "s.h5")) as made:
        values = made.values("/sanity/activation@stem/spearman")
        assert values.shape == (6, 4) and values[:4] == pytest.approx(np.ones((4, 4)), abs=1e-6)
        assert made.values("/sanity/group") == ["classifier"] * 2 + ["body"] * 2 + ["stem"] * 2
