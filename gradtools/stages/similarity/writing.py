"""The store that `similarity` writes: tables, replicates and, block by block, the matrices that were asked for."""

import dataclasses
from collections.abc import Callable

import numpy as np

from gradtools import __version__, store
from gradtools.math.rows import vectors
from gradtools.selection import compared, features
from gradtools.stages import run
from gradtools.stages.similarity import map_statistics
from gradtools.stages.similarity.options import Options

MATRIX_BLOCK = 256


@dataclasses.dataclass(frozen=True)
class Writing:
    """What is written: the input, its chosen samples and features, and their results."""

    run: run.Run
    source: store.Store
    options: Options
    groups: compared.Groups
    chosen: list
    of_maps: list
    results: list


def write(job: Writing) -> None:
    """Write the results, and the matrices block by block where they were asked for."""
    if job.options.matrix:
        _write_matrices(job)
        return
    with store.create(job.run.target, "similarity", force=job.run.force) as sink:
        _carry(sink, job)
        _fill(sink, job)


def _carry(sink: store.Sink, job: Writing) -> None:
    """What comes from the input."""
    job.run.carry_on(sink, job.source, job.groups.keep, [result.path for result in job.results])


def _fill(sink: store.Sink, job: Writing) -> None:
    """Tables, replicates and the step."""
    for result in job.results:
        result.write(sink)
    job.run.note(sink, [job.source], seed=job.options.seed, rows=int(job.groups.keep.sum()))


def _write_matrices(job: Writing) -> None:
    """The matrices of vectors (N x N) and then those of maps (M x M), a block of rows at a time."""
    n = int(job.groups.keep.sum()) if job.chosen else 0
    wanted = [(feature, metric) for feature in job.chosen for metric in job.options.metric]
    columns, total = [_matrix_column(feature, metric, n) for feature, metric in wanted], n
    of_maps: Callable[[int, int], dict[str, np.ndarray]] | None = None
    if job.of_maps:
        further, of_maps, count = map_statistics.matrices(
            job.source, job.of_maps, job.groups, job.options.maps, n
        )
        columns, total = columns + further, n + count

    def compute(block: store.Block) -> dict[str, np.ndarray]:
        if of_maps is not None and block.start >= n:
            return of_maps(block.start - n, block.stop - n)
        paths = (column.path for column in columns)
        return {
            path: _matrix_rows(feature, metric, job.groups.keep, block.start, block.stop)
            for path, (feature, metric) in zip(paths, wanted)
        }

    command = {
        **dataclasses.asdict(job.options),
        "version": __version__,
        "carry": job.run.carry,
        "inputs": job.source.digests(),
        "features": [feature.name for feature in (*job.chosen, *job.of_maps)],
    }
    growth = store.Growth(
        "similarity",
        columns,
        store.cut(MATRIX_BLOCK, n, total - n),
        command,
        lambda sink: _begin_matrices(sink, job),
        units="rows",
    )
    with job.run.grown(growth) as part:
        job.run.compute(part, compute)
        with part.finish(job.run.progress) as sink:
            _fill(sink, job)


def _matrix_column(feature: features.Feature, metric: str, n: int) -> store.Column:
    """The growing matrix of one feature under one metric."""
    return store.Column(
        store.paths.matrix(feature.name, metric),
        (n,),
        long_name=f"{metric} of {feature.name}, every pair",
        axis=store.Axis(last=n),
    )


def _begin_matrices(sink: store.Sink, job: Writing) -> None:
    """What does not grow: what is carried on, and which maps the rows are."""
    _carry(sink, job)
    if job.of_maps and not job.run.carry:
        map_statistics.write_maps(sink, job.source, job.groups)


def _matrix_rows(
    feature: features.Feature, metric: str, keep: np.ndarray, start: int, stop: int
) -> np.ndarray:
    """Rows start..stop of one matrix, (stop - start, n) float32."""
    chosen = np.zeros(len(keep), bool)
    chosen[np.flatnonzero(keep)[start:stop]] = True
    part, _ = vectors.prepared_rows(features.read_rows(feature, chosen), metric)
    parts = [
        vectors.product_block(part, vectors.prepared_rows(rows, metric)[0], metric)
        for rows, _ in features.blocks_of(feature, keep)
    ]
    return np.hstack(parts).astype("f4")
