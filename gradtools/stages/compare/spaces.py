"""What is compared: the features of stores and the references, each a space of the same samples; and which pairs of them."""

import dataclasses
import os
import re
from collections.abc import Callable, Iterator
from typing import TYPE_CHECKING

import numpy as np

from gradtools.errors import GradtoolsError, UsageError
from gradtools.math import trees
from gradtools.math.rows import vectors
from gradtools.selection import alignment, feature_names, features, references, samples
from gradtools.selection.comparisons import Space
from gradtools.selection.subjects import short_name, verdicts_of
from gradtools.store import paths
from gradtools.tables.wording import units

if TYPE_CHECKING:
    from gradtools.stages.compare import Options

HELD_BYTES = 1 << 29  # of one space's float64 rows, beyond which they are read anew for every block
AGAINST = ("each-other", "first", "last")


@dataclasses.dataclass(frozen=True)
class Relations:
    """A space's vectors (n, D) of the common samples, or, of a reference, its similarities (n, n); `rows[start:stop]` reads."""

    name: str
    n: int
    metric: str
    rows: "np.ndarray | features.Slices" = dataclasses.field(
        default_factory=lambda: np.empty((0, 0))
    )
    matrix: np.ndarray | None = None
    taxonomy: bool = False

    def similarities(self, start: int, stop: int) -> np.ndarray:
        """Return rows start..stop of the similarity matrix, (stop - start, n) float64; of distances, these with their sign turned."""
        if self.matrix is not None:
            return self.matrix[start:stop].copy()
        part = vectors.prepared_rows(self.rows[start:stop], self.metric)[0]
        parts = [
            vectors.product_block(part, vectors.prepared_rows(rows, self.metric)[0], self.metric)
            for rows in self.blocks()
        ]
        return np.hstack(parts) * (-1 if self.metric == "euclidean" else 1)

    def blocks(self, size: int = 1024) -> Iterator[np.ndarray]:
        """Yield the rows in float64, a block at a time."""
        return (
            np.asarray(self.rows[start : start + size], dtype=np.float64)
            for start in range(0, self.n, size)
        )


def gather(
    stores: list[alignment.Store], arguments: list[tuple], options: "Options"
) -> list[Space]:
    """Return the spaces of open stores, in their order.

    Parameters
    ----------
    stores : list of store.Store
    arguments : list of tuple of str
        Features that each was named with, as in a.h5::gradient.
    options : compare.Options
    """
    spaces, several = [], len(stores) > 1
    for index, (source, named) in enumerate(zip(stores, arguments)):
        if not feature_names.names(source):
            of_pairs = [
                Space(pair[0], index, pair[0], True, source, matrix=pair)
                for pair in feature_names.matrices(source)
            ]
            spaces += of_pairs
            if of_pairs:
                continue
        requests, verdicts = (*named, *options.feature), verdicts_of(source)
        control = several and not requests and source.unit == "image"
        for feature in features.resolve(
            source, requests, control=control or not requests and source.unit == "class"
        ):
            keep = samples.select(source, options.where) if options.where else None
            rows_of = features.normalised(source, feature, options.rows, keep)
            spaces.append(
                Space(
                    feature.name,
                    index,
                    feature_names.role(source.attributes(paths.TAPS), feature.name),
                    bool(named),
                    source,
                    rows_of,
                    verdicts=verdicts,
                )
            )
    _name(spaces, stores)
    return spaces


def _name(spaces: list[Space], stores: list[alignment.Store]) -> None:
    """What each is called: its model, or file where models have one name; and its feature where there are several."""
    models = [short_name(source.model.get("model", source.name)) for source in stores]
    files = [os.path.splitext(os.path.basename(source.name))[0] for source in stores]
    whole = [source.name for source in stores]
    names = next(
        (names for names in (models, files, whole) if len(set(names)) == len(names)),
        [f"{name} ({i})" for i, name in enumerate(whole)],
    )
    alone = len({space.role for space in spaces}) == 1
    several = len(stores) > 1 or alone
    for space in spaces:
        feature = space.feature.name if space.feature is not None else space.name
        space.name = " ".join(
            [names[space.source]] * several + [feature] * (not several or not alone)
        )


def pairs(spaces: list[Space], against: str = "each-other") -> list[tuple[int, int]]:
    """Return which spaces are compared (list of (i, j)).

    A reference with all; features of one store with each other; between stores those of one role, or named as
    STORE::FEATURE.

    Parameters
    ----------
    spaces : list of Space
    against : str
        One of AGAINST: all pairs, or those with the first or the last store (of one store: feature).

    Raises
    ------
    UsageError
        There is nothing to compare.
    """
    kinds = [i for i, space in enumerate(spaces) if space.reference is None]
    several = len({spaces[i].source for i in kinds}) > 1
    compared = [
        (i, j) for i in kinds for j in kinds if i < j and _meet(spaces[i], spaces[j], several)
    ]
    if against != "each-other":
        end = 0 if against == "first" else -1
        anchor = {spaces[kinds[end]].source} if several else {kinds[end]}
        compared = [
            pair
            for pair in compared
            if any((spaces[i].source if several else i) in anchor for i in pair)
        ]
        compared = [pair if end == 0 else pair[::-1] for pair in compared]
    compared = [
        (i, j) for i in kinds for j in range(len(spaces)) if spaces[j].reference is not None
    ] + compared
    if not compared:
        raise UsageError(
            f"one thing to compare, {spaces[0].name}: name another store, several features "
            "(--feature 'gradient@*'), or a --reference"
        )
    return compared


