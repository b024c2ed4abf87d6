"""How often the nearest images are of an image's class: leave-one-out, among all and among those of its prediction.

Chance is the same with candidates in random order. The control is the class row of the prediction: given the prediction it
is the same for all candidates, so it scores chance there. Intervals are from half samples, in which both the images that ask
and those that answer change: resampling those that ask alone is too narrow (mathematics#retrieval).
"""

import dataclasses
from collections.abc import Callable
from typing import TYPE_CHECKING

import numpy as np

from gradtools import interrupt
from gradtools.math.clusters import half_samples
from gradtools.math.pairs.intervals import HALF_SAMPLES, interval_of
from gradtools.math.rows import nearest, retrieval, vectors
from gradtools.selection import compared, features
from gradtools.selection.results import Columns, Facts, Result
from gradtools.store import paths
from gradtools.tables.wording import GIVEN_PREDICTION

if TYPE_CHECKING:
    from gradtools.stages.neighbors import Options

HELD = 1 << 28  # bytes of float64 rows
CANDIDATES, QUERIES = 20_000, 5000  # of more images so many are drawn
BLOCK_ENTRIES = 1 << 20  # of a block of similarities that is sorted; each takes some 100 bytes
MOST_HALVES, LEAST_HALVES = 200, 25  # half samples, as many as WORK allows
WORK = 10**9  # queries x candidates x half samples
HALF_DRAWS = 100, 100  # of a tied vote in a half sample, whose mean over queries counts


@dataclasses.dataclass
class Sums:
    """Of every half sample (B, 4): sum of each measure over its queries, and how many have it."""

    total: np.ndarray
    known: np.ndarray


def describe(
    source: features.Store,
    wanted: list[features.Feature],
    options: "Options",
    *,
    say: Callable[[str], None] = print,
    progress: Callable = interrupt.unwatched,
) -> list[Result]:
    """Measure retrieval by every feature, each measure with its interval over the images and its chance level.

    Parameters
    ----------
    source : store.Store
    wanted : list of features.Feature
    options : neighbors.Options

    Returns
    -------
    list of Result, empty where no sample has a label or all have the same.
    """
    if not (source.labels >= 0).any():
        return []
    groups = compared.group(source, options.where, say)
    if len(np.unique(groups.classes)) < 2:
        return []
    with progress(len(wanted), 0, "features") as advance:
        results = []
        for feature in wanted:
            results.append(
                features.checked(
                    lambda: _described(source, feature, groups, options),
                    feature,
                    groups.keep,
                    source,
                )
            )
            advance(1)
    return results


