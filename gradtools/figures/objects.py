"""Predicted and true boxes or masks on the images, methods side by side (figures 12 to 17 of the GAM paper)."""

import dataclasses
from collections.abc import Callable, Mapping, Sequence

import numpy as np
from scipy import ndimage

from gradtools.errors import GradtoolsError
from gradtools.figures.overlays import blending
from gradtools.figures.overlays.captions import method_head
from gradtools.figures.overlays.frames import frames
from gradtools.figures.overlays.mosaic import Bar, Mosaic, draw, fitted, save
from gradtools.math.maps.reading import read_maps
from gradtools.math.regions import boxes, localization
from gradtools.selection import maps as stored
from gradtools.selection import regions
from gradtools.selection.results import Result
from gradtools.store import Store, paths

TRUE, PREDICTED = np.array([1.0, 1.0, 1.0]), np.array([1.0, 0.55, 0.0])  # white; the paper's orange
LEAST = (
    224  # pixels of a picture's shorter side: smaller frames are enlarged before lines are drawn
)
LINE = 3  # pixels
NAME, NARROWEST = 1.0, 0.66  # inches
UNIT = Bar(blending.FOR, 0.0, "map, 0 to 1 in each")
Kinds = Mapping[str, tuple[stored.Feature, str]]
Frame = Callable[[int], np.ndarray]


@dataclasses.dataclass(frozen=True)
class Drawn:
    """What is drawn: the store, its images, the kinds of maps and their thresholds."""

    source: Store
    frame: Frame
    kinds: Kinds
    thresholds: Mapping[str, float]
    masks: bool


def localized(
    source: Store,
    kinds: Kinds,
    results: Sequence[Result],
    located: Sequence[regions.Region],
    path: str,
    *,
    picture: str = "boxes",
    images_dir: str | None = None,
    limit: int = 8,
) -> None:
    """Draw what `localize` measured: a row an image (boxes), a pair (pairs) or an image and label (masks).

    Parameters
    ----------
    kinds : dict of str to (Feature, fusion)
        A column each.
    results : list of Result
        Hold the thresholds.
    located : list of Region
    picture : one of boxes, pairs, masks
    limit : int
        Rows at most, spread evenly over all.

    Raises
    ------
    GradtoolsError
        Nothing of this kind is in the store.
    """
    chosen = _chosen(source, located, picture, limit)
    used = sorted({region.sample for group in chosen for region in group})
    fact = "mask_threshold" if picture == "masks" else "threshold"
    thresholds = {
        result.feature: float(result.facts[fact]) for result in results if fact in result.facts
    }
    shown = Drawn(source, frames(source, used, images_dir), kinds, thresholds, picture == "masks")
    save(_sheet(shown, chosen, picture), path)


def _chosen(
    source: Store, shown: Sequence[regions.Region], picture: str, limit: int
) -> list[tuple[regions.Region, ...]]:
    """Return the regions of every row."""
    if picture == "pairs":
        by_row = {region.row: region for region in shown}
        groups: list[tuple[regions.Region, ...]] = [
            (region, by_row[region.row + 1])
            for region in shown
            if region.partner >= 0 and region.row % 2 == 0 and region.row + 1 in by_row
        ]
    else:
        groups = [(region,) for region in shown if picture == "boxes" or region.mask is not None]
    if not groups:
        lacks = "pairs of annotated images" if picture == "pairs" else "objects with a mask"
        raise GradtoolsError(f"{source.name}: no {lacks} to draw with --picture {picture}")
    return [
        groups[place] for place in np.unique(np.linspace(0, len(groups) - 1, limit).astype(int))
    ]


