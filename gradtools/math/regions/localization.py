"""How well a map finds a region: without a threshold, and with one that is chosen elsewhere.

Maps are read ones, (H, W) in 0..1. A region is what the map should find; pixels that are not `valid`
(crowds, difficult objects) count on neither side.
"""

import dataclasses

import numpy as np

from gradtools.math.regions import boxes as rectangles

THRESHOLDS = np.round(np.arange(0.05, 0.951, 0.05), 2)
HOLD_OUT = 0.2  # share of the samples that a threshold is chosen on
SPLITS = 10
HALF = 0.5  # IoU from which an object counts as found


def energy(image_map: np.ndarray, region: np.ndarray, valid: np.ndarray | None = None) -> float:
    """Return the share of a map's sum that lies in the region; NaN without a positive value.

    Parameters
    ----------
    image_map : (H, W) float array in 0..1
    region : (H, W) bool array
    valid : (H, W) bool array, optional
        Pixels that count; by default all.

    Returns
    -------
    float in 0..1

    References
    ----------
    mathematics#finding-a-region-without-a-threshold
    """
    weights = np.where(valid, image_map, 0) if valid is not None else image_map
    total = weights.sum()
    return float(weights[region].sum() / total) if total > 0 else float("nan")


def pointing(image_map: np.ndarray, region: np.ndarray, valid: np.ndarray | None = None) -> float:
    """Return whether the largest value lies in the region; of tied ones their share that does.

    A map without a positive value points at nothing: 0.

    Parameters
    ----------
    image_map, region, valid
        As for `energy`.

    Returns
    -------
    float in 0..1

    References
    ----------
    mathematics#finding-a-region-without-a-threshold
    """
    values = np.where(valid, image_map, -np.inf) if valid is not None else image_map
    largest = values.max()
    return float(region[values == largest].mean()) if largest > 0 else 0.0


def average_precision(
    image_map: np.ndarray, region: np.ndarray, valid: np.ndarray | None = None
) -> float:
    """Return the average precision of the pixels as a ranking by their values.

    sum over distinct values v, from the largest, of (recall(v) - recall(before)) precision(v): tied
    pixels come together, in whatever order they lie. NaN without a positive value or an empty region.

    References
    ----------
    mathematics#finding-a-region-without-a-threshold
    """
    values, inside = image_map.ravel(), region.ravel()
    if valid is not None:
        values, inside = values[valid.ravel()], inside[valid.ravel()]
    positives = inside.sum()
    if not positives or not len(values) or values.max() <= 0:
        return float("nan")
    order = np.argsort(-values, kind="stable")
    last_of_ties = np.r_[np.diff(values[order]) != 0, True]
    hits = np.cumsum(inside[order])[last_of_ties]
    taken = np.flatnonzero(last_of_ties) + 1
    return float((np.diff(hits, prepend=0) / positives * hits / taken).sum())


def box_ious(
    image_map: np.ndarray, boxes: np.ndarray, thresholds: np.ndarray = THRESHOLDS
) -> np.ndarray:
    """Return the IoU of the box around the largest component of map >= t with the best of the boxes.

    Parameters
    ----------
    image_map : (H, W) float array in 0..1
    boxes : (B, 4) float array
    thresholds : (T,) float array

    Returns
    -------
    (T,) float64 array
        0 where nothing reaches the threshold, and everywhere for a map without a positive value.

    References
    ----------
    mathematics#iou-and-its-threshold
    """
    values = np.zeros(len(thresholds))
    if image_map.max() <= 0:
        return values
    for place, threshold in enumerate(thresholds):
        box = rectangles.around_largest_component(image_map >= threshold)
        if box is not None:
            values[place] = rectangles.iou(box[None], boxes).max()
    return values