def _described(
    source: features.Store, feature: features.Feature, groups: compared.Groups, options: "Options"
) -> Result:
    """One feature's table."""
    most = max(2, min(CANDIDATES, HELD // (8 * feature.shape[1])))
    drawn = _drawn(len(groups.classes), most, options.seed)
    mask = np.zeros(len(groups.keep), bool)
    mask[np.flatnonzero(groups.keep)[drawn]] = True
    rows, degenerate = vectors.prepared_rows(features.read_rows(feature, mask), options.metric)
    rows, drawn = rows[~degenerate], drawn[~degenerate]
    classes, queries = groups.classes[drawn], _drawn(len(rows), QUERIES, options.seed)
    halves = _halves(classes, len(queries), options)
    scopes = {"": _pooled(rows, classes, [np.arange(len(rows))], queries, halves, options)}
    if groups.predicted:
        predictions = groups.predictions[drawn]
        pools = [np.flatnonzero(predictions == prediction) for prediction in np.unique(predictions)]
        scopes[GIVEN_PREDICTION] = _pooled(rows, classes, pools, queries, halves, options)
    facts: Facts = {
        "rows": len(rows),
        "queries": len(queries),
        "degenerate": int(degenerate.sum()),
        "unlabelled": groups.unlabelled,
        "left_out": groups.left_out,
        "k": options.k,
        "metric": options.metric,
        "seed": options.seed,
        "normalised": options.rows or features.row_default(source),
        "leaks": int(compared.target_leaks(source)),
    }
    return _table(feature.name, scopes, halves, facts)


def _halves(classes: np.ndarray, queries: int, options: "Options") -> np.ndarray:
    """Half samples (B, n) of the images, within classes where each has enough, else from all."""
    allowed = int(np.clip(WORK // max(queries * len(classes), 1), LEAST_HALVES, MOST_HALVES))
    _, sizes = np.unique(classes, return_counts=True)
    within = classes if sizes.min() >= half_samples.SMALLEST_CLASS else np.zeros_like(classes)
    return half_samples.half_samples(within, min(options.resamples, allowed), options.seed)


def _drawn(n: int, most: int, seed: int) -> np.ndarray:
    """At most so many of n numbers, ascending."""
    return np.sort(np.random.default_rng(seed).permutation(n)[:most])


def _pooled(
    rows: np.ndarray,
    classes: np.ndarray,
    pools: list[np.ndarray],
    queries: np.ndarray,
    halves: np.ndarray,
    options: "Options",
) -> tuple[dict[str, np.ndarray], dict[str, np.ndarray], Sums]:
    """(scores, chances, Sums of the half samples) of the queries, {measure: (q,)} each, candidates being the others of a query's pool.

    NaN where a pool has no other of the query's class; and, where there are several pools, none of another class.
    """
    scores, chances = (
        {name: np.full(len(rows), np.nan) for name in retrieval.MEASURES} for _ in range(2)
    )
    asked = np.zeros(len(rows), bool)
    asked[queries] = True
    sums = Sums(*(np.zeros((len(halves), len(retrieval.MEASURES))) for _ in range(2)))
    for pool in pools:
        _, labels = np.unique(classes[pool], return_inverse=True)
        if len(pool) < 2 or labels.max() == 0:
            continue
        asked_here = np.flatnonzero(asked[pool])
        by_chance = retrieval.chance(labels[asked_here], labels, options.k, options.seed)
        step = max(1, BLOCK_ENTRIES // len(pool))
        for start in range(0, len(asked_here), step):
            part = asked_here[start : start + step]
            order, ranked = retrieval.ranking(_similar(rows, pool, part, options.metric))
            measured = retrieval.scores_of_ranking(
                ranked, labels[order], labels[part], options.k, options.seed
            )
            for name, values in measured.items():
                scores[name][pool[part]] = values
            _add_halves(sums, order, ranked, labels, part, halves[:, pool], options)
        for name, values in by_chance.items():
            chances[name][pool[asked_here]] = values
    of_queries, expected = (
        {name: values[queries] for name, values in measures.items()}
        for measures in (scores, chances)
    )
    return of_queries, expected, sums


def _add_halves(
    sums: Sums,
    order: np.ndarray,
    ranked: np.ndarray,
    labels: np.ndarray,
    part: np.ndarray,
    halves: np.ndarray,
    options: "Options",
) -> None:
    """Add the queries `part` of a pool to the sums of every half sample: queries and candidates are those in the half."""
    for place, half in enumerate(halves):
        chosen = np.flatnonzero(half[part])
        # A pool of one label in the half has nothing to rank, as in the whole.
        if not len(chosen) or (labels[half] == labels[part[chosen[0]]]).all():
            continue
        # Every query of the half has the same number of candidates: all of the half but itself.
        answer = half[order[chosen]]
        shape = len(chosen), int(half.sum()) - 1
        measured = retrieval.scores_of_ranking(
            ranked[chosen][answer].reshape(shape),
            labels[order[chosen][answer]].reshape(shape),
            labels[part[chosen]],
            options.k,
            options.seed,
            HALF_DRAWS,
        )
        values = np.stack(list(measured.values()))
        sums.total[place] += np.nansum(values, axis=1)
        sums.known[place] += (~np.isnan(values)).sum(axis=1)


def _similar(rows: np.ndarray, pool: np.ndarray, part: np.ndarray, metric: str) -> np.ndarray:
    """Similarities of some of a pool to all of it, -inf to themselves."""
    values = -nearest.stepped(vectors.product_block(rows[pool[part]], rows[pool], metric), metric)
    values[np.arange(len(part)), part] = -np.inf
    return values


def _table(
    feature: str,
    scopes: dict[str, tuple[dict[str, np.ndarray], dict[str, np.ndarray], Sums]],
    halves: np.ndarray,
    facts: Facts,
) -> Result:
    """Means over the queries, their intervals, and chance."""
    size = (int(halves[0].sum()) if len(halves) else 0, halves.shape[1])
    table, replicates = [], []
    for scope, (scores, expected, sums) in scopes.items():
        with np.errstate(invalid="ignore"):
            means = sums.total / sums.known
        for place, (name, of_queries) in enumerate(scores.items()):
            known = ~np.isnan(of_queries)
            mean, chance = (
                float(part[known].mean()) if known.any() else np.nan
                for part in (of_queries, expected[name])
            )
            bounds = interval_of(means[:, place], mean, HALF_SAMPLES, *size, limits=(0.0, 1.0))
            table.append((name + scope, mean, *bounds, chance, int(known.sum())))
            replicates.append(means[:, place])
    names, values, low, high, chances, asked = zip(*table)
    columns: Columns = {
        "statistic": list(names),
        "value": np.array(values),
        "low": np.array(low),
        "high": np.array(high),
        "chance": np.array(chances),
        "queries": np.array(asked, "i8"),
    }
    drawn = dict(zip(("drawn", "drawn_of"), size))
    return Result(
        paths.retrieval(feature),
        feature,
        method="retrieval",
        columns=columns,
        facts=facts | drawn | {"resampling": HALF_SAMPLES, "resamples": len(halves)},
        title=f"leave-one-out retrieval by {feature}",
        replicates=np.array(replicates).T,
    )