def _sheet(shown: Drawn, chosen: list[tuple[regions.Region, ...]], picture: str) -> Mosaic:
    """Return the page."""
    kinds = list(shown.kinds)
    side = _side(1 + len(kinds), picture)
    heads = ["image", *(_head(name, side) for name in kinds)] * len(chosen[0])
    rows: list[tuple[str, list[np.ndarray]]] = []
    notes: dict[tuple[int, int], str] = {}
    for group in chosen:
        pictures: list[np.ndarray] = []
        for region in group:
            frame = shown.frame(region.sample)
            truth = _truth(region, shown.masks)
            pictures.append(_with_lines(frame / 255, [(truth, TRUE)]))
            for name in kinds:
                image_map, predicted, overlap = _prediction(shown, name, region)
                notes[len(rows), len(pictures)] = f"IoU {overlap:.2f}"
                pictures.append(
                    _with_lines(
                        blending.over(frame, image_map), [(truth, TRUE), (predicted, PREDICTED)]
                    )
                )
        rows.append((_name(shown.source, group), pictures))
    what = "masks" if shown.masks else "boxes"
    title = f"true {what} white, predicted ones orange, each kind of map at its own threshold"
    return draw(title, heads, rows, [UNIT], side=side, notes=notes)


def _side(columns: int, picture: str) -> float:
    """Return the side of a picture in inches: as many columns as fit on a page, but none narrower than its head."""
    widest = min(1.1, 12 / (2 * columns)) if picture == "pairs" else min(1.3, 9.5 / columns)
    return max(NARROWEST, widest)


def _head(name: str, side: float) -> str:
    """Return a kind's method over its taps, and how they are fused where that is not by their mean."""
    method, _, rest = name.removeprefix("map:").partition("@")
    taps, _, fuse = rest.partition(":")
    count = taps.count("+") + 1
    below = fitted(taps, side) if count == 1 else f"last {count} taps"
    return f"{method_head(method)}\n{below}" + (f"\n{fitted(fuse, side)}" if fuse else "")


def _name(source: Store, group: tuple[regions.Region, ...]) -> str:
    """Return the names of a row's images and its label."""
    lines = [
        fitted(source.ids[region.sample].rpartition("/")[2].rpartition(".")[0], NAME)
        for region in group
    ]
    label = group[0].label
    return "\n".join([*lines, *([fitted(source.class_names[label], NAME)] if label >= 0 else [])])


def _truth(region: regions.Region, masks: bool) -> np.ndarray:
    """Return what should be found, (n, H, W) bool: every box, or the mask."""
    if masks and region.mask is not None:
        return region.mask[None]
    return np.stack([boxes.pixels(box[None], region.size) for box in region.boxes])


def _prediction(
    shown: Drawn, name: str, region: regions.Region
) -> tuple[np.ndarray, np.ndarray, float]:
    """Return a read map, what it predicts (n, H, W) bool, and its IoU."""
    feature, fuse = shown.kinds[name]
    parts = [
        shown.source.needed_rows(paths.maps(f"{feature.method}@{tap}")) for tap in feature.taps
    ]
    raw = [part.read(region.row, region.row + 1).reshape(1, *part.tail) for part in parts]
    image_map = read_maps(raw, region.size, fuse=fuse)[0][0]
    at = np.array([shown.thresholds[name]])
    if shown.masks and region.mask is not None:
        predicted = (image_map >= at[0]) & (image_map.max() > 0)
        return (
            image_map,
            predicted[None],
            float(localization.mask_ious(image_map, region.mask, None, at)[0]),
        )
    box = boxes.around_largest_component(image_map >= at[0]) if image_map.max() > 0 else None
    predicted = np.zeros((0, *region.size), bool)
    if box is not None:
        predicted = boxes.pixels(box[None], region.size)[None]
    return image_map, predicted, float(localization.box_ious(image_map, region.boxes, at)[0])


def _with_lines(picture: np.ndarray, lines: Sequence[tuple[np.ndarray, np.ndarray]]) -> np.ndarray:
    """Return a picture (H, W, 3) in 0..1, enlarged where it is small, with regions outlined."""
    times = max(1, -(-LEAST // min(picture.shape[:2])))
    large = picture.repeat(times, axis=0).repeat(times, axis=1).copy()
    for areas, colour in lines:
        for area in areas:
            wide = area.repeat(times, axis=0).repeat(times, axis=1)
            large[wide & ~ndimage.binary_erosion(wide, iterations=LINE)] = colour
    return large
