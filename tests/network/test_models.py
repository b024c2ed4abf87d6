"""Networks by name and from files: specs, preprocessing, class names, notes."""

import hashlib
import subprocess
import sys

import numpy as np
import pytest
import torch
from conftest import DATA, ROOT, needs_data
from networks import TOY_SOURCE, Toy, images
from torch import nn

from gradtools.errors import GradtoolsError, UsageError
from gradtools.network import models

pytest.importorskip("torchvision")


@pytest.fixture
def toy(tmp_path):
    """A function that writes the toy network with more lines to a file and gives its spec."""

    def write(*lines, name="toy.py"):
        (tmp_path / name).write_text(TOY_SOURCE + "\n\n" + "\n".join(lines) + "\n")
        return f"{tmp_path / name}:Toy"

    return write


def test_a_name_of_torchvision():
    model = models.load("resnet18", "random")
    assert not model.module.training and not any(
        value.requires_grad for value in model.module.parameters()
    )
    assert (model.head.name, model.head.weight.shape, model.head.bias.shape) == (
        "fc",
        (1000, 512),
        (1000,),
    )
    assert (
        model.has_classes
        and model.class_names[:2] == ["tench", "goldfish"]
        and len(model.class_names) == 1000
    )
    # ResNet18_Weights.IMAGENET1K_V1 in torchvision's documentation
    assert model.preprocess == {
        "resize": 256,
        "crop": 224,
        "mean": [0.485, 0.456, 0.406],
        "std": [0.229, 0.224, 0.225],
        "interpolation": "bilinear",
    }
    assert any(
        "preprocessing of torchvision's ResNet18_Weights.IMAGENET1K_V1: resize 256, crop 224"
        in note
        for note in model.notes
    )
    assert any("random weights (seed 0)" in note for note in model.notes)
    assert models.load("torchvision:resnet18", "random").weights_sha256 == model.weights_sha256
    assert models.load("resnet18", "random", seed=1).weights_sha256 != model.weights_sha256


def test_default_weights_that_cannot_be_fetched(monkeypatch, tmp_path):
    monkeypatch.setenv("TORCH_HOME", str(tmp_path))
    monkeypatch.setattr(
        "torch.hub.urlopen", lambda *_, **__: (_ for _ in ()).throw(OSError("no route to host"))
    )
    with pytest.raises(
        GradtoolsError,
        match="resnet18: its default weights cannot be fetched .*no route.*--weights PATH, or --weights random",
    ):
        models.load("resnet18")


def test_a_file_declares_its_preprocessing_and_classes(toy):
    spec = toy(
        'PREPROCESS = {"resize": 40, "crop": (32), "mean": (.5, .5, .5), "std": (.1, .2, .3)}',
        'CLASSES = ("cat", "dog")',
    )
    model = models.load(spec)
    assert model.preprocess == {
        "resize": 40,
        "crop": 32,
        "mean": [0.5] * 3,
        "std": [0.1, 0.2, 0.3],
        "interpolation": "bilinear",
    }
    assert model.class_names == ["cat", "dog"] and model.head.name == "classifier"
    assert np.array_equal(model.head.weight, np.float32(Toy.ROWS))
    assert any("weights as Toy() makes them" in note for note in model.notes)


def test_a_file_declares_a_function(toy):
    model = models.load(toy("def preprocess(image):", "    return torch.zeros(3, 8, 8)"))
    assert model.preprocess(None).shape == (3, 8, 8)
    assert any("preprocess()" in note for note in model.notes)
    assert (
        models.load(toy("PREPROCESS = 'imagenet'", name="other.py")).preprocess
        == models.PRESETS["imagenet"]
    )


def test_a_file_imports_its_neighbours(toy, tmp_path):
    (tmp_path / "neighbour_of_toy.py").write_text("PREPROCESS = 'none'\n")
    assert (
        models.load(toy("from neighbour_of_toy import PREPROCESS")).preprocess
        == models.PRESETS["none"]
    )


