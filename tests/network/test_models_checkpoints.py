"""Checkpoints: what is loaded, mended, rebuilt and refused."""

import copy
import os
import pickle

import numpy as np
import pytest
import torch
from networks import TOY_SOURCE, Toy, images
from torch import nn

from gradtools.errors import GradtoolsError, UsageError
from gradtools.network import models

torchvision = pytest.importorskip("torchvision")


@pytest.fixture
def spec(tmp_path):
    (tmp_path / "toy.py").write_text(
        TOY_SOURCE + "\n\nPREPROCESS = 'none'\nCLASSES = ('cat', 'dog')\n"
    )
    return f"{tmp_path / 'toy.py'}:Toy"


@pytest.fixture
def trained():
    """A toy network of other weights."""
    torch.manual_seed(5)
    network = Toy()
    nn.init.normal_(network.classifier.weight)
    return network.eval()


@pytest.fixture
def load(spec, tmp_path):
    """A function that saves an object and loads it as the toy network's weights."""

    def save_and_load(content, **options):
        torch.save(content, tmp_path / "weights.pth")
        return models.load(spec, str(tmp_path / "weights.pth"), **options)

    return save_and_load


def same(model, network):
    x = images(2, 8)
    with torch.no_grad():
        return torch.equal(model.module(x), network(x))


def test_a_state_dict(load, trained):
    model = load(trained.state_dict())
    assert same(model, trained) and not any("weights.pth" in note for note in model.notes)


@pytest.mark.parametrize("wrap", ["state_dict", "model", "model_state_dict", "net"])
def test_a_wrapped_state_dict(load, trained, wrap):
    model = load({"epoch": 3, "optimizer": {"lr": 0.1}, wrap: trained.state_dict()})
    assert same(model, trained) and any(f"its entry {wrap!r}" in note for note in model.notes)


@pytest.mark.parametrize("prefix", ["module.", "model.", "_orig_mod.", "module.backbone."])
def test_keys_under_a_prefix(load, trained, prefix):
    model = load({prefix + key: value for key, value in trained.state_dict().items()})
    assert same(model, trained)
    assert (
        sum(f"the prefix {prefix!r} of its keys is taken away" in note for note in model.notes) == 1
    )


def test_a_prefix_beside_other_keys(load, trained):
    state = {"model." + key: value for key, value in trained.state_dict().items()} | {
        "criterion.weight": torch.ones(2)
    }
    model = load({"state_dict": state})
    assert same(model, trained) and any("(1 others are ignored)" in note for note in model.notes)


def test_a_prefix_that_the_network_has(tmp_path, trained):
    (tmp_path / "wrapped.py").write_text(
        TOY_SOURCE
        + """

PREPROCESS = "none"


class Wrapped(nn.Module):
    def __init__(self):
        super().__init__()
        self.net = Toy()

    def forward(self, x):
        return self.net(x)
"""
    )
    torch.save(trained.state_dict(), tmp_path / "weights.pth")
    model = models.load(f"{tmp_path / 'wrapped.py'}:Wrapped", str(tmp_path / "weights.pth"))
    assert same(model, trained) and any(
        "the prefix 'net.' is put before its keys" in note for note in model.notes
    )


def test_two_ways_are_none(load, trained):
    state = trained.state_dict()
    with pytest.raises(GradtoolsError, match="fits the network in 2 ways .*'student.*'teacher"):
        load(
            {
                prefix + key: value
                for prefix in ("student.", "teacher.")
                for key, value in state.items()
            }
        )


@pytest.mark.parametrize("dtype", [torch.float16, torch.bfloat16])
def test_half_precision(load, trained, dtype):
    model = load({key: value.to(dtype) for key, value in trained.state_dict().items()})
    assert all(value.dtype == torch.float32 for value in model.module.state_dict().values())
    assert same(model, copy.deepcopy(trained).to(dtype).float()) and any(
        "half-precision" in note for note in model.notes
    )


def test_the_digest_does_not_depend_on_the_file(load, trained):
    state = trained.state_dict()
    digests = {
        load(content).weights_sha256
        for content in (
            state,
            {"model": state},
            {"module." + key: value for key, value in state.items()},
            dict(reversed(state.items())),
        )
    }
    assert len(digests) == 1
    changed = {**state, "stem.bias": state["stem.bias"] + 1e-3}
    assert load(changed).weights_sha256 not in digests


def test_a_classifier_of_another_number_of_classes(load, trained):
    wide = copy.deepcopy(trained)
    wide.classifier = nn.Linear(3, 5)
    model = load(wide.state_dict())
    assert same(model, wide) and model.head.weight.shape == (5, 3) and model.class_names is None
    assert any(
        "classifier is rebuilt for its 5 classes (the network came with 2)" in note
        for note in model.notes
    )
    wide.classifier = nn.Linear(3, 4, bias=False)
    model = load(wide.state_dict())
    assert same(model, wide) and np.array_equal(model.head.bias, np.zeros(4))


def test_a_classifier_in_a_sequence(load, trained):
    tuned = copy.deepcopy(trained)
    tuned.classifier = nn.Sequential(nn.Dropout(0.2), nn.Linear(3, 4))
    model = load(tuned.state_dict())
    assert same(model, tuned.eval()) and any(
        "its classifier classifier.1 is classifier here" in note for note in model.notes
    )


def test_a_convolution_as_classifier(tmp_path):
    network = torchvision.models.squeezenet1_1(num_classes=7).eval()
    torch.save(network.state_dict(), tmp_path / "weights.pth")
    model = models.load("squeezenet1_1", str(tmp_path / "weights.pth"))
    with torch.no_grad():
        assert torch.equal(model.module(images(2)), network(images(2)))
    assert model.head.weight.shape == (7, 512) and model.class_names is None


