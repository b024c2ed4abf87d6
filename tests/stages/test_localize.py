"""Localisation on planted maps: copies of the box are perfect, copies of other boxes score the null."""

import json

import numpy as np
import pytest
from PIL import Image
from planted_overlays import planted as planted_overlays
from scipy.stats import spearmanr
from shell import call

from gradtools import store
from gradtools.errors import UsageError
from gradtools.figures import objects
from gradtools.math.regions import boxes as rectangles
from gradtools.math.regions import localization
from gradtools.selection import regions
from gradtools.selection.maps import Feature
from gradtools.stages import localize
from gradtools.stages.localize import measuring
from gradtools.tables import localization as localization_tables

SIDE, COUNT = 16, 20
RULES = {
    "resize": None,
    "crop": None,
    "mean": [0] * 3,
    "std": [1] * 3,
    "interpolation": "bilinear",
}


def planted(path, boxes=None, noise=0.0, masks=False):
    """Images with one box each; maps `copy` of it at two taps, and `shifted`: that of the next image."""
    rng = np.random.default_rng(0)
    low = rng.integers(0, 8, (COUNT, 2))
    corners = np.concatenate([low, low + rng.integers(3, 8, (COUNT, 2))], axis=1)
    shown = np.stack([rectangles.pixels(one[None], (SIDE, SIDE)) for one in corners]).astype("f4")
    stored = corners if boxes is None else boxes(corners)
    with store.create(str(path), "maps", root="nowhere") as sink:
        sink.put("/samples/id", [f"{i:02}.png" for i in range(COUNT)], ["/sample"], "id")
        sink.put("/samples/label", np.zeros(COUNT, "i4"), ["/sample"], "label")
        sink.put("/samples/digest", np.zeros((COUNT, 32), "u1"), ["/sample", "/byte"], "digest")
        for name in ("height", "width"):
            sink.put(f"/samples/{name}", np.full(COUNT, SIDE, "i4"), ["/sample"], name)
        sink.put("/classes/name", ["ant"], ["/label"], "class")
        sink.put("/classes/member", np.ones((1, 1), "u1"), ["/label", "/class"], "member")
        columns = {
            name: stored[:, i].astype("f4") for i, name in enumerate(("x0", "y0", "x1", "y1"))
        }
        columns |= {"sample": np.arange(COUNT, dtype="i4"), "class": np.zeros(COUNT, "i4")}
        sink.table("/boxes", columns, "boxes", row="box")
        sink.put("/maps/sample", np.arange(COUNT, dtype="i4"), ["/map"], "sample")
        sink.put("/maps/partner", np.full(COUNT, -1, "i4"), ["/map"], "partner")
        sink.put("/maps/target", np.zeros(COUNT, "i4"), ["/map"], "target")
        names = {
            "copy@a": shown,
            "copy@b": shown + noise * rng.random(shown.shape).astype("f4"),
            "shifted@b": np.roll(shown, 1, axis=0),
        }
        for name, values in names.items():
            sink.put(f"/maps/{name}/map", values.astype("f4"), ["/map", "y", "x"], name)
            method, _, tap = name.partition("@")
            sink.attributes(f"/maps/{name}", method=method, tap=tap)
        sink.attributes("/maps", order=json.dumps(list(names)), target="argmax", score="logit")
        sink.attributes(
            "/model", model="planted", weights_sha256="0" * 64, preprocess=json.dumps(RULES)
        )
        sink.history([], {"command": "planted", "started": "2026-01-01", "seconds": 0})
    return str(path)


def run(path, output=None, **options):
    with store.read(path) as source:
        asked = localize.Options(**{"resamples": 20, **options})
        results = localize.localize(source, output, asked, say=lambda line: None)
    return {result.feature: result for result in results}


