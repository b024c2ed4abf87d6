"""Measured channels of networks whose answer is known: against closed forms, loops in float64 and plain autograd."""

import json

import numpy as np
import pytest
import stopping
import torch
from networks import TOY_SOURCE, Toy
from PIL import Image
from torch import nn

from gradtools import images, interrupt, store
from gradtools.errors import GradtoolsError, UsageError
from gradtools.math.channels import channel_values
from gradtools.network import models
from gradtools.network.ablation import batch
from gradtools.network.passes import loop
from gradtools.stages import extract
from gradtools.stages.channels import ablation

RULES = 'PREPROCESS = {"resize": None, "crop": None, "mean": (0.5, 0.5, 0.5), "std": (0.25, 0.25, 0.25)}\nCLASSES = ("ant", "bee")\n'
COUNT, SIDE, C = 7, 8, 6
DEEPER = '''

class Deeper(nn.Module):
    """A residual sum, a concatenation and a ReLU behind the tap `body`."""

    def __init__(self):
        super().__init__()
        self.stem, self.body = nn.Conv2d(3, 6, 3, padding=1), nn.Sequential(nn.Conv2d(6, 6, 3, padding=1), nn.BatchNorm2d(6), nn.ReLU(inplace=True))
        self.left, self.right = nn.Conv2d(6, 4, 1), nn.Conv2d(6, 5, 3, padding=1)
        self.classifier = nn.Linear(9, 2)
        generator = torch.Generator().manual_seed(0)
        with torch.no_grad():
            for parameter in self.parameters():
                parameter.copy_(0.4 * torch.randn(parameter.shape, generator=generator))
            self.classifier.bias += 3

    def tail(self, shortcut, maps):
        maps = maps + shortcut
        return self.classifier(torch.cat([self.left(maps), self.right(maps)], 1).relu().mean((2, 3)))

    def forward(self, x):
        x = self.stem(x).relu()
        return self.tail(x, self.body(x))
'''


@pytest.fixture(scope="module")
def toy(tmp_path_factory):
    path = tmp_path_factory.mktemp("model") / "toy.py"
    path.write_text(TOY_SOURCE + RULES)
    return models.load(f"{path}:Toy")


@pytest.fixture(scope="module")
def deeper(tmp_path_factory):
    path = tmp_path_factory.mktemp("model") / "deeper.py"
    path.write_text("import torch\nfrom torch import nn\n" + DEEPER + RULES)
    return models.load(f"{path}:Deeper")


@pytest.fixture(scope="module")
def folder(tmp_path_factory):
    """Seven images of noise, four of ants and three of bees."""
    rng = np.random.default_rng(0)
    root = tmp_path_factory.mktemp("photos")
    for number in range(COUNT):
        path = root / ("ant" if number < 4 else "bee") / f"{number:02}.png"
        path.parent.mkdir(exist_ok=True)
        Image.fromarray(rng.integers(0, 256, (SIDE, SIDE, 3), dtype="u1")).save(path)
    return root


def make(
    folder,
    model,
    path,
    source=None,
    say=lambda line: None,
    max_skipped="1%",
    progress=interrupt.unwatched,
    **options,
):
    options = {"tap": ("body",), "batch_size": 2, "resamples": 50} | options
    listed = None if source else images.list_images([str(folder)])
    return ablation.ablate(
        listed,
        model,
        str(path),
        ablation.Options(**options),
        source=source,
        say=say,
        max_skipped=max_skipped,
        progress=progress,
        force=True,
    )


def read(path, *names, tap="body"):
    with store.read(str(path)) as source:
        return [
            source.values(name if name.startswith("/") else f"/taps/{tap}/{name}") for name in names
        ]


def pixels(folder):
    """The images as the network reads them, float64."""
    paths = sorted(folder.rglob("*.png"))
    return (
        torch.from_numpy(
            np.stack([np.asarray(Image.open(path)) for path in paths]).transpose(0, 3, 1, 2)
        )
        / 255.0
        - 0.5
    ).double() / 0.25


def rows_of(table):
    return list(zip(*table.columns.values()))


def table(measured, name):
    return next(one for one in measured if one.path.endswith(name))


