"""What faithfulness, localize and sanity do with annotations, maps and images that do not fit: refused in a line, or counted and named."""

import json
import shutil

import numpy as np
import pytest
from networks import TOY_SOURCE
from PIL import Image
from shell import call, rows_of

from gradtools import images, store
from gradtools.math.maps.reading import read_maps
from gradtools.stages import sanity

RULES = (
    'PREPROCESS = {"resize": None, "crop": 8, "mean": (0.5, 0.5, 0.5), "std": (0.25, 0.25, 0.25)}\n'
    'CLASSES = ("ant", "bee")\n'
    "def Other():\n    torch.manual_seed(1)\n    return Toy()\n"
)
IDS = [f"{('ant', 'bee')[number % 2]}/{number}.png" for number in range(8)]
HEIGHT, WIDTH = 10, 12  # the crop takes columns 2 to 10 and rows 1 to 9


@pytest.fixture(scope="module")
def here(tmp_path_factory):
    """A folder with a network, photographs and masks of one square each."""
    here = tmp_path_factory.mktemp("truth")
    (here / "toy.py").write_text(TOY_SOURCE + RULES)
    rng = np.random.default_rng(0)
    square = np.zeros((HEIGHT, WIDTH), "u1")
    square[3:6, 4:8] = 255
    for name in IDS:
        for folder, pixels in (
            ("photos", rng.integers(0, 256, (HEIGHT, WIDTH, 3), "u1")),
            ("masks", square),
            ("small", square[:5, :6]),
        ):
            (here / folder / name).parent.mkdir(parents=True, exist_ok=True)
            Image.fromarray(pixels).save(here / folder / name)
    return here


@pytest.fixture
def run(here, capsys, monkeypatch):
    """Run a command in the folder, with the network where it takes one."""
    monkeypatch.chdir(here)

    def of(name, *arguments, network="Toy", status=0):
        model = () if name in ("localize", "evaluate") else ("--model", f"toy.py:{network}")
        short = () if name in ("saliency", "evaluate") else ("--resamples", 5)
        ended = call(capsys, name, *arguments, *model, *short)
        assert ended.status == status, ended.err
        return ended

    return of


def saliency(run, images, out, *more, **how):
    chosen = ("--tap", "body", "--method", "gam", "--method", "gradcam", "--target", "label")
    return run("saliency", images, *chosen, "-o", out, "-f", *more, **how)


def manifest(path, boxes):
    """A manifest of all images; boxes is {id: [(x0, y0, x1, y1)]}."""
    lines = ["path,label,x0,y0,x1,y1"]
    for name in IDS:
        rows = boxes.get(name) or [("",) * 4]
        lines += [",".join(map(str, (f"photos/{name}", name[:3], *row))) for row in rows]
    path.write_text("\n".join(lines) + "\n")


def counts(ended, table, head):
    """How many rows the cells of a column rest on, by row."""
    return {
        row["row"]: row["n"]
        for row in rows_of(ended.out)
        if row["table"] == table and row["column"] == head
    }


def test_images_without_boxes_are_counted_and_named(here, run):
    manifest(here / "some.csv", {name: [(4, 3, 8, 6)] for name in IDS[:3]})
    saliency(run, "some.csv", "some.h5")
    located = run("localize", "some.h5", "--json")
    assert "5 maps left out: not annotated" in located.err
    assert counts(located, "localization", "energy in box")["gam@body"] == 3
    faithful = run("faithfulness", "some.h5", "--steps", 2, "-o", "f.h5", "-f", "--json")
    assert "5 of 8 maps have no object to show alone: not annotated" in faithful.err
    shown = counts(faithful, "adp-black", "ADP")
    assert shown["the object alone"] == shown["the background alone"] == 3
    assert shown["gam@body"] == 8
    audit = run("faithfulness", "some.h5", "--audit", "-o", "a.h5", "-f", "--json")
    assert "5 rows left out: not annotated" in audit.err
    elsewhere = run("localize", "some.h5", "--boxes", "ant", "--json")
    assert "1 map left out: no object of their class is annotated" in elsewhere.err


def test_no_boxes_at_all(run):
    saliency(run, "photos", "plain.h5")
    way = "has neither boxes nor masks: make it again with --annotations"
    assert way in run("localize", "plain.h5", status=1).line
    assert way in run("faithfulness", "plain.h5", "--audit", "-o", "a.h5", "-f", status=1).err
    faithful = run("faithfulness", "plain.h5", "--steps", 2, "-o", "f.h5", "-f", "--json")
    (alone,) = [
        row
        for row in rows_of(faithful.out)
        if (row["table"], row["row"], row["column"]) == ("adp-black", "the object alone", "ADP")
    ]
    assert alone["value"] is None and alone["note"].startswith("needs boxes or masks")
    assert "holds no maps" in run("localize", "f.h5", status=2).line


def test_energy_of_several_boxes_is_of_their_union(here, run):
    boxes = [(3, 2, 7, 5), (5, 3, 9, 8), (0, 0, 1, 1)]  # two that overlap, one cut away by the crop
    manifest(here / "several.csv", dict.fromkeys(IDS, boxes))
    saliency(run, "several.csv", "several.h5")
    located = run("localize", "several.h5", "--json", "-o", "l.h5", "-f")
    assert counts(located, "localization", "energy in box")["gam@body"] == 8
    inside = np.zeros((HEIGHT, WIDTH), bool)
    for x0, y0, x1, y1 in boxes:
        inside[y0:y1, x0:x1] = True
    with store.read("several.h5") as maps, store.read("l.h5") as made:
        raw = maps.values("/maps/gam@body/map")
        energy = made.values("/localization/map:gam@body/energy")
        for row in range(8):
            read = read_maps([raw[[row]]])[0][0]
            share = read[inside[1:9, 2:10]].sum() / read.sum()
            assert energy[row] == pytest.approx(share, abs=1e-6)