def _meet(a: Space, b: Space, several: bool) -> bool:
    """Whether two features are compared."""
    return not several or a.source != b.source and (a.role == b.role or a.named or b.named)


def align(
    spaces: list[Space],
    stores: list[alignment.Store],
    conditions: tuple,
    say: Callable[[str], None] = print,
) -> None:
    """Give every space its `places`: the samples that all have, in the order of the first store."""
    unit = stores[0].unit
    for other in stores[1:]:
        if other.unit != unit:
            raise GradtoolsError(
                f"{stores[0].name} holds {units(unit)} and {other.name} {units(other.unit)}: "
                "compare like with like"
            )
    names = {
        references.canonical(name) if unit != "image" else name
        for space in spaces
        if space.reference
        for name in space.reference.names
    }
    inputs = [
        (
            source.name,
            alignment.store_keys(source, names),
            np.flatnonzero(samples.select(source, conditions)),
        )
        for source in stores
    ]
    of_references = [space for space in spaces if space.reference]
    taxonomies: dict[str, bool] = {}
    for space in of_references:
        if space.reference is not None:
            of_reference = [
                references.canonical(name) if unit != "image" else name
                for name in space.reference.names
            ]
            inputs.append(
                (space.name, alignment.counted(of_reference), np.arange(len(of_reference)))
            )
            taxonomies[space.name] = space.reference.taxonomy
    places = alignment.common(inputs, unit, say, taxonomies)
    for space in spaces:
        space.places = places[
            len(stores) + of_references.index(space) if space.reference else space.source
        ]


def leave_out_degenerate(
    spaces: list[Space], metric: str, say: Callable[[str], None] = print
) -> None:
    """Drop the samples that have no direction in some space: their similarity to others means nothing."""
    if metric not in ("cosine", "correlation"):
        return
    keep: np.ndarray = np.ones(len(spaces[0].places), dtype=bool)
    for space in spaces:
        if space.feature is not None:
            zero = np.concatenate(
                [vectors.prepared_rows(rows, metric)[1] for rows in load(space, metric).blocks()]
            )
            if zero.any():
                say(f"{space.name}: {zero.sum()} rows without a direction are left out everywhere")
            keep &= ~zero
    if keep.sum() < alignment.LEAST:
        raise GradtoolsError(
            f"{keep.sum()} samples have a direction in every space, and a comparison takes {alignment.LEAST}: "
            "leave a feature out"
        )
    for space in spaces:
        space.places = space.places[keep]


def load(space: Space, metric: str) -> Relations:
    """Return the `Relations` of a space's common samples."""
    if space.reference is not None:
        return Relations(
            space.name,
            len(space.places),
            metric,
            matrix=-space.reference.distances(space.places),
            taxonomy=space.reference.taxonomy,
        )
    feature, source = space.feature, space.store
    if space.matrix is not None and source is not None:
        distances = _distances(source, *space.matrix)[np.ix_(space.places, space.places)]
        return Relations(space.name, len(space.places), metric, matrix=-distances)
    if feature is None or source is None:
        raise ValueError(f"{space.name}: neither a feature nor a reference")
    keep = np.zeros(feature.shape[0], dtype=bool)
    keep[space.places] = True
    ordered = bool((np.diff(space.places) > 0).all())
    if len(space.places) * feature.shape[1] * 8 > HELD_BYTES:
        if not ordered:
            raise GradtoolsError(
                f"{space.name}: {len(space.places)} rows in another order than the first store's do not fit into memory: "
                "extract both from one list of images"
            )
        return Relations(space.name, len(space.places), metric, features.Slices(feature, keep))

    def read() -> np.ndarray:
        rows = features.read_rows(feature, keep).astype(np.float64)
        vectors.row_norms(rows)
        return rows

    rows = features.checked(read, feature, keep, source)
    return Relations(
        space.name,
        len(space.places),
        metric,
        rows if ordered else rows[np.argsort(np.argsort(space.places))],
    )


def _distances(source: alignment.Store, feature: str, metric: str) -> np.ndarray:
    """Return a stored matrix as distances, (N, N) float64: itself, or the largest similarity minus it."""
    rows = source.needed_rows(paths.matrix(feature, metric))
    if rows.shape[0] != source.n_samples:
        raise GradtoolsError(
            f"{source.name}: {feature} has {rows.shape[0]} maps of {source.n_samples} samples: "
            "compare takes one a sample, as gradtools saliency --target argmax makes"
        )
    values = rows.read(0, rows.shape[0]).astype(np.float64)
    if metric in (*trees.DIVERGENCES, "euclidean"):
        return values
    return values.max() - values


def positions(stores: list[str], at: list[float] | None = None) -> tuple[np.ndarray, str]:
    """Return where stores (list of their paths) stand on the axis of a curve: given, or a number of their file names, or their order.

    Returns
    -------
    values : (m,) float64 array
    label : str
    """
    if at is not None:
        if len(at) != len(stores):
            raise UsageError(f"--at has {len(at)} numbers for {len(stores)} stores: give one each")
        return np.array(at, dtype=float), "--at"
    numbers_of = [
        re.findall(r"\d+(?:\.\d+)?", os.path.splitext(os.path.basename(path))[0]) for path in stores
    ]
    if len({len(numbers) for numbers in numbers_of}) == 1 and numbers_of[0]:
        for column in reversed(list(zip(*numbers_of))):
            values = np.array(column, dtype=float)
            if len(set(column)) == len(stores):
                return values, "number in the file's name"
    return np.arange(1.0, len(stores) + 1), "store, in the order given"
