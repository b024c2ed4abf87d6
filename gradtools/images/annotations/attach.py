"""Annotations given to a list of images: met by name, checked against the images, made columns."""

import collections
import dataclasses
import os

import numpy as np

from gradtools.errors import GradtoolsError, UsageError
from gradtools.images.annotations.objects import Annotations, Object
from gradtools.images.listing import ImageList

ORIENTATION = 274  # EXIF tag
SHOWN = 3


@dataclasses.dataclass
class _Counts:
    """What is said once at the end."""

    clipped: int = 0
    turned: list[str] = dataclasses.field(default_factory=list)
    without: int = 0
    unmet: int = 0


def attach(
    listed: ImageList, annotations: list[Annotations], label_map: str | None = None
) -> tuple[ImageList, list[str]]:
    """Give images the boxes, masks and labels that annotations have of them.

    Labels of folders and manifests stay; images without any get those of their objects. Boxes are
    cut to the image.

    Parameters
    ----------
    listed : ImageList
    annotations : list of Annotations
    label_map : str, optional
        Whether one was given: ILSVRC's own class numbers mean nothing without it.

    Returns
    -------
    listed : ImageList
        With boxes and masks as columns.
    notes : list of str
        What was clipped, not met or turned, a line each.

    Raises
    ------
    UsageError, GradtoolsError
        An empty box, a mask or size that is not the image's; annotations that meet no image.
    """
    counts = _Counts()
    objects: list[list[Object]] = [[] for _ in listed.ids]
    labels: list[list[str]] = [[] for _ in listed.ids]
    annotations = [_by_name(listed, one) for one in annotations]
    for one in annotations:
        if one.numbered and label_map is None:
            raise UsageError(
                f"--annotations {one.source} has ILSVRC's own class numbers, which are not the order "
                "of any network: say with --label-map CSV which class each is"
            )
        _meet(listed, one, objects, labels, counts)
    names = _names(listed, annotations, objects, labels)
    own, many = _labels(listed, objects, labels, names)
    sized = _sizes(listed, annotations, objects, counts)
    boxes, masks = _columns(listed, objects, sized, names, own, counts)
    joined = dataclasses.replace(
        listed, labels=own, label_names=names, labels_many=many, boxes=boxes, masks=masks
    )
    return joined, list(_notes(counts, len(listed.ids)))


def _by_name(listed: ImageList, one: Annotations) -> Annotations:
    """Return annotations of files in folders by the images' paths where these meet, else by the stems of their names."""
    if not one.by_stem or one.keys() & {os.path.splitext(name)[0] for name in listed.ids}:
        return one
    twice = [
        key
        for key, count in collections.Counter(map(os.path.basename, one.keys())).items()
        if count > 1
    ]
    if twice:
        raise UsageError(
            f"--annotations {one.source}: several files are called {min(twice)}, and its folders are "
            "not those of the images"
        )
    return dataclasses.replace(
        one,
        objects={os.path.basename(key): value for key, value in one.objects.items()},
        labels={os.path.basename(key): value for key, value in one.labels.items()},
        sizes={os.path.basename(key): value for key, value in one.sizes.items()},
        by_path=False,
    )


def _key(name: str, one: Annotations) -> str:
    """Return what annotations call an image."""
    if not one.by_stem:
        return os.path.basename(name)
    return os.path.splitext(name if one.by_path else os.path.basename(name))[0]