def test_a_linear_network_gives_the_exact_order(toy, folder, tmp_path):
    """y = sum_k b_k mean(A_k): without channel k the score falls by b_k mean(A_k), and by nothing where the mean stays."""
    said = []
    measured = make(folder, toy, tmp_path / "a.h5", channels=("all", "positive"), say=said.append)
    network = toy.module
    A = (
        network.body(network.stem(pixels(folder).float()).relu())
        .detach()
        .double()
        .numpy()
        .mean((2, 3))
    )
    zero, mean, target, linear = read(
        tmp_path / "a.h5", "ablation_zero", "ablation_mean", "/outputs/target", "contribution"
    )
    expected = np.array(Toy.ROWS)[target] * A
    np.testing.assert_allclose(zero, expected, rtol=1e-4, atol=1e-5)
    assert (mean == 0).all()
    assert (np.argsort(zero, axis=1) == np.argsort(expected, axis=1)).all()
    assert all(
        np.isnan(row[4]) and row[3] == 0
        for row in rows_of(table(measured, "channel_ablation"))
        if row[1] == "mean"
    )
    agreement = {
        row[2]: row[4] for row in rows_of(table(measured, "channel_ablation")) if row[1] == "zero"
    }
    assert agreement["contribution"] == agreement["gxa"] == 1
    assert any("for nothing" in line for line in said)


def test_the_closed_form_is_what_would_be_measured(toy, folder, tmp_path, monkeypatch):
    make(folder, toy, tmp_path / "free.h5", dtype="float64")
    monkeypatch.setattr(batch, "is_linear", lambda *arguments: False)
    make(folder, toy, tmp_path / "measured.h5", dtype="float64")
    for free, measured in zip(
        *(
            read(tmp_path / name, "ablation_zero", "ablation_mean")
            for name in ("free.h5", "measured.h5")
        )
    ):
        np.testing.assert_allclose(measured, free, atol=2e-6)


def test_a_label_of_several_classes_is_measured(toy, folder, tmp_path):
    """Its score is the logarithm of a sum, so the contribution is not what the score loses."""
    (tmp_path / "map.csv").write_text("ant,ant\nant,bee\nbee,bee\n")
    make(
        folder,
        toy,
        tmp_path / "a.h5",
        target="label",
        label_map=str(tmp_path / "map.csv"),
        ablate=("zero",),
    )
    network = toy.module
    A = (
        network.body(network.stem(pixels(folder).float()).relu())
        .detach()
        .double()
        .numpy()
        .mean((2, 3))
    )
    rows, bias = np.array(Toy.ROWS), network.classifier.bias.detach().double().numpy()
    (effect,) = read(tmp_path / "a.h5", "ablation_zero")
    for image in range(COUNT):

        def score(maps):
            logits = rows @ maps + bias
            return np.logaddexp(*logits) if image < 4 else logits[1]

        for k in range(3):
            assert effect[image, k] == pytest.approx(
                score(A[image]) - score(np.where(np.arange(3) == k, 0, A[image])), abs=1e-5
            )


def answers(model, folder, change=lambda maps: maps):
    """Logits (N, 2) of a network whose maps at `body` are changed, in float64."""
    network = model.module.double()
    shortcut = network.stem(pixels(folder)).relu()
    logits = (
        network.tail(shortcut, change(network.body(shortcut).detach().clone())).detach().numpy()
    )
    model.module.float()
    return logits


def without(channels_gone, fill=0.0):
    def change(maps):
        maps[:, channels_gone] = fill(maps[:, channels_gone]) if callable(fill) else fill
        return maps

    return change


@pytest.mark.parametrize("fold", [True, False])
@pytest.mark.parametrize("score", ["logit", "prob"])
def test_every_channel_out_by_a_loop_over_them(deeper, folder, tmp_path, score, fold):
    extract.extract(
        images.list_images([str(folder)]),
        deeper,
        str(tmp_path / "f.h5"),
        extract.Options(tap=("body",)),
        say=lambda line: None,
        force=True,
    )
    with store.read(str(tmp_path / "f.h5")) as source:
        make(
            None,
            deeper,
            tmp_path / "a.h5",
            source=source,
            score=score,
            ablate=("zero", "mean", "dataset"),
            fold=fold,
        )
        means = source.values("/taps/body/activation").mean(axis=0)
    whole = answers(deeper, folder)
    target = whole.argmax(1)
    form = {"logit": lambda x: x, "prob": lambda x: np.exp(x) / np.exp(x).sum(1, keepdims=True)}[
        score
    ]
    zero, mean, dataset, full = read(
        tmp_path / "a.h5", "ablation_zero", "ablation_mean", "ablation_dataset", "/outputs/score"
    )
    of_target = np.arange(COUNT), target
    np.testing.assert_allclose(full, form(whole)[of_target], rtol=1e-4, atol=1e-5)
    for k in range(C):
        fills = (
            (zero, 0.0),
            (mean, lambda maps: maps.mean((1, 2), keepdim=True)),
            (dataset, float(means[k])),
        )
        for effects, fill in fills:
            expected = (
                form(whole)[of_target] - form(answers(deeper, folder, without(k, fill)))[of_target]
            )
            np.testing.assert_allclose(effects[:, k], expected, atol=2e-5)


