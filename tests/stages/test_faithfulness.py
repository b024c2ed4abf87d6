"""Faithfulness: scores of images times maps against loops, masks of ones, pairs, and what is refused."""

import json

import numpy as np
import pytest
import torch
from networks import TOY_SOURCE
from PIL import Image
from shell import call

from gradtools import images, store
from gradtools.errors import GradtoolsError, UsageError
from gradtools.math.maps.reading import read_maps
from gradtools.network import models
from gradtools.stages import faithfulness, saliency

RULES = (
    'PREPROCESS = {"resize": None, "crop": None, "mean": (0.5, 0.5, 0.5), "std": (0.25, 0.25, 0.25)}\n'
    'CLASSES = ("ant", "bee")\n'
    "def Other():\n    torch.manual_seed(1)\n    return Toy()\n"
)
COUNT, SIDE = 5, 8


@pytest.fixture(scope="module")
def model(tmp_path_factory):
    path = tmp_path_factory.mktemp("model") / "toy.py"
    path.write_text(TOY_SOURCE + RULES)
    return models.load(f"{path}:Toy")


@pytest.fixture(scope="module")
def folder(tmp_path_factory):
    folder = tmp_path_factory.mktemp("photos")
    rng = np.random.default_rng(0)
    for number in range(COUNT):
        path = folder / ("ant" if number < 3 else "bee") / f"{number}.png"
        path.parent.mkdir(exist_ok=True)
        Image.fromarray(rng.integers(0, 256, (SIDE, SIDE, 3), dtype="u1")).save(path)
    return folder


def maps_of(folder, model, path, **options):
    listed = images.list_images([str(folder)])
    asked = saliency.Options(
        **{"method": ("gradcam", "gam"), "tap": ("stem", "body"), "batch_size": 2, **options}
    )
    saliency.saliency(listed, model, str(path), asked, threads=1, say=lambda line: None)
    return str(path)


def run(path, model, output, **options):
    with store.read(path) as source:
        asked = faithfulness.Options(**{"steps": 4, "resamples": 10, "batch_size": 4, **options})
        results = faithfulness.measure(
            source, model, str(output), asked, threads=1, say=lambda line: None
        )
    return {(result.feature, result.method): result for result in results}


def network(model, array):
    """Softmax probabilities of pixels (3, H, W) in 0..1."""
    x = (torch.from_numpy(np.asarray(array, "f4")) - 0.5) / 0.25
    with torch.no_grad():
        return model.module(x[None]).softmax(1)[0].numpy()


def test_scores_equal_a_loop_and_ones_change_nothing(folder, model, tmp_path):
    path = maps_of(folder, model, tmp_path / "maps.h5")
    results = run(path, model, tmp_path / "f.h5", layers=(1, 2))
    ones = results["a mask of ones", "black"]
    assert ones.get("adp").value == 0 and ones.get("pic").value == 0
    listed = images.list_images([str(folder)])
    with store.read(path) as source, store.read(str(tmp_path / "f.h5")) as made:
        target = source.values("/maps/target")
        raw = {
            name: source.rows(f"/maps/{name}/map").read(0, COUNT).reshape(COUNT, SIDE, SIDE)
            for name in source.maps
        }
        group = "/faithfulness/map:gam@stem+body/black"
        scores = {name: made.values(f"{group}/{name}") for name in ("map", "equal", "deletion")}
        drops = []
        for row in range(COUNT):
            pixels = np.asarray(Image.open(listed.path(row))).transpose(2, 0, 1) / 255
            mask = read_maps([raw["gam@stem"][[row]], raw["gam@body"][[row]]])[0][0]
            whole, after = network(model, pixels)[target[row]], network(model, pixels * mask)
            assert scores["map"][row] == pytest.approx(after[target[row]], abs=1e-5)
            dim = network(model, pixels * mask.mean())[target[row]]
            assert scores["equal"][row] == pytest.approx(dim, abs=1e-5)
            assert scores["deletion"][row, 0] == pytest.approx(whole, abs=1e-5)
            black = network(model, pixels * 0)[target[row]]
            assert scores["deletion"][row, -1] == pytest.approx(black, abs=1e-5)
            drops.append(max(0, whole - after[target[row]]) / whole)
    result = results["map:gam@stem+body", "black"]
    assert result.get("adp").value == pytest.approx(100 * np.mean(drops), abs=1e-3)


