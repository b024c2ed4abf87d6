"""Annotations in every form they come in: read as their formats say, met with images, checked against them."""

import csv
import json

import numpy as np
import pytest
from conftest import DATA, needs_data
from matplotlib.path import Path as Outline
from PIL import Image

from gradtools import images
from gradtools.errors import GradtoolsError, UsageError
from gradtools.images import annotations, labels
from gradtools.images.annotations import runs

XML = """<annotation><filename>{stem}.jpg</filename><size><width>{width}</width><height>{height}</height>
<depth>3</depth></size>{objects}</annotation>"""
OBJECT = """<object><name>{0}</name><difficult>{5}</difficult><bndbox><xmin>{1}</xmin><ymin>{2}</ymin>
<xmax>{3}</xmax><ymax>{4}</ymax></bndbox></object>"""


def photographs(folder, *names, size=(40, 30)):
    """Flat images, (width, height) each."""
    folder.mkdir(exist_ok=True, parents=True)
    for name in names:
        Image.new("RGB", size, "grey").save(folder / name)
    return images.list_images([str(folder)])


def voc(folder, stem, *objects, width=40, height=30):
    folder.mkdir(exist_ok=True, parents=True)
    text = "".join(OBJECT.format(*one) for one in objects)
    (folder / f"{stem}.xml").write_text(
        XML.format(stem=stem, width=width, height=height, objects=text)
    )


def corners(columns):
    return np.stack([columns[name] for name in ("x0", "y0", "x1", "y1")], axis=1).tolist()


def test_voc_boxes_are_one_based_and_inclusive(tmp_path):
    listed = photographs(tmp_path / "images", "a.jpg", "b.jpg", "c.jpg")
    voc(tmp_path / "xml", "a", ("cat", 1, 1, 40, 30, 0), ("dog", 11, 6, 20, 15, 1))
    voc(tmp_path / "xml", "b", ("dog", 5, 5, 45, 12, 0))  # reaches out of the image
    voc(tmp_path / "xml", "z", ("dog", 5, 5, 8, 12, 0))
    read = annotations.read(str(tmp_path / "xml"))
    attached, notes = annotations.attach(listed, [read])
    assert corners(attached.boxes) == [[0, 0, 40, 30], [10, 5, 20, 15], [4, 4, 40, 12]]
    assert attached.boxes["ignore"].tolist() == [0, 1, 0]
    assert attached.boxes["object"].tolist() == [0, 1, 0]
    assert attached.label_names == ["cat", "dog"]
    assert attached.labels.tolist() == [0, 1, -1]  # a difficult object is no label
    said = "\n".join(notes)
    assert "1 boxes reach out" in said and "1 of 3 images have none" in said
    assert "1 annotated images are not among" in said


def test_an_image_of_two_classes_has_both_labels(tmp_path):
    listed = photographs(tmp_path / "images", "a.jpg", "b.jpg")
    voc(tmp_path / "xml", "a", ("cat", 1, 1, 9, 9, 0), ("dog", 11, 6, 20, 15, 0))
    voc(tmp_path / "xml", "b", ("dog", 5, 5, 9, 12, 0))
    attached, _ = annotations.attach(listed, [annotations.read(str(tmp_path / "xml"))])
    assert attached.labels.tolist() == [-1, 1]
    assert attached.labels_many.tolist() == [[1, 1], [0, 1]]


def test_labels_of_folders_stay(tmp_path):
    photographs(tmp_path / "images" / "cats", "a.jpg")
    photographs(tmp_path / "images" / "dogs", "b.jpg")
    listed = images.list_images([str(tmp_path / "images")])
    voc(tmp_path / "xml", "a", ("tail", 1, 1, 9, 9, 0))
    voc(tmp_path / "xml", "b", ("dogs", 1, 1, 9, 9, 0))
    attached, _ = annotations.attach(listed, [annotations.read(str(tmp_path / "xml"))])
    assert attached.label_names == ["cats", "dogs", "tail"]
    assert attached.labels.tolist() == [0, 1] and attached.boxes["class"].tolist() == [2, 1]


