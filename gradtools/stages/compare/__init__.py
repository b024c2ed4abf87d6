"""Two or more spaces of the same samples -> how alike they are: taps, models, checkpoints, a taxonomy, a matrix (mathematics#whole-spaces).

All comparisons rest on the samples that every input has, and on the same resamples, so that their differences are paired.
"""

import contextlib
import dataclasses
import json
from collections.abc import Callable
from typing import TYPE_CHECKING

import numpy as np

from gradtools import store
from gradtools.math.pairs import bootstrap
from gradtools.math.spaces import rsa
from gradtools.selection import compared, features, references
from gradtools.selection.comparisons import Comparison, Comparisons, Space
from gradtools.selection.results import Facts, Result
from gradtools.stages import run
from gradtools.stages.compare import cuts, leaves, measures, spaces
from gradtools.stages.compare.spaces import positions
from gradtools.store import paths

if TYPE_CHECKING:
    from typing_extensions import Unpack

__all__ = ["Options", "compare", "moved", "positions", "table"]


@dataclasses.dataclass(frozen=True)
class Options:
    """What decides the values."""

    feature: tuple[str, ...] = ()
    metric: str = "cosine"
    rows: str | None = None  # how rows are normalised; by default features.row_default
    where: tuple = ()
    reference: tuple[str, ...] = ()
    against: str = "each-other"
    k: tuple = ()  # clusters of the cuts; by default `clusters_of`
    resamples: int = 1000
    permutations: int = 1000
    seed: int = 0


def compare(
    arguments: list[str],
    output: str | None,
    options: Options,
    *,
    spaces_by: str | None = None,
    **how: "Unpack[run.How]",
) -> Comparisons:
    """Compare, and write where there is an output.

    Parameters
    ----------
    arguments : list of str
        Stores, as in a.h5 or a.h5::gradient@layer3; '-' is standard input.
    output : str or None
        Path or '-'; None computes only.
    options : Options
    spaces_by : str, optional
        A statistic: the output's samples are then the spaces, with their matrix (see `leaves`).
    how
        Fields of `run.Run`: force, say, progress.

    Returns
    -------
    Comparisons
    """
    with contextlib.ExitStack() as stack:
        split = [argument.partition("::") for argument in arguments]
        stores = [stack.enter_context(store.read(path)) for path, _, _ in split]
        whole = "-" in (output, *(path for path, _, _ in split))
        how["carry"] = whole
        job = run.begin(output, stores, **how)
        comparisons = _compared(
            stores,
            [(name,) if name else () for _, _, name in split],
            options,
            job.say,
            job.progress,
        )
        if output is not None and spaces_by:
            leaves.write(job, comparisons, spaces_by, stores)
        elif output is not None:
            _write(job, comparisons, options, stores)
    return comparisons


def _compared(
    stores: list[store.Store],
    named: list[tuple],
    options: Options,
    say: Callable[[str], None],
    progress: Callable,
) -> Comparisons:
    """The comparisons of open stores."""
    given = [references.read(path, say) for path in options.reference]
    chosen = spaces.gather(stores, named, options)
    chosen += [
        Space(reference.name, -1, reference.name, True, reference=reference) for reference in given
    ]
    pairs = spaces.pairs(chosen, options.against)
    spaces.align(chosen, stores, options.where, say)
    spaces.leave_out_degenerate(chosen, options.metric, say)
    places = chosen[0].places
    labels = stores[0].labels[places]
    counts = bootstrap.resample_weights(labels, options.resamples, options.seed)
    halves = cuts.drawn_halves(labels, options.resamples > 0, options.seed)
    options = dataclasses.replace(options, k=options.k or (clusters_of(labels),))
    with progress(len(pairs), 0, "comparisons") as advance:
        comparisons: list[Comparison] = []
        grown: dict[int, cuts.Trees] = {}
        for i, j in pairs:
            comparisons.append(_comparison(chosen, i, j, counts, halves, options, grown))
            advance(1)
    facts: Facts = {
        "samples": len(places),
        "unit": stores[0].unit,
        "metric": options.metric,
        "seed": options.seed,
        "resamples": len(counts),
        "resampling": bootstrap.RESAMPLING,
        "permutations": options.permutations,
        "normalised": options.rows or features.row_default(stores[0]),
        "leaks": int(any(map(compared.target_leaks, stores))),
    }
    ids, names = [stores[0].ids[place] for place in places], [source.name for source in stores]
    merges = {place: trees.merges for place, trees in grown.items()}
    return Comparisons(comparisons, ids, stores[0].unit, chosen, merges, names, facts)


def clusters_of(labels: np.ndarray) -> int:
    """Return into how many clusters trees are cut: the samples' classes, or the square root of the samples where they have none."""
    classes = len(np.unique(labels))
    return classes if classes > 1 else round(np.sqrt(len(labels)))


