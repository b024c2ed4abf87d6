"""features -> neighbors: the nearest samples of one sample or of all, and how often they are of its class.

Rows are compared a block at a time: beside the rows (512 MiB of them, else they are read again for each block) a block of
1,024 samples takes some 200 MiB. The order is that of the float32 values, ties by row, for any size of block.
"""

import dataclasses

import numpy as np

from gradtools import __version__, interrupt, store
from gradtools.errors import GradtoolsError
from gradtools.math.rows import nearest, vectors
from gradtools.selection import features, samples
from gradtools.stages.neighbors import reading, retrieval
from gradtools.stages.neighbors.of import Near, of, write_of
from gradtools.store import provenance
from gradtools.tables.wording import units

BLOCK = 1024  # samples whose neighbours are found, and committed, at once
__all__ = ["Found", "Near", "Options", "chosen", "neighbors", "of", "write_of"]


@dataclasses.dataclass(frozen=True)
class Options:
    """What decides the values."""

    features: tuple = ()
    metric: str = "cosine"
    rows: str | None = (
        None  # how rows are normalised: post, raw, gauge; by default features.row_default
    )
    where: tuple = ()
    k: int = 25
    permutations: int = 1000  # of the row whose neighbours are asked for
    resamples: int = 1000
    seed: int = 0


@dataclasses.dataclass(frozen=True)
class Found:
    """One feature's neighbours: their rows (n, k) int32, -1 where there is none, and values (n, k) float32."""

    feature: str
    index: np.ndarray
    values: np.ndarray


def chosen(source, options, one=False):
    """Features whose rows are compared: what is asked for, else the defaults and the control; of `one` sample activation alone."""
    if one and not options.features:
        found = features.resolve(source, control=source.unit == "class")
        found = [feature for feature in found if feature.kind == "activation"][:1] or found[:1]
    else:
        found = features.resolve(source, options.features, control=not one)
    return [features.normalised(source, feature, options.rows) for feature in found]


def neighbors(
    source, output, options, *, carry=False, force=False, restart=False, say=print, progress=None
):
    """Find the nearest samples of every sample, and measure retrieval where there are labels.

    Parameters
    ----------
    source : store.Store
    output : str or None
        Path or '-'; None computes only what is shown: retrieval, without labels the neighbours.
    options : Options
    carry : bool
        Copy everything of the input.

    Returns
    -------
    found : list of Found
        Empty where there is no output and retrieval is what is shown.
    measured : list of results.Result
        Retrieval, feature by feature; empty without labels.

    Raises
    ------
    GradtoolsError
        There are fewer than two samples.
    """
    begun, progress = provenance.begin(), progress or interrupt.unwatched
    if output is not None:
        store.check_output(output, force, [source])
    keep, wanted = samples.select(source, options.where), chosen(source, options)
    options = _possible(source, int(keep.sum()), options, say)
    measured = retrieval.describe(source, wanted, options, say=say, progress=progress)
    if output is None:
        found = [] if measured else _held(source, wanted, keep, options, progress)
    else:
        found = _written(
            _Job(source, output, options, keep, wanted, measured, begun, carry),
            force,
            restart,
            say,
            progress,
        )
    _say_alone(source, found, say)
    return found, measured


def _possible(source, n, options, say):
    """Options with no larger k than a sample has others."""
    if n < 2:
        raise GradtoolsError(
            f"{source.name}: {n} {units(source.unit, n)} to compare, and a neighbour takes two"
        )
    if n - 1 < options.k:
        say(f"{n} {units(source.unit)}: each has {n - 1} other{'s' * (n > 2)}, so k is {n - 1}")
    return dataclasses.replace(options, k=min(options.k, n - 1))


def _say_alone(source, found, say):
    """Name the features that leave some samples without neighbours."""
    for one in found:
        alone = int((one.index[:, 0] < 0).sum())
        if alone:
            say(
                f"{one.feature}: {alone} of {len(one.index)} {units(source.unit)} have no neighbours, "
                "for their rows have no direction (zero, or constant)"
            )


@dataclasses.dataclass(frozen=True)
class _Job:
    """What is written where."""

    source: store.Store
    output: str
    options: Options
    keep: np.ndarray
    features: list
    measured: list
    begun: tuple
    carry: bool