def test_a_copy_of_the_box_is_perfect_and_a_copy_of_another_scores_the_null(tmp_path):
    results = run(planted(tmp_path / "a.h5"))
    for name in ("map:copy@b", "map:copy@a+b"):
        for measure in (
            "iou",
            "iou_half",
            "energy",
            "pointing",
            "precision",
            "iou@25",
            "energy@10",
        ):
            assert results[name].get(measure).value == 1, (name, measure)
    null = results["map of another image"]
    shifted = results["map:shifted@b"]
    for measure in ("iou", "energy", "precision"):
        low, high = sorted([null.get(measure).low, null.get(measure).high])
        assert low - 0.15 < shifted.get(measure).value < high + 0.15
        assert shifted.get(measure).value < 0.6


def test_every_number_equals_a_loop(tmp_path):
    path = planted(tmp_path / "a.h5", noise=0.9)
    results = run(path, feature=("map:copy@b",), layers=(1,))
    with store.read(path) as source:
        raw = source.rows("/maps/copy@b/map").read(0, COUNT).reshape(COUNT, SIDE, SIDE)
        located = regions.of_maps(source, np.arange(COUNT)).regions
    read = [(one - one.min()) / (one.max() - one.min()) for one in raw.astype(float)]
    energy = [one[region.pixels].sum() / one.sum() for one, region in zip(read, located)]
    result = results["map:copy@b"]
    assert result.get("energy").value == pytest.approx(np.mean(energy), abs=1e-12)
    held_out = localization.hold_outs(np.arange(COUNT))[0]
    curves = np.array(
        [localization.box_ious(one, region.boxes) for one, region in zip(read, located)]
    )
    place = curves[held_out].mean(axis=0).argmax()
    assert result.facts["threshold"] == localization.THRESHOLDS[place]
    assert result.get("iou").value == pytest.approx(curves[~held_out, place].mean(), abs=1e-12)
    assert result.get("iou").n == (~held_out).sum() and result.get("energy").n == COUNT
    small = np.array([region.share for region in located])
    chosen = small <= np.percentile(small, 25)
    assert result.get("energy@25").value == pytest.approx(np.mean(np.array(energy)[chosen]))


def test_shuffling_the_boxes_that_are_not_held_out_does_not_move_the_threshold(tmp_path):
    held_out = localization.hold_outs(np.arange(COUNT))[0]

    def shuffle(corners):
        mixed = corners.copy()
        mixed[~held_out] = np.roll(mixed[~held_out], 3, axis=0)
        return mixed

    first = run(planted(tmp_path / "a.h5", noise=0.9))["map:copy@b"]
    second = run(planted(tmp_path / "b.h5", boxes=shuffle, noise=0.9))["map:copy@b"]
    assert first.facts["threshold"] == second.facts["threshold"]
    assert second.get("iou").value < first.get("iou").value - 0.2


def test_a_file_names_the_hold_out(tmp_path):
    path = planted(tmp_path / "a.h5", noise=0.9)
    (tmp_path / "held.txt").write_text("00.png\n03.png\n")
    result = run(path, holdout=str(tmp_path / "held.txt"))["map:copy@b"]
    assert result.facts["held_out"] == 2 and result.get("iou").n == COUNT - 2
    (tmp_path / "held.txt").write_text("".join(f"{i:02}.png\n" for i in range(COUNT)))
    with pytest.raises(UsageError, match="leave some on either side"):
        run(path, holdout=str(tmp_path / "held.txt"))