def test_pairs_mask_one_image_or_both(folder, model, tmp_path):
    path = maps_of(folder, model, tmp_path / "p.h5", pairs="same-class:2", target="cosine")
    one = run(path, model, tmp_path / "one.h5", layers=(1,))
    both = run(path, model, tmp_path / "both.h5", layers=(1,), both=True)
    for results in (one, both):
        assert results["a mask of ones", "black"].get("adp").value == 0
        assert results["a mask of ones", "black"].get("pic").value == 0
    with store.read(str(tmp_path / "both.h5")) as made:
        scores = made.values("/faithfulness/map:gam@body/black/map")
        assert np.array_equal(scores[0::2], scores[1::2])  # a pair's cosine has no direction
    with store.read(str(tmp_path / "one.h5")) as made:
        scores = made.values("/faithfulness/map:gam@body/black/map")
        assert not np.allclose(scores[0::2], scores[1::2])
        assert made.values("/faithfulness/map:gam@body/black/deletion") is None


def test_what_is_refused(folder, model, tmp_path):
    path = maps_of(folder, model, tmp_path / "maps.h5")
    with pytest.raises(UsageError, match="--both is about pairs"):
        run(path, model, tmp_path / "f.h5", both=True)
    other = models.load(model.spec.replace("Toy", "Other"))
    assert other.weights_sha256 != model.weights_sha256
    with pytest.raises(GradtoolsError, match="of another network"):
        run(path, other, tmp_path / "f.h5")
    difference = maps_of(folder, model, tmp_path / "d.h5", target="diff:ant,bee")
    with pytest.raises(UsageError, match="difference of two classes"):
        run(difference, model, tmp_path / "f.h5")


def test_moved_and_changed_images_are_named(folder, model, tmp_path):
    import shutil

    moved = tmp_path / "moved"
    shutil.copytree(folder, moved)
    path = maps_of(moved, model, tmp_path / "maps.h5")
    Image.new("RGB", (SIDE, SIDE)).save(moved / "bee" / "4.png")
    with pytest.raises(GradtoolsError, match="4.png is not the image"):
        run(path, model, tmp_path / "f.h5")
    shutil.rmtree(moved)
    with pytest.raises(GradtoolsError, match="--images DIR"):
        run(path, model, tmp_path / "f.h5", layers=(1,))


def test_images_that_end_early_are_said_once_counted_and_refused_by_strict(model, tmp_path, capsys):
    folder, rng = tmp_path / "photos", np.random.default_rng(0)
    for number, name in enumerate(("ant", "ant", "bee", "bee")):
        (folder / name).mkdir(parents=True, exist_ok=True)
        pixels = rng.integers(0, 256, (SIDE, SIDE, 3), dtype="u1")
        Image.fromarray(pixels).save(folder / name / f"{number}.jpg")
    short = folder / "bee" / "3.jpg"
    short.write_bytes(short.read_bytes()[:-20])
    path = maps_of(folder, model, tmp_path / "maps.h5", target="label")
    pairs = maps_of(folder, model, tmp_path / "p.h5", pairs="same-class:2", target="cosine")
    for given in (path, pairs):
        out = f"{given}-f.h5"
        start = ("faithfulness", given, "--model", model.spec, "--steps", 2, "--resamples", 5)
        start += ("--threads", 1, "--json", "-o", out)
        strict = call(capsys, *start, "--strict")
        assert (
            strict.status == 3 and "1 of 4 images end early, and --strict allows none" in strict.err
        )
        ended = call(capsys, *start)  # finishes what the strict run has kept
        assert ended.status == 0 and "the files of 1 images end early" in ended.out
        assert "3.jpg ends early" in strict.err and "3.jpg ends early" not in ended.err
        with store.read(out) as made:
            assert json.loads(made.history_lines()[-1])["ended_early"] == 1
