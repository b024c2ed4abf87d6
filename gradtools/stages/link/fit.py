"""The links of the pairs: the affine map, one that is not linear, and two controls: the mean and shuffled pairs."""

import dataclasses
import time
from collections.abc import Callable, Sequence
from typing import TYPE_CHECKING

import numpy as np

from gradtools import store
from gradtools.errors import UsageError
from gradtools.math.links import fitting
from gradtools.math.pairs.bootstrap import RESAMPLING, resample_weights
from gradtools.math.regions import means
from gradtools.selection.results import Columns, Facts, Result
from gradtools.stages.link.plan import Plan
from gradtools.store import paths

if TYPE_CHECKING:
    from gradtools.stages.link import Options

KINDS = {
    "linear": "the link",
    "kernel": "a fit that is not linear, on the same pairs",
    "null": "the link of shuffled pairs",
    "mean": "the mean w",
}
Predict = Callable[[np.ndarray], np.ndarray]
SHUFFLES = 5  # whose R2 is averaged; pictures are drawn through the first


@dataclasses.dataclass(frozen=True)
class Links:
    """What was fitted.

    Attributes
    ----------
    linear : fitting.Linear
    predict : dict of str to callable
        By kind, r (N, D) to w~ (N, d).
    nulls : list of callable
        The links of all shuffles.
    rows : (H,) int array
        Entries that are held out and recognised.
    of_dimensions : (d,) float64 array
        Held-out R2 of the link.
    """

    linear: fitting.Linear
    predict: dict[str, Predict]
    nulls: Sequence[Predict]
    rows: np.ndarray
    of_dimensions: np.ndarray


def links(plan: Plan, part: store.Part, clock: dict[str, float], say: Callable) -> Links:
    """Fit every kind of link to the pairs that are not held out.

    Raises
    ------
    UsageError
        Fewer than 3 pairs are held out, or to fit.
    """
    begun = time.perf_counter()
    kept = ~part.unreadable[: plan.entries]
    training, rows = kept & ~plan.held, np.flatnonzero(kept & plan.held)
    if training.sum() < 3 or len(rows) < 3:
        raise UsageError(
            f"{int(training.sum())} pairs to fit and {len(rows)} held out: draw more with --per-class"
        )
    w, r = part.values(paths.LINK_W).astype(float), part.values(paths.EMBEDDING).astype(float)
    _warn(plan, int(training.sum()), say)
    linear = fitting.fit_linear(r[training], w[training], plan.options.method)
    nulls = _nulls(r[training], w[training], plan.options)
    kernel = fitting.fit_kernel(r[training], w[training], plan.options.seed)
    mean = w[training].mean(0)
    predict: dict[str, Predict] = {
        "linear": linear,
        "kernel": kernel,
        "null": nulls[0],
        "mean": lambda r: np.repeat(mean[None], len(r), axis=0),
    }
    clock["fitting"] += time.perf_counter() - begun
    return Links(linear, predict, nulls, rows, fitting.r2_of_dimensions(w[rows], linear(r[rows])))


def _nulls(r: np.ndarray, w: np.ndarray, options: "Options") -> list[fitting.Linear]:
    """Links of shuffled pairs, all with the penalty of the first."""
    rng = np.random.default_rng([options.seed, 2])
    orders = [rng.permutation(len(w)) for _ in range(SHUFFLES)]
    first = fitting.fit_linear(r, w[orders[0]], options.method)
    others = [fitting.fit_linear(r, w[order], options.method, first.alpha) for order in orders[1:]]
    return [first, *others]


def _warn(plan: Plan, rows: int, say: Callable[[str], None]) -> None:
    """Say where least squares goes through every pair."""
    if plan.options.method == "ols" and rows <= plan.width:
        say(
            f"least squares with {rows} pairs to fit and {plan.width} dimensions of r: it goes through every pair, and held-out "
            "figures are far below 0; draw more with --per-class, or take --method ridge"
        )