def test_a_package_s_callable(toy, tmp_path, monkeypatch):
    toy("PREPROCESS = 'none'", name="toy_of_a_package.py")
    monkeypatch.chdir(tmp_path)
    assert models.load("toy_of_a_package:Toy").spec == "toy_of_a_package:Toy"
    assert models.load(
        "torchvision.models:squeezenet1_1", preprocess="imagenet"
    ).head.weight.shape == (1000, 512)


def test_a_network_without_preprocessing_is_refused(toy):
    with pytest.raises(
        UsageError, match="--preprocess imagenet, imagenet-norm, none or resize=256"
    ):
        models.load(toy())
    assert models.load(toy(), preprocess="imagenet").preprocess == models.PRESETS["imagenet"]


def test_specs_that_are_not_there(toy, tmp_path):
    spec = toy("def resnet20():", "    return Toy()")
    with pytest.raises(UsageError, match="did you mean .*resnet50"):
        models.load("resnet5O")
    with pytest.raises(UsageError, match="no callable 'resnet2'; did you mean resnet20"):
        models.load(spec.replace("Toy", "resnet2"))
    with pytest.raises(UsageError, match="no such file"):
        models.load(f"{tmp_path / 'none.py'}:Toy")
    with pytest.raises(UsageError, match="name the callable too"):
        models.load(spec.removesuffix(":Toy"))
    with pytest.raises(UsageError, match="no such module"):
        models.load("no_such_package.models:net")
    with pytest.raises(UsageError, match="is a file of weights: write --model NAME --weights"):
        models.load("checkpoint.pth")


@pytest.mark.parametrize(
    "lines, message",
    [
        (
            ["import no_such_library"],
            "does not import: ModuleNotFoundError: No module named 'no_such_library'",
        ),
        (["def Toy(", ""], "does not import: SyntaxError"),
        (["def Toy():", "    return 3"], "gives a int, not a torch.nn.Module"),
        (["def Toy(size):", "    pass"], "fails: TypeError: .*missing 1 required"),
        (
            ["def Toy():", "    return torch.jit.trace(nn.Linear(2, 2), torch.zeros(1, 2))"],
            "is TorchScript, whose modules cannot be tapped",
        ),
    ],
)
@pytest.mark.filterwarnings("ignore:.*torch.jit")
def test_files_that_do_not_make_a_network(toy, lines, message):
    with pytest.raises(GradtoolsError, match=message):
        models.load(toy(*lines), preprocess="none")


def test_a_network_without_class_head(toy):
    model = models.load("resnet18", "random", no_head=True)
    assert model.head is None and not model.has_classes and model.class_names is None
    with torch.no_grad():
        assert model.module(images(2)).shape == (2, 512)
    spec = toy(
        "def encoder():",
        "    return nn.Sequential(nn.Conv2d(3, 4, 3), nn.BatchNorm2d(4), nn.AdaptiveAvgPool2d(1), nn.Flatten())",
    )
    model = models.load(spec.replace("Toy", "encoder"), preprocess="none", no_head=True)
    assert model.head is None
    with torch.no_grad():
        assert model.module(images(2, 8)).shape == (2, 4)


def test_class_names_from_a_file(toy, tmp_path):
    spec = toy("PREPROCESS = 'none'", "CLASSES = list('abc')")
    assert any(
        "3 class names are not used for its 2 classes" in note for note in models.load(spec).notes
    )
    (tmp_path / "names.txt").write_text("cat\ndog\n")
    assert models.load(spec, class_names=str(tmp_path / "names.txt")).class_names == ["cat", "dog"]
    (tmp_path / "names.txt").write_text("cat\n")
    with pytest.raises(UsageError, match="has 1 names, the network has 2 classes"):
        models.load(spec, class_names=str(tmp_path / "names.txt"))
    with pytest.raises(UsageError, match="cannot be read"):
        models.load(spec, class_names=str(tmp_path / "none.txt"))