@pytest.mark.parametrize("box", [(10, 5, 9, 15), (41, 5, 60, 15)])
def test_empty_boxes_are_refused(tmp_path, box):
    listed = photographs(tmp_path / "images", "a.jpg")
    voc(tmp_path / "xml", "a", ("cat", *box, 0))
    with pytest.raises(GradtoolsError, match="a.jpg: the box .* is empty"):
        annotations.attach(listed, [annotations.read(str(tmp_path / "xml"))])


def test_annotations_of_another_size_or_of_other_images_are_refused(tmp_path):
    listed = photographs(tmp_path / "images", "a.jpg")
    voc(tmp_path / "xml", "a", ("cat", 1, 1, 9, 9, 0), width=80)
    with pytest.raises(GradtoolsError, match="30 x 80 pixels, but it has 30 x 40"):
        annotations.attach(listed, [annotations.read(str(tmp_path / "xml"))])
    voc(tmp_path / "other", "b", ("cat", 1, 1, 9, 9, 0))
    with pytest.raises(GradtoolsError, match="none of its 1 images .* here: a"):
        annotations.attach(listed, [annotations.read(str(tmp_path / "other"))])


def compressed(counts):
    """COCO's string of run lengths, after rleToString of its C code."""
    text = ""
    for place, count in enumerate(counts):
        x = count - counts[place - 2] if place > 2 else count
        more = True
        while more:
            bits = x & 0x1F
            x >>= 5
            more = (x != -1) if bits & 0x10 else (x != 0)
            text += chr((bits | (0x20 if more else 0)) + 48)
    return text


@pytest.mark.parametrize("seed", range(5))
def test_run_lengths(seed):
    rng = np.random.default_rng(seed)
    mask = rng.random((rng.integers(1, 60), rng.integers(1, 60))) < rng.random()
    encoded = runs.encode(mask)
    assert np.array_equal(runs.decode(encoded), mask)
    text = compressed(encoded.counts.tolist())
    assert np.array_equal(runs.from_string(text, *mask.shape).counts, encoded.counts)
    loop, value, column_major = [], False, mask.T.ravel().tolist()  # the definition, run by run
    length = 0
    for pixel in column_major:
        if pixel != value:
            loop, value, length = [*loop, length], pixel, 0
        length += 1
    assert encoded.counts.tolist() == [*loop, length]


def test_polygons_take_the_pixels_whose_centre_they_hold():
    star = [[20.3, 2.1, 27.7, 27.4, 4.2, 11.6, 36.1, 10.9, 11.5, 28.2]]
    two = [[1.2, 1.2, 9.7, 1.2, 9.7, 8.6, 1.2, 8.6], [5.1, 5.1, 15.3, 5.1, 12.2, 20.7]]
    y, x = np.mgrid[:30, :40] + 0.5
    centres = np.stack([x.ravel(), y.ravel()], axis=1)
    triangle, square = Outline(np.reshape(two[1], (-1, 2))), Outline(np.reshape(two[0], (-1, 2)))
    union = triangle.contains_points(centres) | square.contains_points(centres)
    assert np.array_equal(runs.decode(runs.from_polygons(two, 30, 40)).ravel(), union)
    filled = runs.decode(runs.from_polygons(star, 30, 40))
    assert 0 < filled.sum() < 30 * 40 and not filled[15, 20]  # even-odd: its middle is out


def coco(path, annotation):
    mask = np.zeros((30, 40), bool)
    mask[3:9, 5:20] = True
    content = {
        "images": [{"id": 7, "file_name": "a.jpg", "width": 40, "height": 30}],
        "categories": [{"id": 3, "name": "zebra"}, {"id": 9, "name": "ape"}],
        "annotations": [{"id": 1, "image_id": 7, "category_id": 9} | annotation(mask)],
    }
    path.write_text(json.dumps(content))
    return mask


