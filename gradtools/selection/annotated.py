"""The boxes and masks of a store in the frame that the network saw, and the region of one map."""

import dataclasses

import numpy as np

from gradtools import images
from gradtools.errors import GradtoolsError
from gradtools.images.annotations import runs
from gradtools.math.regions import boxes as rectangles
from gradtools.selection.prepared import preprocessing
from gradtools.store import Store, paths

OTHER_CLASS = "no object of their class is annotated in the image"
LEAST = 0.1  # share of an object that the crop must leave

CORNERS = ("x0", "y0", "x1", "y1")


@dataclasses.dataclass(frozen=True)
class Region:
    """What one map should find.

    Attributes
    ----------
    row : int
        Of the store's maps.
    sample, label : int
        Row of its image, and the data class it is about; -1 any.
    partner : int
        Row of the image that the map compares it with; -1 none.
    size : (height, width)
        Of the network's frame.
    boxes : (B, 4) float64 array
        In the frame; where only masks are known, the tight boxes around them.
    mask : (height, width) bool array or None
        Union of the object's masks.
    ignored : (height, width) bool array or None
        Crowds and difficult objects: they count on neither side.
    """

    row: int
    sample: int
    label: int
    size: tuple[int, int]
    boxes: np.ndarray
    mask: np.ndarray | None = None
    ignored: np.ndarray | None = None
    partner: int = -1

    @property
    def pixels(self) -> np.ndarray:
        """The union of the boxes, (height, width) bool."""
        return rectangles.pixels(self.boxes, self.size)

    @property
    def valid(self) -> np.ndarray | None:
        """The pixels that count, (height, width) bool; None where all do."""
        return None if self.ignored is None else ~self.ignored | self.pixels

    @property
    def share(self) -> float:
        """The object's share of the frame, by its boxes."""
        return rectangles.share(self.boxes, self.size)


class Annotated:
    """The boxes and masks of a store, by sample."""

    def __init__(self, store: Store, rules: dict | None = None) -> None:
        self.store, self.rules = store, preprocessing(store) if rules is None else rules
        self.boxes = self._table(paths.BOXES)
        self.masks = self._table(paths.MASKS)
        if self.boxes is None and self.masks is None:
            raise GradtoolsError(
                f"{store.name} has neither boxes nor masks: make it again with --annotations, "
                "or from a manifest with x0,y0,x1,y1"
            )
        self.counts = store.values(paths.MASK_COUNTS)
        self.height, self.width = store.needed(paths.HEIGHT), store.needed(paths.WIDTH)
        self.classes = {
            int(label)
            for table in (self.boxes, self.masks)
            if table is not None
            for label in table["class"]
            if label >= 0
        }

    @property
    def known(self) -> np.ndarray:
        """The samples with a box or a mask, (N,) bool."""
        known = np.zeros(self.store.n_samples, bool)
        for table in (self.boxes, self.masks):
            if table is not None:
                known[table["sample"]] = True
        return known

    def labels_of(self, sample: int) -> list[int]:
        """Return the classes that are annotated in an image, -1 where a box has none."""
        present = [
            table["class"][table["sample"] == sample]
            for table in (self.boxes, self.masks)
            if table is not None
        ]
        return np.unique(np.concatenate(present)).tolist()

    def _table(self, path: str) -> dict[str, np.ndarray] | None:
        if self.store.values(paths.inside(path, "sample")) is None:
            return None
        columns = self.store.table(path)[0]
        rows = len(columns["sample"])
        missing = {"ignore": np.zeros(rows, "u1"), "class": np.full(rows, -1, "i4")}
        return missing | columns

    def region(self, row: int, sample: int, labels: list[int] | None) -> Region | str:
        """Return the region of one map, or why there is none."""
        size = images.frame_size(self.rules, int(self.height[sample]), int(self.width[sample]))
        places = self._places(self.boxes, sample, labels)
        masks = self._places(self.masks, sample, labels)
        if not len(places) and not len(masks):
            known = any(
                len(self._places(table, sample, None)) for table in (self.boxes, self.masks)
            )
            return OTHER_CLASS if known else "not annotated"
        kept, ignored = self._in_frame(sample, places)
        union, ignored_masks = self._union(sample, masks, size)
        if not len(kept) and union is not None and not len(places):
            around = runs.tight_box(union)
            kept = np.empty((0, 4)) if around is None else np.array([around])
        if not len(kept):
            only_ignored = len(ignored) or ignored_masks is not None
            return "to ignore" if only_ignored else "cut away by the crop"
        aside = rectangles.pixels(ignored, size) if len(ignored) else None
        if ignored_masks is not None:
            aside = ignored_masks if aside is None else aside | ignored_masks
        label = labels[0] if labels is not None and len(labels) == 1 else -1
        return Region(row, sample, label, size, kept, union, aside)

    @staticmethod
    def _places(
        table: dict[str, np.ndarray] | None, sample: int, labels: list[int] | None
    ) -> np.ndarray:
        """Return the rows of a table that are of a sample and of any of the labels."""
        if table is None:
            return np.empty(0, int)
        of_sample = table["sample"] == sample
        if labels is not None:
            of_sample = of_sample & np.isin(table["class"], labels)
        return np.flatnonzero(of_sample)

    def _in_frame(self, sample: int, places: np.ndarray) -> tuple[np.ndarray, np.ndarray]:
        """Return the boxes in the frame that count and those to ignore, without those cut away."""
        if not len(places):
            return np.empty((0, 4)), np.empty((0, 4))
        assert self.boxes is not None
        boxes = np.stack([self.boxes[name][places] for name in CORNERS], axis=1).astype(float)
        shape = int(self.height[sample]), int(self.width[sample])
        inside = images.transform_box(boxes, self.rules, *shape)
        whole = images.transform_box(boxes, self.rules | {"crop": None}, *shape)
        left = rectangles.area(inside) >= LEAST * rectangles.area(whole)
        ignored = self.boxes["ignore"][places] != 0
        return inside[left & ~ignored], inside[left & ignored]

    def _union(
        self, sample: int, places: np.ndarray, size: tuple[int, int]
    ) -> tuple[np.ndarray | None, np.ndarray | None]:
        """Return the union of the masks in the frame, and of those to ignore; None of none."""
        parts: dict[bool, np.ndarray] = {}
        for place in places:
            assert self.masks is not None and self.counts is not None
            whole = self._decoded(place, sample)
            inside = images.transform_mask(whole, self.rules)
            uncut = images.transform_mask(whole, self.rules | {"crop": None})
            if inside.sum() < LEAST * uncut.sum() or not inside.any():
                continue
            ignored = bool(self.masks["ignore"][place])
            parts[ignored] = parts.get(ignored, np.zeros(size, bool)) | inside
        return parts.get(False), parts.get(True)

    def _decoded(self, place: int, sample: int) -> np.ndarray:
        """Return one stored mask of the original image, (H, W) bool."""
        assert self.masks is not None and self.counts is not None
        start, total = (
            int(self.masks["start"][place]),
            int(self.height[sample] * self.width[sample]),
        )
        ends = np.cumsum(self.counts[start : start + total + 1].astype(np.int64))
        stop = start + int(np.searchsorted(ends, total)) + 1
        return runs.decode(
            runs.Mask(int(self.height[sample]), int(self.width[sample]), self.counts[start:stop])
        )