def test_subsets_that_stay_and_that_go(deeper, folder, tmp_path):
    measured = make(
        folder,
        deeper,
        tmp_path / "a.h5",
        channels=("all", "positive", "1,4", "zero"),
        ablate=("zero",),
    )
    alpha, contribution, score, unchanged, sizes, full, parts = read(
        tmp_path / "a.h5",
        "gradient",
        "contribution",
        "subset_score",
        "subset_unchanged",
        "subset_channels",
        "/outputs/score",
        "subset_contribution",
    )
    whole = answers(deeper, folder)
    target = whole.argmax(1)
    masks = np.stack(
        [
            np.ones_like(alpha, bool),
            alpha > 0,
            np.isin(np.arange(C), [1, 4])[None].repeat(COUNT, 0),
            alpha == 0,
        ],
        axis=1,
    )
    assert sizes[:, :4].tolist() == sizes[:, 4:].tolist() == masks.sum(2).tolist()
    np.testing.assert_allclose(
        parts[:, :4], np.einsum("nsc,nc->ns", masks, contribution), atol=1e-5
    )
    for image in range(COUNT):
        for number in range(4):
            for side, gone in enumerate((~masks[image, number], masks[image, number])):
                logits = answers(deeper, folder, without(np.flatnonzero(gone)))[image]
                assert score[image, number, side] == pytest.approx(logits[target[image]], abs=2e-5)
                assert unchanged[image, number, side] == (logits.argmax() == target[image])
    quantities = {(row[1], row[2]): row[3:5] for row in rows_of(table(measured, "channel_subsets"))}
    assert quantities["all", "stay_score"] == (COUNT, pytest.approx(1))
    assert quantities["random:1,4", "channels"][1] == pytest.approx(2 / C)
    assert quantities["positive", "go_score"] == (
        COUNT,
        pytest.approx((score[:, 1, 1] / full).mean()),
    )


def test_curves_take_channels_in_the_order_of_the_ranking(deeper, folder, tmp_path):
    make(folder, deeper, tmp_path / "a.h5", channels=("all",), ablate=("zero",), steps=3)
    names = "deletion", "insertion", "contribution", "step_channels", "gradient"
    deletion, insertion, contribution, counts, gradient = read(tmp_path / "a.h5", *names)
    with store.read(str(tmp_path / "a.h5")) as source:
        names = json.loads(source.attributes("/taps/body")["rankings"])
    assert counts.tolist() == [0, 2, 4, 6] and deletion.shape == (COUNT, 7, 4)
    target = answers(deeper, folder).argmax(1)
    values = {
        "contribution": contribution,
        "nearzero": -np.abs(gradient),
        "random": channel_values.random_values(np.arange(COUNT), C, 0),
    }
    for name, ranked in values.items():
        order = np.argsort(-ranked, axis=1, kind="stable")
        for image in range(COUNT):
            for step, count in enumerate(counts):
                for curve, gone in (
                    (deletion, order[image, :count]),
                    (insertion, order[image, count:]),
                ):
                    expected = answers(deeper, folder, without(gone))[image, target[image]]
                    assert curve[image, names.index(name), step] == pytest.approx(
                        expected, abs=2e-5
                    )


@pytest.mark.parametrize("fold", [True, False])
def test_kernel_gradients_are_those_of_training_on_one_image(deeper, folder, tmp_path, fold):
    make(folder, deeper, tmp_path / "a.h5", channels=("all",), steps=0, fold=fold)
    (norms,) = read(tmp_path / "a.h5", "kernel_gradient")
    network, x = deeper.module.double(), pixels(folder)
    weight = network.body[0].weight
    weight.requires_grad_(True)
    for image in range(COUNT):
        logits = network(x[image : image + 1])
        (gradient,) = torch.autograd.grad(
            nn.functional.cross_entropy(logits, logits.argmax(1)), weight
        )
        np.testing.assert_allclose(
            norms[image], gradient.flatten(1).norm(dim=1).numpy(), rtol=1e-3, atol=1e-6
        )
    weight.requires_grad_(False)
    network.float()


