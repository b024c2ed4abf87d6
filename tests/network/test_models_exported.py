"""Programs of torch.export as networks: the taps, values and classifier of the network that they were exported from, and what is refused."""

import io
import json
import zipfile

import numpy as np
import pytest
import torch
from networks import Toy, images, torchvision_network
from tap_table import TABLE, expand
from torch import nn

from gradtools import cli, store
from gradtools.errors import GradtoolsError, UsageError
from gradtools.network import models, taps
from gradtools.store import paths

pytest.importorskip("torchvision")
NONE = {"resize": None, "crop": None, "mean": (0.5, 0.5, 0.5), "std": (0.25, 0.25, 0.25)}


def exported(network, path, side=64, count=2, dynamic=True, **extra):
    """Write a network as a program; gives the path as text."""
    shapes = ({0: torch.export.Dim("batch")},) if dynamic else None
    program = torch.export.export(network, (images(count, side),), dynamic_shapes=shapes)
    torch.export.save(program, str(path), extra_files=extra)
    return str(path)


def loaded(path, **options):
    return models.load(path, preprocess="imagenet-norm", size=(64, 64), **options)


def check_taps(network, program, specs):
    """Taps of a network and of its program have the same names, shapes, activations and gradients; gives the names."""
    x, values = images(2), []
    for module in (network, program):
        chosen = taps.resolve(taps.trace(module, x), specs)
        output, tapped = taps.forward(module, x, chosen)
        gradients = taps.gradients(output[:, 3].sum(), tapped)
        values.append(
            ([(tap.name, tap.shape) for tap in chosen], output.detach(), tapped, gradients)
        )
    (names, output, *own), (again, other, *exported) = values
    assert names == again
    torch.testing.assert_close(output, other)
    for kept, exported_kept in zip(own, exported):
        for name, _ in names:
            a, b = kept[name].detach(), exported_kept[name].detach()
            torch.testing.assert_close(a, b, rtol=1e-4, atol=1e-5 * float(a.abs().max()))
    return {name for name, _ in names}


@pytest.mark.slow
@pytest.mark.parametrize("name, blocks, last_conv", TABLE, ids=[row[0] for row in TABLE])
def test_taps_and_their_values_are_those_of_the_network(name, blocks, last_conv, tmp_path):
    network = torchvision_network(name)
    model = loaded(exported(network, tmp_path / "net.pt2"))
    split = [note for note in model.notes if "gives sizes beside its tensor" in note]
    if name == "vit_tiny":  # whose first block hands on sizes that all others take
        assert split and "encoder.layers.encoder_layer_0 " in split[0]
        check_taps(network, model.module, expand(blocks))
        return
    assert bool(split) == (name == "swin_t")  # whose taps are the same all the same
    names = check_taps(network, model.module, ["auto:blocks", "auto:last-conv"])
    assert names >= {*expand(blocks), last_conv}


def test_layers_classifier_and_digest_are_those_of_the_network(tmp_path):
    torch.manual_seed(0)
    network = nn.Sequential(
        nn.Conv2d(3, 4, 3, 2, "valid", 1, 1, False),
        nn.BatchNorm2d(4),
        nn.ReLU(inplace=True),
        nn.MaxPool2d(3, 2, 1),
        nn.Conv2d(4, 8, (3, 1), padding=(1, 0), groups=2),
        nn.AvgPool2d(2, ceil_mode=True),
        nn.AdaptiveAvgPool2d(1),
        nn.Flatten(),
        nn.Dropout(0.3),
        nn.Linear(8, 5),
    )
    network[1].running_mean.normal_()
    network[1].running_var.uniform_(0.5, 2)
    network = network.eval().requires_grad_(False)
    model = loaded(exported(network, tmp_path / "net.pt2"))
    for name, layer in network.named_children():
        again = model.module.get_submodule(name)
        if not isinstance(layer, nn.Flatten):
            assert type(again) is type(layer)
        if "Pool" not in str(layer):  # of which one number and two equal ones are alike
            assert str(again) == str(layer) or isinstance(layer, nn.Flatten)
    x = images(3, 64)
    torch.testing.assert_close(model.module(x), network(x))
    check_taps(network, model.module, ["auto:blocks", "auto:last-conv", "0", "1", "2", "input"])
    assert model.head.name == "9"
    np.testing.assert_array_equal(model.head.weight, network[9].weight.numpy())
    assert model.weights_sha256 == models.checkpoints.sha256(network)


