"""Sanity: random networks in order from the output down, comparisons against loops, and a map that learns nothing."""

import json
import shutil

import numpy as np
import pytest
import torch
from networks import TOY_SOURCE
from PIL import Image
from scipy.stats import spearmanr
from shell import call

from gradtools import figures, images, store
from gradtools.errors import GradtoolsError, UsageError
from gradtools.math.maps import alikeness
from gradtools.network import models, randomise, relabelled
from gradtools.stages import sanity

RULES = (
    'PREPROCESS = {"resize": None, "crop": None, "mean": (0.5, 0.5, 0.5), "std": (0.25, 0.25, 0.25)}\n'
    'CLASSES = ("ant", "bee")\n'
)


@pytest.fixture(scope="module")
def model(tmp_path_factory):
    path = tmp_path_factory.mktemp("model") / "toy.py"
    path.write_text(TOY_SOURCE + RULES)
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
            randomise.reset(part)
    assert not network.bn.running_mean.any()
    assert not torch.equal(network.scale, torch.arange(6.0))


def test_comparisons_equal_a_loop():
    rng = np.random.default_rng(0)
    trained, other = rng.standard_normal((2, 5, 8, 8)).astype("f4")
    alike = alikeness.compare(trained, other)
    for row in range(5):
        first, second = (np.maximum(maps[row], 0).ravel() for maps in (trained, other))
        assert alike["spearman"][row] == pytest.approx(spearmanr(first, second)[0])
        both = spearmanr(abs(trained[row]).ravel(), abs(other[row]).ravel())[0]
        assert alike["absolute"][row] == pytest.approx(both)
    same = alikeness.compare(trained, trained)
    assert same["spearman"] == pytest.approx(np.ones(5)) and same["ssim"] == pytest.approx(
        np.ones(5)
    )


def test_a_map_of_activations_before_the_random_part_does_not_change(model, listed, tmp_path):
    options = sanity.Options(method=("activation", "gradcam"), tap=("stem",), seeds=2, resamples=10)
    results = sanity.measure(
        listed, model, str(tmp_path / "s.h5"), options, threads=1, say=lambda line: None
    )
    by_name = {(result.feature, result.metric): result for result in results}
    activation = by_name["map:activation@stem", "spearman"]
    assert activation.get("cascade:0").value == pytest.approx(1)
    assert activation.get("cascade:1").value == pytest.approx(1)
    assert activation.get("cascade:2").value < 0.99
    assert by_name["map:gradcam@stem", "spearman"].get("cascade:1").value < 0.99
    with store.read(str(tmp_path / "s.h5")) as source:
        values = source.values("/sanity/activation@stem/spearman")
        assert values.shape == (6, 4) and values[:4] == pytest.approx(np.ones((4, 4)), abs=1e-6)
        assert source.texts("/sanity/group") == ["classifier"] * 2 + ["body"] * 2 + ["stem"] * 2


def test_comparisons_by_edges_equal_scikit_image():
    feature = pytest.importorskip("skimage.feature")
    rng = np.random.default_rng(1)
    first, second = rng.random((2, 3, 32, 32))
    alike = alikeness.compare(first, second, ("hog",))["hog"]
    for row in range(3):
        edges = [
            feature.hog(
                (maps - maps.min()) / (maps.max() - maps.min()),
                orientations=9,
                pixels_per_cell=(8, 8),
                cells_per_block=(1, 1),
            )
            for maps in (first[row], second[row])
        ]
        assert alike[row] == pytest.approx(np.corrcoef(*edges)[0, 1])


def test_other_ways_to_draw_parameters_and_their_digest(model):
    variant = randomise.Variant("full", 0, ("classifier",), 3)
    torch_drawn, he_drawn = (randomise.randomised(model, variant, how) for how in ("torch", "he"))
    assert not torch.equal(torch_drawn.module.classifier.weight, he_drawn.module.classifier.weight)
    assert not he_drawn.module.classifier.bias.any()
    assert torch_drawn.weights_sha256 != he_drawn.weights_sha256


@pytest.fixture(scope="module")
def two_classes(tmp_path_factory):
    """Images that are bright above or below, in two folders; a network learns them in a moment."""
    folder = tmp_path_factory.mktemp("halves")
    rng = np.random.default_rng(0)
    for number in range(12):
        pixels = rng.integers(0, 60, (8, 8, 3), dtype="u1")
        below = number % 2
        pixels[4 * below : 4 * below + 4] += 150
        path = folder / ("ant", "bee")[below] / f"{number}.png"
        path.parent.mkdir(exist_ok=True)
        Image.fromarray(pixels).save(path)
    return images.list_images([str(folder)])


