"""features with changed versions -> how alike images and their own versions are, beside pairs of one class and of two.

`extract --augment` keeps the versions; here each feature is asked what it makes of them (mathematics#augmented-images).
"""

import dataclasses
import json
from collections.abc import Callable
from typing import TYPE_CHECKING

import numpy as np

from gradtools import interrupt
from gradtools.images import versions as kinds_of
from gradtools.math.pairs import augmented, bootstrap, group_sums, pair_means
from gradtools.math.rows import vectors
from gradtools.selection import compared, features, samples
from gradtools.selection.results import Columns, Facts, Result
from gradtools.stages import run
from gradtools.store import paths

if TYPE_CHECKING:
    from gradtools.stages.similarity import Options

HELD_BYTES, MOST_IMAGES = 1 << 28, 5000  # of float64 rows of the images; beyond, images are drawn
LEVELS = ("within", "between")


@dataclasses.dataclass(frozen=True)
class Versions:
    """Rows of the versions of the images compared: by kind (V, n) row numbers of the store, -1 where there is none."""

    keep: np.ndarray  # (N,) bool, the images
    classes: np.ndarray  # (n,) int
    labelled: bool
    rows: dict[str, np.ndarray]
    left_out: int


def describe(
    source: features.Store,
    options: "Options",
    *,
    say: Callable[[str], None] = print,
    progress: run.Progress | None = None,
) -> list[Result]:
    """Measure how alike images and their own versions are, feature by feature.

    Parameters
    ----------
    source : store.Store
    options : similarity.Options
        Its features, where, resamples and seed.

    Returns
    -------
    list of Result, empty where the store has no versions.
    """
    if samples.originals(source).all():
        return []
    groups = compared.group(source, options.where, lambda line: None)
    chosen = features.resolve(source, options.feature)
    results: list[Result] = []
    with (progress or interrupt.unwatched)(len(chosen), 0, "features") as advance:
        for feature in chosen:
            held = _versions(source, groups, _most(feature), options.seed)
            if not held.rows:
                return []
            if len(held.classes) < len(groups.classes):
                say(f"{feature.name}: versions of {len(held.classes)} images, drawn with the seed")
            results.append(
                features.checked(
                    lambda: _described(source, feature, held, options), feature, held.keep, source
                )
            )
            advance(1)
    return results


