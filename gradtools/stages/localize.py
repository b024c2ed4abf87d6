"""maps + boxes or masks -> how well maps find what they are about.

Every measure is of read maps in the network's frame. Measures without a threshold rest on all maps;
a threshold is chosen on a hold-out of images and frozen, and only its figures leave the hold-out out.
Beside every map stand the centre of the frame and the map of another image.
"""

import dataclasses
from collections.abc import Iterator

import numpy as np

from gradtools.errors import GradtoolsError, UsageError
from gradtools.math.maps import map_controls
from gradtools.math.maps.reading import read_maps
from gradtools.math.regions import faithfulness, localization
from gradtools.selection import maps as stored
from gradtools.selection import regions, samples
from gradtools.store import Store, paths

BLOCK = 64  # maps held at once
SMALL = {"all": 100, "smallest 25 %": 25, "smallest 10 %": 10}
CENTRE, OTHER = "centred Gaussian", "map of another image"
THRESHOLD_FREE = ("energy", "pointing", "precision")


@dataclasses.dataclass(frozen=True)
class Options:
    """What decides the values.

    Attributes
    ----------
    feature : tuple of str
        Maps by name or glob; all by default.
    layers : tuple of int or None
        Numbers of last taps that are fused; every number up to the store's by default.
    fuse : tuple of str
        Ways to fuse them: mean, max, product, or weights.
    where : tuple of str
    boxes : str or None
        `any`, or one data class; by default those of the map's label.
    holdout : str or None
        File of the ids of the images that thresholds are chosen on; by default a fifth, drawn.
    resamples, seed : int
    """

    feature: tuple[str, ...] = ()
    layers: tuple[int, ...] | None = None
    fuse: tuple[str, ...] = ("mean",)
    where: tuple[str, ...] = ()
    boxes: str | None = None
    holdout: str | None = None
    resamples: int = 1000
    seed: int = 0


@dataclasses.dataclass(frozen=True)
class Measures:
    """Measures of one kind of map, a row a region.

    Attributes
    ----------
    energy, pointing, precision : (M,) float64 arrays
    box_iou, mask_iou : (M, T) float64 arrays
        At `localization.THRESHOLDS`; `mask_iou` is NaN for objects without a mask.
    degenerate : int
        Maps without a positive value.
    """

    energy: np.ndarray
    pointing: np.ndarray
    precision: np.ndarray
    box_iou: np.ndarray
    mask_iou: np.ndarray
    degenerate: int


def features_of(source: Store, options: Options) -> dict[str, tuple[stored.Feature, str]]:
    """Return the kinds of maps that are measured, by name: a feature of the store and its fusion."""
    taps = max((len(group) for group in _taps_of(source).values()), default=0)
    layers = options.layers or tuple(range(1, taps + 1))
    kinds: dict[str, tuple[stored.Feature, str]] = {}
    for fuse in options.fuse:
        reading = stored.Reading(fuse=fuse, layers=layers)
        for feature in stored.resolve(source, options.feature, reading):
            several = len(feature.taps) > 1
            name = feature.name + (f":{fuse}" if several and fuse != "mean" else "")
            kinds.setdefault(name, (feature, fuse))
    return kinds


def _taps_of(source: Store) -> dict[str, list[str]]:
    """Return the taps of every method of a store."""
    taps: dict[str, list[str]] = {}
    for name in source.maps:
        method, _, tap = name.partition("@")
        taps.setdefault(method, []).append(tap)
    return taps


def rows_of(source: Store, options: Options) -> np.ndarray:
    """Return the rows of the maps that --where leaves, a pair where both images stay, (M,) int."""
    keep = samples.select(source, options.where)
    sample, partner = source.values(paths.MAP_SAMPLE), source.values(paths.MAP_PARTNER)
    return np.flatnonzero(keep[sample] & ((partner < 0) | keep[partner]))


def measure(
    source: Store, feature: stored.Feature, fuse: str, found: list[regions.Region]
) -> Measures:
    """Measure one kind of map against its regions."""
    return _gathered(
        _of_region(image_map, region)
        for (image_map,), region in zip(_read(source, feature, fuse, [found]), found)
    )


def controls(
    source: Store, feature: stored.Feature, fuse: str, found: list[regions.Region], seed: int
) -> dict[str, Measures]:
    """Measure the centre of the frame, and each image's map against another image's region."""
    gaussian = (map_controls.centred_gaussian(region.size) for region in found)
    measured = {CENTRE: _gathered(map(_of_region, gaussian, found))}
    drawn = faithfulness.others(np.array([region.sample for region in found]), seed)
    if (drawn < 0).any():
        return measured
    others = [
        dataclasses.replace(region, row=found[place].row) for region, place in zip(found, drawn)
    ]
    measured[OTHER] = measure(source, feature, fuse, others)
    return measured


def _read(
    source: Store, feature: stored.Feature, fuse: str, lists: list[list[regions.Region]]
) -> Iterator[tuple[np.ndarray, ...]]:
    """Yield the read maps of the regions' rows, each at its frame's size, a bounded number at once."""
    parts = [source.rows(paths.maps(f"{feature.method}@{tap}")) for tap in feature.taps]
    for rows in zip(*lists):
        yield tuple(
            read_maps(
                [part.read(region.row, region.row + 1).reshape(1, *part.tail) for part in parts],
                region.size,
                fuse=fuse,
            )[0][0]
            for region in rows
        )


def _of_region(image_map: np.ndarray, region: regions.Region) -> tuple:
    """Return every measure of one map."""
    pixels, valid = region.pixels, region.valid
    mask = region.mask
    inside = None if region.ignored is None or mask is None else ~region.ignored | mask
    return (
        localization.energy(image_map, pixels, valid),
        localization.pointing(image_map, pixels, valid),
        localization.average_precision(image_map, pixels, valid),
        localization.box_ious(image_map, region.boxes),
        np.full(len(localization.THRESHOLDS), np.nan)
        if mask is None
        else localization.mask_ious(image_map, mask, inside),
        image_map.max() <= 0,
    )


def _gathered(rows: Iterator[tuple]) -> Measures:
    """Return measures of single maps as arrays."""
    columns = [np.array(column) for column in zip(*rows)]
    return Measures(*columns[:5], degenerate=int(columns[5].sum()))


def subsets(found: list[regions.Region]) -> dict[str, np.ndarray]:
    """Return which regions are among the smallest, by the names of `SMALL`, (M,) bool each."""
    share = np.array([region.share for region in found])
    return {name: share <= np.percentile(share, percent) for name, percent in SMALL.items()}


def hold_out(source: Store, found: list[regions.Region], options: Options) -> np.ndarray:
    """Return the hold-outs that thresholds are chosen on, the first of them the one that counts.

    Returns
    -------
    (S, M) bool array
        One row where a file names the images, else `localization.SPLITS`.
    """
    images = np.array([region.sample for region in found])
    if len(np.unique(images)) < 2:
        raise GradtoolsError(
            f"{source.name}: need at least 2 annotated images to hold one out for the threshold, "
            f"got {len(np.unique(images))}"
        )
    if options.holdout is None:
        return localization.hold_outs(images, seed=options.seed)
    named = samples.select(source, (f"list={options.holdout}",))[images]
    if named.all() or not named.any():
        raise UsageError(
            f"--holdout {options.holdout} names {int(named.sum())} of {len(named)} annotated maps: "
            "leave some on either side"
        )
    return named[None]
