"""The bundled example: halves that are apart, scenes whose boxes and masks are true, networks as stated."""

import csv
import subprocess
import sys
from collections import Counter

import numpy as np
import pytest
import torch
from PIL import Image
from sklearn.datasets import load_digits, load_sample_images
from torch import nn

from gradtools.bundled import halves, scene_resnet, scenes
from gradtools.errors import GradtoolsError
from gradtools.network import training
from gradtools.training import bundled_networks

DEPTHS = {"resnet8": 8, "resnet14": 14, "resnet20": 20}


@pytest.fixture(scope="module")
def demo(tmp_path_factory):
    folder = tmp_path_factory.mktemp("example") / "scenes"
    scenes.write_demo_scenes(folder)
    return folder


def rows_of(folder):
    with open(folder / "manifest.csv", newline="", encoding="utf-8") as stream:
        return list(csv.DictReader(stream))


def pixels(path):
    with Image.open(path) as image:
        return np.asarray(image)


def files_below(folder):
    return {
        path.relative_to(folder).as_posix(): path.read_bytes()
        for path in folder.rglob("*")
        if path.is_file()
    }


def test_halves_of_the_digits_are_apart_and_whole():
    source = load_digits()
    train_half, heldout = halves.digits("train"), halves.digits("heldout")
    assert not set(train_half.indices) & set(heldout.indices)
    assert set(train_half.indices) | set(heldout.indices) == set(range(1797))
    assert not {i.tobytes() for i in train_half.images} & {i.tobytes() for i in heldout.images}
    for half in (train_half, heldout):
        np.testing.assert_array_equal(half.labels, source.target[half.indices])
        assert (
            np.abs(half.images / 255 * 16 - source.images[half.indices]).max() < 16 / 255 / 2 + 1e-9
        )


def test_halves_of_the_photographs_share_no_column():
    for left, right, whole in zip(
        halves.photographs("train"), halves.photographs("heldout"), load_sample_images().images
    ):
        np.testing.assert_array_equal(np.concatenate((left, right), axis=1), whole)


def test_scene_shows_nothing_but_what_it_is_given():
    black, digit = [np.zeros((200, 170, 3), np.uint8)], np.full((8, 8), 255, np.uint8)
    made = scenes.scene(digit, black, np.random.default_rng(0))
    assert not made.image[~made.mask].any()
    assert (made.image[made.mask] >= 215).all()


def test_another_half_is_refused_by_name(tmp_path):
    with pytest.raises(GradtoolsError, match="'test'.*train or heldout"):
        scenes.write_scenes(tmp_path / "scenes", "test", 1)
    assert not (tmp_path / "scenes").exists()


def test_digits_are_those_of_scikit_learn():
    source, half = load_digits(), scenes.digits("heldout")
    assert len(half.images) == 899
    for image, label, index in list(zip(*half))[::50]:
        assert label == source.target[index]
        assert image.shape == (8, 8) and image.dtype == np.uint8
        assert np.abs(image - source.images[index] * 255 / 16).max() <= 0.5


def test_same_seed_same_bytes_and_more_scenes_keep_the_first(tmp_path):
    for name, per_class, seed in (("a", 2, 3), ("b", 2, 3), ("more", 3, 3), ("other", 2, 4)):
        scenes.write_scenes(tmp_path / name, "heldout", per_class, seed=seed)
    a, b, more, other = (files_below(tmp_path / name) for name in ("a", "b", "more", "other"))
    assert a == b and files_below(tmp_path / "a-masks") == files_below(tmp_path / "b-masks")
    images = {path for path in a if path.endswith(".png")}
    assert len(images) == 20
    assert all(more[path] == a[path] != other[path] for path in images)


def test_manifest_names_every_scene_and_the_folder_is_pure(demo):
    rows = rows_of(demo)
    assert [list(rows[0]), len(rows)] == [["path", "label", "x0", "y0", "x1", "y1"], 300]
    assert {row["path"] for row in rows} | {"manifest.csv"} == set(files_below(demo))
    assert {row["path"] for row in rows} == set(files_below(scenes.mask_folder(demo)))
    assert Counter(row["label"] for row in rows) == dict.fromkeys(scenes.CLASSES, 30)
    assert all(row["path"].split("/")[0] == row["label"] for row in rows)


def test_box_is_the_tight_box_of_the_mask(demo):
    for row in rows_of(demo)[::7]:
        mask = pixels(scenes.mask_folder(demo) / row["path"])
        assert mask.shape == (64, 64) and set(np.unique(mask)) == {0, 255}
        ys, xs = zip(*[(y, x) for y in range(64) for x in range(64) if mask[y, x]])
        assert tuple(int(row[key]) for key in ("x0", "y0", "x1", "y1")) == (
            min(xs),
            min(ys),
            max(xs) + 1,
            max(ys) + 1,
        )


