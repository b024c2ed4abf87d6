"""features -> neighbors: the nearest samples of one sample or of all, and how often they are of its class.

Rows are compared a block at a time: beside the rows (512 MiB of them, else they are read again for each block) a block of
1,024 samples takes some 200 MiB. The order is that of the float64 values, ties by row, for any size of block.
"""

import dataclasses
from collections.abc import Callable
from typing import TYPE_CHECKING

import numpy as np

from gradtools import __version__, store
from gradtools.errors import GradtoolsError
from gradtools.math.rows import nearest, vectors
from gradtools.selection import features, samples
from gradtools.selection.neighbors import Nearest
from gradtools.selection.results import Result
from gradtools.stages import run
from gradtools.stages.neighbors import reading, retrieval
from gradtools.stages.neighbors.of import of
from gradtools.store import Store
from gradtools.tables.wording import units

if TYPE_CHECKING:
    from typing_extensions import Unpack

BLOCK = 1024  # samples whose neighbours are found, and committed, at once
__all__ = ["Options", "neighbors", "of"]


@dataclasses.dataclass(frozen=True)
class Options:
    """Options that decide the values, by their names on the command line."""

    feature: tuple[str, ...] = ()
    metric: str = "cosine"
    rows: str | None = None  # a key of wording.ROWS; by default features.row_default
    where: tuple[str, ...] = ()
    k: int = 25
    permutations: int = 1000  # for the floor of the row whose neighbours are asked for
    floor: str = (
        "dimensions"  # what is shuffled: within dimensions across samples, or the row's own values
    )
    resamples: int = 1000
    seed: int = 0


def neighbors(
    source: Store, output: str | None, options: Options, **how: "Unpack[run.How]"
) -> tuple[list[Nearest], list[Result]]:
    """Find the nearest samples of every sample, and measure retrieval where there are labels.

    Parameters
    ----------
    source : store.Store
    output : str or None
        Path or '-'; None computes only what is shown: retrieval, without labels the neighbours.
    options : Options
    how
        Fields of `run.Run`: carry, force, restart, say, progress.

    Returns
    -------
    nearest_of : list of Nearest
        Empty where there is no output and retrieval is what is shown.
    measured : list of results.Result
        Retrieval, feature by feature; empty without labels.

    Raises
    ------
    GradtoolsError
        There are fewer than two samples.
    """
    job = run.begin(output, [source], **how)
    keep, wanted = samples.select(source, options.where), reading.chosen(source, options)
    options = _possible(source, int(keep.sum()), options, job.say)
    measured = retrieval.describe(source, wanted, options, say=job.say, progress=job.progress)
    if output is None:
        nearest_of = [] if measured else _held(source, wanted, keep, options, job.progress)
    else:
        nearest_of = _written(_Writing(job, source, options, keep, wanted, measured))
    _say_alone(source, nearest_of, job.say)
    return nearest_of, measured


def _possible(source: Store, n: int, options: Options, say: Callable[[str], None]) -> Options:
    """Options with no larger k than a sample has others."""
    if n < 2:
        raise GradtoolsError(
            f"{source.name}: need at least 2 {units(source.unit)} to compare, got {n}"
        )
    if n - 1 < options.k:
        say(f"{n} {units(source.unit)}: each has {n - 1} other{'s' * (n > 2)}, so k is {n - 1}")
    return dataclasses.replace(options, k=min(options.k, n - 1))


def _say_alone(source: Store, nearest_of: list[Nearest], say: Callable[[str], None]) -> None:
    """Name the features that leave some samples without neighbours."""
    for of_feature in nearest_of:
        alone = int((of_feature.index[:, 0] < 0).sum())
        if alone:
            say(
                f"{of_feature.feature}: {alone} of {len(of_feature.index)} {units(source.unit)} have no neighbours, "
                "for their rows have no direction (zero, or constant)"
            )


@dataclasses.dataclass(frozen=True)
class _Writing:
    """What is written."""

    run: run.Run
    source: store.Store
    options: Options
    keep: np.ndarray
    features: list
    measured: list