def results(plan: Plan, part: store.Part, fitted: Links) -> list[Result]:
    """Return the statistics of each kind of link over held-out pairs, and the difference of the non-linear one."""
    tables = {kind: _statistics(plan, part, fitted, kind) for kind in KINDS}
    facts: Facts = {
        "seed": plan.options.seed,
        "resamples": plan.options.resamples,
        "resampling": RESAMPLING,
        "fitted_pairs": int(
            plan.entries - plan.held.sum() - (part.unreadable[: plan.entries] & ~plan.held).sum()
        ),
        "dimension": plan.width,
        "latent_dimension": plan.generator.width,
    }
    made = [
        _result(kind, names, values, replicates, len(fitted.rows), facts, KINDS[kind])
        for kind, (names, values, replicates) in tables.items()
    ]
    names, linear, of_linear = tables["linear"]
    _, kernel, of_kernel = tables["kernel"]
    title = "the fit that is not linear less the link"
    made.append(
        _result(
            "difference",
            names,
            kernel - linear,
            of_kernel - of_linear,
            len(fitted.rows),
            facts,
            title,
        )
    )
    return made


def _statistics(
    plan: Plan, part: store.Part, fitted: Links, kind: str
) -> tuple[list[str], np.ndarray, np.ndarray]:
    """Names, values (S,) and replicates (B, S) of one kind of link; equal resamples of all kinds."""
    w, r = (
        part.values(path)[fitted.rows].astype(float) for path in (paths.LINK_W, paths.EMBEDDING)
    )
    predicted = fitted.predict[kind](r)
    columns = {
        "cosine": fitting.row_cosine(w, predicted),
        "latent_mse": ((w - predicted) ** 2).mean(1),
    }
    for column in part.columns:
        name = column.path.rpartition("/")[2]
        if column.path == paths.cycled(kind, name):
            columns[name] = part.values(column.path)[: plan.held.sum()][_places(plan, part)]
    values = np.stack(list(columns.values()), axis=1)
    mean, replicates = means.over_images(
        values, np.arange(len(values)), plan.options.resamples, plan.options.seed
    )
    made = [predict(r) for predict in fitted.nulls] if kind == "null" else [predicted]
    r2 = np.mean([_r2(w, predict) for predict in made], axis=0)
    drawn = np.mean([_resampled(w, predict, plan.options) for predict in made], axis=0)
    return (
        ["r2", "r2_dimension", *columns],
        np.concatenate([r2, mean]),
        np.concatenate([drawn, replicates], axis=1),
    )


def _places(plan: Plan, part: store.Part) -> np.ndarray:
    """Of the held-out entries those that are recognised, places among the cycle's rows."""
    return np.flatnonzero(~part.unreadable[: plan.entries][plan.held])


def _r2(w: np.ndarray, predicted: np.ndarray) -> tuple[float, float]:
    """Pooled R2, and the mean of each dimension's."""
    errors = fitting.squared_errors(w, predicted, w.mean(0))
    return fitting.pooled_r2(errors), float(np.nanmean(fitting.r2_of_dimensions(w, predicted)))


def _resampled(w: np.ndarray, predicted: np.ndarray, options: "Options") -> np.ndarray:
    """Pooled and mean R2 of resampled rows, (B, 2)."""
    if not options.resamples:
        return np.empty((0, 2))
    counts = resample_weights(np.zeros(len(w), int), options.resamples, options.seed).astype(float)
    size = counts.sum(1, keepdims=True)
    residual = counts @ (w - predicted) ** 2
    total = counts @ w**2 - (counts @ w) ** 2 / size
    with np.errstate(divide="ignore", invalid="ignore"):
        each = np.where(total > 0, 1 - residual / total, np.nan)
        return np.stack([1 - residual.sum(1) / total.sum(1), np.nanmean(each, axis=1)], axis=1)


def _result(
    kind: str,
    names: list[str],
    values: np.ndarray,
    replicates: np.ndarray,
    count: int,
    facts: Facts,
    title: str,
) -> Result:
    """One kind of link as a result."""
    bounds = means.bounds(replicates)
    table: Columns = {
        "statistic": list(names),
        "value": values,
        "low": bounds[:, 0],
        "high": bounds[:, 1],
        "pairs": np.full(len(names), count, "i8"),
    }
    return Result(
        paths.link(kind),
        "link",
        "",
        kind,
        table,
        dict(facts),
        f"held-out pairs: {title}",
        replicates,
    )
