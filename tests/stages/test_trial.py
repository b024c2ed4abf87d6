"""Networks whose right answer is known: the truth against orders of pixels, closed forms, the command and its tables."""

import itertools
import math
import os
import subprocess
import sys

import numpy as np
import pytest
import torch
from conftest import ROOT
from PIL import Image
from shell import call, rows_of

from gradtools import images, store
from gradtools.math.games import shapley
from gradtools.network import known
from gradtools.stages import recipe, trial
from gradtools.stages.trial import constructions, measures, methods
from gradtools.tables.wording import CONSTRUCTIONS


def logit(network, pixels, target):
    """The target's logit of one image in float64."""
    x = torch.from_numpy(pixels).permute(2, 0, 1)[None]
    return network(x)[0, target].item()


def network_of(name):
    return getattr(known, constructions.CONSTRUCTIONS[name].network)().double().eval()


def of_every_order(network, pixels, target, players, absent):
    """Shapley values of some pixels by every order of them; the others are always there, but those `absent`."""
    base = pixels.copy()
    base[absent] = 0
    worth, seen = dict.fromkeys(players, 0.0), {}

    def value(chosen):
        key = frozenset(chosen)
        if key not in seen:
            image = base.copy()
            for y, x in set(players) - key:
                image[y, x] = 0
            seen[key] = logit(network, image, target)
        return seen[key]

    for order in itertools.permutations(players):
        for place, player in enumerate(order):
            worth[player] += value(order[: place + 1]) - value(order[:place])
    return {player: total / math.factorial(len(players)) for player, total in worth.items()}


def some_pixels(mask, count):
    return [tuple(int(v) for v in place) for place in np.argwhere(mask)[:count]]


@pytest.mark.parametrize("name", CONSTRUCTIONS)
def test_the_truth_is_the_shapley_value_of_every_pixel(name):
    """All but five pixels are black: what is left is enumerated."""
    construction, network = constructions.CONSTRUCTIONS[name], network_of(name)
    scenes = construction.scenes(8)
    pixels, target = scenes.pixels[3] / 255, scenes.target[3]
    whole = construction.truth(pixels[None], [target])[0]
    evidence = (whole > 0) & ~scenes.object[3]
    players = some_pixels(scenes.object[3], 2) + some_pixels(evidence, 2)
    players += some_pixels(whole == 0, 1)
    absent = np.ones(whole.shape, bool)
    absent[tuple(np.transpose(players))] = False
    alone = np.where(absent[:, :, None], 0, pixels)
    truth = construction.truth(alone[None], [target])[0]
    exact = of_every_order(network, pixels, target, players, absent)
    for place, value in exact.items():
        assert truth[place] == pytest.approx(value, abs=1e-6), place


@pytest.mark.parametrize("name", CONSTRUCTIONS)
def test_the_truth_adds_up_to_the_logit(name):
    construction, network = constructions.CONSTRUCTIONS[name], network_of(name)
    scenes = construction.scenes(8)
    truth = construction.truth(scenes.pixels / 255, scenes.target)
    black = np.zeros_like(scenes.pixels[0], float)
    for pixels, target, values in zip(scenes.pixels / 255, scenes.target, truth):
        gained = logit(network, pixels, target) - logit(network, black, target)
        assert values.sum() == pytest.approx(gained, abs=1e-5) and values.min() >= 0


@pytest.mark.parametrize("rule, full", [(np.minimum, 0.9), (lambda a, b: np.minimum(1, a + b), 1)])
def test_whole_objects_and_cues_agree_with_random_orders_of_their_pixels(rule, full):
    """64 and 81 interchangeable pixels: the closed form against 4,000 orders."""
    n, m, rng = 64, 81, np.random.default_rng(0)
    game = rule(np.arange(n + 1)[:, None] / n, full * np.arange(m + 1)[None] / m)
    gains = []
    for _ in range(4000):
        kinds = rng.permutation(np.repeat([0, 1], [n, m]))
        i = np.concatenate([[0], np.cumsum(kinds == 0)])
        j = np.concatenate([[0], np.cumsum(kinds == 1)])
        gains.append(np.diff(game[i, j])[kinds == 0].sum())
    first, second = shapley.two_kinds(game)
    error = np.std(gains) / math.sqrt(len(gains))
    assert n * first == pytest.approx(np.mean(gains), abs=4 * error)
    assert n * first + m * second == pytest.approx(game[-1, -1])