def test_mask_is_what_differs_from_the_photograph():
    """The photograph comes first out of a scene's random stream, so it can be had without its digit."""
    digit, photos = halves.digits("heldout"), halves.photographs("heldout")
    for seed in range(40):
        made = scenes.scene(digit.images[seed], photos, np.random.default_rng(seed), (12, 46))
        bare = scenes.background(photos, np.random.default_rng(seed))
        np.testing.assert_array_equal((made.image != bare).any(axis=2), made.mask)
        assert (made.image >= bare).all() and bare.max() <= 204


@pytest.mark.parametrize("height", [10, 20, 33, 46])
def test_opacity_is_the_bilinear_digit_without_its_faintest_part(height):
    digit = halves.digits("train").images[5]
    tensor = torch.from_numpy(digit / 255.0)[None, None]
    expected = nn.functional.interpolate(
        tensor, size=(height, height), mode="bilinear", align_corners=False
    )[0, 0]
    expected, got = expected.numpy(), scenes.opacity(digit, height)
    clear = np.abs(expected - 0.25) > 0.005
    np.testing.assert_array_equal((got > 0)[clear], (expected > 0.25)[clear])
    assert np.abs(got - expected)[got > 0].max() < 1.5 / 255


def test_digit_is_painted_by_its_opacity():
    """On black, the brightest channel is opacity times colour: its ratio to the peak is the opacity, at every place."""
    digit, black = halves.digits("train").images[2], [np.zeros((200, 200, 3), np.uint8)]
    made = scenes.scene(digit, black, np.random.default_rng(1), (32, 32))
    cover = scenes.opacity(digit, 32)
    x0, y0, x1, y1 = made.box
    seen = made.image[y0:y1, x0:x1].max(axis=2).astype(float)
    ys, xs = np.nonzero(cover)
    tight = cover[ys.min() : ys.max() + 1, xs.min() : xs.max() + 1]
    np.testing.assert_allclose(seen / seen.max(), tight / tight.max(), atol=1 / 200)


def test_scenes_import_neither_torch_nor_scikit_learn():
    code = "import sys; from gradtools.bundled import scenes; sys.exit(bool({'torch', 'sklearn'} & set(sys.modules)))"
    assert subprocess.run([sys.executable, "-c", code], check=False).returncode == 0


@pytest.mark.parametrize("name", DEPTHS)
def test_depth_modules_and_names(name):
    network = getattr(scene_resnet, name)().eval()
    modules = list(network.modules())
    assert sum(isinstance(module, (nn.Conv2d, nn.Linear)) for module in modules) == DEPTHS[name]
    assert [key for key, module in network.named_modules() if isinstance(module, nn.Linear)] == [
        "linear"
    ]
    calls = Counter()
    for module in modules:
        module.register_forward_hook(lambda module, args, output: calls.update([module]))
    assert network(torch.zeros(2, 3, 64, 64)).shape == (2, 10)
    assert all(
        calls[module] == 1
        for module in modules
        if not isinstance(module, nn.Sequential) or len(module)
    )
    assert not any(module.inplace for module in modules if isinstance(module, nn.ReLU))
    assert getattr(scene_resnet, name)(num_classes=7)(torch.zeros(2, 3, 64, 64)).shape == (2, 7)


def test_weights_are_small_half_precision_and_fit_strictly():
    paths = [bundled_networks.FOLDER / f"scene_{name}.pth" for name in DEPTHS]
    assert sum(path.stat().st_size for path in paths) < 2_000_000
    for name, path in zip(DEPTHS, paths):
        state = torch.load(path, weights_only=True)
        assert {value.dtype for value in state.values()} == {torch.float16}
        assert all(value.isfinite().all() for value in state.values())
        getattr(scene_resnet, name)().load_state_dict(state, strict=True)


def test_saved_and_loaded_is_the_network_to_half_precision(tmp_path):
    torch.manual_seed(0)
    network = scene_resnet.resnet8().eval()
    bundled_networks.save(network, tmp_path / "scene_resnet8.pth")
    images = torch.randn(4, 3, 64, 64)
    with torch.inference_mode():
        again, before = bundled_networks.load("resnet8", tmp_path)(images), network(images)
    np.testing.assert_allclose(again.numpy(), before.numpy(), atol=1e-2, rtol=1e-2)


def test_preprocessing_is_what_the_module_declares():
    image = np.random.default_rng(0).integers(256, size=(1, 64, 64, 3), dtype=np.uint8)
    got = bundled_networks.preprocessed(image)
    mean, std = scene_resnet.PREPROCESS["mean"], scene_resnet.PREPROCESS["std"]
    for c, y, x in [(0, 0, 0), (1, 5, 60), (2, 63, 7)]:
        assert got[0, c, y, x].item() == pytest.approx(
            (image[0, y, x, c] / 255 - mean[c]) / std[c], rel=1e-5
        )


@pytest.mark.parametrize("name", DEPTHS)
def test_networks_reach_80_to_92_percent_on_the_demo(demo, name):
    rows = rows_of(demo)
    images = np.stack([pixels(demo / row["path"]) for row in rows])
    labels = torch.tensor([scene_resnet.CLASSES.index(row["label"]) for row in rows])
    assert (
        0.80
        <= training.accuracy(
            bundled_networks.load(name), bundled_networks.preprocessed(images), labels
        )
        <= 0.92
    )
