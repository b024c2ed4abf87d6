"""The forms that annotations come in, recognised by suffix and content."""

import csv
import json
import os
import re
from xml.etree import ElementTree

import numpy as np

from gradtools.errors import UsageError
from gradtools.images.annotations import runs
from gradtools.images.annotations.objects import Annotations, Object

FORMS = (
    "a folder of VOC or ILSVRC XML files or of mask PNGs, a COCO .json, ILSVRC's ground truth .txt, "
    "or ChestX-ray8's .csv"
)
VALUES = "names.csv"  # of a folder of masks: lines value,name


def read(path: str, values: dict[int, str] | None = None) -> Annotations:
    """Read one file or folder of annotations.

    Parameters
    ----------
    path : str
    values : dict of int to str, optional
        Names of the values of mask PNGs, as a COCO file beside them has them (`category_names`);
        without them the folder's `names.csv`, else every value that is not 0 is the image's label.

    Raises
    ------
    UsageError
        Where it is not there, or has none of the known forms; the place is named.
    """
    if os.path.isdir(path):
        return _folder(path, values)
    try:
        if path.lower().endswith(".json"):
            return _coco(path)
        if path.lower().endswith(".xml"):
            return _voc(path, [path])
        if path.lower().endswith(".csv"):
            return _chest(path)
        if path.lower().endswith(".txt"):
            return _ground_truth(path)
    except OSError as error:
        raise UsageError(f"--annotations {path}: {error.strerror}") from error
    raise UsageError(f"--annotations {path}: give {FORMS}")


def category_names(path: str) -> dict[int, str]:
    """Return the categories of a COCO file by their number; of any other file none."""
    if not path.lower().endswith(".json") or not os.path.isfile(path):
        return {}
    return {
        int(category["id"]): str(category["name"]) for category in _json(path).get("categories", [])
    }


def _folder(path: str, values: dict[int, str] | None) -> Annotations:
    """Read a folder of XML files or masks, at any depth."""
    files = sorted(
        os.path.join(folder, name) for folder, _, names in os.walk(path) for name in names
    )
    xml = [name for name in files if name.lower().endswith(".xml")]
    masks = [name for name in files if name.lower().endswith(".png")]
    if xml and masks:
        raise UsageError(f"--annotations {path} has XML files and PNGs: name the folder of each")
    if xml:
        return _voc(path, xml)
    if masks:
        return _masks(path, masks, values or _values(os.path.join(path, VALUES)))
    raise UsageError(f"--annotations {path} has neither XML files nor PNGs: give {FORMS}")


def _stem(path: str, source: str) -> str:
    """Return the path of a file below the folder that was named, without its suffix."""
    below = os.path.relpath(path, source) if os.path.isdir(source) else os.path.basename(path)
    return os.path.splitext(below)[0].replace(os.sep, "/")


def _voc(source: str, files: list[str]) -> Annotations:
    """Read VOC's and ILSVRC's XML: boxes are 1-based and inclusive, so 1 is taken off the minima."""
    read_ones = Annotations(source, by_stem=True)
    for path in files:
        try:
            root = ElementTree.parse(path).getroot()
        except ElementTree.ParseError as error:
            raise UsageError(f"--annotations {path} is not XML: {error}") from error
        stem = _stem(path, source)
        size = root.find("size")
        if size is not None:
            height, width = (int(float(size.findtext(side) or 0)) for side in ("height", "width"))
            if height and width:
                read_ones.sizes[stem] = height, width
        read_ones.objects[stem] = [_voc_object(item, path) for item in root.iter("object")]
    return read_ones


def _voc_object(item: ElementTree.Element, path: str) -> Object:
    """Read one object of an XML file."""
    box = item.find("bndbox")
    try:
        if box is None:
            raise ValueError
        x0, y0, x1, y1 = (float(box.findtext(n) or "") for n in ("xmin", "ymin", "xmax", "ymax"))
    except ValueError:
        raise UsageError(
            f"--annotations {path}: an object has no bndbox of xmin, ymin, xmax, ymax"
        ) from None
    label = (item.findtext("name") or "").strip() or None
    ignore = (item.findtext("difficult") or "0").strip() == "1"
    return Object(label, (x0 - 1, y0 - 1, x1, y1), ignore=ignore)


def _json(path: str) -> dict:
    try:
        with open(path, encoding="utf-8") as stream:
            content = json.load(stream)
    except ValueError as error:
        raise UsageError(f"--annotations {path} is not JSON: {error}") from error
    return content if isinstance(content, dict) else {}