@pytest.fixture(scope="module")
def made(tmp_path_factory):
    """Maps, truth and scenes of every construction, of 12 images."""
    by_name = {}
    for name, construction in constructions.CONSTRUCTIONS.items():
        scenes = construction.scenes(12)
        folder = str(tmp_path_factory.mktemp("known") / name)
        constructions.write(scenes, folder)
        listed, model = images.list_images([folder]), methods.load(construction)
        truth = construction.truth(scenes.pixels / 255, scenes.target)
        maps = methods.make(construction, scenes, listed, model, truth)
        by_name[name] = (scenes, truth, maps)
    return by_name


def energy(maps, region):
    return (maps * region).sum((1, 2)) / maps.sum((1, 2))


def test_behind_the_window_every_method_is_the_truth_and_before_it_gradcam_is_the_image(made):
    scenes, truth, maps = made["window"]
    for method in ("gradcam", "hirescam", "gam", "gam, earlier tap", "layercam, earlier tap"):
        np.testing.assert_array_equal(maps.maps[method], maps.maps["truth"])
    x = scenes.pixels.mean(axis=3)
    before = maps.maps["gradcam, earlier tap"]
    np.testing.assert_allclose(before, x / x.max(axis=(1, 2), keepdims=True), atol=1e-5)
    np.testing.assert_allclose(energy(before, scenes.object), energy(x, scenes.object), rtol=1e-5)
    regions = measures.of_regions(maps, scenes, 0)
    assert (regions["pointing"]["gradcam, earlier tap"] == 0.5).all()
    for measure in ("energy", "pointing", "precision"):
        assert (regions[measure]["gradcam"] == 1).all()
    assert np.nanmin(regions["iou"]["gradcam"]) == 1
    faithful = measures.of_masks(maps, scenes, "black", 4, 0)
    assert (faithful["adp_black"]["truth"] == 0).all() and (
        faithful["pic_black"]["truth"] == 100
    ).all()
    assert (faithful["adp_black"]["constant"] == 0).all()
    assert (faithful["pic_black"]["constant"] == 0).all()


def test_gam_leaks_the_other_class_through_mixed_channels(made):
    scenes, truth, maps = made["channels"]
    other = (scenes.pixels.max(axis=3) > 0) & ~scenes.object
    mixing = np.array(known.MIXING)
    head = np.maximum(np.linalg.inv(mixing), 0)
    for number, label in enumerate(scenes.target):
        nxt = (label + 1) % 3
        leak = (head[label] @ mixing[:, nxt]) / (head[label] @ mixing[:, label])
        gam = maps.maps["gam"][number]
        assert gam[other[number]].mean() / gam[scenes.object[number]].mean() == pytest.approx(
            leak, abs=1e-4
        )
        assert leak > 0.3
    np.testing.assert_array_equal(maps.maps["gradcam"], maps.maps["truth"])
    activation = maps.maps["activation"]
    np.testing.assert_allclose(activation[scenes.object], activation[other], atol=1e-4)


def test_a_cue_takes_its_share_of_the_truth_and_the_iou_of_the_truth_to_nothing(made):
    for name, strength in (("cue-weak", 0.2), ("cue-strong", 0.8)):
        scenes, truth, maps = made[name]
        np.testing.assert_allclose(energy(truth, scenes.object), 1 - strength, rtol=1e-6)
        iou = measures.of_regions(maps, scenes, 0)["iou"]["truth"]
        assert np.nanmax(abs(iou - (1 if strength < 0.559 else 0))) == 0
    for name, degenerate in (("cue-and", False), ("cue-or", True)):
        scenes, truth, maps = made[name]
        for method in ("gradcam", "gradcam++", "gam", "hirescam", "gradient"):
            assert (maps.maps[method][scenes.object] == 0).all()
            assert (maps.maps[method].max() == 0) == degenerate
        assert energy(truth, scenes.object).min() > 0.2


def test_a_coarse_tap_shows_its_cells_and_both_taps_the_mean(made):
    scenes, truth, maps = made["two-taps"]
    np.testing.assert_array_equal(maps.maps["gam, earlier tap"], maps.maps["truth"])
    cells = scenes.object.reshape(-1, 4, 8, 4, 8).mean(axis=(2, 4))
    in_cells = np.repeat(np.repeat(cells, 8, axis=1), 8, axis=2)  # the map without a resize
    touched = (cells > 0).sum(axis=(1, 2))
    assert set(touched) <= {1, 2, 4} and len(set(touched)) > 1
    single = touched == 1
    np.testing.assert_allclose(energy(in_cells, scenes.object)[single], 9 / 64)
    both = measures.of_regions(maps, scenes, 0)["energy"]
    assert (both["gam"] < both["gam, both taps"]).all()
    assert (both["gam, both taps"] < both["gam, earlier tap"]).all()