def _most(feature: features.Feature) -> int:
    """How many images are compared at most."""
    return max(2, min(MOST_IMAGES, HELD_BYTES // (8 * feature.shape[1])))


def _versions(source: features.Store, groups: compared.Groups, most: int, seed: int) -> Versions:
    """The images, a draw of them where they are many, and where their versions lie."""
    chosen = np.flatnonzero(groups.keep)
    drawn = np.sort(np.random.default_rng(seed).permutation(len(chosen))[:most])
    keep = np.zeros(len(groups.keep), bool)
    keep[chosen[drawn]] = True
    return Versions(
        keep, groups.classes[drawn], groups.labelled, _rows(source, keep), groups.left_out
    )


def _rows(source: features.Store, keep: np.ndarray) -> dict[str, np.ndarray]:
    """{`rotation=15`: (V, n) row numbers} of the kept images' versions, in the order in which kinds were asked for."""
    original, number = source.needed(paths.ORIGINAL), source.needed(paths.VERSION)
    place = np.cumsum(keep) - 1
    changed_by, strengths = source.texts(paths.CHANGED_BY) or [], source.needed(paths.STRENGTH)
    names = np.array(
        [
            kinds_of.name(kind, strength) if kind else ""
            for kind, strength in zip(changed_by, strengths.tolist())
        ]
    )
    mine = (original >= 0) & keep[original]
    versions: dict[str, np.ndarray] = {}
    for name in dict.fromkeys(names[mine].tolist()):
        rows = np.flatnonzero(mine & (names == name))
        versions[name] = np.full((number[rows].max() + 1, int(keep.sum())), -1)
        versions[name][number[rows], place[original[rows]]] = rows
    return versions


def _described(
    source: features.Store, feature: features.Feature, held: Versions, options: "Options"
) -> Result:
    """One feature's table."""
    unit, degenerate = vectors.unit_rows(features.read_rows(feature, held.keep))
    counts = bootstrap.resample_weights(held.classes, options.resamples, options.seed)
    table, missing = {}, int(degenerate.sum())
    for name, rows in held.rows.items():
        cosines = np.stack([_cosines(feature, unit, degenerate, version) for version in rows])
        table[f"{name}:cosine"] = augmented.mean_over_images(cosines, counts)
        table[f"{name}:auc"] = _own_or_other(unit, cosines, degenerate, held, counts)
        table[f"{name}:unchanged"] = augmented.mean_over_images(
            _unchanged(source, held.keep, rows), counts
        )
        missing += int(np.isnan(cosines[:, ~degenerate]).sum())
    table |= _levels(unit[~degenerate], held, degenerate, counts)
    return _outcome(source, feature, table, held, options, missing)


def _cosines(
    feature: features.Feature, unit: np.ndarray, degenerate: np.ndarray, rows: np.ndarray
) -> np.ndarray:
    """Cosine of every image with one of its versions, (n,); NaN where one of them is not there or has no direction."""
    keep = np.zeros(feature.shape[0], bool)
    keep[rows[rows >= 0]] = True
    changed, without = vectors.unit_rows(features.read_rows(feature, keep))
    places = (np.cumsum(keep) - 1)[rows]
    cosines = augmented.own_cosines(unit, changed[places][None])[0]
    return np.where(degenerate | without[places] | (rows < 0), np.nan, cosines)


def _own_or_other(
    unit: np.ndarray,
    cosines: np.ndarray,
    degenerate: np.ndarray,
    held: Versions,
    counts: np.ndarray,
) -> augmented.Measure:
    """Pair AUC of own version against other images of the class; NaN where no image has a label."""
    if not held.labelled:
        return augmented.Measure(np.nan, np.full(len(counts), np.nan), 0)
    there = ~degenerate
    return augmented.own_or_other(
        unit[there], cosines[:, there], held.classes[there], counts[:, there]
    )


def _unchanged(source: features.Store, keep: np.ndarray, rows: np.ndarray) -> np.ndarray:
    """Whether the prediction of every version is the image's, (V, n) float; NaN where that is not known."""
    if source.predicted is None:
        return np.full(rows.shape, np.nan)
    return np.where(rows < 0, np.nan, source.predicted[rows] == source.predicted[keep])


def _levels(
    unit: np.ndarray, held: Versions, degenerate: np.ndarray, counts: np.ndarray
) -> dict[str, augmented.Measure]:
    """Means over pairs of images of one class and of two, {name: Measure}."""
    classes, counts = held.classes[~degenerate], counts[:, ~degenerate]
    if not held.labelled or len(unit) < 2:
        return {name: augmented.Measure(np.nan, np.full(len(counts), np.nan), 0) for name in LEVELS}
    grouping = group_sums.cells(classes, np.zeros(len(classes), int))
    means = pair_means.pair_statistics(
        group_sums.cell_sums([(unit, grouping[0])], len(grouping[1]), "dot"), *grouping[1:]
    )
    drawn = bootstrap.bootstrap_pair_statistics(unit, *grouping, counts)
    at = {name: place for place, name in enumerate(pair_means.STATISTICS)}
    return {
        name: augmented.Measure(means[name].value, drawn[:, at[name]], means[name].pairs)
        for name in LEVELS
    }


def _outcome(
    source: features.Store,
    feature: features.Feature,
    table: dict[str, augmented.Measure],
    held: Versions,
    options: "Options",
    missing: int,
) -> Result:
    """Put values, intervals and counts together, as in the tables of similarities."""
    replicates = np.stack([measure.replicates for measure in table.values()], axis=1)
    bounds = bootstrap.interval(replicates) if len(replicates) else np.full((len(table), 2), np.nan)
    columns: Columns = {
        "statistic": list(table),
        "value": np.array([measure.value for measure in table.values()]),
        "low": bounds[:, 0],
        "high": bounds[:, 1],
        "pairs": np.array([measure.count for measure in table.values()], "i8"),
    }
    facts: Facts = {
        "rows": len(held.classes),
        "left_out": held.left_out,
        "degenerate": missing,
        "resamples": len(replicates),
        "seed": options.seed,
        "resampling": bootstrap.RESAMPLING,
        "kinds": json.dumps(list(held.rows)),
        "leaks": int(compared.target_leaks(source)),
        "dimension": feature.shape[1],
    }
    return Result(
        paths.augmentation(feature.name),
        feature.name,
        metric="cosine",
        columns=columns,
        facts=facts,
        title=f"cosine of {feature.name} between images and their own versions",
        replicates=replicates,
    )