def _meet(
    listed: ImageList,
    one: Annotations,
    objects: list[list[Object]],
    labels: list[list[str]],
    counts: _Counts,
) -> None:
    """Add what one source has of every image."""
    keys = [_key(name, one) for name in listed.ids]
    if one.in_order is not None:
        if len(one.in_order) != len(keys):
            raise UsageError(
                f"--annotations {one.source} has {len(one.in_order)} lines, of {len(keys)} images: "
                "it goes with all validation images, in the order of their names"
            )
        for place, text in zip(np.argsort(keys), one.in_order):
            labels[place].append(text)
        return
    twice = [key for key, count in collections.Counter(keys).items() if count > 1]
    ambiguous = set(twice) & one.keys()
    if ambiguous:
        raise UsageError(
            f"--annotations {one.source}: {min(ambiguous)} is the name of several images"
        )
    met = [key in one.objects or key in one.labels for key in keys]
    if not any(met):
        raise GradtoolsError(
            f"--annotations {one.source}: none of its {len(one.keys())} images is among the "
            f"{len(keys)} given (first there: {min(one.keys(), default='-')}, here: {keys[0]})"
        )
    counts.without += met.count(False)
    counts.unmet += len(one.keys() - set(keys))
    for place, key in enumerate(keys):
        objects[place] += one.objects.get(key, [])
        labels[place] += one.labels.get(key, [])


def _names(
    listed: ImageList,
    annotations: list[Annotations],
    objects: list[list[Object]],
    labels: list[list[str]],
) -> list[str]:
    """Return the data's classes: those of the list first, then those of the annotations that occur."""
    occurring = {one.label for of_image in objects for one in of_image if one.label is not None}
    occurring |= {text for of_image in labels for text in of_image}
    ordered = [name for one in annotations for name in one.names]
    numbers = all(name.isdecimal() for name in occurring)
    rest = sorted(occurring, key=lambda name: (int(name) if numbers else 0, name))
    known = [*ordered, *rest]
    return list(
        dict.fromkeys([*listed.label_names, *(name for name in known if name in occurring)])
    )


def _labels(
    listed: ImageList, objects: list[list[Object]], labels: list[list[str]], names: list[str]
) -> tuple[np.ndarray, np.ndarray | None]:
    """Return each image's one label (-1: none or several), and all of them where any has several."""
    place = {name: index for index, name in enumerate(names)}
    many = np.zeros((len(listed.ids), len(names)), "u1")
    if listed.label_names:
        if listed.labels_many is not None:
            many[:, : len(listed.label_names)] = listed.labels_many
        rows = np.flatnonzero(listed.labels >= 0)
        many[rows, listed.labels[rows]] = 1
    else:
        for row, of_image, own in zip(many, objects, labels):
            kept = [one.label for one in of_image if one.label is not None and not one.ignore]
            row[[place[text] for text in [*kept, *own]]] = 1
    single = np.where(many.sum(axis=1) == 1, many.argmax(axis=1), -1).astype("i4")
    return single, many if (many.sum(axis=1) > 1).any() else None


def _sizes(
    listed: ImageList,
    annotations: list[Annotations],
    objects: list[list[Object]],
    counts: _Counts,
) -> list[tuple[int, int] | None]:
    """Return (height, width) of every annotated image as it is read; None where it cannot be."""
    from PIL import Image

    sizes: list[tuple[int, int] | None] = []
    for place, name in enumerate(listed.ids):
        if not objects[place]:
            sizes.append(None)
            continue
        try:
            with Image.open(listed.path(place)) as image:
                height, width = image.height, image.width
                turned = image.getexif().get(ORIENTATION, 1)
        except Exception:  # the pass over the images says what is wrong with it
            sizes.append(None)
            continue
        if turned not in (0, 1):
            counts.turned.append(name)
            height, width = (width, height) if turned in (5, 6, 7, 8) else (height, width)
        sizes.append((height, width))
        for one in annotations:
            said = one.sizes.get(_key(name, one))
            if said is not None and said not in ((height, width), (width, height)):
                raise GradtoolsError(
                    f"--annotations {one.source} is of an image {name} of {said[0]} x {said[1]} "
                    f"pixels, but it has {height} x {width}: give the images that were annotated"
                )
    return sizes