def _held(source, wanted, keep, options, progress):
    """Neighbours of every sample, kept in memory (list of Found)."""
    n, found = int(keep.sum()), []
    with progress(n * len(wanted), 0, "samples") as advance:
        for feature in wanted:
            parts = list(_blocks(source, feature, keep, options, 0, advance, len(wanted)))
            found.append(Found(feature.name, *(np.concatenate(part) for part in zip(*parts))))
            if (found[-1].index[:, 0] < 0).all():
                raise GradtoolsError(
                    f"{source.name}: no two rows of {feature.name} have a direction (not zero, not constant): "
                    "try another --rows, or --metric euclidean"
                )
    return found


def _blocks(source, feature, keep, options, start, advance, shares):
    """(index, values) of BLOCK samples after the other."""
    pieces = reading.pieces(feature, keep, options.metric, shares)
    rows = features.Slices(feature, keep)
    for first in range(start, int(keep.sum()), BLOCK):
        yield features.checked(
            lambda: _of_block(rows, first, pieces, options), feature, keep, source
        )
        advance(min(BLOCK, int(keep.sum()) - first))


def _of_block(rows, first, pieces, options):
    """Neighbours of the samples from `first`; a row without a direction has none."""
    own, degenerate = vectors.prepared_rows(rows[first : first + BLOCK], options.metric)
    index, values = nearest.nearest(
        own, np.arange(first, first + len(own)), pieces(), options.k, options.metric
    )
    index[degenerate], values[degenerate] = -1, np.nan
    return index, values


def _written(job, force, restart, say, progress):
    """Write the neighbours a block of samples at a time; goes on after a kill. Returns what is stored."""
    n, k, name = int(job.keep.sum()), job.options.k, reading.value_name(job.options.metric)
    at = {feature.name: store.paths.neighbors(feature.name) for feature in job.features}
    columns = [
        column
        for feature, path in at.items()
        for column in (
            store.Column(
                f"{path}/index",
                (k,),
                dtype="i4",
                long_name=f"rows of the nearest samples by {feature}, the nearest first, -1 where none",
            ),
            store.Column(
                f"{path}/{name}",
                (k,),
                long_name=f"{job.options.metric} of {feature} to them",
            ),
        )
    ]
    command = {
        **dataclasses.asdict(job.options),
        "version": __version__,
        "carry": job.carry,
        "features": list(at),
        "inputs": job.source.digests(),
    }
    with (
        store.grow(
            job.output,
            "neighbors",
            columns,
            n,
            BLOCK,
            command,
            lambda part: _carry(part, job, say),
            force=force,
            restart=restart,
            say=say,
        ) as part,
        progress(n, part.committed, "samples") as advance,
    ):
        streams = [
            _blocks(
                job.source, feature, job.keep, job.options, part.committed, lambda _: None, len(at)
            )
            for feature in job.features
        ]
        for blocks in zip(*streams):
            arrays = [array for block in blocks for array in block]
            part.append(
                {column.path: array for column, array in zip(columns, arrays)},
                np.zeros(len(arrays[0]), bool),
            )
            advance(len(arrays[0]))
        if not part.whole:
            _fill(part, job, at)
        return [
            Found(feature, part.values(f"{path}/index"), part.values(f"{path}/{name}"))
            for feature, path in at.items()
        ]


def _carry(part, job, say):
    """What comes from the input; names the results that a subset leaves behind."""
    behind = part.carry(
        job.source,
        job.keep,
        job.carry,
        [store.paths.neighbors(feature.name) for feature in job.features],
    )
    if behind:
        say(f"left behind, for they rest on samples that are left out here: {', '.join(behind)}")


def _fill(part, job, at):
    """Retrieval, what was asked, and the step."""
    for found in job.measured:
        found.write(part)
    for path in at.values():
        part.attributes(
            path,
            metric=job.options.metric,
            k=job.options.k,
            normalised=job.options.rows or features.row_default(job.source),
        )
    part.history(
        [job.source],
        provenance.step(job.begun, [job.source], seed=job.options.seed, rows=int(job.keep.sum())),
    )
