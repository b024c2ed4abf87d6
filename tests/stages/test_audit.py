"""Audits: exact splits against loops, cues of known strength, and a network that a cue in the background has trained."""

import shutil

import numpy as np
import pytest
import torch
from PIL import Image
from shell import call, rows_of

from gradtools import images, store
from gradtools.bundled import cues, scene_resnet, scenes
from gradtools.images import annotations
from gradtools.math.games import shapley
from gradtools.network import known, models
from gradtools.stages import saliency
from gradtools.stages.faithfulness import audit
from gradtools.stages.trial import constructions
from gradtools.training import bundled_networks

PER_CLASS = 12
SHOWN = ("seven", "three", "two", "five")
PATHS = {
    "cued": bundled_networks.FOLDER / "scene_resnet8_cued.pth",
    "clean": bundled_networks.FOLDER / "scene_resnet8.pth",
}


def maps_of(folder, model, path, **options):
    listed = images.list_images([str(folder)])
    listed, _ = annotations.attach(listed, [annotations.read(f"{folder}-masks", None)])
    asked = saliency.Options(method=("gradcam",), layers=1, target="label", **options)
    saliency.saliency(listed, model, str(path), asked, threads=1, say=lambda line: None)
    return str(path)


def audited(path, model, output, **options):
    with store.read(path) as source:
        asked = audit.Options(**{"resamples": 100, **options})
        return audit.audit(source, model, str(output), asked, threads=1, say=lambda line: None)


def network_of(name):
    return models.load("gradtools.bundled.scene_resnet:resnet8", str(PATHS[name]))


@pytest.fixture(scope="module")
def folder(tmp_path_factory):
    """Scenes whose sevens have the cue, and the maps of both networks."""
    folder = tmp_path_factory.mktemp("cued")
    cues.write_scenes(folder / "scenes", "heldout", PER_CLASS)
    for name in set(scenes.CLASSES) - set(SHOWN):
        for where in ("scenes", "scenes-masks"):
            shutil.rmtree(folder / where / name)
    for name in PATHS:
        maps_of(folder / "scenes", network_of(name), folder / f"{name}.h5")
    return folder


@pytest.fixture(scope="module")
def made(folder):
    return {
        name: audited(str(folder / f"{name}.h5"), network_of(name), folder / f"{name}-audit.h5")
        for name in PATHS
    }


def statistic(made, name):
    return made.results[0].get(name)


def test_the_cued_network_is_found_out_and_the_clean_one_is_not(made):
    seven = {name: statistic(one, f"{cues.CUED}: flagged") for name, one in made.items()}
    assert seven["cued"].low > 50 > 25 > seven["clean"].value and seven["cued"].n > 8
    for name in set(SHOWN) - {cues.CUED}:
        assert all(statistic(one, f"{name}: flagged").value < 25 for one in made.values())
    parts = {
        name: [statistic(one, f"{cues.CUED}: {part}") for part in ("object", "background")]
        for name, one in made.items()
    }
    assert parts["cued"][1].low > parts["cued"][0].high
    assert parts["clean"][0].low > parts["clean"][1].high
    control = statistic(made["clean"], "every class: flagged_other")
    assert control.low > 50 and statistic(made["clean"], "every class: difference").high < -40
    assert statistic(made["cued"], f"{cues.CUED}: difference").high >= 0


def test_scores_equal_the_network_on_masked_images(folder, made):
    network = scene_resnet.resnet8()
    network.load_state_dict(torch.load(PATHS["cued"], weights_only=True))
    network.eval()
    one = made["cued"]
    for row in (0, 20, 40):
        region = one.plan.regions[row]
        with store.read(str(folder / "cued.h5")) as source:
            name = source.ids[region.sample]
        about = scenes.CLASSES.index(name.partition("/")[0])
        pixels = np.asarray(Image.open(folder / "scenes" / name))
        inside = np.asarray(Image.open(folder / "scenes-masks" / name)) > 0
        np.testing.assert_array_equal(audit.object_of(region), inside)
        other = audit.object_of(one.plan.regions[one.plan.others[row]])
        shown = {
            "whole": np.ones_like(inside),
            "inside": inside,
            "outside": ~inside,
            "neither": np.zeros_like(inside),
            "other_inside": other,
            "other_outside": ~other,
        }
        for key, mask in shown.items():
            x = bundled_networks.preprocessed((pixels * mask[:, :, None])[None])
            with torch.no_grad():
                expected = network(x).double().softmax(1)[0, about].item()
            value = one.scores[store.paths.audit("black", key)][row]
            assert value == pytest.approx(expected, abs=1e-5), key


def test_the_parts_add_up_to_what_the_whole_image_gains(made):
    one = made["cued"]
    whole, neither = (one.scores[store.paths.audit("black", name)] for name in ("whole", "neither"))
    for other in (False, True):
        parts = audit.split(one.scores, "black", other)
        np.testing.assert_allclose(sum(parts), whole - neither, atol=1e-12)


