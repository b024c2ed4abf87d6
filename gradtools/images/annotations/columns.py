"""The boxes and masks of a list of images as columns, each checked against its image."""

import collections
import dataclasses

import numpy as np

from gradtools.errors import GradtoolsError
from gradtools.images.annotations.objects import Object
from gradtools.images.listing import ImageList


@dataclasses.dataclass
class Counts:
    """Numbers and names that are reported once at the end."""

    clipped: int = 0
    turned: list[str] = dataclasses.field(default_factory=list)
    without: int = 0
    unmet: int = 0


def columns_of(
    listed: ImageList,
    objects: list[list[Object]],
    sizes: list[tuple[int, int] | None],
    names: list[str],
    labels: np.ndarray,
    counts: Counts,
) -> tuple[dict[str, np.ndarray] | None, dict[str, np.ndarray] | None]:
    """Return boxes and masks of all images as columns; an object without a label has its image's."""
    index = {name: place for place, name in enumerate(names)}
    boxes, masks, lengths, start = _former(listed), [], [], 0
    for place, of_image in enumerate(objects):
        for number, item in enumerate(of_image):
            label = index[item.label] if item.label is not None else int(labels[place])
            if item.box is not None:
                box = _clipped(item.box, sizes[place], listed.ids[place], counts)
                boxes.append((place, label, *box, int(item.ignore), number))
            if item.mask is not None:
                _check_mask(item, sizes[place], listed.ids[place])
                masks.append((place, label, number, int(item.ignore), start))
                lengths.append(item.mask.counts)
                start += len(item.mask.counts)
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
    counts: Counts,
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
            f"within the image{where}: correct or remove it"
        )
    return x0, y0, x1, y1


def _check_mask(entry: Object, size: tuple[int, int] | None, name: str) -> None:
    """Refuse a mask of another size than its image."""
    assert entry.mask is not None
    if size is not None and (entry.mask.height, entry.mask.width) != size:
        raise GradtoolsError(
            f"{name}: a mask of {entry.mask.height} x {entry.mask.width} pixels, but the image has "
            f"{size[0]} x {size[1]}: give the masks of these images"
        )