@pytest.mark.parametrize(
    "annotation",
    [
        lambda mask: {
            "segmentation": {"size": [30, 40], "counts": runs.encode(mask).counts.tolist()}
        },
        lambda mask: {
            "segmentation": {
                "size": [30, 40],
                "counts": compressed(runs.encode(mask).counts.tolist()),
            }
        },
        lambda mask: {"segmentation": [[5, 3, 20, 3, 20, 9, 5, 9]]},
    ],
)
def test_coco_masks(tmp_path, annotation):
    listed = photographs(tmp_path / "images", "a.jpg")
    mask = coco(tmp_path / "a.json", lambda mask: annotation(mask) | {"bbox": [5, 3, 15, 6]})
    attached, _ = annotations.attach(listed, [annotations.read(str(tmp_path / "a.json"))])
    assert attached.label_names == ["ape"] and corners(attached.boxes) == [[5, 3, 20, 9]]
    start = attached.masks["start"][0]
    assert np.array_equal(runs.decode(runs.Mask(30, 40, attached.masks["counts"][start:])), mask)
    kept = images.subset(attached, np.array([False]))
    assert kept.boxes is None and kept.masks is None


def test_crowds_are_regions_to_ignore(tmp_path):
    listed = photographs(tmp_path / "images", "a.jpg")
    coco(tmp_path / "a.json", lambda mask: {"bbox": [5, 3, 15, 6], "iscrowd": 1})
    attached, _ = annotations.attach(listed, [annotations.read(str(tmp_path / "a.json"))])
    assert attached.boxes["ignore"].tolist() == [1] and attached.labels.tolist() == [-1]


def test_broken_run_lengths_are_named(tmp_path):
    coco(tmp_path / "a.json", lambda mask: {"segmentation": {"size": [30, 40], "counts": [3, 5]}})
    with pytest.raises(UsageError, match="annotation 1: its runs cover 8 pixels, not 30 x 40"):
        annotations.read(str(tmp_path / "a.json"))


def test_chest_xray(tmp_path):
    listed = photographs(
        tmp_path / "images", "00000013_005.png", "00000014_000.png", size=(1024, 1024)
    )
    with open(tmp_path / "boxes.csv", "w", newline="") as stream:
        writer = csv.writer(stream)
        writer.writerow(["Image Index", "Finding Label", "Bbox [x", "y", "w", "h]", "", ""])
        writer.writerow(["00000013_005.png", "Atelectasis", 225.08, 547.01, 86.78, 79.18])
        writer.writerow(["00000013_005.png", "Effusion", 600, 100, 50, 60])
    with open(tmp_path / "entries.csv", "w", newline="") as stream:
        writer = csv.writer(stream)
        writer.writerow(["Image Index", "Finding Labels", "Follow-up #"])
        writer.writerow(["00000013_005.png", "Atelectasis|Effusion", 0])
        writer.writerow(["00000014_000.png", "Hernia", 0])
    read = [annotations.read(str(tmp_path / name)) for name in ("boxes.csv", "entries.csv")]
    attached, _ = annotations.attach(listed, read)
    assert attached.label_names == ["Atelectasis", "Effusion", "Hernia"]
    assert attached.labels_many.tolist() == [[1, 1, 0], [0, 0, 1]]
    assert corners(attached.boxes)[0] == pytest.approx([225.08, 547.01, 311.86, 626.19], abs=1e-3)


def test_ilsvrc_numbers_need_a_map(tmp_path):
    listed = photographs(tmp_path / "images", "ILSVRC2012_val_2.png", "ILSVRC2012_val_1.png")
    (tmp_path / "truth.txt").write_text("490\n361\n")
    read = annotations.read(str(tmp_path / "truth.txt"))
    with pytest.raises(UsageError, match="--label-map"):
        annotations.attach(listed, [read])
    attached, _ = annotations.attach(listed, [read], "map.csv")
    by_name = dict(zip(attached.ids, (attached.label_names[place] for place in attached.labels)))
    assert by_name == {"ILSVRC2012_val_1.png": "490", "ILSVRC2012_val_2.png": "361"}
    (tmp_path / "truth.txt").write_text("490\n")
    with pytest.raises(UsageError, match="1 lines, of 2 images"):
        annotations.attach(listed, [annotations.read(str(tmp_path / "truth.txt"))], "map.csv")