def test_the_command(tmp_path, capsys, monkeypatch):
    monkeypatch.chdir(tmp_path)
    planted(tmp_path / "a.h5", noise=0.9)
    ended = call(capsys, "localize", "a.h5", "--resamples", "20", "--json")
    assert ended.status == 0, ended.err
    tables = {one["id"]: one for one in json.loads(ended.out)["tables"]}
    assert {"localization", "localization-25", "localization-10"} <= set(tables)
    rows = {row["row"] for row in tables["localization"]["rows"]}
    assert {"copy@b", "copy@a+b", "centred Gaussian", "map of another image"} <= rows
    for table in (tables["localization"], tables["localization-10"]):  # its IoU has no held-out map
        counts = {row["column"]: row["n"] for row in table["rows"] if row["row"] == "copy@b"}
        assert f"({counts['IoU']} in an IoU)" in table["title"]
        assert f" {counts['energy in box']} maps" in table["title"]
    assert call(capsys, "localize", "a.h5", "--resamples", "20", "-o", "l.h5").status == 0
    assert call(capsys, "localize", "a.h5", "--resamples", "0", "-o", "l.h5").status == 1
    shown = call(capsys, "evaluate", "l.h5", "--layout", "localization", "--json")
    assert json.loads(shown.out)["tables"] == json.loads(ended.out)["tables"]
    with store.read("l.h5") as made:
        assert made.values("/localization/map:copy@b/energy").shape == (COUNT,)
        assert made.values("/localization/map:copy@b/box_iou").shape == (COUNT, 19)


@pytest.mark.parametrize(
    "arguments, said",
    [(["--boxes", "cow"], "has the classes ant"), (["--layers", "3"], "maps of 2 taps")],
)
def test_what_is_refused(tmp_path, capsys, arguments, said):
    ended = call(capsys, "localize", planted(tmp_path / "a.h5"), "--json", *arguments)
    assert ended.status == 2 and said in ended.err


def test_differences_are_paired_and_each_map_is_held_against_the_controls(tmp_path):
    path = planted(tmp_path / "a.h5", noise=0.9)
    results = run(path)
    tables = {one.id: one for one in localization_tables.tables([("net", results)])}
    rows = {(row["a"], row["b"]): row for row in tables["localization-difference"].rows}
    cell = rows["copy@b", "shifted@b"]["energy in box"]
    a, b = results["map:copy@b"], results["map:shifted@b"]
    assert cell.value == pytest.approx(a.get("energy").value - b.get("energy").value)
    low, high = np.percentile(a.replicate("energy") - b.replicate("energy"), [2.5, 97.5])
    assert (cell.low, cell.high) == pytest.approx((low, high), abs=0.02)
    assert ("copy@a+b", "copy@b") in rows and ("copy@b", "centred Gaussian") in rows
    assert ("copy@a+b", "shifted@b") not in rows  # two things differ


def test_maps_of_other_classes_beside_the_figures(tmp_path):
    path = planted(tmp_path / "a.h5", noise=0.9)
    with store.read(path) as source:
        everything = np.arange(COUNT)
        located = regions.of_maps(source, everything).regions
        maps = source.rows("/maps/copy@b/map").read(0, COUNT).reshape(COUNT, -1)
        sums = source.rows("/maps/shifted@b/map").read(0, COUNT).reshape(COUNT, -1)
    feature = Feature("map:copy@b", "copy", ("b",))
    other = _made_over(tmp_path / "b.h5", path, {"activation@b": sums}, target="ranks")
    with store.read(other) as source:
        alike = measuring.discrimination(source, feature, "mean", located[::3][:6], 0)
    for place, row in enumerate(range(0, 18, 3)):
        for name, beside in (("second", row + 1), ("middle", row + 2)):
            loop = spearmanr(maps[row], maps[beside])[0]
            assert alike[name][place] == pytest.approx(loop)
        assert alike["activation"][place] == pytest.approx(spearmanr(maps[row], sums[row])[0])
    assert np.isfinite(alike["other_image"]).all() and "labels" not in alike
    results = run(other)  # the maps of the first class alone are held against boxes
    assert results["map:copy@b"].facts["maps"] == 6
    tables = {one.id: one for one in localization_tables.tables([("net", results)])}
    row = next(row for row in tables["class-discrimination"].rows if row["map"] == "copy@b")
    assert row["second class"].value is not None and "labels" in row["other labels"].note


