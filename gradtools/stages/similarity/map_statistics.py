"""maps -> similarity: how alike the maps of two images of a class are, and what a map that does not depend on the class would reach.

Beside the pairs within classes stand the pairs of maps of two classes, every map against the mean map of its class's other
images, and against a centred Gaussian (mathematics#maps). Intervals resample images; two maps of one image do not make a pair.
"""

from collections.abc import Callable, Sequence
from typing import TYPE_CHECKING

import numpy as np

from gradtools import store
from gradtools.errors import GradtoolsError
from gradtools.math.maps import map_controls, map_pairs
from gradtools.math.maps.map_metrics import MapSettings
from gradtools.math.pairs import bootstrap
from gradtools.selection import maps as stored
from gradtools.selection.compared import Groups
from gradtools.selection.results import Columns, Facts, Result, of_similarity
from gradtools.store import paths
from gradtools.tables.wording import CLASS_BY_PREDICTION

if TYPE_CHECKING:
    from gradtools.stages.similarity.options import MapOptions

Rows = Callable[[int, int], dict[str, np.ndarray]]
BY_PREDICTION = (*CLASS_BY_PREDICTION, "label_effect")
__all__ = ["describe", "kept_maps", "matrices", "write_maps"]
COUNT_BYTES = (
    1 << 28
)  # what the counts of the resamples may take; fewer are drawn where they would take more


def describe(
    source: store.Store,
    feature: stored.Feature,
    groups: Groups,
    options: "MapOptions",
    resamples: int = 1000,
    seed: int = 0,
) -> list[Result]:
    """Compute the statistics of one feature's maps under every metric.

    Parameters
    ----------
    source : store.Store
    feature : maps.Feature
    groups : compared.Groups
        A map counts where its sample and, of a pair, its partner are kept.
    options : MapOptions
    resamples, seed : int
        Of images, within their classes.

    Returns
    -------
    list of Result, one a metric. Statistics with labels: within (mean over the pairs of a class), within_macro (mean of the
    class means), between, within_minus_between, where predictions are known `BY_PREDICTION`, class_mean (each map against the mean
    map of its class's other images), centre (each against a centred Gaussian); without: all, rest_mean (against that of all other images) and
    centre. KLD, AUC and NSS are the mean of both directions.

    Raises
    ------
    GradtoolsError, UsageError

    References
    ----------
    mathematics#means-over-pairs-of-maps, mathematics#controls-of-maps
    """
    rows, images = kept_maps(source, groups)
    maps, classes = stored.Maps(source, feature, rows, options.reading), groups.classes[images]
    counts = _counts(groups, images, resamples, seed)
    between = options.between and groups.labelled
    predictions = groups.predictions[images] if between and groups.predicted else None
    pairs = map_pairs.within_groups(
        maps,
        classes,
        options.map_metric,
        options.settings,
        counts,
        between,
        images=images,
        predictions=predictions,
    )
    mean = map_controls.against_mean(
        maps, classes, options.map_metric, options.settings, images=images
    )
    centre = map_controls.against(
        maps, map_controls.centred_gaussian(maps.size), options.map_metric, options.settings
    )
    facts = _facts(source, maps, groups, options, images, seed)
    return [
        _result(
            feature,
            metric,
            groups.labelled,
            pairs[metric],
            (mean[metric], centre[metric]),
            counts,
            facts,
        )
        for metric in options.map_metric
    ]


def matrices(
    source: store.Store,
    features: Sequence[stored.Feature],
    groups: Groups,
    options: "MapOptions",
    first: int,
) -> tuple[list[store.Column], Callable[[int, int], dict[str, np.ndarray]], int]:
    """Compute the matrices of every pair of maps, and what makes their rows.

    Parameters
    ----------
    features : list of maps.Feature
    first : int
        Entries of the job before the maps' own.

    Returns
    -------
    columns : list of store.Column
        (M, M) float32 each, NaN at degenerate maps; KLD, AUC and NSS are the mean of both directions.
    rows : callable
        start, stop -> {path: (stop - start, M) float32 array}
    count : int
        M
    """
    kept, _ = kept_maps(source, groups)
    axis = store.Axis(paths.MAP, first=first)
    columns: list[store.Column] = []
    makers: list[tuple[dict[str, str], Rows]] = []
    for feature in features:
        path = {metric: paths.matrix(feature.name, metric) for metric in options.map_metric}
        columns += [
            store.Column(
                path[metric],
                (len(kept),),
                [paths.OTHER_MAP],
                "f4",
                f"{metric} of {feature.name}, every pair",
                axis=axis,
            )
            for metric in options.map_metric
        ]
        maps = stored.Maps(source, feature, kept, options.reading)
        makers.append((path, map_pairs.matrix_rows(maps, options.map_metric, options.settings)))

    def rows(start: int, stop: int) -> dict[str, np.ndarray]:
        return {
            path[metric]: values.astype("f4")
            for path, maker in makers
            for metric, values in maker(start, stop).items()
        }

    return columns, rows, len(kept)


def write_maps(sink: store.Sink, source: store.Store, groups: Groups) -> None:
    """Write which sample, partner and target each row of a matrix is of, where the maps themselves are not carried on."""
    kept, _ = kept_maps(source, groups)
    place = np.append(np.cumsum(groups.keep) - 1, -1)  # the last for no partner
    for path, text in (
        (paths.MAP_SAMPLE, "row of the sample"),
        (paths.MAP_PARTNER, "row of the pair's other sample, -1 none"),
    ):
        sink.put(path, place[source.needed(path)[kept]].astype("i4"), long_name=text)
    if source.values(paths.MAP_TARGET) is not None:
        sink.put(
            paths.MAP_TARGET,
            source.needed(paths.MAP_TARGET)[kept],
            long_name="class that the score is about, -1 none",
        )
    about = source.attributes(paths.MAPS)
    sink.attributes(paths.MAPS, **{key: value for key, value in about.items() if key != "order"})


