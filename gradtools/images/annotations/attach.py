"""Annotations given to a list of images: met by name, checked against the images, made columns."""

import collections
import dataclasses
import os
from collections.abc import Iterator

import numpy as np

from gradtools.errors import GradtoolsError, UsageError
from gradtools.images.annotations.columns import Counts, columns_of
from gradtools.images.annotations.objects import Annotations, Object
from gradtools.images.listing import ImageList

ORIENTATION = 274  # EXIF tag
SHOWN = 3


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
    counts = Counts()
    objects: list[list[Object]] = [[] for _ in listed.ids]
    labels: list[list[str]] = [[] for _ in listed.ids]
    annotations = [_by_name(listed, source) for source in annotations]
    for source in annotations:
        if source.numbered and label_map is None:
            raise UsageError(
                f"--annotations {source.source} has ILSVRC's own class numbers, which are not the order "
                "of any network: say with --label-map CSV which class each is"
            )
        _meet(listed, source, objects, labels, counts)
    names = _names(listed, annotations, objects, labels)
    single, many = _labels(listed, objects, labels, names)
    sized = _sizes(listed, annotations, objects, counts)
    boxes, masks = columns_of(listed, objects, sized, names, single, counts)
    joined = dataclasses.replace(
        listed, labels=single, label_names=names, labels_many=many, boxes=boxes, masks=masks
    )
    return joined, list(_notes(counts, len(listed.ids)))


def _by_name(listed: ImageList, source: Annotations) -> Annotations:
    """Return annotations of files in folders by the images' paths where these meet, else by the stems of their names."""
    if not source.by_stem or source.keys() & {os.path.splitext(name)[0] for name in listed.ids}:
        return source
    twice = [
        key
        for key, count in collections.Counter(map(os.path.basename, source.keys())).items()
        if count > 1
    ]
    if twice:
        raise UsageError(
            f"--annotations {source.source}: several files are called {min(twice)}, and its folders are "
            "not those of the images"
        )
    return dataclasses.replace(
        source,
        objects={os.path.basename(key): value for key, value in source.objects.items()},
        labels={os.path.basename(key): value for key, value in source.labels.items()},
        sizes={os.path.basename(key): value for key, value in source.sizes.items()},
        by_path=False,
    )


def _key(name: str, source: Annotations) -> str:
    """Return what annotations call an image."""
    if not source.by_stem:
        return os.path.basename(name)
    return os.path.splitext(name if source.by_path else os.path.basename(name))[0]


def _meet(
    listed: ImageList,
    source: Annotations,
    objects: list[list[Object]],
    labels: list[list[str]],
    counts: Counts,
) -> None:
    """Add what one source has of every image."""
    keys = [_key(name, source) for name in listed.ids]
    if source.in_order is not None:
        if len(source.in_order) != len(keys):
            raise UsageError(
                f"--annotations {source.source} has {len(source.in_order)} lines, of {len(keys)} images: "
                "it goes with all validation images, in the order of their names"
            )
        for place, text in zip(np.argsort(keys), source.in_order):
            labels[place].append(text)
        return
    twice = [key for key, count in collections.Counter(keys).items() if count > 1]
    ambiguous = set(twice) & source.keys()
    if ambiguous:
        raise UsageError(
            f"--annotations {source.source}: {min(ambiguous)} is the name of several images"
        )
    met = [key in source.objects or key in source.labels for key in keys]
    if not any(met):
        raise GradtoolsError(
            f"--annotations {source.source}: none of its {len(source.keys())} images is among the "
            f"{len(keys)} given (first there: {min(source.keys(), default='-')}, here: {keys[0]})"
        )
    counts.without += met.count(False)
    counts.unmet += len(source.keys() - set(keys))
    for place, key in enumerate(keys):
        objects[place] += source.objects.get(key, [])
        labels[place] += source.labels.get(key, [])


def _names(
    listed: ImageList,
    annotations: list[Annotations],
    objects: list[list[Object]],
    labels: list[list[str]],
) -> list[str]:
    """Return the data's classes: those of the list first, then those of the annotations that occur."""
    occurring = {
        entry.label for of_image in objects for entry in of_image if entry.label is not None
    }
    occurring |= {text for of_image in labels for text in of_image}
    ordered = [name for entry in annotations for name in entry.names]
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
        for row, of_image, texts in zip(many, objects, labels):
            of_objects = [
                entry.label for entry in of_image if entry.label is not None and not entry.ignore
            ]
            row[[place[text] for text in [*of_objects, *texts]]] = 1
    single = np.where(many.sum(axis=1) == 1, many.argmax(axis=1), -1).astype("i4")
    return single, many if (many.sum(axis=1) > 1).any() else None


def _sizes(
    listed: ImageList,
    annotations: list[Annotations],
    objects: list[list[Object]],
    counts: Counts,
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
        for source in annotations:
            size = source.sizes.get(_key(name, source))
            if size is not None and size not in ((height, width), (width, height)):
                raise GradtoolsError(
                    f"--annotations {source.source} is of an image {name} of {size[0]} x {size[1]} "
                    f"pixels, but it has {height} x {width}: give the images that were annotated"
                )
    return sizes


def _notes(counts: Counts, total: int) -> Iterator[str]:
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
