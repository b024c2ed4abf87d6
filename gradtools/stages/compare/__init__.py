"""Two or more spaces of the same samples -> how alike they are: taps, models, checkpoints, a taxonomy, a matrix (mathematics#whole-spaces).

All comparisons rest on the samples that every input has, and on the same resamples, so that their differences are paired.
"""

import contextlib
import dataclasses
import json

import numpy as np

from gradtools import interrupt, store
from gradtools.math.pairs import bootstrap
from gradtools.math.spaces import rsa
from gradtools.selection import features, references, samples
from gradtools.selection.comparisons import Comparison, Comparisons, Space
from gradtools.selection.results import Result
from gradtools.stages.compare import leaves, measures, spaces
from gradtools.stages.compare.spaces import positions
from gradtools.store import paths, provenance

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


def compare(arguments, output, options, *, spaces_by=None, force=False, say=print, progress=None):
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

    Returns
    -------
    Comparisons
    """
    begun = provenance.begin()
    with contextlib.ExitStack() as stack:
        split = [argument.partition("::") for argument in arguments]
        stores = [stack.enter_context(store.read(path)) for path, _, _ in split]
        if output is not None:
            store.check_output(output, force, stores)
        found = _compared(
            stores,
            [(name,) if name else () for _, _, name in split],
            options,
            say,
            progress or interrupt.unwatched,
        )
        if output is not None and spaces_by:
            leaves.write(found, output, spaces_by, stores, begun, force=force)
        elif output is not None:
            _write(
                found,
                output,
                options,
                stores,
                begun,
                "-" in (output, *(path for path, _, _ in split)),
                force,
            )
    return found


def _compared(stores, named, options, say, progress):
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
    counts = bootstrap.resample_counts(labels, options.resamples, options.seed)
    options = dataclasses.replace(options, k=options.k or (clusters_of(labels),))
    with progress(len(pairs), 0, "comparisons") as advance:
        comparisons, merges = [], {}
        for i, j in pairs:
            comparisons.append(_comparison(chosen, i, j, counts, options, merges))
            advance(1)
    facts = {
        "samples": len(places),
        "unit": stores[0].unit,
        "metric": options.metric,
        "seed": options.seed,
        "resamples": len(counts),
        "permutations": options.permutations,
        "normalised": options.rows or features.row_default(stores[0]),
        "leaks": int(any(map(samples.target_leaks, stores))),
    }
    ids, names = [stores[0].ids[place] for place in places], [source.name for source in stores]
    return Comparisons(comparisons, ids, stores[0].unit, chosen, merges, names, facts)


def clusters_of(labels):
    """Number of clusters that trees are cut into: of the samples' classes, or the square root of the samples where they have none."""
    classes = len(np.unique(labels))
    return classes if classes > 1 else round(np.sqrt(len(labels)))


def _comparison(chosen, i, j, counts, options, merges):
    """One pair; trees are made once."""
    a, b = (spaces.load(chosen[place], options.metric) for place in (i, j))
    if a.n <= rsa.HELD:
        for place, side in ((i, a), (j, b)):
            if place not in merges:
                merges[place] = measures.tree(side)
    measured = measures.measure(
        a, b, counts, options, [merges[place] for place in (i, j)] if merges else None
    )
    return Comparison(chosen[i].name, chosen[j].name, i, j, measured)


def table(compared: Comparisons) -> Result:
    """Return the table of a row a pair and statistic; differences are from the first pair, under the same resamples."""
    rows, first = [], compared.comparisons[0].measured.statistics
    for comparison in compared.comparisons:
        for name, statistic in comparison.measured.statistics.items():
            bounds = _interval(statistic.replicates)
            before = first.get(name)
            difference, apart = np.nan, (np.nan, np.nan)
            if before is not None and before is not statistic:
                difference, apart = (
                    statistic.value - before.value,
                    _interval(_paired(statistic.replicates, before.replicates)),
                )
            rows.append(
                (
                    comparison.a,
                    comparison.b,
                    name,
                    statistic.value,
                    *bounds,
                    statistic.p,
                    statistic.floor,
                    statistic.shuffled,
                    difference,
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
    return Result(paths.table("compare"), columns=columns, facts=compared.facts, title=title)


def _paired(one, other):
    """Replicates of a difference, or None."""
    return None if one is None or other is None else one[: len(other)] - other[: len(one)]


def _interval(replicates):
    """(low, high) of replicates, NaN of none."""
    return (np.nan, np.nan) if replicates is None else tuple(bootstrap.interval(replicates))


def moved(compared: Comparisons) -> Result:
    """Return the table of a row a pair and sample, the most moved first."""
    columns: dict[str, list] = {
        name: [] for name in ("a", "b", "sample", "moved", "low", "high", "nearest_a", "nearest_b")
    }
    for comparison in compared.comparisons:
        found = comparison.measured.moved
        order = np.argsort(-np.nan_to_num(found.value, nan=-1), kind="stable")
        columns["a"] += [comparison.a] * len(order)
        columns["b"] += [comparison.b] * len(order)
        for name, rows in (
            ("sample", order),
            ("nearest_a", found.nearest_a[order]),
            ("nearest_b", found.nearest_b[order]),
        ):
            columns[name] += [compared.ids[row] for row in rows]
        for name, values in (("moved", found.value), ("low", found.low), ("high", found.high)):
            columns[name] += values[order].tolist()
    arrays = {name: np.array(columns[name]) for name in ("moved", "low", "high")}
    return Result(
        paths.table("moved"),
        columns=columns | arrays,
        facts=compared.facts,
        title="how far samples moved",
    )


def _write(compared, output, options, stores, begun, whole, force):
    """The tables, with the samples as the first store has them, and all of that where a pipe is in it."""
    keep = np.zeros(stores[0].n_samples, dtype=bool)
    keep[compared.spaces[0].places] = True
    inputs = [
        {
            "store": source.name,
            **{key: source.model.get(key, "") for key in ("model", "weights_sha256")},
        }
        for source in stores
    ]
    inputs = json.dumps(inputs + [{"reference": path} for path in options.reference])
    with store.create(output, "compare", force=force) as sink:
        written = [table(compared), moved(compared)]
        sink.carry(stores[0], keep, whole, [result.path for result in written])
        for result in written:
            dataclasses.replace(result, facts=result.facts | {"compared": inputs}).write(sink)
        sink.history(
            stores,
            provenance.step(begun, stores, seed=options.seed, rows=compared.facts["samples"]),
        )
