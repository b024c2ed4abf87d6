"""The nearest samples of one sample, and the floor under which nearness says nothing (mathematics#neighbour-floor)."""

import dataclasses

import numpy as np

from gradtools import store
from gradtools.errors import GradtoolsError
from gradtools.math.rows import nearest, vectors
from gradtools.selection import features, samples
from gradtools.stages.neighbors import reading
from gradtools.store import provenance


@dataclasses.dataclass(frozen=True)
class Near:
    """The nearest samples of one: rows of the store and values, itself first; the floor, and how many others are above it.

    The floor is NaN without shuffles or without others.
    """

    feature: str
    metric: str
    normalised: str
    sample: int
    index: np.ndarray  # (k,) int
    values: np.ndarray  # (k,) float64
    floor: float
    above: int
    others: int
    permutations: int = 0
    shuffled: str = "dimensions"

    def beyond(self, value):
        """Return True if a value is nearer than the floor."""
        return value < self.floor if self.metric == "euclidean" else value > self.floor


def of(source, text, wanted, options):
    """Find the nearest samples of the one that a text names.

    Parameters
    ----------
    source : store.Store
    text : str
        As for `samples.find`.
    wanted : list of features.Feature
    options : neighbors.Options
        k counts the sample itself, as the seed does.

    Returns
    -------
    list of Near, one a feature
    """
    sample = samples.find(source, text)
    keep = samples.select(source, options.where)
    keep[sample] = True
    return [
        features.checked(
            lambda: _near(source, feature, sample, keep, options), feature, keep, source
        )
        for feature in wanted
    ]


def _near(source, feature, sample, keep, options):
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
    values, numbers, own, degenerate = (np.concatenate(part) for part in zip(*parts))
    order = nearest.ranked(values, numbers, options.metric)
    order = order[~degenerate[order]]
    ranked = np.concatenate([order[own[order]], order[~own[order]]])[: options.k]
    floor = nearest.floor(
        _by_chance(row[0], pieces, itself, int((~degenerate & ~own).sum()), options),
        _others(pieces, itself),
        options.metric,
    )
    how = options.rows or features.row_default(source)
    others = int((~degenerate).sum()) - 1
    found = Near(
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
    return dataclasses.replace(found, above=int(found.beyond(values[~own & ~degenerate]).sum()))


def _by_chance(row, pieces, itself, n, options):
    """Rows made by chance, prepared (P, D): of other samples' values in each dimension, or of the row's own shuffled."""
    if n == 0 or options.permutations == 0:
        return row[None][:0]
    if options.floor == "values":
        return nearest.shuffled_values(row, options.permutations, options.seed)
    drawn = nearest.shuffled_samples(_others(pieces, itself), n, options.permutations, options.seed)
    return vectors.prepared_rows(drawn, options.metric)[0]


def _others(pieces, itself):
    """Rows that are somebody's neighbours, without the sample itself."""
    for rows, numbers, degenerate in pieces():
        yield rows[~degenerate & (numbers != itself)]


def write_of(source, output, found, options, begun, *, carry=False, force=False):
    """Write the neighbours of one sample as tables.

    Parameters
    ----------
    source : store.Store
    output : str
        Path, or '-'.
    found : list of Near
    begun : tuple
        From `provenance.begin`.
    """
    room = source.nbytes if carry else 0
    with store.create(output, "neighbors", force=force, room=room) as sink:
        sink.carry(
            source,
            np.ones(source.n_samples, bool),
            carry,
            [store.paths.nearest_of(near.feature) for near in found],
        )
        for near in found:
            columns = {
                "index": near.index.astype("i4"),
                reading.value_name(near.metric): near.values,
            }
            facts = {
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
                store.paths.nearest_of(near.feature),
                columns,
                f"nearest to {source.ids[near.sample]} by {near.feature}",
                facts,
            )
        sink.history([source], provenance.step(begun, [source], seed=options.seed))
