"""Networks, checkpoints and images as people bring them: each works, or is refused before the first block with the module named."""

import json
import re
import sys

import numpy as np
import pytest
import torch
from PIL import Image
from shell import call, run

from gradtools import store
from gradtools.network import taps
from gradtools.store import paths

NETWORKS = """
import torch
from torch import nn
from torch.utils.checkpoint import checkpoint

PREPROCESS = "none"


class Net(nn.Module):
    def __init__(self, classes=3, channels=3, norm=nn.BatchNorm2d):
        super().__init__()
        torch.manual_seed(0)
        self.layer1 = nn.Sequential(nn.Conv2d(channels, 6, 3, 2, 1, bias=False), norm(6), nn.ReLU(True))
        self.layer2 = nn.Sequential(nn.Conv2d(6, 8, 3, 2, 1, bias=False), norm(8), nn.ReLU(True))
        self.fc = nn.Linear(8, classes)
        self.eval()

    def features(self, x):
        return self.layer2(self.layer1(x)).mean((2, 3))

    def forward(self, x):
        return self.fc(self.features(x))


def three(): return Net()
def one_logit(): return Net(1)
def grey(): return Net(channels=1)
def four_channels(): return Net(channels=4)
def compiled(): return torch.compile(Net())
def batch_statistics(): return Net(norm=lambda c: nn.BatchNorm2d(c, track_running_stats=False))


def weight_norm():
    net = Net()
    net.layer1[0] = nn.utils.weight_norm(net.layer1[0])
    return net


class Squeezed(Net):
    def forward(self, x):
        return super().forward(x).squeeze(1)


def squeezed(): return Squeezed(1)


class Softmax(Net):
    def forward(self, x):
        return (1e3 * super().forward(x)).softmax(1)


class Sigmoid(Net):
    def forward(self, x):
        return torch.sigmoid(super().forward(x))


class BatchMean(Net):
    def forward(self, x):
        out = super().forward(x)
        return out - out.mean(0, keepdim=True)


class Dropping(Net):
    def forward(self, x):
        return self.fc(nn.functional.dropout(self.features(x), .5))


class First(nn.Module):
    def forward(self, x):
        return x[:1]


class OneRow(Net):
    def __init__(self):
        super().__init__()
        self.first = First()

    def forward(self, x):
        return self.fc(self.first(self.features(x)))


class OneMean(Net):
    def forward(self, x):
        return super().forward(x).mean(0, keepdim=True)


class Saving(Net):
    reentrant = False

    def features(self, x):
        for layer in (self.layer1, self.layer2):
            x = checkpoint(layer, x, use_reentrant=self.reentrant)
        return x.mean((2, 3))


class Reentrant(Saving):
    reentrant = True


class Late(nn.Module):
    def __init__(self):
        super().__init__()
        self.stem = nn.Sequential(nn.Conv2d(3, 6, 3, 2, 1), nn.ReLU())
        self.block = nn.Sequential(nn.Conv2d(6, 8, 3, 2, 1), nn.ReLU())
        self.mix = nn.ModuleList(nn.Conv1d(8, 8, 3, padding=1) for _ in range(9))
        self.fc = nn.Linear(8, 3)

    def forward(self, x):
        y = self.block(self.stem(x)).flatten(2)
        for layer in self.mix:
            y = y + layer(y)
        return self.fc(y.mean(2))


class LastReluOff(nn.Module):
    def __init__(self):
        super().__init__()
        torch.manual_seed(0)
        self.body = nn.Sequential(nn.Conv2d(3, 6, 3, 2, 1), nn.ReLU(), nn.Conv2d(6, 8, 3, 2, 1), nn.ReLU())
        self.head = nn.Conv2d(8, 3, 1)
        nn.init.normal_(self.head.weight)
        nn.init.zeros_(self.head.bias)

    def forward(self, x):
        return self.head(self.body(x)).relu().mean((2, 3))


class Segmenting(Net):
    # a grey U-Net in small: one class, sigmoid at the end

    def __init__(self):
        super().__init__(channels=1)
        self.up = nn.ConvTranspose2d(8, 6, 2, 2)
        self.mix = nn.Sequential(nn.Conv2d(12, 6, 3, padding=1), nn.ReLU())
        self.out, self.deep = nn.Conv2d(6, 1, 1), nn.Conv2d(8, 1, 1)

    def forward(self, x):
        a = self.layer1(x)
        b = self.layer2(a)
        return torch.sigmoid(self.out(self.mix(torch.cat([a, self.up(b)], 1))))


class Supervised(Segmenting):
    def forward(self, x):
        b = self.layer2(self.layer1(x))
        return [self.deep(b), super().forward(x)]


def quantised():
    return torch.ao.quantization.quantize_dynamic(Net(), {nn.Linear}, dtype=torch.qint8)
"""
FOUR = """
import numpy as np
import small_nets
from small_nets import four_channels

def preprocess(image):
    rgb = np.asarray(image, "f4").transpose(2, 0, 1) / 255
    return np.concatenate([rgb, rgb.mean(0, keepdims=True)])
"""


