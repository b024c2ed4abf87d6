"""What a tree is made of: the rows of one feature, or the matrix that a store of similarities has."""

import dataclasses
from collections.abc import Callable

import numpy as np

from gradtools.errors import GradtoolsError, UsageError
from gradtools.math import trees
from gradtools.math.rows import vectors
from gradtools.selection import feature_names, features, maps, samples
from gradtools.store import Store, paths
from gradtools.tables.wording import ROWS

MOST_BYTES = 2 << 30  # of the distances of all pairs


@dataclasses.dataclass(frozen=True)
class Options:
    """What decides the values."""

    feature: tuple[str, ...] = ()
    rows: str | None = (
        None  # how rows are normalised: post, raw, gauge; by default features.row_default
    )
    metric: str | None = (
        None  # by default euclidean of post, else cosine; of a matrix the one that is stored
    )
    linkage: str = "ward"
    linkage_on: str = "rows"
    where: tuple = ()
    k: int | None = None
    cut_height: float | None = None
    color_threshold: float | None = None
    order: str | None = None  # by default optimal where it takes seconds
    resamples: int = 10
    seed: int = 0


@dataclasses.dataclass(frozen=True)
class Given:
    """What a tree is made from: rows, normalised, or the matrix of a metric; of which of the store's samples."""

    feature: str
    metric: str
    keep: np.ndarray  # (N,) bool, of the store's samples
    degenerate: int
    rows: np.ndarray | None = None  # (n, D) float64
    how: str = ""
    matrix: np.ndarray | None = None  # (n, n)


def given(source: Store, options: Options, say: Callable[[str], None] = print) -> Given:
    """Return the rows of a feature, or the matrix of a store: what its last command computed, unless something else is asked for."""
    keep = samples.select(source, options.where)
    pairs = int(keep.sum()) * (int(keep.sum()) - 1) // 2
    if pairs * 8 > MOST_BYTES:
        raise GradtoolsError(
            f"{source.name}: {int(keep.sum())} samples have {pairs * 8 / 2**30:.0f} GiB of distances: take fewer with --where"
        )
    has_rows = bool(feature_names.names(source) or feature_names.map_names(source))
    stored = feature_names.matrices(source)
    if has_rows and not _takes_matrix(source, stored, options):
        made_of = _rows(source, keep, options)
        if source.kind == "similarity" and not options.feature and not options.rows:
            say(
                f"{source.name}: a tree of the rows of {made_of.feature}; similarity --matrix stores what a tree takes instead"
            )
        return made_of
    made_of = _matrix(source, keep, stored, options)
    if has_rows:
        say(
            f"{source.name}: a tree of the matrix {made_of.metric} of {made_of.feature}, which its last command computed; "
            "--rows raw takes the feature's rows"
        )
    return made_of


def _takes_matrix(source: Store, stored: list[tuple[str, str]], options: Options) -> bool:
    """Return True if the last command made matrices, and nothing that is asked for speaks against them."""
    return (
        source.kind == "similarity"
        and not options.rows
        and bool(stored)
        and (not (options.feature or options.metric) or bool(_matching(stored, options)))
    )


def _matching(stored: list[tuple[str, str]], options: Options) -> list[tuple[str, str]]:
    """The matrices that --feature and --metric name; without --feature the control's only where there is no other."""
    matches = [
        (feature, metric)
        for feature, metric in stored
        if not options.feature or {feature, feature.split("@")[0]} & set(options.feature)
        if metric == (options.metric or metric)
    ]
    others = [pair for pair in matches if pair[0] != feature_names.CONTROL]
    return matches if options.feature else others or matches


def _rows(source: Store, keep: np.ndarray, options: Options) -> Given:
    """The chosen feature's rows; those without a direction are left out where the metric asks for one."""
    matches = features.resolve(source, options.feature, control=not options.feature, with_maps=True)
    if len(matches) > 1 and all(maps.is_map(feature.name) for feature in matches[:2]):
        named = ", ".join(feature.name for feature in matches if maps.is_map(feature.name))
        raise UsageError(f"{source.name} has the maps {named}: name one with --feature")
    if options.feature and len(matches) > 1:
        raise UsageError(
            f"--feature names {', '.join(feature.name for feature in matches)}: a tree is of one, so give one"
        )
    feature = next((feature for feature in matches if feature.kind == "activation"), matches[0])
    how = options.rows or features.row_default(source)
    metric = options.metric or (
        "euclidean" if how == "post" and options.linkage_on == "rows" else "cosine"
    )
    if metric not in trees.METRICS:
        raise UsageError(f"--metric {metric}: write one of {', '.join(trees.METRICS)}")
    rows = features.read_rows(features.normalised(source, feature, how, keep), keep).astype(
        np.float64
    )
    _, degenerate = features.checked(
        lambda: vectors.prepared_rows(rows, metric), feature, keep, source
    )
    if (
        how == "post"
    ):  # a constant row correlates with nothing; left at 0 it would be the nearest of all
        degenerate |= ~rows.any(axis=1)
    if degenerate.any() and (~degenerate).sum() < 2:
        raise GradtoolsError(
            f"{source.name}: {int(degenerate.sum())} of {len(rows)} rows of {feature.name} (rows {ROWS[how]}) have no direction "
            "(zero, or constant), and a tree takes two that have: try another --rows"
        )
    kept = keep.copy()
    kept[keep] = ~degenerate
    return Given(feature.name, metric, kept, int(degenerate.sum()), rows[~degenerate], how)


def _matrix(
    source: Store, keep: np.ndarray, stored: list[tuple[str, str]], options: Options
) -> Given:
    """The stored matrix of a similarity store."""
    if not stored:
        raise GradtoolsError(
            f"{source.name} has neither features nor a matrix of similarities: gradtools extract and classes make features, "
            "gradtools similarity --matrix a matrix"
        )
    matches = _matching(stored, options)
    if len(matches) != 1:
        have = ", ".join(f"{metric} of {feature}" for feature, metric in stored)
        raise UsageError(
            f"{source.name} has the matrices {have}: name one with --feature and --metric"
        )
    if options.rows:
        raise UsageError(
            f"--rows {options.rows} is of features, and {source.name} has only a matrix: give it to similarity"
        )
    ((feature, metric),) = matches
    if maps.is_map(feature):
        _check_maps(source, feature)
    matrix = source.needed_rows(paths.matrix(feature, metric)).read(0, len(keep))[keep][:, keep]
    how = source.attributes(paths.similarity(feature, metric)).get("normalised", "")
    return Given(feature, metric, keep, 0, how=how, matrix=matrix.astype(np.float64))


def _check_maps(source: Store, feature: str) -> None:
    """The rows of a matrix of maps are maps: refuse one whose maps are not the samples, one each."""
    sample = source.needed(paths.MAP_SAMPLE)
    if not np.array_equal(sample, np.arange(source.n_samples)):
        raise GradtoolsError(
            f"{source.name}: {feature} has {len(sample)} maps of {source.n_samples} samples, and a leaf is a sample with one map: "
            "gradtools saliency --target argmax makes one each"
        )