def test_a_module_called_twice_is_one_module(tmp_path):
    class Twice(nn.Module):
        def __init__(self):
            super().__init__()
            self.conv, self.relu, self.fc = (
                nn.Conv2d(3, 3, 3, padding=1),
                nn.ReLU(),
                nn.Linear(3, 4),
            )

        def forward(self, x):
            return self.fc(self.relu(self.conv(self.relu(self.conv(x)))).mean((2, 3)))

    model = loaded(exported(Twice().eval(), tmp_path / "net.pt2"))
    trace = taps.trace(model.module, images(2))
    assert [tap.name for tap in taps.resolve(trace, ["conv#0", "relu#1"])] == ["conv#0", "relu#1"]


def test_declared_preprocessing_and_classes_lie_in_the_file(tmp_path):
    classes = ["ant", "bee"]
    extra = {"preprocess.json": json.dumps(NONE), "classes.json": json.dumps(classes)}
    model = models.load(exported(Toy().eval(), tmp_path / "toy.pt2", 8, **extra), size=(8, 8))
    assert model.class_names == classes and model.preprocess["mean"] == [0.5, 0.5, 0.5]
    with pytest.raises(UsageError, match="its classes.json is not JSON"):
        models.load(exported(Toy().eval(), tmp_path / "b.pt2", 8, **{"classes.json": "ant, bee"}))


def test_what_is_no_network_of_any_number_of_images_is_refused(tmp_path):
    class Two(nn.Module):
        def forward(self, x, y):
            return (x + y).mean((2, 3))

    path = str(tmp_path / "two.pt2")
    torch.export.save(torch.export.export(Two(), (images(2, 8), images(2, 8))), path)
    for made, reason in (
        (path, "takes 2 inputs"),
        (exported(Toy().eval(), tmp_path / "fixed.pt2", 8, dynamic=False), "batches of 2: export"),
    ):
        with pytest.raises(GradtoolsError, match=reason):
            models.load(made, preprocess="none")
    (tmp_path / "text.pt2").write_text("hello")
    with pytest.raises(GradtoolsError, match="is not a program that this torch"):
        models.load(str(tmp_path / "text.pt2"), preprocess="none")
    with pytest.raises(UsageError, match="no such file"):
        models.load(str(tmp_path / "none.pt2"), preprocess="none")
    toy = exported(Toy().eval(), tmp_path / "toy.pt2", 8)
    with pytest.raises(UsageError, match="--weights random"):
        models.load(toy, "random", preprocess="none")
    with pytest.raises(GradtoolsError, match="8"):  # a size it was not exported for
        models.load(toy, preprocess="none", size=(16, 16))


class Evil:
    """Runs code when it is unpickled."""

    def __reduce__(self):
        return (print, ("opened",))


def test_pickles_in_a_program_are_not_opened(tmp_path, capsys):
    toy = exported(Toy().eval(), tmp_path / "toy.pt2", 8)
    evil = io.BytesIO()
    torch.save({"x": Evil()}, evil)
    replaced = tmp_path / "evil.pt2"
    with zipfile.ZipFile(toy) as given, zipfile.ZipFile(replaced, "w") as made:
        for name in given.namelist():
            inputs = "sample_inputs" in name or "example_inputs" in name
            made.writestr(name, evil.getvalue() if inputs else given.read(name))
    with pytest.raises(GradtoolsError):
        models.load(str(replaced), preprocess="none")
    assert "opened" not in capsys.readouterr().out


def test_features_of_a_program_are_those_of_its_network(tmp_path):
    from long_jobs import photos

    torch.manual_seed(0)  # as the network is made from its file
    network = Toy().eval()
    (tmp_path / "toy.py").write_text("from networks import Toy\n")
    path = exported(network, tmp_path / "toy.pt2", 8)
    folder, made = photos(tmp_path / "photos", 6), []
    words = [
        "--preprocess",
        "none",
        "--batch-size",
        "2",
        "--threads",
        "1",
        "-q",
        "--max-skipped",
        "1",
    ]
    for model in (f"{tmp_path / 'toy.py'}:Toy", path):
        out = str(tmp_path / f"{len(made)}.h5")
        assert cli.main(["extract", str(folder), "--model", model, *words, "-o", out]) == 0
        made.append(out)
    with store.read(made[0]) as a, store.read(made[1]) as b:
        assert a.taps == b.taps
        for tap in a.taps:
            for kind in ("activation", "gradient", "contribution", "active_share"):
                np.testing.assert_allclose(
                    a.needed(paths.tap(tap, kind)), b.needed(paths.tap(tap, kind)), atol=1e-6
                )
        np.testing.assert_allclose(a.needed(paths.LOGITS), b.needed(paths.LOGITS), atol=1e-6)
