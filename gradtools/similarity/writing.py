"""The store that `similarity` writes: tables, replicates and, block by block, the matrices that were asked for."""

import dataclasses
from collections.abc import Callable

import numpy as np

from gradtools import __version__, features, provenance, samples, store
from gradtools.math import vectors
from gradtools.similarity.options import Options

MATRIX_BLOCK = 256


@dataclasses.dataclass(frozen=True)
class Writing:
    """What is written where: the input, its chosen samples and features, and how the output is made."""

    source: store.Store
    output: str
    options: Options
    groups: samples.Groups
    chosen: list
    results: list
    begun: tuple
    carry: bool
    force: bool
    restart: bool
    say: Callable
    progress: Callable


def write(job):
    """Write the results, and the matrices block by block where they were asked for."""
    if job.options.matrix:
        _write_matrices(job)
        return
    with store.create(job.output, "similarity", force=job.force) as sink:
        _carry(sink, job)
        _fill(sink, job)


def _carry(sink, job):
    """What comes from the input; names the results that a subset leaves behind."""
    replacing = [result.path for result in job.results]
    behind = sink.carry(job.source, job.groups.keep, job.carry, replacing)
    if behind:
        job.say(f"left behind, for they rest on samples that are left out here: {', '.join(behind)}")


def _fill(sink, job):
    """Tables, replicates and the step."""
    for result in job.results:
        result.write(sink)
    sink.history(
        [job.source], provenance.step(job.begun, [job.source], seed=job.options.seed, rows=int(job.groups.keep.sum()))
    )


def _write_matrices(job):
    """The N x N matrices, a block of rows at a time; goes on after a kill."""
    n = int(job.groups.keep.sum())
    wanted = [(feature, metric) for feature in job.chosen for metric in job.options.metrics]
    columns = [
        store.Column(
            f"{store.paths.similarity(feature.name, metric)}/matrix",
            (n,),
            ["/other"],
            "f4",
            f"{metric} of {feature.name}, every pair",
        )
        for feature, metric in wanted
    ]
    command = {
        **dataclasses.asdict(job.options),
        "version": __version__,
        "carry": job.carry,
        "inputs": store.digests(job.source.file),
        "features": [feature.name for feature in job.chosen],
    }
    with store.grow(
        job.output,
        "similarity",
        columns,
        n,
        MATRIX_BLOCK,
        command,
        lambda part: _carry(part, job),
        force=job.force,
        restart=job.restart,
        say=job.say,
    ) as part, job.progress(n, part.committed, "rows") as advance:
        for start in range(part.committed, n, MATRIX_BLOCK):
            stop = min(start + MATRIX_BLOCK, n)
            rows = [_matrix_rows(feature, metric, job.groups.keep, start, stop) for feature, metric in wanted]
            part.append({column.path: values for column, values in zip(columns, rows)}, np.zeros(stop - start, bool))
            advance(stop - start)
        if not part.whole:
            _fill(part, job)


def _matrix_rows(feature, metric, keep, start, stop):
    """Rows start..stop of one matrix, (stop - start, n) float32."""
    chosen = np.zeros(len(keep), bool)
    chosen[np.flatnonzero(keep)[start:stop]] = True
    own, _ = vectors.prepared_rows(features.read_rows(feature, chosen), metric)
    parts = [
        vectors.product_block(own, vectors.prepared_rows(rows, metric)[0], metric)
        for rows, _ in features.blocks_of(feature, keep)
    ]
    return np.hstack(parts).astype("f4")
