"""Measures of maps against their regions: without a threshold, at every threshold, and against the maps of other classes."""

import dataclasses
from collections.abc import Iterable, Iterator

import numpy as np

from gradtools.math.channels.channel_values import spearman
from gradtools.math.maps import map_controls
from gradtools.math.maps.reading import read_maps
from gradtools.math.maps.resize import resize
from gradtools.math.regions import faithfulness, localization, means
from gradtools.selection import map_methods, regions
from gradtools.selection import maps as stored
from gradtools.store import Store, paths

CENTRE, OTHER = "centred Gaussian", "map of another image"
ACTIVATION = "activation"
BLOCK = 64  # maps whose companions are held at once


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
    alike : dict of str to (M,) float64 array
        Spearman's correlation with maps of the same image: `second` and `middle` (of classes of these
        ranks), `labels` (of its other labels), `activation` (the sum of activations); and with that
        of `other_image`. NaN where there is none.
    negative : (M,) float64 array or None
        Of signed maps of one tap the share of the object's pixels where what speaks against outweighs.
    """

    energy: np.ndarray
    pointing: np.ndarray
    precision: np.ndarray
    box_iou: np.ndarray
    mask_iou: np.ndarray
    degenerate: int
    alike: dict[str, np.ndarray] = dataclasses.field(default_factory=dict)
    negative: np.ndarray | None = None


def measure(
    source: Store, feature: stored.Feature, fuse: str, chosen: list[regions.Region]
) -> Measures:
    """Measure one kind of map against its regions."""
    rows = ((region.row, region.size) for region in chosen)
    return _gathered(map(_of_region, _read(source, feature, fuse, rows), chosen))


def controls(
    source: Store, feature: stored.Feature, fuse: str, chosen: list[regions.Region], seed: int
) -> dict[str, Measures]:
    """Measure the centre of the frame, and each image's map against another image's region."""
    gaussian = (map_controls.centred_gaussian(region.size) for region in chosen)
    measured = {CENTRE: _gathered(map(_of_region, gaussian, chosen))}
    drawn = faithfulness.others(np.array([region.sample for region in chosen]), seed)
    if (drawn < 0).any():
        return measured
    others = [
        dataclasses.replace(region, row=chosen[place].row) for region, place in zip(chosen, drawn)
    ]
    measured[OTHER] = measure(source, feature, fuse, others)
    return measured


def outweighed(
    source: Store, feature: stored.Feature, chosen: list[regions.Region]
) -> np.ndarray | None:
    """Return the share of each object's pixels where P < Q, the GAM paper's equation 4; None of other maps than Grad-CAM's.

    References
    ----------
    mathematics#grad-cam
    """
    if feature.method not in map_methods.SIGNED or len(feature.taps) > 1:
        return None
    part = source.needed_rows(paths.maps(f"{feature.method}@{feature.taps[0]}"))
    shares = []
    for region in chosen:
        raw = part.read(region.row, region.row + 1).reshape(1, *part.tail)
        shares.append((resize(raw.astype(float), region.size)[0] < 0)[region.pixels].mean())
    return np.array(shares)


def _read(
    source: Store,
    feature: stored.Feature,
    fuse: str,
    rows: Iterator[tuple[int, tuple[int, int] | None]],
) -> Iterator[np.ndarray]:
    """Yield read maps of rows, each at a size, None for the largest tap's own; one at a time."""
    parts = [source.needed_rows(paths.maps(f"{feature.method}@{tap}")) for tap in feature.taps]
    for row, size in rows:
        raw = [part.read(row, row + 1).reshape(1, *part.tail) for part in parts]
        yield read_maps(raw, size, fuse=fuse)[0][0]


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


def discrimination(
    source: Store, feature: stored.Feature, fuse: str, chosen: list[regions.Region], seed: int
) -> dict[str, np.ndarray]:
    """Correlate each map with those of other classes of its image, with the activations, and with another image's.

    References
    ----------
    mathematics#class-discrimination
    """
    shown, companions = _companions(source, chosen, seed)
    parts = [
        _alike(
            source,
            feature,
            fuse,
            shown[start : start + BLOCK],
            {name: rows[start : start + BLOCK] for name, rows in companions.items()},
        )
        for start in range(0, len(shown), BLOCK)
    ]
    return {name: np.concatenate([part[name] for part in parts]) for name in parts[0]}


def _alike(
    source: Store,
    feature: stored.Feature,
    fuse: str,
    shown: np.ndarray,
    companions: dict[str, np.ndarray],
) -> dict[str, np.ndarray]:
    """Return the correlations of some rows, (n,) each."""
    used = sorted({int(row) for rows in (*companions.values(), shown) for row in rows.flat} - {-1})
    place = {row: number for number, row in enumerate(used)}
    flat = _flat(source, feature, fuse, used)
    first = flat[[place[row] for row in shown]]
    alike = {}
    for name, rows in companions.items():
        columns = [_aligned(first, flat, column, place) for column in rows.T]
        alike[name] = means.without_gaps(np.stack(columns), axis=0)
    if all(f"{ACTIVATION}@{tap}" in source.maps for tap in feature.taps):
        sums = _flat(source, dataclasses.replace(feature, method=ACTIVATION), fuse, shown)
        alike[ACTIVATION] = spearman(first, sums)
    return alike


def _flat(source: Store, feature: stored.Feature, fuse: str, rows: Iterable[int]) -> np.ndarray:
    """Return read maps of rows at the largest tap's size, (n, pixels)."""
    maps = _read(source, feature, fuse, ((int(row), None) for row in rows))
    return np.stack([image_map.ravel() for image_map in maps])


def _companions(
    source: Store, chosen: list[regions.Region], seed: int
) -> tuple[np.ndarray, dict[str, np.ndarray]]:
    """Return the rows of the maps, and (M, k) rows of the maps that each is held against, -1 none."""
    rows = np.array([region.row for region in chosen])
    sample = source.needed(paths.MAP_SAMPLE)
    drawn = faithfulness.others(sample[rows], seed)
    companions = {"other_image": np.where(drawn < 0, -1, rows[drawn])[:, None]}
    target = str(source.attributes(paths.MAPS).get("target", ""))
    if target == "ranks":
        companions |= {"second": rows[:, None] + 1, "middle": rows[:, None] + 2}
    elif target in ("labels", "label"):
        many = [np.flatnonzero(sample == sample[row]) for row in rows]
        most = max(map(len, many))
        others = np.full((len(rows), most), -1)
        for place, (row, same) in enumerate(zip(rows, many)):
            rest = same[same != row]
            others[place, : len(rest)] = rest
        if (others >= 0).any():
            companions["labels"] = others
    return rows, companions


def _aligned(
    first: np.ndarray, flat: np.ndarray, rows: np.ndarray, place: dict[int, int]
) -> np.ndarray:
    """Return Spearman's correlation of map i with the map of row i, NaN where the row is -1."""
    known = np.flatnonzero(rows >= 0)
    values = np.full(len(rows), np.nan)
    if len(known):
        values[known] = spearman(first[known], flat[[place[row] for row in rows[known]]])
    return values
