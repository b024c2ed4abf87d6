"""The nearest samples of one sample, and the floor under which nearness says nothing (mathematics#neighbour-floor)."""

import dataclasses
from collections.abc import Callable, Iterator
from typing import TYPE_CHECKING

import numpy as np

from gradtools.errors import GradtoolsError
from gradtools.math.rows import nearest, vectors
from gradtools.selection import features, samples
from gradtools.selection.neighbors import Near
from gradtools.stages import run
from gradtools.stages.neighbors import reading
from gradtools.store import Store, paths

if TYPE_CHECKING:
    from typing_extensions import Unpack

    from gradtools.stages.neighbors import Options


def of(
    source: Store,
    text: str,
    output: str | None,
    options: "Options",
    **how: "Unpack[run.How]",
) -> list[Near]:
    """Find the nearest samples of the one that a text names and, where there is an output, write them as tables.

    Parameters
    ----------
    source : store.Store
    text : str
        As for `samples.find`.
    output : str or None
        Path or '-'; None computes only.
    options : neighbors.Options
        k counts the sample itself.
    how
        Fields of `run.Run`: carry, force, say.

    Returns
    -------
    list of Near, one a feature

    Raises
    ------
    GradtoolsError
        No sample, or more than one, has that name, or its row has no direction.
    """
    job = run.begin(output, [source], **how)
    sample = samples.find(source, text)
    keep = samples.select(source, options.where)
    keep[sample] = True
    nears = [
        features.checked(
            lambda: _near(source, feature, sample, keep, options), feature, keep, source
        )
        for feature in reading.chosen(source, options, one=True)
    ]
    if output is not None:
        _write(job, source, nears, options)
    return nears


def _near(
    source: Store, feature: features.Feature, sample: int, keep: np.ndarray, options: "Options"
) -> Near:
    """One feature's nearest samples."""
    row, degenerate = vectors.prepared_rows(feature.read(sample, sample + 1), options.metric)
    if degenerate[0]:
        raise GradtoolsError(
            f"the row of {source.ids[sample]} has no direction (zero, or constant): --rows raw --metric euclidean compares it"
        )
    pieces, places = reading.pieces(feature, keep, options.metric), np.flatnonzero(keep)
    itself = int(np.searchsorted(places, sample))
    parts = [
        (
            vectors.product_block(row, rows, options.metric)[0],
            numbers,
            numbers == itself,
            degenerate,
        )
        for rows, numbers, degenerate in pieces()
    ]
    values, numbers, is_itself, degenerate = (np.concatenate(part) for part in zip(*parts))
    order = nearest.ranked(values, numbers, options.metric)
    order = order[~degenerate[order]]
    ranked = np.concatenate([order[is_itself[order]], order[~is_itself[order]]])[: options.k]
    floor = nearest.floor(
        _by_chance(row[0], pieces, itself, int((~degenerate & ~is_itself).sum()), options),
        _others(pieces, itself),
        options.metric,
    )
    how = options.rows or features.row_default(source)
    others = int((~degenerate).sum()) - 1
    near = Near(
        feature.name,
        options.metric,
        how,
        sample,
        places[ranked],
        values[ranked],
        floor,
        0,
        others,
        options.permutations,
        options.floor,
    )
    return dataclasses.replace(near, above=int(near.beyond(values[~is_itself & ~degenerate]).sum()))


def _by_chance(
    row: np.ndarray, pieces: Callable, itself: int, n: int, options: "Options"
) -> np.ndarray:
    """Rows made by chance, prepared (P, D): of other samples' values in each dimension, or of the row's own shuffled."""
    if n == 0 or options.permutations == 0:
        return row[None][:0]
    if options.floor == "values":
        return nearest.shuffled_values(row, options.permutations, options.seed)
    drawn = nearest.shuffled_samples(_others(pieces, itself), n, options.permutations, options.seed)
    return vectors.prepared_rows(drawn, options.metric)[0]


def _others(pieces: Callable, itself: int) -> Iterator[np.ndarray]:
    """Rows that are somebody's neighbours, without the sample itself."""
    for rows, numbers, degenerate in pieces():
        yield rows[~degenerate & (numbers != itself)]


def _write(job: run.Run, source: Store, nears: list[Near], options: "Options") -> None:
    """Write the neighbours of one sample, a table a feature."""
    places = [paths.nearest_of(near.feature) for near in nears]
    everything = np.ones(source.n_samples, bool)
    with job.written("neighbors", source, everything, places, seed=options.seed) as sink:
        for near, place in zip(nears, places):
            columns = {
                "index": near.index.astype("i4"),
                reading.value_name(near.metric): near.values,
            }
            facts: dict[str, int | float | str] = {
                "sample": near.sample,
                "metric": near.metric,
                "normalised": near.normalised,
                "floor": near.floor,
                "above": near.above,
                "others": near.others,
                "permutations": options.permutations,
                "shuffled": options.floor,
                "seed": options.seed,
            }
            sink.table(
                place, columns, f"nearest to {source.ids[near.sample]} by {near.feature}", facts
            )