def mask_ious(
    image_map: np.ndarray,
    region: np.ndarray,
    valid: np.ndarray | None = None,
    thresholds: np.ndarray = THRESHOLDS,
) -> np.ndarray:
    """Return the IoU of the pixels of map >= t with the region, (T,); 0 for a map without a positive value.

    References
    ----------
    mathematics#iou-and-its-threshold
    """
    values, inside = image_map.ravel(), region.ravel()
    if valid is not None:
        values, inside = values[valid.ravel()], inside[valid.ravel()]
    if not len(values) or values.max() <= 0:
        return np.zeros(len(thresholds))
    reached = values[None] >= np.asarray(thresholds)[:, None]
    common, union = (reached & inside).sum(axis=1), (reached | inside).sum(axis=1)
    return common / np.maximum(union, 1)


@dataclasses.dataclass(frozen=True)
class Split:
    """A threshold chosen on a hold-out and what it gives on the rest."""

    threshold: float
    held_out: np.ndarray  # (N,) bool
    value: float  # mean IoU of the rows that are not held out


def choose_threshold(curves: np.ndarray, held_out: np.ndarray) -> Split:
    """Choose the threshold of the largest mean IoU on the hold-out; of equal ones the smallest.

    Parameters
    ----------
    curves : (N, T) float array
        IoU of every sample at every threshold.
    held_out : (N,) bool array
        Samples that the threshold is chosen on; the value rests on the others alone.

    References
    ----------
    mathematics#iou-and-its-threshold
    """
    place = int(curves[held_out].mean(axis=0).argmax())
    rest = curves[~held_out, place]
    return Split(
        float(THRESHOLDS[place]), held_out, float(rest.mean()) if len(rest) else float("nan")
    )


def hold_outs(groups: np.ndarray, splits: int = SPLITS, seed: int = 0) -> np.ndarray:
    """Draw hold-outs of a fifth of the images, whole images at a time.

    Parameters
    ----------
    groups : (N,) int array
        The image of every row: maps of one image are never on both sides.

    Returns
    -------
    (splits, N) bool array
        At least one image is on each side.

    References
    ----------
    mathematics#iou-and-its-threshold
    """
    images = np.unique(groups)
    count = min(max(1, round(HOLD_OUT * len(images))), len(images) - 1)
    drawn = [
        np.isin(groups, np.random.default_rng([seed, split]).permutation(images)[:count])
        for split in range(splits)
    ]
    return np.array(drawn)


def at_threshold(curves: np.ndarray, split: Split) -> np.ndarray:
    """Return the IoU at a split's threshold, (N,); NaN for the rows that it was chosen on.

    References
    ----------
    mathematics#iou-and-its-threshold
    """
    place = int(np.argmin(np.abs(THRESHOLDS - split.threshold)))
    return np.where(split.held_out, np.nan, curves[:, place])


def frozen(
    box_iou: np.ndarray, mask_iou: np.ndarray, splits: np.ndarray
) -> tuple[dict[str, np.ndarray], dict[str, float]]:
    """Return the IoU of boxes and masks at the thresholds that the first hold-out gives, and the thresholds' spread.

    Parameters
    ----------
    box_iou, mask_iou : (N, T) float arrays
        At THRESHOLDS; `mask_iou` is NaN for objects without a mask.
    splits : (S, N) bool array
        Hold-outs.

    Returns
    -------
    rows : dict of str to (N,) float array
        iou, iou_half (IoU of .5 or more) and, with masks on both sides, mask_iou.
    facts : dict of str to float

    References
    ----------
    mathematics#iou-and-its-threshold
    """
    box = [choose_threshold(box_iou, split) for split in splits]
    iou = at_threshold(box_iou, box[0])
    rows = {"iou": iou, "iou_half": np.where(np.isnan(iou), np.nan, iou >= HALF)}
    thresholds = [split.threshold for split in box]
    facts = {
        "threshold": box[0].threshold,
        "threshold_low": min(thresholds),
        "threshold_high": max(thresholds),
        "iou_spread": float(np.std([split.value for split in box])),
    }
    masked = ~np.isnan(mask_iou[:, 0])
    if (masked & splits[0]).any() and (masked & ~splits[0]).any():
        mask = choose_threshold(mask_iou[masked], splits[0][masked])
        rows["mask_iou"] = np.full(len(iou), np.nan)
        rows["mask_iou"][masked] = at_threshold(mask_iou[masked], mask)
        facts["mask_threshold"] = mask.threshold
    return rows, facts