def _columns(
    listed: ImageList,
    objects: list[list[Object]],
    sizes: list[tuple[int, int] | None],
    names: list[str],
    labels: np.ndarray,
    counts: _Counts,
) -> tuple[dict[str, np.ndarray] | None, dict[str, np.ndarray] | None]:
    """Return boxes and masks of all images as columns; an object without a label has its image's."""
    index = {name: place for place, name in enumerate(names)}
    boxes, masks, lengths, start = _former(listed), [], [], 0
    for place, of_image in enumerate(objects):
        for number, one in enumerate(of_image):
            label = index[one.label] if one.label is not None else int(labels[place])
            if one.box is not None:
                box = _clipped(one.box, sizes[place], listed.ids[place], counts)
                boxes.append((place, label, *box, int(one.ignore), number))
            if one.mask is not None:
                _check_mask(one, sizes[place], listed.ids[place])
                masks.append((place, label, number, int(one.ignore), start))
                lengths.append(one.mask.counts)
                start += len(one.mask.counts)
    columns = ("sample", "class", "x0", "y0", "x1", "y1", "ignore", "object")
    of_boxes = _arrays(columns, boxes) if boxes else None
    if not masks:
        return of_boxes, None
    of_masks = _arrays(("sample", "class", "object", "ignore", "start"), masks)
    return of_boxes, of_masks | {"counts": np.concatenate(lengths).astype("i4")}


def _former(listed: ImageList) -> list[tuple]:
    """Return the boxes that a manifest gave, numbered as objects of their images."""
    if listed.boxes is None:
        return []
    seen: collections.Counter = collections.Counter()
    rows = []
    for values in zip(
        *(listed.boxes[name] for name in ("sample", "class", "x0", "y0", "x1", "y1"))
    ):
        rows.append((*values, 0, seen[int(values[0])]))
        seen[int(values[0])] += 1
    return rows


def _arrays(names: tuple[str, ...], rows: list[tuple]) -> dict[str, np.ndarray]:
    """Return rows as columns: corners float32, all else int32."""
    types = {"x0": "f4", "y0": "f4", "x1": "f4", "y1": "f4", "ignore": "u1"}
    return {
        name: np.array(values, types.get(name, "i4")) for name, values in zip(names, zip(*rows))
    }


def _clipped(
    box: tuple[float, float, float, float],
    size: tuple[int, int] | None,
    name: str,
    counts: _Counts,
) -> tuple[float, float, float, float]:
    """Cut a box to its image; an empty one, or one outside, is refused."""
    x0, y0, x1, y1 = box
    if size is not None:
        x0, y0 = max(x0, 0.0), max(y0, 0.0)
        x1, y1 = min(x1, float(size[1])), min(y1, float(size[0]))
        counts.clipped += (x0, y0, x1, y1) != box
    if not (x0 < x1 and y0 < y1):
        where = f" of {size[0]} x {size[1]} pixels" if size else ""
        raise GradtoolsError(
            f"{name}: the box {', '.join(f'{value:g}' for value in box)} (x0, y0, x1, y1) is empty "
            f"within the image{where}: mend or remove it"
        )
    return x0, y0, x1, y1


def _check_mask(one: Object, size: tuple[int, int] | None, name: str) -> None:
    """Refuse a mask of another size than its image."""
    assert one.mask is not None
    if size is not None and (one.mask.height, one.mask.width) != size:
        raise GradtoolsError(
            f"{name}: a mask of {one.mask.height} x {one.mask.width} pixels, but the image has "
            f"{size[0]} x {size[1]}: give the masks of these images"
        )


def _notes(counts: _Counts, total: int):
    """Yield what was counted, a line each."""
    if counts.clipped:
        yield f"annotations: {counts.clipped} boxes reach out of their image and were cut to it"
    if counts.without:
        yield f"annotations: {counts.without} of {total} images have none"
    if counts.unmet:
        yield f"annotations: {counts.unmet} annotated images are not among those given"
    if counts.turned:
        yield (
            f"annotations: {len(counts.turned)} images carry an EXIF rotation (first "
            f"{counts.turned[0]}): they are read upright, their boxes are taken as they are"
        )
