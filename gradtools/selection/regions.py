"""What every map of a store should find: the boxes and masks it is about, in the network's frame."""

import dataclasses
import json

import numpy as np

from gradtools import images
from gradtools.errors import GradtoolsError, UsageError
from gradtools.images.annotations import runs
from gradtools.images.labels import normalise
from gradtools.math.regions import boxes as rectangles
from gradtools.store import Store, paths

WHOLE = {"resize": None, "crop": None}  # the frame is the image
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


@dataclasses.dataclass(frozen=True)
class Found:
    """The regions of maps, in the order of the maps, and the maps left out by reason (dict of str to int)."""

    regions: list[Region]
    left_out: dict[str, int]
    notes: list[str]
    target: str = ""

    @property
    def images(self) -> np.ndarray:
        """The image of every region, (M,) int."""
        return np.array([region.sample for region in self.regions], int)

    @property
    def partners(self) -> np.ndarray:
        """The image that each one's map compares it with, (M,) int; -1 none."""
        return np.array([region.partner for region in self.regions], int)

    @property
    def shares(self) -> tuple[np.ndarray, np.ndarray]:
        """The object's share of the frame, (M,), and of pairs the larger one of both images, (M,); NaN where it is not known."""
        share = np.array([region.share for region in self.regions], float)
        by_row = {region.row: value for region, value in zip(self.regions, share)}
        both = [
            value if region.partner < 0 else max(value, by_row.get(region.row ^ 1, np.nan))
            for region, value in zip(self.regions, share)
        ]
        return share, np.array(both, float)


def preprocessing(store: Store) -> dict:
    """Return the preprocessing that a store's images went through.

    Raises
    ------
    GradtoolsError
        It is code of the model's own.
    """
    text = str(store.model.get("preprocess", ""))
    try:
        return json.loads(text)
    except json.JSONDecodeError:
        raise GradtoolsError(
            f"{store.name}: its images went through {text or 'a preprocessing'} of the model's own code: "
            "name the --model again, so that the same frames can be drawn"
        ) from None


def of_maps(store: Store, rows: np.ndarray, which: str | None = None) -> Found:
    """Find the regions that maps are about.

    Those of the map's label; without one those of the data classes that its model class belongs to;
    where no annotated class meets any model class, all of the image.

    Parameters
    ----------
    store : store.Store
        With maps, and boxes or masks.
    rows : (M,) int array
        Rows of its maps.
    which : str, optional
        `any`, or the name of one data class: `--boxes`.

    Raises
    ------
    GradtoolsError
        The store has neither boxes nor masks.
    UsageError
        It has no such class.
    """
    annotated = _Annotated(store)
    labels, notes = _labels(store, rows, annotated, which)
    sample, partner = store.needed(paths.MAP_SAMPLE), store.needed(paths.MAP_PARTNER)
    regions, left_out = (
        [],
        {"not annotated": 0, OTHER_CLASS: 0, "cut away by the crop": 0, "to ignore": 0},
    )
    for row, label in zip(rows.tolist(), labels):
        found = annotated.region(row, int(sample[row]), label)
        if isinstance(found, str):
            left_out[found] += 1
        else:
            regions.append(dataclasses.replace(found, partner=int(partner[row])))
    counted = {reason: count for reason, count in left_out.items() if count}
    target = str(store.attributes(paths.MAPS).get("target", ""))
    return Found(regions, counted, notes, target)


def shares_of_samples(store: Store, keep: np.ndarray) -> tuple[np.ndarray, np.ndarray]:
    """Return the share of the frame of every object, by (image, label).

    Of an image with a label of its own its label's object, else those of every class that is annotated
    there. Where only the model's code knows the frame, the share is of the whole image.

    Parameters
    ----------
    keep : (N,) bool array
        Which samples.

    Returns
    -------
    sample : (P,) int array
    share : (P,) float64 array

    Raises
    ------
    GradtoolsError
        The store has neither boxes nor masks.
    """
    try:
        rules = preprocessing(store)
    except GradtoolsError:
        rules = WHOLE
    annotated = _Annotated(store, rules)
    pairs = []
    for sample in np.flatnonzero(keep & annotated.known).tolist():
        own, present = int(store.labels[sample]), annotated.labels_of(sample)
        for label in [own] if own in present else present:
            found = annotated.region(-1, sample, [label])
            if not isinstance(found, str):
                pairs.append((sample, found.share))
    samples, shares = zip(*pairs) if pairs else ((), ())
    return np.array(samples, int), np.array(shares, float)


def _labels(
    store: Store, rows: np.ndarray, annotated: "_Annotated", which: str | None
) -> tuple[list[list[int] | None], list[str]]:
    """Return the data classes that each map is about, None for any; and what is said once."""
    if which == "any":
        return [None] * len(rows), []
    if which is not None:
        known = {normalise(name): place for place, name in enumerate(store.class_names)}
        if normalise(which) not in known:
            raise UsageError(
                f"--boxes {which}: {store.name} has the classes {', '.join(store.class_names[:20])}"
            )
        return [[known[normalise(which)]]] * len(rows), []
    stored = store.values(paths.MAP_LABEL)
    target, sample = store.needed(paths.MAP_TARGET)[rows], store.needed(paths.MAP_SAMPLE)[rows]
    partner = store.needed(paths.MAP_PARTNER)[rows]
    member = store.member
    meets = member is not None and member[sorted(annotated.classes)].any()
    labels: list[list[int] | None] = []
    for place, row in enumerate(rows):
        if stored is not None and stored[row] >= 0:
            labels.append([int(stored[row])])
        elif partner[place] >= 0:
            labels.append(_common(store, int(sample[place]), int(partner[place])))
        elif not meets:
            labels.append(None)
        else:
            of_model = store.needed(paths.MEMBER)[:, target[place]]
            labels.append(np.flatnonzero(of_model).tolist())
    notes = []
    if not meets and any(one is None for one in labels):
        notes.append(
            "no annotated class meets a class of the model: maps are held against all boxes of their image"
        )
    return labels, notes


def _common(store: Store, first: int, second: int) -> list[int] | None:
    """Return the labels that both images of a pair have; None where labels are not known."""
    many = store.values(paths.LABELS)
    if many is not None:
        return np.flatnonzero(many[first] & many[second]).tolist()
    label = int(store.labels[first])
    return None if label < 0 else [label] if label == store.labels[second] else []


class _Annotated:
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

    def region(self, row: int, sample: int, labels: list[int] | None) -> "Region | str":
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
