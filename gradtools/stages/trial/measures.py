"""Every measure of maps that does not use the truth, image by image, beside the truth."""

from collections.abc import Iterator

import numpy as np

from gradtools.math.channels import deletion
from gradtools.math.channels.channel_values import spearman
from gradtools.math.regions import boxes, faithfulness, localization
from gradtools.network import masking
from gradtools.stages.trial.constructions import Scenes
from gradtools.stages.trial.methods import CENTRE, EDGES, TRUTH, Maps

FILLS = ("black", "blur")
SCORE, PRECISION = "truth", "truth_ap"  # of a map against the truth
LOWER = ("adp", "deletion")  # measures of which less is better
OF_MASKS = ("adp", "pic", "deletion", "insertion")
OF_REGIONS = ("energy", "pointing", "precision", "iou")
SANITY = "sanity"
OF_NOTHING = ("edges", "centre", "random")  # what they measure has nothing to do with the network
MEASURES = (
    *(f"{name}_{fill}" for fill in FILLS for name in OF_MASKS),
    *OF_REGIONS,
    SANITY,
    *OF_NOTHING,
)


def signed(measure: str, values: np.ndarray) -> np.ndarray:
    """Return the values of a measure so that larger is better."""
    return -values if measure.partition("_")[0] in LOWER else values


def likeness(first: np.ndarray, second: np.ndarray) -> np.ndarray:
    """Return Spearman's correlation of maps (N, H, W), (N,): 0 where one is constant, 1 where both are."""
    a, b = (maps.reshape(len(maps), -1) for maps in (first, second))
    flat = [np.ptp(rows, axis=1) == 0 for rows in (a, b)]
    known = spearman(a, b)
    return np.where(flat[0] & flat[1], 1.0, np.where(flat[0] | flat[1], 0.0, known))


def against_truth(maps: Maps, truth: np.ndarray) -> dict[str, dict[str, np.ndarray]]:
    """Return each map's correlation with the truth and the average precision of the pixels that count.

    Returns
    -------
    dict of str to dict of method to (N,) float64 array
        Maps without a positive value count 0.
    """
    inside = truth > 0
    by_method: dict[str, dict[str, np.ndarray]] = {SCORE: {}, PRECISION: {}}
    for method, read in maps.maps.items():
        by_method[SCORE][method] = likeness(read, truth)
        precision = [
            localization.average_precision(one, region) for one, region in zip(read, inside)
        ]
        by_method[PRECISION][method] = np.nan_to_num(precision)
    return by_method


def of_masks(
    maps: Maps, scenes: Scenes, fill: str, steps: int, seed: int
) -> dict[str, dict[str, np.ndarray]]:
    """Return ADP, PIC and the areas under deletion and insertion curves, in percent and shares.

    Returns
    -------
    dict of str to dict of method to (N,) float64 array
    """
    count, size = len(scenes.target), scenes.object.shape[1:]
    methods = list(maps.maps)
    members = np.eye(maps.job.width, dtype=bool)[scenes.target]
    rows = np.arange(count)

    def shown() -> Iterator[masking.Shown]:
        for row in rows:
            yield int(row), np.ones(size, "f4")
        for method in methods:
            for row in rows:
                image_map = maps.maps[method][row].astype("f4")
                yield int(row), image_map
                ranks = masking.ranking(image_map, seed + int(row))
                for mask in masking.curve_masks(ranks, steps):
                    yield int(row), mask

    each = 1 + 2 * (steps + 1)
    about = np.concatenate([rows, np.tile(np.repeat(rows, each), len(methods))])
    values = masking.scores(
        maps.job,
        maps.pixels,
        shown(),
        fill,
        lambda x, places: masking.probability(maps.job, x, members[about[places]]),
    )
    before = values[:count]
    by_method: dict[str, dict[str, np.ndarray]] = {name: {} for name in OF_MASKS}
    for method, after in zip(methods, values[count:].reshape(len(methods), count, each)):
        by_method["adp"][method] = 100 * faithfulness.drops(before, after[:, 0])
        by_method["pic"][method] = 100 * faithfulness.increases(before, after[:, 0])
        curves = after[:, 1:].reshape(count, 2, steps + 1)
        for place, name in enumerate(("deletion", "insertion")):
            shares = deletion.shares(curves[:, place], before)
            by_method[name][method] = deletion.areas(shares, np.arange(steps + 1))
    return {f"{name}_{fill}": values for name, values in by_method.items()}


def of_regions(maps: Maps, scenes: Scenes, seed: int) -> dict[str, dict[str, np.ndarray]]:
    """Return energy, pointing, average precision and IoU with the annotated object; IoU is NaN on the hold-out.

    Returns
    -------
    dict of str to dict of method to (N,) float64 array
        Maps without a positive value count 0.
    """
    tight = [np.array([boxes.around_largest_component(inside)]) for inside in scenes.object]
    held_out = localization.hold_outs(np.arange(len(tight)), 1, seed)[0]
    by_method: dict[str, dict[str, np.ndarray]] = {name: {} for name in OF_REGIONS}
    for method, read in maps.maps.items():
        pairs = list(zip(read, scenes.object))
        by_method["energy"][method] = np.nan_to_num([localization.energy(*pair) for pair in pairs])
        by_method["pointing"][method] = np.array([localization.pointing(*pair) for pair in pairs])
        by_method["precision"][method] = np.nan_to_num(
            [localization.average_precision(*pair) for pair in pairs]
        )
        curves = np.stack([localization.box_ious(one, box) for one, box in zip(read, tight)])
        chosen = localization.choose_threshold(curves, held_out).threshold
        place = int(np.argmin(np.abs(localization.THRESHOLDS - chosen)))
        by_method["iou"][method] = np.where(held_out, np.nan, curves[:, place])
    return by_method


def of_sanity(maps: Maps, rolled: Maps) -> dict[str, np.ndarray]:
    """Return how much each method's map changes when the rows of the head are rolled: 1 - likeness."""
    return {method: 1 - likeness(read, rolled.maps[method]) for method, read in maps.maps.items()}


def of_nothing(maps: Maps, seed: int) -> dict[str, dict[str, np.ndarray]]:
    """Return measures that do not depend on the network: likeness to edges and to the centre, and random numbers.

    Returns
    -------
    dict of str to dict of method to (N,) float64 array
    """
    rng = np.random.default_rng([seed, 1])
    every = maps.maps
    return {
        "edges": {method: likeness(read, every[EDGES]) for method, read in every.items()},
        "centre": {method: likeness(read, every[CENTRE]) for method, read in every.items()},
        "random": {method: rng.random(len(every[TRUTH])) for method in every},
    }