def test_masks_of_values_and_of_one_class(tmp_path):
    photographs(tmp_path / "images" / "cats", "a.jpg")
    listed = images.list_images([str(tmp_path / "images")])
    pixels = np.zeros((30, 40), "u1")
    pixels[2:5, 3:9], pixels[10:, :4], pixels[20:, 30:] = 7, 8, 99
    (tmp_path / "masks").mkdir()
    Image.fromarray(pixels).save(tmp_path / "masks" / "a_mask.png")
    attached, _ = annotations.attach(listed, [annotations.read(str(tmp_path / "masks"))])
    assert attached.masks["class"].tolist() == [0]  # one class: the image's
    (tmp_path / "masks" / "names.csv").write_text("7,head\n8,tail\n")
    attached, _ = annotations.attach(listed, [annotations.read(str(tmp_path / "masks"))])
    assert attached.label_names == ["cats", "head", "tail"]  # 99 has no name: background
    second = attached.masks["start"][1]
    tail = runs.decode(runs.Mask(30, 40, attached.masks["counts"][second:]))
    assert np.array_equal(tail, pixels == 8)
    Image.fromarray(pixels[:, :20]).save(tmp_path / "masks" / "a_mask.png")
    with pytest.raises(GradtoolsError, match="30 x 20 pixels, but it has 30 x 40|30 x 20 pixels"):
        annotations.attach(listed, [annotations.read(str(tmp_path / "masks"))])


@needs_data
def test_coco_photographs():
    """The shared photographs: 542 boxes, 195 pairs of image and label, 138 that ImageNet knows."""
    listed = images.list_images([str(DATA / "coco" / "images")])
    read = [
        annotations.read(str(DATA / "coco" / "instances.json")),
        annotations.read(
            str(DATA / "coco" / "masks"),
            annotations.category_names(str(DATA / "coco" / "instances.json")),
        ),
    ]
    attached, _ = annotations.attach(listed, read)
    assert len(attached.boxes["sample"]) == 542
    pairs = set(zip(attached.boxes["sample"].tolist(), attached.boxes["class"].tolist()))
    assert len(pairs) == 195
    classes = labels.imagenet_classes()
    mapping = labels.match(
        attached.label_names,
        classes.name,
        n_classes=1000,
        label_map=str(DATA / "coco" / "coco_to_imagenet.csv"),
    )
    assert sum(mapping.member[label].any() for _, label in pairs) == 138
    rules = {"resize": 256, "crop": 224}
    lost = 0
    for sample, box in zip(attached.boxes["sample"], corners(attached.boxes)):
        with Image.open(attached.path(sample)) as image:
            height, width = image.height, image.width
        left = images.transform_box(box, rules, height, width)
        whole = images.transform_box(box, rules | {"crop": None}, height, width)
        area = [(x1 - x0) * (y1 - y0) for x0, y0, x1, y1 in (left, whole)]
        lost += area[0] < area[1] / 10
    assert lost == 101


@needs_data
def test_kangaroos():
    listed = images.list_images([str(DATA / "kangaroo" / "images")])
    attached, notes = annotations.attach(
        listed, [annotations.read(str(DATA / "kangaroo" / "annotations"))]
    )
    assert len(attached.boxes["sample"]) == 77 and attached.label_names == ["kangaroo"]
    assert set(attached.labels.tolist()) == {0}


def test_masks_in_folders_meet_images_of_equal_paths(tmp_path):
    for label in ("a", "b"):
        for folder, value in (("images", 0), ("images-masks", 255)):
            (tmp_path / folder / label).mkdir(parents=True)
            pixels = np.full((4, 5), value if label == "a" else value // 2, "u1")
            Image.fromarray(pixels).save(tmp_path / folder / label / "0.png")
    (tmp_path / "flat").mkdir()
    Image.fromarray(np.zeros((4, 5), "u1")).save(tmp_path / "flat" / "0.png")
    masks = annotations.read(str(tmp_path / "images-masks"), None)
    listed, _ = annotations.attach(images.list_images([str(tmp_path / "images")]), [masks])
    assert listed.masks["sample"].tolist() == [0, 1] and listed.masks["class"].tolist() == [0, 1]
    with pytest.raises(UsageError, match="several files are called 0"):
        annotations.attach(images.list_images([str(tmp_path / "flat")]), [masks])