def test_means_are_those_of_a_loop_over_right_answers(made):
    one = made["cued"]
    parts = audit.split(one.scores, "black")
    right = [row for row in range(len(one.plan.right)) if one.plan.right[row]]
    flagged = [parts.background[row] > parts.object[row] for row in right]
    assert statistic(one, "every class: flagged").value == pytest.approx(100 * np.mean(flagged))
    assert statistic(one, "every class: flagged").n == len(right) < len(one.plan.right) + 1
    listed = one.results[1].columns
    assert (
        len(listed["id"]) == sum(flagged)
        and (np.diff(listed["background"] - listed["object"]) <= 0).all()
    )
    assert (np.asarray(listed["background"]) > np.asarray(listed["object"])).all()


@pytest.mark.parametrize("name, share", [("cue_weak", 0), ("cue_strong", 100)])
def test_a_cue_of_more_than_half_is_flagged(tmp_path, name, share):
    made = [
        constructions.cued_scene(row % 2, np.random.default_rng(row), False) for row in range(6)
    ]
    drawn = constructions.Scenes(
        np.stack([image for image, _ in made]), np.arange(6) % 2, np.stack([one for _, one in made])
    )
    constructions.write(drawn, str(tmp_path / "images"))
    model = models.load(f"gradtools.network.known:{name}")
    path = maps_of(tmp_path / "images", model, tmp_path / "maps.h5", labels_in_order=True)
    one = audited(path, model, tmp_path / "audit.h5", labels_in_order=True)
    result = statistic(one, "every class: flagged")
    assert (result.value, result.n) == (share, 6)


@pytest.mark.parametrize("name, parts", [("cue_and", (0, 0, 3.6)), ("cue_or", (4, 4, -4))])
def test_both_needed_and_one_enough_are_the_interaction(name, parts):
    image, inside = constructions.cued_scene(0, np.random.default_rng(0), False)
    network = getattr(known, name)()
    masks = [np.ones_like(inside), inside, ~inside, np.zeros_like(inside)]
    x = torch.from_numpy(np.stack([image / 255 * mask[:, :, None] for mask in masks]))
    logits = network(x.permute(0, 3, 1, 2).float()).detach().numpy()[:, 0]
    np.testing.assert_allclose(shapley.split(*logits), parts, atol=1e-5)


def test_the_command_lists_and_draws_and_evaluate_prints_the_same(folder, tmp_path, capsys):
    model = ("--model", "gradtools.bundled.scene_resnet:resnet8", "--weights", PATHS["cued"])
    ended = call(
        capsys, "faithfulness", folder / "cued.h5", *model, "--audit", "--figure",
        tmp_path / "sheet.png", "-o", tmp_path / "audit.h5", "--json", "--resamples", 20,
        "--fill", "black", "--fill", "blur",
    )  # fmt: skip
    assert ended.status == 0, ended.err
    again = call(capsys, "evaluate", tmp_path / "audit.h5", "--layout", "audit", "--json")
    drop = ("model", "row", "note")
    strip = [
        [{k: v for k, v in row.items() if k not in drop} for row in rows_of(one.out)]
        for one in (ended, again)
    ]
    assert strip[0] == strip[1] and {row["table"] for row in strip[0]} >= {
        "audit-black",
        "audit-list-black",
    }
    short = call(capsys, "evaluate", tmp_path / "audit.h5").out
    assert f"by the lower bound: {cues.CUED}." in short.replace("\n    ", " ")
    text = call(capsys, "evaluate", tmp_path / "audit.h5", "--layout", "audit").out
    assert f"by the lower bound: {cues.CUED}" in text and "the fill blur hides little" in text
    with Image.open(tmp_path / "sheet.png") as picture:
        assert picture.height > picture.width


def test_what_an_audit_cannot_do_is_refused(folder, tmp_path, capsys):
    model = ("--model", "gradtools.bundled.scene_resnet:resnet8", "--weights", PATHS["clean"])
    start = ("faithfulness", folder / "clean.h5", *model, "-o", tmp_path / "a.h5")
    assert "--steps" in call(capsys, *start, "--audit", "--steps", 4).line
    assert "give both" in call(capsys, *start, "--figure", tmp_path / "a.png").line
    other = ("--model", model[1], "--weights", PATHS["cued"])
    refused = call(
        capsys,
        "faithfulness",
        folder / "clean.h5",
        *other,
        "--audit",
        "-o",
        tmp_path / "a.h5",
        "-q",
    )
    assert refused.status == 1 and "another network" in refused.line
    assert not (tmp_path / "a.h5").exists()


def test_an_interrupted_audit_resumes_to_the_same_store(folder, tmp_path, monkeypatch):
    model, blocks = network_of("cued"), []
    compute = audit.compute

    def stopped(plan, block, frames):
        if len(blocks) == 1:
            raise KeyboardInterrupt
        blocks.append(block.start)
        return compute(plan, block, frames)

    monkeypatch.setattr(audit, "compute", stopped)
    with pytest.raises(KeyboardInterrupt):
        audited(str(folder / "cued.h5"), model, tmp_path / "a.h5")
    monkeypatch.setattr(
        audit,
        "compute",
        lambda plan, block, frames: blocks.append(block.start) or compute(plan, block, frames),
    )
    audited(str(folder / "cued.h5"), model, tmp_path / "a.h5")
    assert blocks == [0, 32]
    audited(str(folder / "cued.h5"), model, tmp_path / "b.h5")
    with store.read(str(tmp_path / "a.h5")) as a, store.read(str(tmp_path / "b.h5")) as b:
        assert store.digests(a.file) == store.digests(b.file)
