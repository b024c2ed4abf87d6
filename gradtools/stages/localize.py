"""maps + boxes or masks -> how well maps find what they are about.

Every measure is of read maps in the network's frame. Measures without a threshold rest on all maps;
a threshold is chosen on a hold-out of images and frozen, and only its figures leave the hold-out out.
Beside every map stand the centre of the frame and the map of another image.
"""

import dataclasses
from collections.abc import Callable, Iterator

import numpy as np

from gradtools import interrupt, store
from gradtools.errors import GradtoolsError, UsageError
from gradtools.math.maps import map_controls
from gradtools.math.maps.reading import read_maps
from gradtools.math.regions import faithfulness, localization, means
from gradtools.selection import maps as stored
from gradtools.selection import regions, samples
from gradtools.selection.results import Result
from gradtools.store import Store, paths, provenance

BLOCK = 64  # maps held at once
SMALL = {
    "": 100,
    "@25": 25,
    "@10": 10,
}  # suffix of a statistic: percentile of the objects' share of the frame
METHOD = "localization"
HALF = 0.5  # IoU from which an object counts as found
ROWS = ("energy", "pointing", "precision", "box_iou", "mask_iou")
CENTRE, OTHER = "centred Gaussian", "map of another image"


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
    energy, pointing, precision, box_iou, mask_iou, degenerate = columns
    return Measures(energy, pointing, precision, box_iou, mask_iou, int(degenerate.sum()))


def subsets(found: list[regions.Region]) -> dict[str, np.ndarray]:
    """Return which regions are among the smallest, by the suffixes of `SMALL`, (M,) bool each."""
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


def localize(
    source: Store,
    output: str | None,
    options: Options,
    *,
    carry: bool = False,
    force: bool = False,
    say: Callable[[str], None] = print,
    progress: Callable | None = None,
) -> list[Result]:
    """Measure the maps of an open store and, where there is an output, write the measures.

    Parameters
    ----------
    source : store.Store
        With maps, and boxes or masks.
    output : str or None
        Path or '-'; None measures only.
    options : Options
    carry : bool
        Copy everything of the input.

    Returns
    -------
    list of Result
        One a kind of map, the controls last: `localization` of its statistics.

    Raises
    ------
    GradtoolsError, UsageError
    """
    begun = provenance.begin()
    if output is not None:
        store.check_output(output, force, [source])
    kinds = stored.kinds(source, options.feature, options.layers, options.fuse)
    found = regions.of_maps(source, rows_of(source, options), options.boxes)
    for line in (*found.notes, *_left_out(found)):
        say(line)
    if not found.regions:
        raise GradtoolsError(f"{source.name}: no map has a box or mask to find in its frame")
    splits = hold_out(source, found.regions, options)
    measured: dict[str, Measures] = {}
    with (progress or interrupt.unwatched)(len(kinds) + 1, 0, "kinds of maps") as advance:
        for name, (feature, fuse) in kinds.items():
            measured[name] = measure(source, feature, fuse, found.regions)
            advance(1)
        feature, fuse = next(iter(kinds.values()))
        measured |= controls(source, feature, fuse, found.regions, options.seed)
        advance(1)
    results = [_result(name, one, found, splits, options) for name, one in measured.items()]
    if output is not None:
        with store.create(output, "localization", force=force) as sink:
            keep = samples.select(source, options.where)
            sink.carry(source, keep, carry, [paths.LOCALIZATION])
            _write_rows(sink, source, keep, found.regions, measured)
            for result in results:
                result.write(sink)
            step = provenance.step(begun, [source], seed=options.seed, rows=len(found.regions))
            sink.history([source], step)
    return results


def _left_out(found: regions.Found) -> list[str]:
    """Say which maps have no region, and why."""
    return [f"{count} maps left out: {reason}" for reason, count in found.left_out.items()]


def _result(
    name: str, one: Measures, found: regions.Found, splits: np.ndarray, options: Options
) -> Result:
    """Return the statistics of one kind of map, of all objects and of the small ones."""
    images = np.array([region.sample for region in found.regions])
    box = [localization.choose_threshold(one.box_iou, split) for split in splits]
    rows = {
        "iou": _at(one.box_iou, box[0]),
        "energy": one.energy,
        "pointing": one.pointing,
        "precision": one.precision,
    }
    rows["iou_half"] = np.where(np.isnan(rows["iou"]), np.nan, rows["iou"] >= HALF)
    facts: dict[str, str | int | float] = {
        "threshold": box[0].threshold,
        "threshold_low": min(split.threshold for split in box),
        "threshold_high": max(split.threshold for split in box),
        "iou_spread": float(np.std([split.value for split in box])),
        "splits": len(splits),
        "held_out": int(splits[0].sum()),
        "maps": len(images),
        "images": len(np.unique(images)),
        "left_out": sum(found.left_out.values()),
        "degenerate": one.degenerate,
        "resamples": options.resamples,
        "seed": options.seed,
    }
    with_mask = ~np.isnan(one.mask_iou[:, 0])
    if (with_mask & splits[0]).any() and (with_mask & ~splits[0]).any():
        mask = localization.choose_threshold(one.mask_iou[with_mask], splits[0][with_mask])
        values = np.full(len(images), np.nan)
        values[with_mask] = _at(one.mask_iou[with_mask], mask)
        rows["mask_iou"] = values
        facts["mask_threshold"] = mask.threshold
    table = _table(rows, images, subsets(found.regions), options)
    columns, replicates = table
    return Result(
        paths.localization(name),
        feature=name,
        method=METHOD,
        columns=columns,
        facts=facts,
        title=f"how well {name} finds its object",
        replicates=replicates,
    )


def _at(curves: np.ndarray, split: localization.Split) -> np.ndarray:
    """Return the IoU at a split's threshold, NaN for the rows it was chosen on."""
    place = int(np.argmin(np.abs(localization.THRESHOLDS - split.threshold)))
    return np.where(split.held_out, np.nan, curves[:, place])


def _table(
    rows: dict[str, np.ndarray],
    images: np.ndarray,
    small: dict[str, np.ndarray],
    options: Options,
) -> tuple[dict, np.ndarray]:
    """Return a table of statistics with their replicates: every measure of every subset."""
    names = [f"{measure}{suffix}" for suffix in small for measure in rows]
    values = np.stack(
        [np.where(chosen, row, np.nan) for chosen in small.values() for row in rows.values()],
        axis=1,
    )
    mean, replicates = means.over_images(values, images, options.resamples, options.seed)
    bounds = means.bounds(replicates)
    columns = {
        "statistic": names,
        "value": mean,
        "low": bounds[:, 0],
        "high": bounds[:, 1],
        "images": (~np.isnan(values)).sum(axis=0).astype("i8"),
    }
    return columns, replicates


def _write_rows(
    sink: store.Sink,
    source: Store,
    keep: np.ndarray,
    found: list[regions.Region],
    measured: dict[str, Measures],
) -> None:
    """Write which region each row is of, and the measures of every row."""
    place = np.cumsum(keep) - 1
    about = {
        "sample": place[[region.sample for region in found]].astype("i4"),
        "label": np.array([region.label for region in found], "i4"),
        "map": np.array([region.row for region in found], "i4"),
        "share": np.array([region.share for region in found], "f4"),
        "at": localization.THRESHOLDS,
    }
    for name, values in about.items():
        sink.put(f"{paths.LOCALIZATION}/{name}", values)
    for kind, one in measured.items():
        for name in ROWS:
            sink.put(f"{paths.localization(kind)}/{name}", getattr(one, name).astype("f4"))