def test_the_contribution_of_a_channel_is_its_truth_and_the_size_of_its_gradient_is_not():
    """W_ik mean A_k is what the logit loses without channel k, as the rest is linear; |gradient| ranks otherwise."""
    network = network_of("channels")
    image, _ = constructions.coloured_scene(0, np.random.default_rng(3))
    x = torch.from_numpy(image / 255).permute(2, 0, 1)[None]
    activation = network.mixed(network.conv(x)).detach().requires_grad_()
    logit = network.head(network.mean(activation))[0, 0]
    (gradient,) = torch.autograd.grad(logit, activation)
    contribution = (gradient * activation).sum((0, 2, 3)).detach()
    for channel in range(3):
        without = activation.detach().clone()
        without[:, channel] = 0
        left = network.head(network.mean(without))[0, 0]
        assert (logit - left).item() == pytest.approx(contribution[channel].item())
    size = gradient.mean((0, 2, 3)).abs()
    assert contribution.argsort().tolist() != size.argsort().tolist()


def test_rolled_rows_ask_about_the_next_class(made):
    construction = constructions.CONSTRUCTIONS["channels"]
    model = methods.load(construction)
    rolled = methods.rows_rolled(model)
    x = torch.rand(5, 3, 32, 32, generator=torch.Generator().manual_seed(0))
    torch.testing.assert_close(rolled.module(x), model.module(x).roll(-1, 1))
    assert rolled.weights_sha256 != model.weights_sha256


def test_the_edge_filter_sees_one_image_at_a_time_and_nothing_where_nothing_changes():
    pixels = np.zeros((2, 8, 8, 3), "u1")
    pixels[0, :, 4:] = 200
    pixels[1, 2:5, 2:5, 1] = 90
    both = methods.edges(pixels)
    np.testing.assert_array_equal(both[1], methods.edges(pixels[1:])[0])
    assert (both[0][:, 3:5] == 1).all() and (both[0][:, [0, 1, 2, 5, 6, 7]] == 0).all()


def test_likeness_of_constant_maps_is_defined():
    rng = np.random.default_rng(0)
    some, flat = rng.random((2, 4, 4)), np.ones((2, 4, 4))
    assert measures.likeness(some, some).tolist() == pytest.approx([1, 1])
    assert measures.likeness(some, flat).tolist() == [0, 0]
    assert measures.likeness(flat, 0 * flat).tolist() == [1, 1]


def test_measures_of_masks_equal_a_loop_over_images(made):
    scenes, _, maps = made["channels"]
    values = measures.of_masks(maps, scenes, "black", 3, 0)
    model = network_of("channels")
    for method in ("gam", "edge filter"):
        for row in (0, 7):
            target = scenes.target[row]
            mask = maps.maps[method][row][:, :, None]
            before, after = (
                float(torch.tensor(z).softmax(0)[target])
                for z in (
                    [logit(model, scenes.pixels[row] / 255 * part, k) for k in range(3)]
                    for part in (1, mask)
                )
            )
            assert values["adp_black"][method][row] == pytest.approx(
                100 * max(0, before - after) / before, abs=1e-3
            )
            assert values["pic_black"][method][row] == (100 if after > before * (1 + 1e-6) else 0)


def test_the_constructions_of_the_tables_are_those_of_the_stage():
    assert tuple(CONSTRUCTIONS) == trial.NAMES


@pytest.fixture(scope="module")
def stores(tmp_path_factory):
    """Two trials of 8 images."""
    folder = tmp_path_factory.mktemp("trials")
    for name in ("channels", "cue-strong"):
        trial.trial(
            str(folder / f"{name}.h5"), trial.Options(name, samples=8, steps=4, resamples=50)
        )
    return folder


def test_a_store_holds_every_value_and_the_statistics_are_their_means(stores):
    with store.read(str(stores / "cue-strong.h5")) as source:
        names = source.texts(store.paths.trial("cue-strong", "method"))
        every = source.texts(store.paths.trial("cue-strong", "measure"))
        values = source.values(store.paths.trial("cue-strong", "value"))
        columns, _ = source.table(store.paths.trial("cue-strong", "methods"))
    shown = dict(zip(columns["statistic"], columns["value"]))
    for method, measure in itertools.product(
        ("truth", "gam", "constant"), ("truth", "iou", "energy")
    ):
        column = values[:, names.index(method), every.index(measure)]
        assert shown[f"{method}: {measure}"] == pytest.approx(np.nanmean(column))
    assert values.shape == (8, len(names), len(every))