def test_networks_learn_true_and_permuted_labels_by_heart(model, two_classes, tmp_path):
    options = sanity.Options(
        method=("gam", "gradient"),
        tap=("body",),
        randomise=("labels",),
        seeds=1,
        resamples=5,
        measure=("spearman",),
    )
    path = str(tmp_path / "labels.h5")
    results = sanity.measure(two_classes, model, path, options, threads=1, say=lambda line: None)
    with store.read(path) as source:
        assert source.texts("/sanity/group") == [relabelled.TRUE, relabelled.PERMUTED]
        assert (source.values("/sanity/accuracy") >= relabelled.REACHED).all()
        assert source.values("/sanity/gam@body/picture").shape[:2] == (2, 3)
        assert source.values("/drawn/frame").shape == (3, 8, 8, 3)
    (gam,) = [result for result in results if result.feature == "map:gam@body"]
    assert gam.facts["accuracy"] >= relabelled.REACHED
    assert gam.columns["statistic"] == ["labels:0", "labels:1", "activation sum", "null"]
    figures.sanity_strip(path, str(tmp_path / "strip.png"))
    figures.sanity_curve(results, str(tmp_path / "curve.png"))
    for name in ("strip", "curve"):
        with Image.open(tmp_path / f"{name}.png") as picture:
            assert picture.size[0] > 500


def test_training_is_seeded_and_permuted_labels_are_others(model, two_classes):
    pixels = sanity.plan.read(two_classes, model, print, sanity.plan.Allowed()).pixels
    labels = np.asarray(two_classes.labels)
    first, again = (relabelled.train(model, pixels, labels, 5)[0] for _ in range(2))
    assert first.weights_sha256 == again.weights_sha256 != model.weights_sha256
    assert all(
        torch.equal(a, b)
        for a, b in zip(first.module.state_dict().values(), again.module.state_dict().values())
    )
    permuted = randomise.Variant("labels", 1, (relabelled.PERMUTED,), 0)
    other, accuracy = relabelled.of_variant(model, permuted, pixels, labels)
    assert accuracy >= relabelled.REACHED and other.weights_sha256 != first.weights_sha256


def test_what_labels_cannot_be_trained_on(model, listed, two_classes):
    with pytest.raises(UsageError, match="folders of two classes"):
        sanity.make_plan(listed, model, sanity.Options(randomise=("labels",)), lambda line: None)
    with pytest.raises(UsageError, match="without the other kinds"):
        sanity.make_plan(
            two_classes, model, sanity.Options(randomise=("labels", "full")), lambda line: None
        )
    pixels, labels = np.zeros((4, 3, 8, 8), "u1"), np.array([0, 1, 2, 3])
    with pytest.raises(GradtoolsError, match="has 2 classes"):
        relabelled.train(model, pixels, labels, 0)


def test_unreadable_images_are_skipped_counted_and_those_that_end_early_refused_by_strict(
    model, listed, tmp_path, capsys
):
    folder = tmp_path / "photos"
    shutil.copytree(listed.root, folder)
    whole = Image.fromarray(np.random.default_rng(3).integers(0, 256, (8, 8, 3), "u1"))
    whole.save(folder / "short.jpg")
    (folder / "short.jpg").write_bytes((folder / "short.jpg").read_bytes()[:-20])
    (folder / "none.png").write_bytes(b"not an image")
    start = ("sanity", folder, "--model", model.spec, "--tap", "body", "--method", "gam")
    start += ("--seeds", 1, "--resamples", 5, "--threads", 1, "--measure", "spearman")
    ended = call(capsys, *start, "-o", tmp_path / "a.h5", "--json")
    assert ended.status == 0 and "skipped" in ended.err and "none.png" in ended.err
    assert "short.jpg ends early: read as far as it goes (--strict refuses it)" in ended.err
    assert "1 images could not be read and are in no row" in ended.out
    assert "the files of 1 images end early" in ended.out
    with store.read(str(tmp_path / "a.h5")) as source:
        assert source.ids == ["0.png", "1.png", "2.png", "3.png", "short.jpg"]
        step = json.loads(source.history_lines()[-1])
        assert (step["read"], step["skipped"], step["ended_early"]) == (5, 1, 1)
    strict = call(capsys, *start, "-o", tmp_path / "b.h5", "--strict")
    assert strict.status == 3 and "1 of 6 images end early" in strict.err
    (folder / "short.jpg").unlink()
    strict = call(capsys, *start, "-o", tmp_path / "b.h5", "--strict")
    assert strict.status == 3 and "1 of 5 images could not be read, 0 allowed" in strict.err
    (folder / "none.png").unlink()
    assert call(capsys, *start, "-o", tmp_path / "b.h5", "--strict").status == 0