def _comparison(
    chosen: list[Space],
    i: int,
    j: int,
    counts: np.ndarray,
    halves: np.ndarray,
    options: Options,
    grown: dict[int, cuts.Trees],
) -> Comparison:
    """One pair; trees are grown once."""
    a, b = (spaces.load(chosen[place], options.metric) for place in (i, j))
    if a.n > rsa.HELD:
        return Comparison(
            chosen[i].name, chosen[j].name, i, j, measures.measure(a, b, counts, options)
        )
    for place, side in ((i, a), (j, b)):
        if place not in grown:
            grown[place] = cuts.grown(side, halves)
    measured = measures.measure(a, b, counts, options, (grown[i], grown[j]), halves)
    return Comparison(chosen[i].name, chosen[j].name, i, j, measured)


def table(compared: Comparisons) -> Result:
    """Return the table of a row a pair and statistic; differences are from the first pair, under the same resamples."""
    rows, first = [], compared.comparisons[0].measured.statistics
    for comparison in compared.comparisons:
        for name, statistic in comparison.measured.statistics.items():
            before, apart = first.get(name), (np.nan,) * 3
            if before is not None and before is not statistic:
                apart = statistic.difference(before)
            rows.append(
                (
                    comparison.a,
                    comparison.b,
                    name,
                    statistic.value,
                    *statistic.interval(),
                    statistic.p,
                    statistic.floor,
                    statistic.shuffled,
                    *apart,
                    statistic.permutations,
                    0 if statistic.replicates is None else len(statistic.replicates),
                )
            )
    heads = (
        "a",
        "b",
        "statistic",
        "value",
        "low",
        "high",
        "p",
        "floor",
        "shuffled",
        "difference",
        "difference_low",
        "difference_high",
        "permutations",
        "resamples",
    )
    columns = {
        head: list(column) if isinstance(column[0], str) else np.array(column)
        for head, column in zip(heads, zip(*rows))
    }
    title = "how alike two spaces are"
    return Result(
        paths.table("compare"),
        columns=columns,
        facts=compared.facts,
        title=title,
        replicates=_replicates(compared),
    )


def _replicates(compared: Comparisons) -> np.ndarray | None:
    """Return the statistics over resampled samples, (B, rows) as the table has them; NaN where there are fewer, or other ones."""
    drawn = [
        statistic.replicates if statistic.resampling == bootstrap.RESAMPLING else None
        for comparison in compared.comparisons
        for statistic in comparison.measured.statistics.values()
    ]
    count = max((len(one) for one in drawn if one is not None), default=0)
    if not count:
        return None
    columns = np.full((count, len(drawn)), np.nan)
    for column, one in enumerate(drawn):
        if one is not None:
            columns[: len(one), column] = one
    return columns


def moved(compared: Comparisons) -> Result:
    """Return the table of a row a pair and sample, the most moved first."""
    columns: dict[str, list] = {
        name: [] for name in ("a", "b", "sample", "moved", "low", "high", "nearest_a", "nearest_b")
    }
    for comparison in compared.comparisons:
        movement = comparison.measured.moved
        order = np.argsort(-np.nan_to_num(movement.value, nan=-1), kind="stable")
        columns["a"] += [comparison.a] * len(order)
        columns["b"] += [comparison.b] * len(order)
        for name, rows in (
            ("sample", order),
            ("nearest_a", movement.nearest_a[order]),
            ("nearest_b", movement.nearest_b[order]),
        ):
            columns[name] += [compared.ids[row] for row in rows]
        for name, values in (
            ("moved", movement.value),
            ("low", movement.low),
            ("high", movement.high),
        ):
            columns[name] += values[order].tolist()
    arrays = {name: np.array(columns[name]) for name in ("moved", "low", "high")}
    return Result(
        paths.table("moved"),
        columns=columns | arrays,
        facts=compared.facts,
        title="how far samples moved",
    )


def _write(
    job: run.Run, compared: Comparisons, options: Options, stores: list[store.Store]
) -> None:
    """The tables, with the samples as the first store has them, and all of that where a pipe is in it."""
    keep = np.zeros(stores[0].n_samples, dtype=bool)
    keep[compared.spaces[0].places] = True
    named = [
        {
            "store": source.name,
            **{key: source.model.get(key, "") for key in ("model", "weights_sha256")},
        }
        for source in stores
    ]
    inputs = json.dumps(named + [{"reference": path} for path in options.reference])
    with store.create(job.target, "compare", force=job.force) as sink:
        written = [table(compared), moved(compared)]
        job.carry_on(sink, stores[0], keep, [result.path for result in written])
        for result in written:
            dataclasses.replace(result, facts=result.facts | {"compared": inputs}).write(sink)
        job.note(sink, stores, seed=options.seed, rows=compared.facts["samples"])
