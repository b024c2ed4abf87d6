"""What is said of samples without labels, as classes and channels are: how the similarities of all pairs spread.

Beside it the same after the dimensions of every row are shuffled by themselves: what rows of such values have by chance.
"""

import dataclasses
import itertools
from typing import TYPE_CHECKING

import numpy as np

from gradtools.math.pairs import pair_distribution
from gradtools.math.rows import class_rows, vectors
from gradtools.selection import features

if TYPE_CHECKING:
    from gradtools.selection.compared import Groups
    from gradtools.selection.results import Facts, Result
    from gradtools.stages.similarity import Options

HELD_ROWS = 2000  # samples whose pairs are held; of more so many are drawn
SHUFFLES = 10


def added(
    result: "Result",
    source: features.Store,
    feature: features.Feature,
    groups: "Groups",
    options: "Options",
) -> "Result":
    """Return a result with the statistics of all pairs behind its own; their intervals are NaN.

    Of classes, with cosine: also Spearman's correlation between the ways to normalise rows (mathematics#row-normalisation). `mean_row_share` is the
    length of the stored rows' mean over their mean length: what `--rows centred` takes away.
    """
    chosen = _drawn(groups.keep, options.seed)
    rows, degenerate = vectors.prepared_rows(features.read_rows(feature, chosen), result.metric)
    rows, places = rows[~degenerate], np.flatnonzero(chosen)[~degenerate]
    if len(rows) < 2:
        return result
    values, pair = pair_distribution.spread(rows, result.metric)
    means, most_alike = pair_distribution.shuffled_spread(
        rows, result.metric, SHUFFLES, options.seed
    )
    values |= {"shuffled_all": means.mean(), "shuffled_most_alike": most_alike.mean()}
    stored = features.load(source, feature.name)
    values["mean_row_share"] = _mean_row_share(stored, groups.keep)
    if source.unit == "class" and result.metric == "cosine":
        values |= _between_normalisations(source, stored, chosen)
    first, second = (source.ids[places[row]] for row in pair)
    facts = {
        "pair_rows": len(rows),
        "shuffles": SHUFFLES,
        "most_alike_first": first,
        "most_alike_second": second,
    }
    return _extended(result, values, len(rows) * (len(rows) - 1) // 2, facts)


def _drawn(keep: np.ndarray, seed: int) -> np.ndarray:
    """At most HELD_ROWS of the chosen samples, (N,) bool."""
    chosen = np.flatnonzero(keep)
    drawn = np.zeros(len(keep), bool)
    drawn[chosen[np.random.default_rng(seed).permutation(len(chosen))[:HELD_ROWS]]] = True
    return drawn


def _mean_row_share(feature: features.Feature, keep: np.ndarray) -> float:
    """Length of the mean row over the mean length of the rows."""
    total, lengths = 0, 0.0
    for rows, _ in features.blocks_of(feature, keep):
        rows = rows.astype(np.float64)
        total, lengths = total + rows.sum(axis=0), lengths + vectors.row_norms(rows).sum()
    return float(np.linalg.norm(total) / lengths) if lengths else np.nan


def _between_normalisations(
    source: features.Store, feature: features.Feature, chosen: np.ndarray
) -> dict[str, float]:
    """{spearman_post_raw: .., ..} of the cosines of all pairs."""
    of_all = {
        how: features.normalised(source, feature, how, chosen) for how in class_rows.NORMALISATIONS
    }
    rows = {
        how: vectors.unit_rows(features.read_rows(one, chosen))[0] for how, one in of_all.items()
    }
    return {
        f"spearman_{a}_{b}": pair_distribution.rank_agreement(rows[a], rows[b])
        for a, b in itertools.combinations(rows, 2)
    }


def _extended(result: "Result", values: dict[str, float], pairs: int, facts: "Facts") -> "Result":
    """The result with further rows, which have no intervals and no replicates."""
    nothing = np.full(len(values), np.nan)
    further: dict[str, np.ndarray] = {
        "value": np.array(list(values.values())),
        "low": nothing,
        "high": nothing,
        "pairs": np.full(len(values), pairs, "i8"),
    }
    columns = {
        name: [*map(str, column), *values]
        if name == "statistic"
        else np.concatenate([column, further[name]])
        for name, column in result.columns.items()
    }
    drawn = np.empty((0, 0)) if result.replicates is None else result.replicates
    replicates = np.hstack([drawn, np.full((len(drawn), len(values)), np.nan)])
    return dataclasses.replace(
        result, columns=columns, replicates=replicates, facts=result.facts | facts
    )