@pytest.mark.parametrize(
    "text, expected",
    [
        (
            "none",
            {
                "resize": None,
                "crop": None,
                "mean": [0, 0, 0],
                "std": [1, 1, 1],
                "interpolation": "bilinear",
            },
        ),
        (
            "imagenet-norm",
            {
                "resize": None,
                "crop": None,
                "mean": [0.485, 0.456, 0.406],
                "std": [0.229, 0.224, 0.225],
                "interpolation": "bilinear",
            },
        ),
        (
            "resize=232,crop=224,mean=.5/.4/.3,std=1/2/3,interpolation=bicubic",
            {
                "resize": 232,
                "crop": 224,
                "mean": [0.5, 0.4, 0.3],
                "std": [1, 2, 3],
                "interpolation": "bicubic",
            },
        ),
        (
            "resize=64/48,mean=.5",
            {
                "resize": [64, 48],
                "crop": None,
                "mean": [0.5] * 3,
                "std": [1, 1, 1],
                "interpolation": "bilinear",
            },
        ),
    ],
)
def test_preprocessing_as_an_option(text, expected):
    assert models.parse_preprocess(text) == expected


@pytest.mark.parametrize(
    "text, message",
    [
        ("imgenet", "write imagenet, imagenet-norm, none, or resize="),
        ("size=3", "some of resize, crop"),
        ("resize=-3", "number of pixels"),
        ("resize=a", "number of pixels"),
        ("crop=3/4", "number of pixels"),
        ("mean=1/2", "three numbers"),
        ("std=0/1/1", "above 0"),
        ("interpolation=cubic", "one of nearest, bilinear"),
    ],
)
def test_preprocessing_that_cannot_be_read(text, message):
    with pytest.raises(UsageError, match=message):
        models.parse_preprocess(text)


def test_random_weights_of_a_file(toy):
    spec = toy("PREPROCESS = 'none'")
    first, second, default = (
        models.load(spec, "random", seed=3),
        models.load(spec, "random", seed=3),
        models.load(spec),
    )
    assert first.weights_sha256 == second.weights_sha256 != default.weights_sha256
    assert not np.array_equal(first.head.weight, np.float32(Toy.ROWS))
    state = torch.random.get_rng_state()
    models.load(spec, "random", seed=3)
    assert torch.equal(state, torch.random.get_rng_state())


def test_the_digest_is_that_of_names_types_shapes_and_values(toy):
    model = models.load(toy("PREPROCESS = 'none'"))
    digest = hashlib.sha256()
    for name in (
        "body.bias",
        "body.weight",
        "classifier.bias",
        "classifier.weight",
        "stem.bias",
        "stem.weight",
    ):
        values = model.module.state_dict()[name].numpy()
        digest.update(f"{name} float32 {values.shape}\n".encode() + values.astype("<f4").tobytes())
    assert model.weights_sha256 == digest.hexdigest()


def test_torchvision_is_imported_only_for_its_own_networks(toy):
    code = (
        f"import sys; from gradtools.network import models; models.load({toy()!r}, preprocess='none'); "
        "sys.exit('torchvision' in sys.modules)"
    )
    assert subprocess.run([sys.executable, "-c", code], cwd=ROOT, timeout=120).returncode == 0


@needs_data
def test_the_trained_networks_load():
    model = models.load(f"{DATA / 'cifar_resnet.py'}:resnet20", str(DATA / "cifar10_resnet20.pth"))
    assert (
        model.class_names[0] == "airplane"
        and model.head.weight.shape == (10, 64)
        and model.preprocess["resize"] is None
    )
    squeezenet = models.load("squeezenet1_0", str(DATA / "squeezenet1_0_imagenet.pth"))
    assert squeezenet.head.name == "classifier.1" and squeezenet.head.weight.shape == (1000, 512)
    assert any("half-precision" in note for note in squeezenet.notes)
    assert all(value.dtype == torch.float32 for value in squeezenet.module.state_dict().values())
    assert squeezenet.preprocess["crop"] == 224


def test_auxiliary_classifiers_are_left_out():
    model = models.load("googlenet", "random")
    assert model.module.aux1 is None and model.head.name == "fc"
    assert isinstance(model.module.fc, nn.Linear)
