"""`import gradtools as gt`: the commands' values, arrays by name, and pictures in notebooks."""

import html.parser
import subprocess
import sys

import numpy as np
import pytest
from conftest import ROOT
from planted import by_loops, plant, write

import gradtools as gt
from gradtools.errors import GradtoolsError

DATA = plant(n=36)


@pytest.fixture
def path(tmp_path):
    return write(tmp_path / "a.h5", DATA)


def test_importing_loads_nothing_else():
    script = "import sys; before = set(sys.modules); import gradtools; print(sorted(n for n in set(sys.modules) - before if n.startswith(('gradtools.', 'numpy', 'torch', 'h5py', 'click'))))"
    ended = subprocess.run([sys.executable, "-c", script], cwd=ROOT, capture_output=True, text=True)
    assert ended.stdout.strip() == "[]", ended.stderr


def test_the_root_has_few_doors():
    names = {
        path.stem
        for path in (ROOT / "gradtools").iterdir()
        if path.suffix == ".py" or path.is_dir() and path.name != "__pycache__"
    }
    assert len(names) <= 16
    assert {"open", "extract", "saliency", "similarity", "gradient_similarity"} <= set(dir(gt))
    with pytest.raises(AttributeError, match="nothing_like_it"):
        gt.nothing_like_it  # noqa: B018


def test_a_store_opens_as_arrays_by_name(path):
    opened = gt.open(path)
    gradient = opened.features["gradient@conv"]
    np.testing.assert_array_equal(gradient, DATA.taps["gradient@conv"])
    assert gradient.ids == DATA.ids and gradient.name == "gradient@conv"
    assert list(opened.samples["label"][:3]) == ["ant", "bee", "cat"]
    np.testing.assert_array_equal(opened.samples["correct"] == 1, DATA.labels == DATA.predicted)
    assert "logits" in opened.features and "nothing" not in list(opened.features)
    with pytest.raises(GradtoolsError, match="no feature 'nothing'"):
        opened.features["nothing"]
    assert "36 samples" in repr(opened) and "<table" in opened._repr_html_()


def test_a_store_becomes_a_dataset_with_names(path):
    pytest.importorskip("xarray")
    data = gt.open(path).to_xarray()
    assert list(data["sample"].values) == DATA.ids
    np.testing.assert_array_equal(
        data["gradient@conv"].sel(sample="005.png"), DATA.taps["gradient@conv"][5]
    )


class Tags(html.parser.HTMLParser):
    """Counts of the elements that open."""

    def __init__(self, text):
        super().__init__()
        self.count = {}
        self.feed(text)

    def handle_starttag(self, tag, attrs):
        self.count[tag] = self.count.get(tag, 0) + 1


@pytest.mark.parametrize("kind", ["store", "arrays"])
def test_similarities_are_those_of_loops(kind, path):
    name = "gradient@conv"
    if kind == "store":
        table = gt.similarity(path, feature=name, resamples=0, permutations=0)
        row = next(row for row in table.rows if row["feature"].startswith("gradient"))
    else:
        table = gt.similarity(
            DATA.of(name), DATA.labels, DATA.predicted, resamples=0, permutations=0
        )
        row = table.rows[0]
    expected = by_loops(DATA.of(name), DATA.labels, DATA.predicted)
    assert row["within class"].value == pytest.approx(expected["within"][0], abs=1e-6)
    assert row["pair AUC"].value == pytest.approx(expected["auc"][0], abs=1e-5)
    tags = Tags(table._repr_html_()).count
    assert tags["tr"] == len(table.rows) + 1


def test_names_may_be_texts_and_features_several():
    names = np.array(["ant", "bee", "cat"])
    table = gt.similarity(
        {"one": DATA.of("gradient@conv"), "two": DATA.of("logits")},
        names[DATA.labels],
        names[DATA.predicted],
        resamples=0,
        permutations=0,
    )
    assert {row["feature"] for row in table.rows} == {"one", "two"}


@pytest.fixture(scope="module")
def photos():
    rng = np.random.default_rng(0)
    return rng.integers(0, 255, (6, 64, 64, 3), dtype=np.uint8), ["square", "disc"] * 3


def test_images_and_a_module_give_features_and_maps(photos):
    import torch
    from torch import nn

    torch.manual_seed(0)
    network = nn.Sequential(
        nn.Conv2d(3, 4, 5, 4), nn.ReLU(), nn.Conv2d(4, 6, 3), nn.ReLU(),
        nn.AdaptiveAvgPool2d(1), nn.Flatten(), nn.Linear(6, 2),
    )  # fmt: skip
    names = ["square", "disc"]
    pixels, labels = photos
    features = gt.extract(
        pixels, network, preprocess="none", class_names=names, labels=labels, tap="2"
    )
    assert all(parameter.requires_grad for parameter in network.parameters())
    with torch.no_grad():
        x = torch.from_numpy(pixels).permute(0, 3, 1, 2).float() / 255
        expected = network.eval()(x).numpy()
    np.testing.assert_allclose(features.features["logits"], expected, atol=1e-5)
    assert list(features.samples["label"]) == labels
    maps = gt.saliency(pixels, network, preprocess="none", class_names=names, tap="2")
    name = next(iter(maps.maps))
    assert name == "gradcam@2" and maps.maps[name].shape == (6, 13, 13)
    assert maps.maps[name]._repr_png_().startswith(b"\x89PNG")
    assert features.features["logits"]._repr_png_() is None


def test_images_of_a_wrong_kind_are_refused(photos):
    pixels, labels = photos
    with pytest.raises(GradtoolsError, match="uint8"):
        gt.extract(pixels / 255, "gradtools.bundled.scene_resnet:resnet8", weights="random")
    with pytest.raises(GradtoolsError, match="6 images and 5 labels"):
        gt.extract(
            pixels, "gradtools.bundled.scene_resnet:resnet8", weights="random", labels=labels[:5]
        )
