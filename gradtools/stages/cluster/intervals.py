"""Half samples of a clustering, from which its intervals come, or why there are none (mathematics#half-samples)."""

from collections.abc import Callable

import numpy as np

from gradtools.math.clusters import half_samples
from gradtools.math.pairs.intervals import HALF_SAMPLES
from gradtools.selection import compared
from gradtools.selection.results import Columns, Facts
from gradtools.stages.cluster import indices, matrices
from gradtools.stages.cluster.options import Options


def say_cost(groups: compared.Groups, options: Options, say: Callable[[str], None]) -> None:
    """Say what the intervals cost, as a multiple of the values' work: half samples are half the rows."""
    if not options.intervals or options.resamples == 0:
        return
    for method in options.method:
        n = len(groups.classes)
        halves = options.resamples or half_samples.number_of_halves(n, method)
        once = 1 if method == "agglomerative" else options.repeats
        if halves:
            times = halves * half_samples.FITS[method] / 2 / once
            say(
                f"{method}: intervals from {halves} half samples, about {times:.0f} times the work of "
                "the values (--no-intervals skips them)"
            )


def replicates(
    method: str,
    x: np.ndarray,
    kept: np.ndarray,
    k: int,
    groups: compared.Groups,
    options: Options,
    columns: Columns,
    labels: np.ndarray,
) -> tuple[np.ndarray, Facts]:
    """Return the indices of half samples (B, 6), and the facts of how they were drawn, or why there are none."""
    why = half_samples.why_none(groups.classes, kept, k)
    wanted = options.resamples
    if wanted is None:
        wanted = half_samples.number_of_halves(len(x), method)
        why = why if wanted else f"more than {half_samples.MOST_ROWS} rows: ask with --resamples"
    if not options.intervals or wanted == 0 and options.resamples == 0:
        why = "not asked for"
    facts: Facts = {"resampling": HALF_SAMPLES, "resamples": 0 if why else wanted}
    if why:
        return np.empty((0, len(half_samples.INDICES))), facts | {"no_interval": why}
    halves = half_samples.half_samples(groups.classes, wanted, options.seed)
    classes = groups.classes[kept] if groups.has_classes else None
    predictions = groups.predictions[kept] if groups.predicted else None
    settings = _settings(method, k, options)
    values, shuffled = half_samples.replicates(
        x, halves[:, kept], settings, classes, predictions, options.seed
    )
    size = int(halves[0].sum()), len(kept)
    values = half_samples.rescaled(
        values, shuffled, indices.means(columns), labels, classes, predictions, size, options.seed
    )
    drawn: Facts = {"drawn": size[0], "drawn_of": size[1]}
    return values, facts | drawn | {"fits": half_samples.FITS[method]}


def halves(options: Options, groups: compared.Groups, k: int) -> np.ndarray | None:
    """Return half samples (B, n) of a matrix's rows; None where there can be none."""
    kept = np.ones(len(groups.classes), bool)
    if half_samples.why_none(groups.classes, kept, k) or options.resamples == 0:
        return None
    count = options.resamples or half_samples.number_of_halves(len(kept), matrices.METHOD)
    return half_samples.half_samples(groups.classes, count, options.seed) if count else None


def _settings(method: str, k: int, options: Options) -> half_samples.Method:
    """How one half is clustered."""
    n_init = options.n_init if method == "kmeans" else options.mixture_starts
    return half_samples.Method(method, k, n_init, options.covariance_of_mixtures, options.linkage)
