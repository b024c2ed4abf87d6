"""Regions of maps: boxes and masks in the network's frame, chosen by label, cut by the crop."""

import json

import numpy as np
import pytest

from gradtools import images, store
from gradtools.errors import GradtoolsError
from gradtools.images.annotations import runs
from gradtools.selection import regions, samples

RULES = {"resize": 8, "crop": 8, "mean": [0] * 3, "std": [1] * 3, "interpolation": "bilinear"}


def write(path, boxes, masks=None, label=None, target=(0, 0, 1), member=None):
    """Three images of 16 x 24 pixels with two data classes, a map each."""
    with store.create(str(path), "maps", root="nowhere") as sink:
        sink.put("/samples/id", ["a.png", "b.png", "c.png"], ["/sample"], "id")
        sink.put("/samples/label", np.array([0, 1, -1], "i4"), ["/sample"], "label")
        for name, side in (("height", 16), ("width", 24)):
            sink.put(f"/samples/{name}", np.full(3, side, "i4"), ["/sample"], name)
        sink.put("/classes/name", ["ant", "bee"], ["/label"], "class")
        sink.put(
            "/classes/member",
            np.eye(2, 3, dtype="u1") if member is None else member,
            ["/label", "/class"],
            "member",
        )
        names = ("sample", "class", "x0", "y0", "x1", "y1", "ignore", "object")
        if boxes is not None:
            columns = {
                name: np.array(values, "f4" if name[0] in "xy" else "i4")
                for name, values in zip(names, zip(*boxes))
            }
            sink.table("/boxes", columns, "boxes", row="box")
        if masks is not None:
            counts = [runs.encode(mask).counts for _, _, mask in masks]
            starts = np.cumsum([0, *map(len, counts)])[:-1]
            columns = {
                "sample": np.array([one[0] for one in masks], "i4"),
                "class": np.array([one[1] for one in masks], "i4"),
                "object": np.arange(len(masks), dtype="i4"),
                "ignore": np.zeros(len(masks), "u1"),
                "start": starts.astype("i4"),
            }
            sink.table("/masks", columns, "masks", row="mask")
            sink.put("/masks/counts", np.concatenate(counts).astype("i4"), ["run"], "runs")
        sink.put("/maps/sample", np.arange(3, dtype="i4"), ["/map"], "sample")
        sink.put("/maps/partner", np.full(3, -1, "i4"), ["/map"], "partner")
        sink.put("/maps/target", np.array(target, "i4"), ["/map"], "target")
        if label is not None:
            sink.put("/maps/label", np.array(label, "i4"), ["/map"], "label")
        sink.attributes("/model", model="net", preprocess=json.dumps(RULES))
    return str(path)


def find(path, which=None):
    with store.read(path) as opened:
        return regions.of_maps(opened, np.arange(3), which)


BOXES = [
    (0, 0, 4, 0, 12, 16, 0, 0),  # an ant; the frame is the middle third of the width
    (0, 1, 0, 0, 24, 16, 0, 1),  # a bee behind it
    (1, 1, 0, 0, 4, 16, 0, 0),  # cut away by the crop
    (2, 1, 8, 4, 16, 12, 0, 0),
    (2, 1, 8, 0, 16, 4, 1, 1),  # a crowd of bees
]


def test_boxes_of_the_label_the_class_or_the_image(tmp_path):
    located = find(write(tmp_path / "a.h5", BOXES, label=[0, 1, -1]))
    assert [region.row for region in located.regions] == [0, 2]
    assert located.left_out == {"cut away by the crop": 1}
    # 16 x 24 becomes 8 x 12, of which columns 2 to 10 are seen: x -> x / 2 - 2
    assert located.regions[0].boxes.tolist() == [[0, 0, 4, 8]] and located.regions[0].share == 0.5
    assert located.regions[1].boxes.tolist() == [[2, 2, 6, 6]]  # by the model's class 1, a bee
    assert not located.regions[1].valid[0, 2:6].any() and located.regions[1].valid[2:].all()
    of_ants = find(write(tmp_path / "d.h5", BOXES), "ant")
    assert of_ants.left_out == {regions.OTHER_CLASS: 2}
    everything = find(write(tmp_path / "b.h5", BOXES), "any")
    assert everything.regions[0].boxes.tolist() == [[0, 0, 4, 8], [0, 0, 8, 8]]
    of_bees = find(write(tmp_path / "c.h5", BOXES), "BEE")
    assert of_bees.regions[0].boxes.tolist() == [[0, 0, 8, 8]]


def test_where_no_class_meets_the_model_all_boxes_count(tmp_path):
    located = find(write(tmp_path / "a.h5", BOXES, member=np.zeros((2, 3), "u1")))
    assert len(located.regions[0].boxes) == 2 and "all boxes" in located.notes[0]


def test_masks(tmp_path):
    mask = np.zeros((16, 24), bool)
    mask[4:12, 8:16] = True
    located = find(
        write(tmp_path / "a.h5", None, masks=[(0, 0, mask), (2, 1, ~mask)], label=[0, 1, 1])
    )
    assert located.left_out == {"not annotated": 1}
    assert np.array_equal(located.regions[0].mask, images.transform_mask(mask, RULES))
    assert located.regions[0].boxes.tolist() == [[2, 2, 6, 6]]
    assert np.array_equal(located.regions[1].mask, ~located.regions[0].mask)


def test_masks_follow_resize_and_crop_as_nearest_pixels():
    rng = np.random.default_rng(0)
    mask = rng.random((33, 50)) < 0.4
    rules = {"resize": 20, "crop": 17}
    pixels = images.transform_mask(mask, rules)
    tall, wide = 20, int(20 * 50 / 33)
    top, left = round((tall - 17) / 2), round((wide - 17) / 2)
    for y in range(17):
        for x in range(17):
            row, column = (y + top + 0.5) * 33 / tall, (x + left + 0.5) * 50 / wide
            assert pixels[y, x] == mask[int(row), int(column)]


def test_a_store_without_annotations(tmp_path):
    with pytest.raises(GradtoolsError, match="neither boxes nor masks.*--annotations"):
        find(write(tmp_path / "a.h5", None))


def test_the_smallest_are_of_what_is_left_by_image_and_label_in_the_frame(tmp_path):
    boxes = [  # sample, class, corners, ignore, object; the frame is the middle 16 of 24 columns, halved
        (0, 0, 4, 0, 20, 16, 0, 0),  # all of the frame
        (1, 0, 0, 0, 24, 4, 0, 1),  # a quarter of it
        (1, 1, 4, 0, 8, 4, 0, 2),  # a 16th
        (2, 1, 0, 0, 12, 16, 0, 3),  # half of it: 8 of its 12 columns
    ]
    path = write(tmp_path / "a.h5", boxes, label=(0, 0, 1))
    with store.read(path) as opened:
        sample, share = regions.shares_of_samples(opened, np.ones(3, bool))
        # samples 0 and 1 have a label of their own, sample 2 has none: all its classes
        assert sample.tolist() == [0, 1, 2] and share == pytest.approx([1, 1 / 16, 0.5])
        assert np.flatnonzero(samples.select(opened, ["smallest=50%"])).tolist() == [1, 2]
        left = samples.select(opened, ["smallest=50%", "class=ant"])  # whatever the order
        assert np.flatnonzero(left).tolist() == [0]
        # the map of sample 1 is about class 0, whose object is a quarter of the frame
        assert samples.select_maps(opened, ["smallest=30%"]).tolist() == [1]
        assert samples.select_maps(opened, ["smallest=50%"]).tolist() == [1, 2]
        assert samples.select_maps(opened).tolist() == [0, 1, 2]
