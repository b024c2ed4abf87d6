"""What every map of a store should find: the boxes and masks it is about, in the network's frame."""

import dataclasses

import numpy as np

from gradtools.errors import GradtoolsError, UsageError
from gradtools.images.labels import normalise
from gradtools.selection.annotated import OTHER_CLASS, Annotated, Region
from gradtools.selection.prepared import preprocessing
from gradtools.store import Store, paths

WHOLE = {"resize": None, "crop": None}  # the frame is the image


@dataclasses.dataclass(frozen=True)
class MapRegions:
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


def of_maps(store: Store, rows: np.ndarray, which: str | None = None) -> MapRegions:
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
    annotated = Annotated(store)
    labels, notes = _labels(store, rows, annotated, which)
    sample, partner = store.needed(paths.MAP_SAMPLE), store.needed(paths.MAP_PARTNER)
    regions, left_out = (
        [],
        {"not annotated": 0, OTHER_CLASS: 0, "cut away by the crop": 0, "to ignore": 0},
    )
    for row, label in zip(rows.tolist(), labels):
        region = annotated.region(row, int(sample[row]), label)
        if isinstance(region, str):
            left_out[region] += 1
        else:
            regions.append(dataclasses.replace(region, partner=int(partner[row])))
    counted = {reason: count for reason, count in left_out.items() if count}
    target = str(store.attributes(paths.MAPS).get("target", ""))
    return MapRegions(regions, counted, notes, target)


def shares_of_samples(store: Store, keep: np.ndarray) -> tuple[np.ndarray, np.ndarray]:
    """Return the share of the frame of every object, by (image, label).

    Of an image with a label of its own its label's object, else those of every class that is annotated
    there. Where only the model's code has the frame, the share is of the whole image.

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
    annotated = Annotated(store, rules)
    pairs = []
    for sample in np.flatnonzero(keep & annotated.known).tolist():
        image_label, present = int(store.labels[sample]), annotated.labels_of(sample)
        for label in [image_label] if image_label in present else present:
            region = annotated.region(-1, sample, [label])
            if not isinstance(region, str):
                pairs.append((sample, region.share))
    samples, shares = zip(*pairs) if pairs else ((), ())
    return np.array(samples, int), np.array(shares, float)


def _labels(
    store: Store, rows: np.ndarray, annotated: Annotated, which: str | None
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
    if not meets and any(classes is None for classes in labels):
        notes.append(
            "no annotated class matches a class of the model: maps are compared with all boxes of their image"
        )
    return labels, notes


def _common(store: Store, first: int, second: int) -> list[int] | None:
    """Return the labels that both images of a pair have; None where labels are not known."""
    many = store.values(paths.LABELS)
    if many is not None:
        return np.flatnonzero(many[first] & many[second]).tolist()
    label = int(store.labels[first])
    return None if label < 0 else [label] if label == store.labels[second] else []