@pytest.fixture(scope="module")
def workplace(tmp_path_factory):
    """A folder with the networks, six images of two classes, and checkpoints; the networks' module."""
    folder, rng = tmp_path_factory.mktemp("any"), np.random.default_rng(0)
    (folder / "small_nets.py").write_text(NETWORKS)
    (folder / "four.py").write_text(FOUR)
    for number in range(6):
        path = folder / "photos" / "ab"[number % 2] / f"{number}.png"
        path.parent.mkdir(parents=True, exist_ok=True)
        Image.fromarray(rng.integers(0, 256, (12, 12, 3), dtype="u1")).save(path)
    return folder


@pytest.fixture
def here(workplace, monkeypatch):
    monkeypatch.chdir(workplace)
    monkeypatch.syspath_prepend(str(workplace))
    return workplace


def extract(capsys, name, *more, images="photos", status=0, output="a.h5"):
    """Run extract; returns what it said on stderr."""
    model = name if ":" in name else f"small_nets.py:{name}"
    ended = call(capsys, "extract", images, "--model", model, "-o", output, "-f", *more)
    assert ended.status == status, ended.err
    return ended.err


def stored(path, name="a.h5"):
    with store.read(name) as source:
        return source.values(path)


def network(name):
    import small_nets

    return getattr(small_nets, name)()


def pixels(folder, grey=False):
    """The images (6, C, 12, 12) in the store's order, in 0..1."""
    files = sorted((folder / "photos").glob("*/*.png"))
    read = [np.asarray(Image.open(path).convert("L" if grey else "RGB"), "f4") for path in files]
    array = np.stack(read) / 255
    return torch.from_numpy(array[:, None] if grey else array.transpose(0, 3, 1, 2).copy())


@pytest.mark.parametrize("name", ["one_logit", "squeezed"])
def test_one_logit_is_a_binary_classifier(capsys, here, name):
    """Logits -z/2 and z/2, class by sign, gradients of class 1 half of z's; --score prob has the sigmoid's."""
    said = extract(capsys, name, "--target", "1", "--tap", "layer1")
    assert "a binary classifier, stored as two classes" in said
    x, net = pixels(here), network(name)
    kept = net.layer1(x).detach().requires_grad_()
    z = net.fc(net.layer2(kept).mean((2, 3)))[:, 0]
    (slope,) = torch.autograd.grad(z.sum(), kept)
    expected = torch.stack([-z / 2, z / 2], 1).detach().numpy()
    np.testing.assert_allclose(stored(paths.LOGITS), expected, atol=1e-5)
    np.testing.assert_array_equal(stored(paths.PREDICTED), z.detach().numpy() > 0)
    gradient = stored(paths.tap("layer1", "gradient"))
    np.testing.assert_allclose(gradient, slope.mean((2, 3)) / 2, atol=1e-7)
    rows = net.fc.weight.detach().numpy()
    np.testing.assert_allclose(stored("/model/weight"), np.concatenate([-rows, rows]) / 2)
    extract(capsys, name, "--target", "1", "--tap", "layer1", "--score", "prob")
    share = torch.sigmoid(z).detach()
    expected = slope.mean((2, 3)) * (share * (1 - share))[:, None]
    np.testing.assert_allclose(stored(paths.tap("layer1", "gradient")), expected, atol=1e-6)


@pytest.mark.parametrize(
    "name, end, factor", [("Softmax", "softmax", 1e3), ("Sigmoid", "sigmoid", 1)]
)
def test_logits_are_what_enters_a_softmax_or_sigmoid(capsys, here, name, end, factor):
    assert f"the network ends in {end}: logits are what enters it" in extract(capsys, name)
    with torch.no_grad():
        expected = factor * network("three")(pixels(here)).numpy()
    np.testing.assert_allclose(stored(paths.LOGITS), expected, atol=1e-5 * factor)
    assert np.abs(stored(paths.tap("layer1", "gradient"))).max() > 0
    with store.read("a.h5") as source:
        assert json.loads(source.model["output"]) == {"end": end}


