"""Networks of timm and transformers by name: weights, preprocessing, class names; skipped where a library is absent."""

import sys

import numpy as np
import pytest
import torch
from PIL import Image

from gradtools import images as image_files
from gradtools.errors import GradtoolsError, UsageError
from gradtools.network import models

RNG = np.random.default_rng(0)
PHOTOGRAPHS = [
    Image.fromarray(RNG.integers(0, 255, (*size, 3), dtype="u1")) for size in ((70, 93), (131, 58))
]
NAMES = {0: "ant", 1: "bee", 2: "cat"}


@pytest.fixture
def timm():
    return pytest.importorskip("timm")


@pytest.fixture
def transformers():
    return pytest.importorskip("transformers")


@pytest.fixture
def folder(transformers, tmp_path):
    """A function that saves a small ResNet of three classes as transformers does, with or without weights and processor."""

    def save(name, weights=True, processor=None):
        config = transformers.ResNetConfig(
            embedding_size=8,
            hidden_sizes=[8, 16],
            depths=[1, 1],
            layer_type="basic",
            id2label=NAMES,
            label2id={text: index for index, text in NAMES.items()},
        )
        torch.manual_seed(0)
        network = transformers.AutoModelForImageClassification.from_config(config)
        (network if weights else config).save_pretrained(tmp_path / name)
        if processor is not None:
            processor.save_pretrained(tmp_path / name)
        return f"hf:{tmp_path / name}", network.eval()

    return save


def prepared(model, image):
    """What a network is given of an image."""
    if callable(model.preprocess):
        return model.preprocess(image)
    scale, shift = image_files.normalisation(model.preprocess)
    pixels = image_files.preprocess(image, model.preprocess)
    return pixels * scale[:, None, None] + shift[:, None, None]


@pytest.mark.parametrize("spec, library", [("timm:resnet18", "timm"), ("hf:vit", "transformers")])
def test_a_library_that_is_absent_is_named_with_its_extra(spec, library, monkeypatch):
    monkeypatch.setitem(sys.modules, library, None)
    line = rf"^model {spec} needs the package {library}: pip install 'gradtools\[zoo\]'$"
    with pytest.raises(UsageError, match=line):
        models.load(spec, "random")


def test_a_network_of_timm(timm):
    model = models.load("timm:resnet10t", "random")
    assert (model.head.name, model.head.weight.shape) == ("fc", (1000, 512))
    assert model.class_names[:2] == ["tench", "goldfish"] and len(model.class_names) == 1000
    assert any("preprocessing of timm's resnet10t: " in note for note in model.notes)
    assert any("random weights (seed 0)" in note for note in model.notes)
    again, other = (models.load("timm:resnet10t", "random", seed=seed) for seed in (0, 1))
    assert again.weights_sha256 == model.weights_sha256 != other.weights_sha256


@pytest.mark.parametrize(
    "name",
    [
        "resnet10t",
        "resnet50.tv_in1k",
        "dm_nfnet_f0",
        "crossvit_9_240",
    ],
)
def test_the_preprocessing_is_timms_own(name, timm):
    from gradtools.network.models import timm as source

    if not timm.is_model(name.partition(".")[0]):
        pytest.skip("this version of timm has no such network")
    entry = timm.models.get_pretrained_cfg(name).to_dict()
    transform = timm.data.create_transform(**timm.data.resolve_data_config(pretrained_cfg=entry))

    class Loaded:
        preprocess = source.find(f"timm:{name}", "default").preprocess

    for image in PHOTOGRAPHS:
        np.testing.assert_allclose(prepared(Loaded, image), transform(image), atol=1e-6)


def test_images_that_timm_pads_are_prepared_by_its_own_function(timm, monkeypatch):
    from gradtools.network.models import timm as source

    entry = {"input_size": (3, 64, 32), "crop_mode": "border", "crop_pct": 1.0}
    rules = source._rules(timm, entry)
    assert rules.__name__ == "timm_transform" and rules(PHOTOGRAPHS[0]).shape == (3, 64, 32)


def test_a_tag_of_timm_is_a_name_of_weights(timm, monkeypatch):
    asked = []

    def create(name, pretrained):
        asked.append((name, pretrained))
        raise OSError("no route to host")

    monkeypatch.setattr(timm, "create_model", create)
    for spec, weights in (
        ("timm:resnet50", "tv_in1k"),
        ("timm:resnet50.tv_in1k", "default"),
        ("timm:resnet50", "default"),
    ):
        with pytest.raises(
            GradtoolsError, match="cannot be fetched .no route to host.*--weights random"
        ):
            models.load(spec, weights)
    assert asked == [("resnet50.tv_in1k", True)] * 2 + [("resnet50", True)]
    with pytest.raises(UsageError, match="timm has no such network; did you mean .*resnet50"):
        models.load("timm:resnet_50")
    with pytest.raises(UsageError, match="no such weights of resnet50; did you mean .*tv_in1k"):
        models.load("timm:resnet50.tv_in")