def test_kernels_that_lie_side_by_side_and_a_sum_that_is_said(folder, tmp_path, deeper):
    from networks import torchvision_network

    said = []
    network = torchvision_network("resnet18")
    model = models.loading.Model(
        network,
        "resnet18",
        "random",
        "0" * 64,
        deeper.preprocess,
        None,
        models.heads.read(network, "fc"),
        True,
        [],
    )
    make(
        folder / "ant" / "00.png",
        model,
        tmp_path / "a.h5",
        tap=("layer1.0",),
        channels=("all",),
        ablate=("zero",),
        steps=0,
        say=said.append,
    )
    assert any("layer1.0.conv2, which runs last" in line for line in said)
    assert (read(tmp_path / "a.h5", "kernel_gradient", tap="layer1.0")[0] > 0).any()


def test_stopped_after_every_block_and_resumed_equals_uninterrupted(
    deeper, folder, tmp_path, monkeypatch
):
    monkeypatch.setattr(loop, "BLOCK", 1)
    make(folder, deeper, tmp_path / "whole.h5")

    said, stops = [], 0
    for _ in range(10):
        try:
            make(
                folder, deeper, tmp_path / "stopped.h5", progress=stopping.after(2), say=said.append
            )
            break
        except stopping.Stop:
            stops += 1
    assert stops >= 1 and any(line.startswith("resuming") for line in said)
    with (
        store.read(str(tmp_path / "whole.h5")) as one,
        store.read(str(tmp_path / "stopped.h5")) as other,
    ):
        assert store.digests(one.file) == store.digests(other.file)


def test_batches_of_any_size_give_the_same(deeper, folder, tmp_path):
    make(folder, deeper, tmp_path / "one.h5", batch_size=1, dtype="float64")
    make(folder, deeper, tmp_path / "many.h5", batch_size=64, dtype="float64")
    names = (
        "ablation_zero",
        "ablation_mean",
        "subset_score",
        "deletion",
        "insertion",
        "kernel_gradient",
    )
    for one, many in zip(read(tmp_path / "one.h5", *names), read(tmp_path / "many.h5", *names)):
        np.testing.assert_allclose(one, many, atol=1e-5)


def test_an_unreadable_image_is_left_out_of_rows_and_tables(deeper, folder, tmp_path):
    import shutil

    shutil.copytree(folder, tmp_path / "photos")
    (tmp_path / "photos" / "bee" / "05.png").write_bytes(b"no image")
    measured = make(tmp_path / "photos", deeper, tmp_path / "a.h5")
    assert read(tmp_path / "a.h5", "ablation_zero")[0].shape == (COUNT - 1, C)
    assert {row[3] for row in rows_of(table(measured, "channel_ablation"))} == {COUNT - 1}
    assert table(measured, "channel_ablation").facts["left_out"] == 1


@pytest.mark.parametrize(
    "options, words",
    [
        ({"ablate": ("one",)}, "--ablate one"),
        ({"ablate": ("dataset",)}, "gradtools extract --tap body"),
        ({"target": "top:2"}, "one score an image"),
        ({"score": "logprob"}, "never above 0"),
        ({"channels": ("most",)}, "--channels most"),
        ({"channels": ("9",)}, "has 6 channels"),
    ],
)
def test_what_cannot_be_measured(deeper, folder, tmp_path, options, words):
    with pytest.raises(UsageError, match=words):
        make(folder, deeper, tmp_path / "a.h5", **options)


def test_activations_of_another_network_are_no_mean(deeper, toy, folder, tmp_path):
    extract.extract(
        images.list_images([str(folder)]),
        toy,
        str(tmp_path / "f.h5"),
        extract.Options(tap=("body",)),
        say=lambda line: None,
    )
    with (
        store.read(str(tmp_path / "f.h5")) as source,
        pytest.raises(GradtoolsError, match="another network"),
    ):
        make(None, deeper, tmp_path / "a.h5", source=source, ablate=("dataset",))