def test_grey_images_to_a_grey_network_everywhere(capsys, here):
    assert "the network reads one channel: images are read as grey" in extract(capsys, "grey")
    with torch.no_grad():
        expected = network("grey")(pixels(here, grey=True)).numpy()
    np.testing.assert_allclose(stored(paths.LOGITS), expected, atol=1e-5)
    assert call(capsys, "classes", "small_nets.py:grey", "-o", "c.h5", "-f").status == 0
    assert stored("/model/weight", "c.h5").shape == (3, 8)
    listed = call(capsys, "layers", "small_nets.py:grey", "--size", "12")
    assert listed.status == 0 and "class weights of the target" in listed.out
    drawn = call(capsys, "saliency", "a.h5", "--model", "small_nets.py:grey", "-o", "m.h5", "-f",
                 "--overlay", "grey", "--overlay-limit", "1")  # fmt: skip
    assert drawn.status == 0, drawn.err


def test_four_channels_are_said_and_can_be_given(capsys, here):
    said = extract(capsys, "four_channels", status=2)
    assert "reads 4 channels" in said and "preprocess(image)" in said
    extract(capsys, "four.py:four_channels")
    x = pixels(here)
    with torch.no_grad():
        expected = network("four_channels")(torch.cat([x, x.mean(1, keepdim=True)], 1)).numpy()
    np.testing.assert_allclose(stored(paths.LOGITS), expected, atol=1e-5)
    drawn = call(capsys, "saliency", "a.h5", "--model", "four.py:four_channels", "-o", "m.h5", "-f",
                 "--overlay", "four", "--overlay-limit", "1")  # fmt: skip
    assert drawn.status == 0, drawn.err


@pytest.mark.parametrize(
    "name", [pytest.param("compiled", marks=pytest.mark.slow), "weight_norm"]
)  # torch.compile takes half a minute to import
def test_what_is_put_around_a_network_changes_nothing(capsys, here, name):
    extract(capsys, "three", "--no-fold", output="b.h5")
    extract(capsys, name)
    for path in (paths.LOGITS, paths.tap("layer1", "gradient"), paths.tap("layer2", "activation")):
        np.testing.assert_allclose(stored(path), stored(path, "b.h5"), atol=1e-5)


@pytest.mark.parametrize(
    "name, words",
    [
        ("BatchMean", "images of a batch are not independent.*in the code of BatchMean.forward"),
        ("batch_statistics", r"images of a batch are not independent.*in layer1.1 \(BatchNorm2d\)"),
        ("Dropping", "draws at random.*in the code of Dropping before fc"),
        ("OneRow", r"one row an image; rows are lost in first \(First\)"),
        ("OneMean", "one row an image; rows are lost in the code of OneMean behind fc"),
        ("quantised", r"converted quantised network \(fc is a Linear"),
    ],
)  # fmt: skip
def test_networks_whose_numbers_would_mean_nothing_are_refused(capsys, here, name, words):
    for command in (
        ["extract", "photos", "--model"],
        ["saliency", "photos", "--model"],
        ["layers"],
    ):
        output = [] if command == ["layers"] else ["-o", "refused.h5"]
        ended = call(capsys, *command, f"small_nets.py:{name}", *output)
        assert ended.status == 1 and not (here / "refused.h5").exists()
        assert re.search(words, ended.err), ended.err


def test_gradients_parallel_to_the_class_row_are_said_everywhere(capsys, here):
    said = extract(capsys, "LastReluOff", "--tap", "body.3", "--tap", "body.0")
    assert f"body.3: {taps.PARALLEL}" in said and "body.0:" not in said
    rows, gradient = stored("/model/weight"), stored(paths.tap("body.3", "gradient"))
    rows = rows[stored("/outputs/target")]
    cosine = (
        (rows * gradient).sum(1) / np.linalg.norm(rows, axis=1) / np.linalg.norm(gradient, axis=1)
    )
    np.testing.assert_allclose(cosine, 1, atol=1e-5)
    facts = call(capsys, "info", "a.h5").out
    assert "body.3  8x3x3  gradient is parallel to the class row" in facts
    assert taps.PARALLEL in call(capsys, "layers", "small_nets.py:LastReluOff", "--size", "12").out
    call(capsys, "similarity", "a.h5", "--feature", "gradient@*", "--resamples", "20",
         "--permutations", "20", "-o", "s.h5", "-f")  # fmt: skip
    table = call(capsys, "evaluate", "a.h5", "s.h5", "--layout", "similarity").out
    words = "parallel to the class row of the target in every image"
    (line,) = {line.strip() for line in table.splitlines() if words in line}
    assert line.startswith(("LastReluOff, gradient@body.3: ", "LastReluOff, gradient@last-block: "))