def kept_maps(source: store.Store, groups: Groups) -> tuple[np.ndarray, np.ndarray]:
    """Return the rows of the store's maps that count, and the kept sample that each is of.

    Returns
    -------
    rows, images : (M,) int arrays
        Rows ascend; images are places among the kept samples.
    """
    sample, partner = source.needed(paths.MAP_SAMPLE), source.needed(paths.MAP_PARTNER)
    keep = groups.keep[sample] & ((partner < 0) | groups.keep[partner])
    rows = np.flatnonzero(keep)
    if len(rows) < 2:
        raise GradtoolsError(
            f"{source.name}: {len(rows)} maps of the samples to compare, and a pair takes two"
        )
    return rows, (np.cumsum(groups.keep) - 1)[sample[rows]]


def _counts(groups: Groups, images: np.ndarray, resamples: int, seed: int) -> np.ndarray:
    """Weight of the image of every map in every resample, (B, M): the weights of the vectors' intervals, so that both can be paired."""
    most = COUNT_BYTES // (4 * (len(groups.classes) + len(images)))
    return bootstrap.resample_weights(groups.classes, min(resamples, max(most, 2)), seed)[:, images]


def _facts(
    source: store.Store,
    maps: stored.Maps,
    groups: Groups,
    options: "MapOptions",
    images: np.ndarray,
    seed: int,
) -> Facts:
    """What the values depend on, and how many samples they rest on."""
    settings, reading, about = options.settings, options.reading, source.attributes(paths.MAPS)
    facts: Facts = {
        "maps": len(images),
        "samples": len(np.unique(images)),
        "left_out": int((~groups.keep).sum()),
        "unlabelled": groups.unlabelled,
        "seed": seed,
        "resampling": bootstrap.RESAMPLING,
        "in_twos": bootstrap.images_in_twos(groups.classes) if groups.labelled else 0,
        "leaks": int(about.get("target") == "label"),
        "target": str(about.get("target", "")),
        "size": "x".join(map(str, maps.size)),
        "native": int(tuple(maps.size) == tuple(maps.native)),
        "sign": reading.sign,
        "eps": settings.eps,
        "log_base": settings.log_base,
        "mask": _mask(settings),
        "direction": "both",
        "ties": "half",
    }
    if len(maps.feature.taps) > 1:
        facts |= {"fuse": str(reading.fuse), "taps": len(maps.feature.taps)}
    return facts


def _mask(settings: MapSettings) -> str:
    """The mask of AUC and NSS in words."""
    return "above the mean" if settings.top_share is None else f"top {settings.top_share:g}"


def _result(
    feature: stored.Feature,
    metric: str,
    labelled: bool,
    pairs: map_pairs.MapPairs,
    controls: tuple[np.ndarray, np.ndarray],
    counts: np.ndarray,
    facts: Facts,
) -> Result:
    """Values, intervals and counts of one metric."""
    table, replicates = _of_pairs(pairs, labelled)
    for name, values in zip(("class_mean" if labelled else "rest_mean", "centre"), controls):
        present = ~np.isnan(values)
        table[name] = (
            float(values[present].mean()) if present.any() else np.nan,
            int(present.sum()),
        )
        replicates = np.column_stack(
            [replicates, _resampled_mean(values[present], counts[:, present])]
        )
    bounds = bootstrap.interval(replicates) if len(replicates) else np.full((len(table), 2), np.nan)
    columns: Columns = {
        "statistic": list(table),
        "value": np.array([value for value, _ in table.values()]),
        "low": bounds[:, 0],
        "high": bounds[:, 1],
        "pairs": np.array([number for _, number in table.values()], "i8"),
    }
    facts = {
        "rows": int(facts["maps"]) - pairs.degenerate,
        "degenerate": pairs.degenerate,
        "resamples": len(counts),
        **facts,
    }
    return of_similarity(feature.name, metric, columns, replicates, facts)


def _of_pairs(
    pairs: map_pairs.MapPairs, labelled: bool
) -> tuple[dict[str, tuple[float, int]], np.ndarray]:
    """{statistic: (value, pairs)} and replicates (B, S) of the means over pairs."""
    if not labelled:
        mean = pairs.means["within"]
        return {"all": (mean.value, mean.pairs)}, pairs.replicates[:, :1]
    at = {name: place for place, name in enumerate(pairs.means)}
    within, between = pairs.means["within"], pairs.means["between"]
    gap = within.value - between.value, min(within.pairs, between.pairs)
    first = [name for name in map_pairs.STATISTICS if name in at]
    kinds = [name for name in BY_PREDICTION if name in at]
    means = {name: (pairs.means[name].value, pairs.means[name].pairs) for name in (*first, *kinds)}
    table = (
        {name: means[name] for name in first}
        | {"within_minus_between": gap}
        | {name: means[name] for name in kinds}
    )
    drawn = {name: pairs.replicates[:, place] for name, place in at.items()}
    drawn["within_minus_between"] = drawn["within"] - drawn["between"]
    return table, np.column_stack([drawn[name] for name in table])


def _resampled_mean(values: np.ndarray, counts: np.ndarray) -> np.ndarray:
    """Mean of (M,) values under counts (B, M): (B,), NaN where a resample has none of them."""
    total = counts.sum(axis=1, dtype=np.float64)
    return np.divide(counts @ values, total, out=np.full(len(counts), np.nan), where=total > 0)