def _coco(path: str) -> Annotations:
    """Read COCO's instances: boxes are x, y, width, height; crowds are regions to ignore."""
    content = _json(path)
    if not all(isinstance(content.get(key), list) for key in ("images", "annotations")):
        raise UsageError(f"--annotations {path} has no lists `images` and `annotations` as COCO's")
    try:
        images = {entry["id"]: entry for entry in content["images"]}
        names = {entry["id"]: str(entry["name"]) for entry in content.get("categories", [])}
        annotations = Annotations(path, by_stem=False, names=list(names.values()))
        for entry in images.values():
            name = os.path.basename(entry["file_name"])
            annotations.objects[name] = []
            if entry.get("height") and entry.get("width"):
                annotations.sizes[name] = int(entry["height"]), int(entry["width"])
        for entry in content["annotations"]:
            image = images[entry["image_id"]]
            name = os.path.basename(image["file_name"])
            annotations.objects[name].append(_coco_object(entry, image, names, path))
    except (KeyError, TypeError) as error:
        raise UsageError(f"--annotations {path}: an entry lacks {error}, as COCO has it") from error
    return annotations


def _coco_object(entry: dict, image: dict, names: dict, path: str) -> Object:
    """Read one annotation: its box, and its polygons or run lengths."""
    box, mask, shape = None, None, entry.get("segmentation")
    if "bbox" in entry:
        x, y, width, height = map(float, entry["bbox"])
        box = x, y, x + width, y + height
    try:
        if isinstance(shape, dict):
            height, width = map(int, shape["size"])
            counts = shape["counts"]
            mask = (
                runs.Mask(height, width, np.array(counts, np.int64))
                if isinstance(counts, list)
                else runs.from_string(counts, height, width)
            )
            runs.decode(mask)
        elif shape:
            mask = runs.from_polygons(shape, int(image["height"]), int(image["width"]))
    except ValueError as error:
        raise UsageError(f"--annotations {path}: annotation {entry.get('id')}: {error}") from error
    if mask is not None and box is None:
        box = runs.tight_box(runs.decode(mask))
    return Object(names.get(entry["category_id"]), box, mask, bool(entry.get("iscrowd", 0)))


def _ground_truth(path: str) -> Annotations:
    """Read ILSVRC's ground truth: one class number a line, of the validation images in order."""
    with open(path, encoding="utf-8") as stream:
        lines = [line.strip() for line in stream if line.strip()]
    if not lines or not all(line.isdecimal() for line in lines):
        raise UsageError(
            f"--annotations {path}: ILSVRC's ground truth has one class number a line, and nothing else"
        )
    return Annotations(path, by_stem=True, in_order=lines, numbered=True)


def _chest(path: str) -> Annotations:
    """Read ChestX-ray8's CSVs: boxes (x, y, w, h of a finding), or the findings of every image."""
    with open(path, newline="", encoding="utf-8-sig") as stream:
        rows = list(csv.reader(stream))
    head = [cell.strip().lower() for cell in rows[0]] if rows else []
    annotations = Annotations(path, by_stem=False)
    if head[:2] == ["image index", "finding label"]:
        for number, row in enumerate(rows[1:], 2):
            try:
                x, y, width, height = map(float, row[2:6])
            except ValueError:
                raise UsageError(
                    f"--annotations {path}, line {number}: a box is four numbers x,y,w,h"
                ) from None
            box = x, y, x + width, y + height
            annotations.objects.setdefault(row[0].strip(), []).append(Object(row[1].strip(), box))
    elif head[:2] == ["image index", "finding labels"]:
        for row in rows[1:]:
            findings = [finding.strip() for finding in row[1].split("|") if finding.strip()]
            annotations.labels[row[0].strip()] = findings
    else:
        raise UsageError(
            f"--annotations {path}: its first line is not that of ChestX-ray8's "
            "(Image Index,Finding Label,... or Image Index,Finding Labels,...); "
            "a manifest path,label,x0,y0,x1,y1 is given as images"
        )
    return annotations


def _values(path: str) -> dict[int, str]:
    """Read names of mask values, lines value,name; {} where the file is not there."""
    if not os.path.isfile(path):
        return {}
    with open(path, newline="", encoding="utf-8-sig") as stream:
        rows = [row for row in csv.reader(stream) if len(row) >= 2 and row[0].strip().isdecimal()]
    return {int(row[0]): row[1].strip() for row in rows}


def _masks(source: str, files: list[str], values: dict[int, str]) -> Annotations:
    """Read mask PNGs: one region a value; a value that no name is known of is background."""
    from PIL import Image

    read_ones = Annotations(source, by_stem=True, names=list(dict.fromkeys(values.values())))
    for path in files:
        stem = re.sub(r"[-_](mask|seg|labels?)$", "", _stem(path, source))
        try:
            with Image.open(path) as image:
                pixels = np.asarray(image if image.mode in ("L", "P", "I;16", "1") else None)
        except Exception as error:
            raise UsageError(f"--annotations {path} cannot be read as a mask: {error}") from error
        if pixels.ndim != 2:
            raise UsageError(
                f"--annotations {path}: a mask has one number a pixel (grey or palette), not colours"
            )
        read_ones.sizes[stem] = pixels.shape
        read_ones.objects[stem] = [
            Object(values.get(int(value)), mask=runs.encode(pixels == value))
            for value in np.unique(pixels)
            if (int(value) in values if values else value != 0)
        ]
        if not values and len(read_ones.objects[stem]) > 1:  # one class: all that is not 0
            read_ones.objects[stem] = [Object(None, mask=runs.encode(pixels != 0))]
    return read_ones