def test_torchvision_s_old_names(tmp_path):
    """DenseNet's files say norm.1 where the network says norm1 (torchvision.models.densenet._load_state_dict)."""
    network = torchvision.models.densenet121()
    state = network.state_dict()
    old = {}
    for key, value in state.items():
        for kind in ("norm", "conv"):
            for number in "12":
                key = (
                    key.replace(f".{kind}{number}.", f".{kind}.{number}.")
                    if "denselayer" in key
                    else key
                )
        old["module." + key] = value
    torch.save({"state_dict": old}, tmp_path / "weights.pth")
    model = models.load("densenet121", str(tmp_path / "weights.pth"))
    assert all(torch.equal(value, state[key]) for key, value in model.module.state_dict().items())
    assert any("old names are made new, the prefix 'module.'" in note for note in model.notes)


def test_missing_counters_of_batches(tmp_path):
    network = torchvision.models.resnet18()
    state = {key: value for key, value in network.state_dict().items() if "num_batches" not in key}
    torch.save(state, tmp_path / "without.pth")
    torch.save(network.state_dict(), tmp_path / "with.pth")
    with_counters, without = (
        models.load("resnet18", str(tmp_path / name)) for name in ("with.pth", "without.pth")
    )
    assert with_counters.weights_sha256 == without.weights_sha256 and len(with_counters.notes) == 1


def test_without_head_the_classifier_s_entries_may_lack(tmp_path):
    network = torchvision.models.resnet18()
    backbone = {
        key: value for key, value in network.state_dict().items() if not key.startswith("fc.")
    }
    for name, state in (("backbone.pth", backbone), ("whole.pth", network.state_dict())):
        torch.save(state, tmp_path / name)
        model = models.load("resnet18", str(tmp_path / name), no_head=True)
        assert torch.equal(model.module.conv1.weight, network.conv1.weight) and model.head is None
    with pytest.raises(GradtoolsError, match="2 keys missing: fc.weight, fc.bias"):
        models.load("resnet18", str(tmp_path / "backbone.pth"))


def test_weights_that_do_not_fit(load, trained):
    state = trained.state_dict()
    lacking = {key: value for key, value in state.items() if not key.startswith("body")}
    with pytest.raises(
        GradtoolsError,
        match="does not fit the network: 2 keys missing: body.weight, body.bias; "
        "1 key unexpected: extra",
    ):
        load({**lacking, "extra": torch.ones(1)})
    with pytest.raises(
        GradtoolsError,
        match=r"1 key of another shape: stem.weight \(8, 3, 3, 3\) where \(4, 3, 3, 3\) is needed",
    ):
        load({**state, "stem.weight": torch.ones(8, 3, 3, 3)})
    with pytest.raises(GradtoolsError, match="9 keys unexpected: k0, k1, k2, k3 and 5 more"):
        load({f"k{number}": torch.ones(1) for number in range(9)})


class Payload:
    """Makes a folder when it is unpickled."""

    def __init__(self, path):
        self.path = path

    def __reduce__(self):
        return os.mkdir, (self.path,)


def test_code_in_a_checkpoint_does_not_run(load, trained, tmp_path):
    trap = tmp_path / "ran"
    with pytest.raises(
        GradtoolsError,
        match=r"holds more than tensors \(it asks to run \S*mkdir\).*--trust-weights",
    ):
        load({"state_dict": trained.state_dict(), "config": Payload(str(trap))})
    assert not trap.exists()
    assert same(
        load({"state_dict": trained.state_dict(), "config": Payload(str(trap))}, trust=True),
        trained,
    )
    assert trap.exists()


def test_a_network_that_was_pickled_whole(load, trained):
    with pytest.raises(GradtoolsError, match="asks to run networks.Toy.*save model.state_dict"):
        load(trained)
    assert same(load(trained, trust=True), trained)


@pytest.mark.filterwarnings("ignore:.*torch.jit")
def test_torchscript_is_refused_with_the_reason(spec, trained, tmp_path):
    torch.jit.trace(trained, images(1, 8)).save(str(tmp_path / "script.pt"))
    for trust in (False, True):
        with pytest.raises(
            GradtoolsError,
            match="is TorchScript, whose modules cannot be tapped: save model.state_dict",
        ):
            models.load(spec, str(tmp_path / "script.pt"), trust=trust)


@pytest.mark.parametrize(
    "content", [b"", b"not a checkpoint", pickle.dumps([1, 2]), b"PK\x03\x04" + bytes(99)]
)
def test_files_that_are_no_checkpoints(spec, tmp_path, content):
    (tmp_path / "file.pth").write_bytes(content)
    with pytest.raises(
        GradtoolsError, match="file.pth (is not a checkpoint|holds no state dict)"
    ) as caught:
        models.load(spec, str(tmp_path / "file.pth"))
    assert "\n" not in str(caught.value)


def test_a_checkpoint_that_was_cut_off(spec, trained, tmp_path):
    torch.save(trained.state_dict(), tmp_path / "whole.pth")
    (tmp_path / "half.pth").write_bytes((tmp_path / "whole.pth").read_bytes()[:-900])
    with pytest.raises(GradtoolsError, match="half.pth is not a checkpoint"):
        models.load(spec, str(tmp_path / "half.pth"))


def test_files_that_are_not_there_or_hold_nothing(spec, load):
    with pytest.raises(UsageError, match="no such file; --weights takes default, random or a file"):
        models.load(spec, "none.pth")
    with pytest.raises(
        GradtoolsError,
        match="holds no state dict, at its top or under state_dict, .*; it holds epoch",
    ):
        load({"epoch": 3})