def test_most_parameters_behind_the_last_block_are_said(capsys, here):
    """Nine convolutions of 8 x 8 x 3 weights and 8 biases against 6 x (27 + 1) and 8 x (54 + 1)."""
    words = f"block, taken for the last block, has {6 * 28 + 8 * 55} parameters before it and {9 * 200:,} behind it"
    assert words in extract(capsys, "Late")
    assert words in call(capsys, "layers", "small_nets.py:Late", "--size", "12").err


@pytest.mark.parametrize(
    "name, more", [("Segmenting", []), ("Supervised", ["--output-entry", "-1"])]
)
def test_a_grey_segmentation_network_of_one_class(capsys, here, name, more):
    """The mean of its map of logits is one logit; of deep supervision's outputs the last."""
    refused = extract(capsys, name, *more, status=2)
    assert "a map of each class" in refused and "--reduce mean" in refused
    if more:
        assert "name the one to take with --output-entry" in extract(
            capsys, name, "--reduce", "mean", status=2
        )
    said = extract(capsys, name, *more, "--reduce", "mean", "--tap", "mix")
    assert "images are read as grey" in said and "ends in sigmoid" in said
    net = network("Segmenting")
    with torch.no_grad():
        z = torch.logit(net(pixels(here, grey=True)).double()).mean((1, 2, 3)).numpy()
    np.testing.assert_allclose(stored(paths.LOGITS), np.stack([-z / 2, z / 2], 1), atol=1e-5)


@pytest.mark.parametrize("name", ["Saving", "Reentrant"])
def test_activation_checkpointing(capsys, here, name):
    """A tap inside a checkpointed part, and channels taken out of it, as in the network that keeps its activations."""
    for model, output in (("three", "b.h5"), (name, "a.h5")):
        extract(capsys, model, "--tap", "layer1.0", "--tap", "layer2", output=output)
        ended = call(capsys, "channels", output, "--model", f"small_nets.py:{model}", "--tap",
                     "layer1", "--ablate", "zero", "-o", f"c{output}", "-f")  # fmt: skip
        assert ended.status == 0, ended.err
    for path, files in (
        (paths.tap("layer1.0", "gradient"), ("a.h5", "b.h5")),
        (paths.tap("layer1", "ablation_zero"), ("ca.h5", "cb.h5")),
    ):
        one, other = (stored(path, file) for file in files)
        assert np.abs(one).max() > 0
        np.testing.assert_allclose(one, other, atol=1e-6)


def test_entries_of_a_checkpoint(capsys, here):
    state = network("three").state_dict()
    half = {key: value / 2 if value.is_floating_point() else value for key, value in state.items()}
    files = {
        "both.pth": {"state_dict": state, "state_dict_ema": half},
        "ema_only.pth": {"state_dict_ema": half, "epoch": 5},
        "nested.pth": {"model": {"state_dict": state}, "optimizer": {}},
    }
    for file, entries in files.items():
        torch.save(entries, here / file)
    logits = {}
    for file, more, words in (
        (
            "both.pth",
            [],
            "it also holds 'state_dict_ema', which --weights-entry state_dict_ema takes",
        ),
        ("both.pth", ["--weights-entry", "state_dict_ema"], "its entry 'state_dict_ema'"),
        ("ema_only.pth", [], "its entry 'state_dict_ema'"),
        ("nested.pth", [], "its entry 'model.state_dict'"),
    ):
        assert words in extract(capsys, "three", "--weights", file, *more)
        logits[file, bool(more)] = stored(paths.LOGITS)
    np.testing.assert_array_equal(logits["both.pth", False], logits["nested.pth", False])
    np.testing.assert_array_equal(logits["both.pth", True], logits["ema_only.pth", False])
    assert np.abs(logits["both.pth", True] - logits["both.pth", False]).max() > 1e-3


def test_a_damaged_checkpoint_is_refused(capsys, here):
    state = network("three").state_dict()
    torch.save(state, here / "whole.pth")
    data = bytearray((here / "whole.pth").read_bytes())
    data[data.find(state["layer2.0.weight"].numpy().tobytes())] ^= 1
    (here / "damaged.pth").write_bytes(data)
    said = extract(capsys, "three", "--weights", "damaged.pth", status=1)
    assert "damaged.pth is damaged" in said and "checksum" in said