def test_masks_of_another_size_or_of_other_images_are_refused(here, run):
    for name in ("saliency", "sanity"):
        arguments = ("photos", "--tap", "body", "--annotations", "small", "-o", "m.h5", "-f")
        line = run(name, *arguments, status=1).line
        assert "ant/0.png of 5 x 6 pixels, but it has 10 x 12" in line
    (here / "foreign" / "ant").mkdir(parents=True)
    shutil.copy(here / "masks" / "ant" / "0.png", here / "foreign" / "ant" / "99.png")
    refused = saliency(run, "photos", "m.h5", "--annotations", "foreign", status=1)
    assert "none of its 1 images is among the 8 given" in refused.line


def test_maps_of_another_network_or_another_preprocessing_are_refused(run):
    saliency(run, "photos", "m.h5", "--annotations", "masks")
    for more in ((), ("--audit",)):
        start = ("faithfulness", "m.h5", *more, "-o", "f.h5", "-f")
        assert "of another network" in run(*start, network="Other", status=1).err
        smaller = ("--preprocess", "crop=6,mean=0.5/0.5/0.5,std=0.25/0.25/0.25")
        assert "so that maps and images would not lie" in run(*start, *smaller, status=1).err


def test_another_list_of_images(here, run):
    saliency(run, "photos", "m.h5", "--annotations", "masks")
    (here / "strangers.txt").write_text("ant/77.png\n")
    (here / "every.txt").write_text("\n".join(IDS) + "\n")
    refused = run("localize", "m.h5", "--holdout", "strangers.txt", status=2)
    assert "no sample 'ant/77.png'" in refused.line
    every = run("localize", "m.h5", "--holdout", "every.txt", status=2)
    assert "names 8 of 8 annotated maps: leave some on either side" in every.line
    others = here / "others"
    for name in IDS:  # images of the same names
        (others / name).parent.mkdir(parents=True, exist_ok=True)
        Image.new("RGB", (WIDTH, HEIGHT)).save(others / name)
    for more in (("--steps", 2), ("--audit",)):
        start = ("faithfulness", "m.h5", *more, "--images", "others", "-o", "f.h5", "-f")
        assert (
            "ant/0.png is not the image that the store was made from" in run(*start, status=1).err
        )


def test_images_that_have_moved_or_changed(here, run):
    shutil.copytree(here / "photos", here / "moved")
    saliency(run, "moved", "moved.h5", "--annotations", "masks")
    (here / "moved").rename(here / "gone")
    commands = [
        ("localize", "moved.h5", "--figure", "f.png", "-o", "l.h5", "-f"),
        ("faithfulness", "moved.h5", "--steps", 2, "-o", "f.h5", "-f"),
        ("faithfulness", "moved.h5", "--audit", "--figure", "a.png", "-o", "a.h5", "-f"),
    ]
    for command in commands:
        assert "8 of 8 images are not in" in run(*command, status=1).err
        run(*command, "--images", "gone")
    Image.new("RGB", (WIDTH, HEIGHT)).save(here / "gone" / "bee" / "3.png")
    for command in commands:
        refused = run(*command, "--images", "gone", status=1)
        assert "bee/3.png is not the image that the store was made from" in refused.err


def test_sanity_does_not_resume_over_images_that_have_changed(here, run, monkeypatch):
    shutil.copytree(here / "photos", here / "changing")
    start = ("sanity", "changing", "--tap", "body", "--method", "gam", "--seeds", 1, "-o", "s.h5")
    compute, done = sanity.compute, []

    def stopped(plan, block):
        if done:
            raise KeyboardInterrupt
        done.append(block.start)
        return compute(plan, block)

    monkeypatch.setattr(sanity, "compute", stopped)
    run(*start, status=130)
    monkeypatch.setattr(sanity, "compute", compute)
    Image.new("RGB", (WIDTH, HEIGHT)).save(here / "changing" / "bee" / "3.png")
    refused = run(*start, status=1).err
    assert "belongs to another command" in refused and "bee/3.png" in refused
    run(*start, "--restart")


def test_one_image_has_no_interval_and_says_what_it_lacks(run):
    alone = ("photos/ant/0.png", "--tap", "body", "--method", "gam")
    run("saliency", *alone, "-o", "one.h5", "-f")
    faithful = rows_of(
        run("faithfulness", "one.h5", "--steps", 2, "-o", "f.h5", "-f", "--json").out
    )
    cells = {row["column"]: row for row in faithful if row["row"] == "gam@body"}
    assert cells["ADP, other image"]["note"] == "there is no map of another image"
    assert cells["ADP"]["low"] is None and cells["ADP"]["n"] == 1
    ended = run("sanity", *alone, "--seeds", 1, "-o", "s.h5", "-f", "--json")
    assert "one image: there is no map of another image" in ended.err
    assert not any("another image" in row["row"] for row in rows_of(ended.out))
    for row in rows_of(ended.out):
        assert row["low"] is None and row.get("spread") is None


def test_annotations_do_not_change_what_sanity_says(here, run):
    start = ("sanity", "photos", "--tap", "body", "--method", "gam", "--seeds", 1, "-f", "--json")
    plain = run(*start, "-o", "s.h5")
    annotated = run(*start, "--annotations", "masks", "-o", "s.h5")
    assert json.loads(plain.out) == json.loads(annotated.out)
    assert len(images.list_images([str(here / "photos")]).ids) == 8