def test_evaluate_puts_trials_side_by_side(stores, capsys):
    paths = (stores / "channels.h5", stores / "cue-strong.h5")
    ended = call(capsys, "evaluate", *paths, "--layout", "known-answers", "--json")
    assert ended.status == 0 and not ended.err, ended.err
    rows = rows_of(ended.out)
    assert {row["table"] for row in rows} == {"known-methods", "known-measures", "known-first"}

    def value(table, row, column):
        (match,) = [
            one["value"]
            for one in rows
            if (one["table"], one["row"], one["column"]) == (table, row, column)
        ]
        return match

    assert value("known-methods", "truth", "channels") == 1
    assert value("known-methods", "gradcam", "cue-strong") == 1
    assert value("known-measures", "IoU with object", "cue-strong") < 0
    assert value("known-first", "IoU with object", "cue-strong") == 0
    assert value("known-first", "deletion, black", "channels") == 100
    text = call(capsys, "evaluate", *paths).out
    assert "on 2 networks whose right answer is known" in text and "truth first" in text
    mean = value("known-measures", "energy in object", "mean")
    parts = [value("known-measures", "energy in object", one) for one in ("channels", "cue-strong")]
    assert mean == pytest.approx(np.mean(parts))


def test_images_are_kept_where_they_are_asked_for_and_other_files_refused(tmp_path, capsys):
    arguments = ("trial", "channels", "--samples", 8, "--steps", 1, "--resamples", 0, "-q")
    kept = tmp_path / "kept"
    ended = call(
        capsys,
        *arguments,
        "-o",
        tmp_path / "a.h5",
        "--images",
        kept,
        "--figure",
        tmp_path / "a.png",
    )
    assert ended.status == 0, ended.err
    assert (
        len(list(kept.rglob("*.png"))) == len(list((tmp_path / "kept-masks").rglob("*.png"))) == 8
    )
    with Image.open(tmp_path / "a.png") as picture:
        assert picture.width > 1000
    other = (*arguments, "--seed", 1, "-o", tmp_path / "b.h5", "--images", kept)
    refused = call(capsys, *other)
    assert (
        refused.status == 1 and "not empty: 16 of its files are not of this trial" in refused.line
    )
    before = {path: path.read_bytes() for path in tmp_path.rglob("*.png")}
    (kept / "class0" / "0000.png").write_bytes(before[kept / "class0" / "0000.png"][:30])
    again = call(capsys, *arguments, "-o", tmp_path / "b.h5", "--images", kept)  # a killed run's
    assert again.status == 0 and all(path.read_bytes() == data for path, data in before.items())
    with store.read(str(tmp_path / "a.h5")) as a, store.read(str(tmp_path / "b.h5")) as b:
        assert a.digests() == b.digests()
    (kept / "notes.txt").write_text("mine")
    refused = call(capsys, *arguments, "-o", tmp_path / "c.h5", "--images", kept)
    assert refused.status == 1 and "notes.txt" in refused.line
    assert (
        "--samples" in call(capsys, "trial", "window", "--samples", 3, "-o", tmp_path / "c.h5").line
    )
    assert call(capsys, "trial", "windows", "-o", tmp_path / "c.h5").status == 2


def test_equal_options_give_equal_stores(tmp_path):
    options = trial.Options("channels", samples=8, steps=2, resamples=20)
    digests = []
    for name in ("a.h5", "b.h5"):
        trial.trial(str(tmp_path / name), options)
        with store.read(str(tmp_path / name)) as source:
            digests.append(store.digests(source.file))
    assert digests[0] == digests[1]


@pytest.mark.parametrize(
    "chosen", ["channels", pytest.param("channels cue-or", marks=pytest.mark.slow)]
)
def test_the_recipe_makes_every_construction_and_prints_the_table(tmp_path, chosen):
    (tmp_path / "Makefile").write_text(recipe.text("known-answers"))
    sizes = (f"CONSTRUCTIONS={chosen}", "SAMPLES=8", "STEPS=2", "RESAMPLES=20")
    ours = f"GRADTOOLS={sys.executable} -m gradtools"
    how = {"cwd": tmp_path, "capture_output": True, "text": True}
    how["env"] = {**os.environ, "PYTHONPATH": str(ROOT)}
    ended = subprocess.run(["make", "-j2", ours, *sizes], **how)
    assert ended.returncode == 0, ended.stderr
    assert "how measures rank the methods" in ended.stdout
    assert all(name in ended.stdout for name in chosen.split())
    pictures = {path.name for path in (tmp_path / "known-answers").glob("*.png")}
    assert pictures == {f"{name}.png" for name in chosen.split()}
    again = subprocess.run(["make", ours, *sizes], **how)
    assert "gradtools trial" not in again.stdout and "how measures rank" in again.stdout