def _held(
    source: Store,
    wanted: list[features.Feature],
    keep: np.ndarray,
    options: Options,
    progress: Callable,
) -> list[Nearest]:
    """Neighbours of every sample, kept in memory (list of Nearest)."""
    n, nearest_of = int(keep.sum()), []
    with progress(n * len(wanted), 0, "samples") as advance:
        for feature in wanted:
            search, parts = _searching(source, feature, keep, options, len(wanted)), []
            for block in store.cut(BLOCK, n):
                parts.append(search(block))
                advance(len(block))
            nearest_of.append(
                Nearest(feature.name, *(np.concatenate(part) for part in zip(*parts)))
            )
            if (nearest_of[-1].index[:, 0] < 0).all():
                raise GradtoolsError(
                    f"{source.name}: no two rows of {feature.name} have a direction (not zero, not constant): "
                    "try another --rows, or --metric euclidean"
                )
    return nearest_of


def _searching(
    source: Store, feature: features.Feature, keep: np.ndarray, options: Options, shares: int
) -> Callable:
    """A function that gives (index, values) of a block of samples; `shares` features share the memory."""
    pieces = reading.pieces(feature, keep, options.metric, shares)
    rows = features.Slices(feature, keep)
    return lambda block: features.checked(
        lambda: _of_block(rows, block, pieces, options), feature, keep, source
    )


def _of_block(
    rows: features.Slices, block: store.Block, pieces: Callable, options: Options
) -> tuple[np.ndarray, np.ndarray]:
    """Neighbours of a block of samples; a row without a direction has none."""
    part, degenerate = vectors.prepared_rows(rows[block.start : block.stop], options.metric)
    index, values = nearest.nearest(
        part, np.arange(block.start, block.stop), pieces(), options.k, options.metric
    )
    index[degenerate], values[degenerate] = -1, np.nan
    return index, values


def _written(job: _Writing) -> list[Nearest]:
    """Write the neighbours a block of samples at a time. Returns what is stored."""
    n, k, name = int(job.keep.sum()), job.options.k, reading.value_name(job.options.metric)
    at = {feature.name: store.paths.neighbors(feature.name) for feature in job.features}
    columns = [
        column
        for feature, path in at.items()
        for column in (
            store.Column(
                store.paths.inside(path, "index"),
                (k,),
                dtype="i4",
                long_name=f"rows of the nearest samples by {feature}, the nearest first, -1 where none",
            ),
            store.Column(
                store.paths.inside(path, name),
                (k,),
                long_name=f"{job.options.metric} of {feature} to them",
            ),
        )
    ]
    command = {
        **dataclasses.asdict(job.options),
        "version": __version__,
        "carry": job.run.carry,
        "feature": list(at),
        "inputs": job.source.digests(),
    }
    searches = [
        _searching(job.source, feature, job.keep, job.options, len(at)) for feature in job.features
    ]

    def compute(block: store.Block) -> dict[str, np.ndarray]:
        arrays = [array for search in searches for array in search(block)]
        return {column.path: array for column, array in zip(columns, arrays)}

    growth = store.Growth(
        "neighbors",
        columns,
        store.cut(BLOCK, n),
        command,
        lambda sink: job.run.carry_on(sink, job.source, job.keep, list(at.values())),
        units=units(job.source.unit),
    )
    with job.run.grown(growth) as part:
        job.run.compute(part, compute, "samples")
        nearest_of = [
            Nearest(
                feature,
                part.values(store.paths.inside(path, "index")),
                part.values(store.paths.inside(path, name)),
            )
            for feature, path in at.items()
        ]
        with part.finish(job.run.progress) as sink:
            _fill(sink, job, at)
    return nearest_of


def _fill(sink: store.Sink, job: _Writing, at: dict[str, str]) -> None:
    """Retrieval, what was asked, and the step."""
    for result in job.measured:
        result.write(sink)
    for path in at.values():
        sink.attributes(
            path,
            metric=job.options.metric,
            k=job.options.k,
            normalised=job.options.rows or features.row_default(job.source),
        )
    job.run.note(sink, [job.source], seed=job.options.seed, rows=int(job.keep.sum()))