def test_twelve_bits_in_sixteen(capsys, here):
    """The same picture with 8 bits, and with 12 in 16: --range makes them one, also for what reads the store."""
    values = np.random.default_rng(1).integers(0, 256, (4, 12, 12))
    for number, image in enumerate(values):
        for folder, array in (
            ("eight", image.astype("u1")),
            ("twelve", (image * 4095 / 255).astype("u2")),
        ):
            (here / folder / "ab"[number % 2]).mkdir(parents=True, exist_ok=True)
            Image.fromarray(array).save(here / folder / "ab"[number % 2] / f"{number}.png")
    assert "--range 0,4095" in extract(capsys, "three", images="twelve")
    extract(capsys, "three", images="eight", output="b.h5")
    assert "--range" not in extract(capsys, "three", "--range", "0,4095", images="twelve")
    np.testing.assert_allclose(stored(paths.LOGITS), stored(paths.LOGITS, "b.h5"), atol=1e-3)
    for file in ("a.h5", "b.h5"):
        ended = call(
            capsys, "saliency", file, "--model", "small_nets.py:three", "-o", f"m{file}", "-f"
        )
        assert ended.status == 0 and "--range" not in ended.err
    maps = [stored(paths.maps("gradcam@layer2"), f"m{file}") for file in ("a.h5", "b.h5")]
    np.testing.assert_allclose(*maps, atol=1e-3 * np.abs(maps[1]).max())
    with store.read("ma.h5") as source:
        assert source.model["range"] == "0,4095"


def test_a_file_that_ends_early_is_read_said_and_counted(capsys, here):
    whole = Image.fromarray(np.random.default_rng(2).integers(0, 256, (24, 24, 3), dtype="u1"))
    (here / "early/a").mkdir(parents=True)
    whole.save(here / "early/a/whole.jpg")
    data = (here / "early/a/whole.jpg").read_bytes()
    (here / "early/a/short.jpg").write_bytes(data[:-20])
    said = extract(capsys, "three", "--strict", images="early", status=3)
    assert "1 of 2 images end early, and --strict allows none" in said
    extract(capsys, "three", images="early")  # finishes what the strict run has kept
    assert len(stored(paths.LOGITS)) == 2
    said = extract(capsys, "three", "--restart", images="early")
    assert "short.jpg ends early: read as far as it goes" in said
    with store.read("a.h5") as source:
        assert json.loads(source.history_lines()[-1])["ended_early"] == 1
    assert "1 end early" in call(capsys, "info", "a.h5").out
    again = call(
        capsys, "saliency", "a.h5", "--model", "small_nets.py:three", "--strict", "-o", "m.h5", "-f"
    )
    assert again.status == 3 and "end early" in again.err


def test_another_range_or_form_is_another_job(capsys, here, monkeypatch):
    """A stopped job resumes with the options it was begun with, and no others."""
    from gradtools import interrupt
    from gradtools.network import passes

    def stopped(*_, **__):
        raise interrupt.Interrupted("stopped")

    assert sys.modules["gradtools.network.passes"] is passes
    monkeypatch.setattr(passes, "judge_skipped", stopped)
    call(capsys, "extract", "photos", "--model", "small_nets.py:three", "-o", "part.h5")
    monkeypatch.undo()
    monkeypatch.chdir(here)
    other = call(
        capsys,
        "extract",
        "photos",
        "--model",
        "small_nets.py:three",
        "-o",
        "part.h5",
        "--range",
        "0,128",
    )
    assert other.status != 0 and "value_range" in other.err
    assert (
        call(capsys, "extract", "photos", "--model", "small_nets.py:three", "-o", "part.h5").status
        == 0
    )


def test_what_a_model_file_prints_is_no_part_of_the_store(here):
    (here / "printing.py").write_text("print('hello')\n" + NETWORKS)
    ended = run("extract", "photos", "--model", "printing.py:three", cwd=here, stdout=here / "p.h5")
    assert ended.returncode == 0
    assert (here / "p.h5").read_bytes().startswith(b"\x89HDF")
    with store.read("p.h5") as source:
        assert source.n_samples == 6


def test_inputs_and_files_that_exist_are_kept(capsys, here):
    """A tree or a picture that would take an input's place, or a file's, is refused, and the bytes stay."""
    extract(capsys, "three", output="f.h5")
    (here / "own.png").write_bytes(b"mine")
    before = (here / "f.h5").read_bytes()
    for more in (["--newick", "f.h5"], ["--figure", "own.png"]):
        ended = call(capsys, "dendrogram", "f.h5", "--resamples", "0", *more, "-o", "g.h5")
        assert ended.status != 0 and more[1] in ended.err and not (here / "g.h5").exists()
    assert (here / "f.h5").read_bytes() == before and (here / "own.png").read_bytes() == b"mine"
