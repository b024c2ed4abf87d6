"""From values of single images to statistics: each method under each measure, and each measure against the truth."""

import numpy as np

from gradtools.math.games import ranking
from gradtools.math.regions import means
from gradtools.selection.results import Result
from gradtools.stages.trial.measures import MEASURES, PRECISION, SCORE, signed
from gradtools.stages.trial.methods import TRUTH
from gradtools.store import paths

VALUES = (SCORE, PRECISION, *MEASURES)
BETWEEN = "; "  # names of methods hold commas
EQUAL = 1e-6  # a method whose mean correlation with the truth is so near to 1 is the truth's equal

Facts = dict[str, str | int | float]


def cube(values: dict[str, dict[str, np.ndarray]], methods: list[str]) -> np.ndarray:
    """Return the values of every measure as (N, methods, measures) float64, in the order of `VALUES`."""
    return np.stack(
        [np.stack([values[measure][method] for method in methods], axis=1) for measure in VALUES],
        axis=2,
    )


def summarise(
    name: str, values: np.ndarray, methods: list[str], facts: Facts
) -> tuple[Result, Result]:
    """Return the means of every method, and how each measure ranks the methods.

    Parameters
    ----------
    name : str
        Of the construction.
    values : (N, methods, measures) float64 array
        From `cube`.
    methods : list of str
    facts : dict
        `resamples` and `seed` among them.

    Returns
    -------
    of_methods, of_measures : Result
    """
    count = len(values)
    flat = values.reshape(count, -1)
    images = np.arange(count)
    resamples, seed = int(facts["resamples"]), int(facts["seed"])
    mean, replicates = means.over_images(flat, images, resamples, seed)
    shape = values.shape[1:]
    replicates = replicates.reshape(len(replicates), *shape)
    of_methods = _methods(name, mean.reshape(shape), replicates, methods, facts, values)
    return of_methods, _measures(name, mean.reshape(shape), replicates, methods, facts)


def _methods(
    name: str,
    mean: np.ndarray,
    replicates: np.ndarray,
    methods: list[str],
    facts: Facts,
    values: np.ndarray,
) -> Result:
    """Return one row for each method and measure."""
    bounds = means.bounds(replicates.reshape(len(replicates), mean.size))
    columns = {
        "statistic": [f"{method}: {measure}" for method in methods for measure in VALUES],
        "value": mean.ravel(),
        "low": bounds[:, 0],
        "high": bounds[:, 1],
        "images": (~np.isnan(values)).sum(axis=0).ravel().astype("i8"),
    }
    return Result(
        paths.trial(name, "methods"),
        name,
        method="methods",
        columns=columns,
        facts=facts,
        title=f"{name}: methods under every measure",
    )


def _measures(
    name: str, mean: np.ndarray, replicates: np.ndarray, methods: list[str], facts: Facts
) -> Result:
    """Return one row for each measure: its rank correlation with the truth, and whether it puts the truth first."""
    truth = mean[:, 0]
    equal = np.abs(truth - truth[methods.index(TRUTH)]) < EQUAL
    rows: dict[str, list] = {
        name: [] for name in ("value", "low", "high", "chance", "first", "tied", "best")
    }
    every = []
    for number, measure in enumerate(VALUES[1:], 1):
        scores, drawn = signed(measure, mean[:, number]), signed(measure, replicates[:, :, number])
        taus = ranking.kendall(replicates[:, :, 0], drawn)
        low, high = means.bounds(taus[:, None])[0]
        dealt = ranking.chance(truth, scores, seed=int(facts["seed"]))
        best = np.round(scores, ranking.DECIMALS) == np.round(scores, ranking.DECIMALS).max()
        first, tied = ranking.first_place(drawn if len(drawn) else scores[None], equal)
        for column, value in zip(
            rows,
            (
                ranking.kendall(truth, scores),
                low,
                high,
                np.quantile(dealt, 0.95),
                100 * first,
                100 * tied,
                BETWEEN.join(_best(methods, best, equal)),
            ),
        ):
            rows[column].append(value)
        every.append(taus)
    columns = {"statistic": list(VALUES[1:])} | {
        name: values if name == "best" else np.array(values, float) for name, values in rows.items()
    }
    columns["images"] = np.full(len(VALUES) - 1, int(facts["images"]), "i8")
    return Result(
        paths.trial(name, "measures"),
        name,
        method="measures",
        columns=columns,
        facts=facts,
        title=f"{name}: how measures rank the methods",
        replicates=np.stack(every, axis=1),
    )


def _best(methods: list[str], best: np.ndarray, equal: np.ndarray) -> list[str]:
    """Return the methods of the largest score that are not the truth's equals; the truth where there is none."""
    worse = [method for method, chosen in zip(methods, best & ~equal) if chosen]
    return [TRUTH, *worse] if (best & equal).any() else worse