def _made_over(path, source_path, maps, target):
    """The store again with further maps, three to an image, of another target."""
    with store.read(source_path) as source, store.create(str(path), "maps") as sink:
        sink.carry(source, np.ones(COUNT, bool), True, replacing=["/maps/sample"])
        sample = np.minimum(np.arange(COUNT) // 3, 5).astype("i4")
        sink.put("/maps/sample", sample, ["/map"], "sample")
        names = [*source.maps, *maps]
        for name, values in maps.items():
            values = values.reshape(COUNT, SIDE, SIDE).astype("f4")
            sink.put(f"/maps/{name}/map", values, ["/map", "y", "x"], name)
            method, _, tap = name.partition("@")
            sink.attributes(f"/maps/{name}", method=method, tap=tap)
        sink.attributes("/maps", order=json.dumps(names), target=target, score="logit")
        sink.history([source], {"command": "made over", "started": "2026-01-01", "seconds": 0})
    return str(path)


def test_where_negative_weights_outweigh_equals_a_loop(tmp_path):
    path = planted(tmp_path / "a.h5")
    signed = np.random.default_rng(5).standard_normal((COUNT, SIDE * SIDE)).astype("f4")
    other = _made_over(tmp_path / "b.h5", path, {"gradcam@b": signed}, target="argmax")
    with store.read(other) as source:
        located = regions.of_maps(source, np.arange(COUNT)).regions
        shares = measuring.outweighed(source, Feature("", "gradcam", ("b",)), located)
        assert measuring.outweighed(source, Feature("", "copy", ("b",)), located) is None
    for region, share in zip(located, shares):
        negative = signed[region.row].reshape(SIDE, SIDE) < 0
        assert share == pytest.approx(negative[region.pixels].mean())
    results = run(other)
    tables = {one.id: one for one in localization_tables.tables([("net", results)])}
    (row,) = tables["outweighed"].rows
    assert row["map"] == "gradcam@b" and row["P < Q"].value == pytest.approx(shares.mean())


def test_boxes_are_drawn_white_and_the_predicted_ones_orange(tmp_path):
    frame = np.zeros((SIDE, SIDE, 3))
    area = np.zeros((1, SIDE, SIDE), bool)
    area[0, 4:8, 2:12] = True
    large = objects._with_lines(frame, [(area, objects.TRUE)])
    times = large.shape[0] // SIDE
    assert min(large.shape[:2]) >= objects.LEAST
    assert (large[4 * times, 2 * times : 12 * times] == 1).all()  # the upper edge
    assert (large[6 * times, 6 * times] == 0).all() and (large[: 4 * times] == 0).all()


def test_pictures_of_boxes(tmp_path, capsys):
    corners = {"x0": 1, "y0": 1, "x1": 5, "y1": 6}
    path = planted_overlays(tmp_path)
    with store.read(path) as source, store.create(str(tmp_path / "b.h5"), "maps") as sink:
        sink.carry(source, np.ones(4, bool), True)
        columns = {name: np.full(4, value, "f4") for name, value in corners.items()}
        columns |= {"sample": np.arange(4, dtype="i4"), "class": np.zeros(4, "i4")}
        sink.table("/boxes", columns, "boxes", row="box")
        for name, side in (("height", 14), ("width", 16)):
            sink.put(f"/samples/{name}", np.full(4, side, "i4"), ["/sample"], name)
        sink.attributes("/", root=str(tmp_path / "photos"))
        sink.history([source], {"command": "boxes", "started": "2026-01-01", "seconds": 0})
    made = str(tmp_path / "b.h5")
    asked = ["--feature", "map:gam", "--resamples", "0", "--tsv", "--figure"]
    picture = str(tmp_path / "boxes.png")
    ended = call(capsys, "localize", made, *asked, picture, "--rows", "2")
    assert ended.status == 0, ended.err
    with Image.open(picture) as drawn:
        assert drawn.size[0] > 600
    ended = call(capsys, "localize", made, *asked, picture, "--picture", "masks", "--force")
    assert ended.status == 1 and "no objects with a mask" in ended.err
    ended = call(capsys, "localize", made, *asked, str(tmp_path / "boxes.txt"))
    assert ended.status == 2 and ".png, .svg or .pdf" in ended.err
