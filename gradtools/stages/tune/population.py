"""tuning -> the population's tables: sparsity by class and metric, clusters of units, parts that change together, co-activation."""

from collections.abc import Iterator, Sequence

import numpy as np

from gradtools.errors import GradtoolsError
from gradtools.math.links import population, regions
from gradtools.math.trees import cutting
from gradtools.selection import populations
from gradtools.selection.populations import Population
from gradtools.selection.results import Columns, Facts, Result
from gradtools.selection.tunings import Tuning
from gradtools.store import paths

RESAMPLES, OF_CUTS, PERMUTATIONS = 200, 50, 200
ALL = "all"


def results(
    tuning: Tuning, names: Sequence[str], metric: str = "area", k: int | None = None, seed: int = 0
) -> list[Result]:
    """Return the tables of the population by one metric; none where fewer than two parts have values.

    Parameters
    ----------
    tuning : Tuning
    names : sequence of str
        Of the classes.
    metric : str
    k : int, optional
        Clusters; by default those of the largest mean silhouette.
    seed : int
    """
    try:
        units = populations.of_tuning(tuning, metric)
    except GradtoolsError:
        return []
    made = [
        sparsities(tuning, names, seed),
        clusters(units, k, seed),
        concepts(units, seed),
    ]
    if tuning.coactivation is not None:
        made.append(coactive(tuning, units, seed))
    return made


def _result(name: str, columns: Columns, facts: Facts, title: str) -> Result:
    return Result(paths.tuning(name), "tuning", "", name, columns, facts, title)


def sparsities(tuning: Tuning, names: Sequence[str], seed: int) -> Result:
    """Return the median sparsity of label vectors, units beside decoys, a row a metric and class."""
    rows = list(_sparsities(tuning, names, seed))
    columns: Columns = {
        name: [row[place] for row in rows] if place < 2 else np.array([row[place] for row in rows])
        for place, name in enumerate(
            ("metric", "class", "samples", "units", "value", "decoys", "difference", "low", "high")
        )
    }
    facts: Facts = {"resamples": RESAMPLES, "seed": seed}
    return _result("sparsity", columns, facts, "in how few parts units change a metric")


def _sparsities(tuning: Tuning, names: Sequence[str], seed: int) -> Iterator[tuple]:
    for metric in regions.METRICS:
        try:
            units = populations.of_tuning(tuning, metric)
        except GradtoolsError:
            continue
        labels = np.unique(units.label)
        groups = [(ALL, units), *((names[label], units.of_class(label)) for label in labels)]
        for name, group in groups if len(labels) > 1 else groups[:1]:
            values = population.sparsity_difference(group.change, group.decoy, RESAMPLES, seed)
            yield (metric, name, group.change.shape[1], len(group.number), *values)


def clusters(units: Population, k: int | None, seed: int) -> Result:
    """Return clusters of units by Ward's linkage of their label vectors, how far they come back, and decoys' beside."""
    vectors = units.vectors
    merges = population.ward(vectors)
    chosen, silhouette = population.best_cut(vectors, merges)
    labels = cutting.cut(merges, k or chosen)
    if k is not None:
        from gradtools.math.clusters import silhouettes

        silhouette = silhouettes.euclidean(vectors, labels)
    aris, jaccards = population.cut_stability(units.change, labels, OF_CUTS, seed)
    of_decoys = cutting.cut(population.ward(units.decoys, "none"), int(labels.max()) + 1)
    control, _ = population.cut_stability(units.decoy, of_decoys, OF_CUTS, seed)
    numbers = np.arange(labels.max() + 1)
    means = [vectors[labels == number].mean(0) for number in numbers]
    clear = units.clear
    columns: Columns = {
        "cluster": numbers,
        "units": np.array([(labels == number).sum() for number in numbers]),
        "parts": [population.name_of(mean, units.parts) for mean in means],
        "strongest": np.array([mean[np.abs(mean).argmax()] for mean in means]),
        "jaccard": jaccards.mean(0),
        "clear": np.array([clear[labels == number].sum() for number in numbers]),
        "members": [
            " ".join(map(str, units.number[labels == number][:MEMBERS])) for number in numbers
        ],
    }
    low, high = np.percentile(aris, [2.5, 97.5])
    facts: Facts = {
        "metric": units.metric,
        "units": len(labels),
        "left_out": units.left_out,
        "silhouette": silhouette,
        "stability": float(aris.mean()),
        "stability_low": float(low),
        "stability_high": float(high),
        "stability_decoys": float(control.mean()),
        "resamples": OF_CUTS,
        "seed": seed,
    }
    return _result("clusters", columns, facts, "clusters of units by what they change")


MEMBERS = 8  # units that a row names


def concepts(units: Population, seed: int) -> Result:
    """Return which parts change together over units, a row a pair of parts."""
    correlations = population.together(units.vectors, units.decoys, RESAMPLES, seed)
    first, second = np.triu_indices(len(units.parts), 1)
    columns: Columns = {
        "a": [units.parts[place] for place in first],
        "b": [units.parts[place] for place in second],
        **{name: values[first, second] for name, values in correlations.items()},
    }
    facts: Facts = {
        "metric": units.metric,
        "units": len(units.number),
        "resamples": RESAMPLES,
        "seed": seed,
    }
    return _result("concepts", columns, facts, "which parts units change together")


def coactive(tuning: Tuning, units: Population, seed: int) -> Result:
    """Return whether units that are active together change the same parts, beside decoys."""
    assert tuning.coactivation is not None
    places = np.searchsorted(tuning.of("unit"), units.row)
    rows = []
    for scope, active in zip(SCOPES, tuning.coactivation):
        own = active[np.ix_(places, places)]
        value, p = population.alike(own, units.vectors, PERMUTATIONS, seed)
        control, control_p = population.alike(own, units.decoys, PERMUTATIONS, seed)
        rows.append((scope, value, p, control, control_p))
    names = ("scope", "value", "p", "decoys", "decoys_p")
    columns: Columns = {"scope": [row[0] for row in rows]} | {
        name: np.array([row[place] for row in rows]) for place, name in enumerate(names) if place
    }
    facts: Facts = {
        "metric": units.metric,
        "units": len(units.number),
        "permutations": PERMUTATIONS,
        "seed": seed,
    }
    return _result("alike", columns, facts, "do units that are active together change alike")


SCOPES = ("all samples", "within classes")