def test_a_network_of_timm_without_classes_is_headless(timm, tmp_path):
    (tmp_path / "net.py").write_text(
        "import timm\nPREPROCESS = 'none'\ndef make():\n    return timm.create_model('resnet10t', num_classes=0)\n"
    )
    model = models.load(f"{tmp_path}/net.py:make")
    assert not model.has_classes and model.head is None and model.class_names is None


def test_a_checkpoint_of_a_network_of_timm(timm, tmp_path):
    network = timm.create_model("resnet10t", num_classes=5)
    torch.save(network.state_dict(), tmp_path / "five.pth")
    model = models.load("timm:resnet10t", str(tmp_path / "five.pth"))
    np.testing.assert_array_equal(model.head.weight, network.fc.weight.detach().numpy())
    assert model.class_names is None and any(
        "1000 class names are not used" in note for note in model.notes
    )


def test_a_folder_of_transformers_with_weights(folder, transformers):
    processor = transformers.ConvNextImageProcessor(size={"shortest_edge": 32}, crop_pct=0.875)
    spec, network = folder("trained", processor=processor)
    model = models.load(spec)
    assert model.class_names == ["ant", "bee", "cat"]
    assert model.preprocess["resize"] == 36 and model.preprocess["crop"] == 32
    x = torch.randn(2, 3, 32, 32)
    with torch.no_grad():
        torch.testing.assert_close(model.module(x), network(x).logits)
    assert model.head.name == "classifier.1" and model.head.weight.shape == (3, 16)
    assert not any("random" in note for note in model.notes)


def test_a_folder_of_transformers_that_lacks_something(folder, transformers, tmp_path):
    bare, _ = folder("bare", weights=False)
    model = models.load(bare)
    assert any("the folder has no weights, so random weights" in note for note in model.notes)
    trained, network = folder("trained")
    with pytest.raises(UsageError, match="declares no preprocessing"):
        models.load(trained)  # its own type's defaults would be a guess
    checkpoint = f"{trained.removeprefix('hf:')}/model.safetensors"
    loaded = models.load(bare, checkpoint, preprocess="none")
    np.testing.assert_array_equal(loaded.head.weight, network.classifier[1].weight.detach().numpy())
    network.resnet.save_pretrained(tmp_path / "trained")  # a trunk without its classifier
    headless = models.load(trained, preprocess="none")
    assert any("has no classifier.1.bias, classifier.1.weight" in note for note in headless.notes)
    (tmp_path / "empty").mkdir()
    with pytest.raises(UsageError, match="the folder has no config.json"):
        models.load(f"hf:{tmp_path / 'empty'}")


def test_a_configuration_of_transformers(transformers):
    by_type, by_class = models.load("hf:mobilenet_v2"), models.load("hf:MobileNetV2Config")
    assert by_type.weights_sha256 == by_class.weights_sha256 and by_type.class_names is None
    assert any("a configuration alone, so random weights" in note for note in by_type.notes)
    with pytest.raises(UsageError, match="no folder here .*did you mean .*mobilenet_v2"):
        models.load("hf:mobilenet_v3")


PROCESSORS = {
    "vit": {"size": {"height": 32, "width": 48}},
    "dinov2": {"size": {"shortest_edge": 40}, "crop_size": {"height": 32, "width": 32}},
    "deit": {"size": {"height": 40, "width": 40}, "crop_size": {"height": 32, "width": 32}},
    "convnext": {"size": {"shortest_edge": 400}},
    "resnet": {"size": {"shortest_edge": 64}},
    "levit": {"size": {"shortest_edge": 32}, "crop_size": {"height": 32, "width": 32}},
    "mobilevit": {"size": {"shortest_edge": 32}, "crop_size": {"height": 32, "width": 32}},
    "poolformer": {"size": {"shortest_edge": 32}, "crop_size": {"height": 32, "width": 32}},
}


@pytest.mark.parametrize("name", PROCESSORS)
def test_the_preprocessing_is_the_image_processors_own(name, transformers):
    from gradtools.network.models import transformers as source

    config = transformers.AutoConfig.for_model(name)
    kind = type(source._processor(transformers, config, None))
    processor = kind(**PROCESSORS[name])

    class Loaded:
        preprocess = source._processor_rules(processor)

    for image in PHOTOGRAPHS:
        expected = processor(images=image, return_tensors="np")["pixel_values"][0]
        np.testing.assert_allclose(prepared(Loaded, image), expected, atol=1e-6)
    assert callable(Loaded.preprocess) == (name in ("levit", "mobilevit", "poolformer"))
