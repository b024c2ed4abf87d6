"""How often the nearest images are of an image's class: leave-one-out, among all and among those of its prediction.

Chance is the same with candidates in random order. The control is the class row of the prediction: given the prediction it
is the same for all candidates, so it scores chance there. Intervals resample the images that ask; those that answer stay.
"""

import numpy as np

from gradtools import interrupt
from gradtools.math.pairs import bootstrap
from gradtools.math.rows import nearest, retrieval, vectors
from gradtools.selection import features, samples
from gradtools.selection.results import Result
from gradtools.store import paths
from gradtools.tables.wording import GIVEN_PREDICTION

HELD = 1 << 28  # bytes of float64 rows
CANDIDATES, QUERIES = 20_000, 5000  # of more images so many are drawn
BLOCK_ENTRIES = 1 << 20  # of a block of similarities that is sorted; each takes some 100 bytes


def describe(source, wanted, options, *, say=print, progress=interrupt.unwatched):
    """Retrieval by every feature, each measure with its interval over the images and its chance level.

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
    groups = samples.group(source, options.where, say)
    if len(np.unique(groups.classes)) < 2:
        return []
    with progress(len(wanted), 0, "features") as advance:
        found = []
        for feature in wanted:
            found.append(
                features.checked(
                    lambda: _described(source, feature, groups, options),
                    feature,
                    groups.keep,
                    source,
                )
            )
            advance(1)
    return found


def _described(source, feature, groups, options):
    """One feature's table."""
    most = max(2, min(CANDIDATES, HELD // (8 * feature.shape[1])))
    drawn = _drawn(len(groups.classes), most, options.seed)
    mask = np.zeros(len(groups.keep), bool)
    mask[np.flatnonzero(groups.keep)[drawn]] = True
    rows, degenerate = vectors.prepared_rows(features.read_rows(feature, mask), options.metric)
    rows, drawn = rows[~degenerate], drawn[~degenerate]
    classes, queries = groups.classes[drawn], _drawn(len(rows), QUERIES, options.seed)
    scopes = {"": _pooled(rows, classes, [np.arange(len(rows))], queries, options)}
    if groups.predicted:
        predictions = groups.predictions[drawn]
        pools = [np.flatnonzero(predictions == prediction) for prediction in np.unique(predictions)]
        scopes[GIVEN_PREDICTION] = _pooled(rows, classes, pools, queries, options)
    facts = {
        "rows": len(rows),
        "queries": len(queries),
        "degenerate": int(degenerate.sum()),
        "unlabelled": groups.unlabelled,
        "left_out": groups.left_out,
        "k": options.k,
        "metric": options.metric,
        "seed": options.seed,
        "normalised": options.rows or features.row_default(source),
        "leaks": int(samples.target_leaks(source)),
    }
    return _table(feature.name, scopes, classes[queries], options, facts)


def _drawn(n, most, seed):
    """At most so many of n numbers, ascending."""
    return np.sort(np.random.default_rng(seed).permutation(n)[:most])


def _pooled(rows, classes, pools, queries, options):
    """(scores, chances) of the queries, {measure: (q,)} each, candidates being the others of a query's pool.

    NaN where a pool has no other of the query's class; and, where there are several pools, none of another class.
    """
    scores, chances = (
        {name: np.full(len(rows), np.nan) for name in retrieval.MEASURES} for _ in range(2)
    )
    asked = np.zeros(len(rows), bool)
    asked[queries] = True
    for pool in pools:
        _, labels = np.unique(classes[pool], return_inverse=True)
        if len(pool) < 2 or labels.max() == 0:
            continue
        own = np.flatnonzero(asked[pool])
        by_chance = retrieval.chance(labels[own], labels, options.k, options.seed)
        step = max(1, BLOCK_ENTRIES // len(pool))
        for start in range(0, len(own), step):
            part = own[start : start + step]
            measured = retrieval.scores(
                _similar(rows, pool, part, options.metric),
                labels[part],
                labels,
                options.k,
                options.seed,
            )
            for name, values in measured.items():
                scores[name][pool[part]] = values
        for name, values in by_chance.items():
            chances[name][pool[own]] = values
    return [
        {name: values[queries] for name, values in measures.items()}
        for measures in (scores, chances)
    ]


def _similar(rows, pool, part, metric):
    """Similarities of some of a pool to all of it, -inf to themselves."""
    values = -nearest.stepped(vectors.product_block(rows[pool[part]], rows[pool], metric), metric)
    values[np.arange(len(part)), part] = -np.inf
    return values


def _table(feature, scopes, classes, options, facts):
    """Means over the queries, their intervals, and chance."""
    counts = bootstrap.resample_counts(classes, options.resamples, options.seed).astype(np.float64)
    table, replicates = [], []
    for scope, (scores, chances) in scopes.items():
        for name, values in scores.items():
            known = ~np.isnan(values)
            weights = counts[:, known]
            with np.errstate(invalid="ignore"):
                replicates.append(weights @ values[known] / weights.sum(axis=1))
            mean, chance = (
                float(part[known].mean()) if known.any() else np.nan
                for part in (values, chances[name])
            )
            table.append((name + scope, mean, chance, int(known.sum())))
    names, values, chances, asked = zip(*table)
    replicates = np.array(replicates).T
    bounds = bootstrap.interval(replicates) if len(replicates) else np.full((len(names), 2), np.nan)
    columns = {
        "statistic": list(names),
        "value": np.array(values),
        "low": bounds[:, 0],
        "high": bounds[:, 1],
        "chance": np.array(chances),
        "queries": np.array(asked, "i8"),
    }
    return Result(
        paths.retrieval(feature),
        feature,
        method="retrieval",
        columns=columns,
        facts=facts | {"resamples": len(replicates)},
        title=f"leave-one-out retrieval by {feature}",
        replicates=replicates,
    )
