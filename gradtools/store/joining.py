"""What the shards of one job hold together: their order, and the store that they are joined to."""

import json
from collections.abc import Callable, Mapping, Sequence
from typing import TYPE_CHECKING, NamedTuple

import h5py
import numpy as np

from gradtools import interrupt
from gradtools.errors import GradtoolsError
from gradtools.store import copying, guarded, layout, paths
from gradtools.store.damage import damage
from gradtools.store.reading import Store
from gradtools.store.shards import ATTRIBUTE, BATCH_LIMIT
from gradtools.store.sink import Sink

if TYPE_CHECKING:
    from gradtools.store.provenance import Fact

COUNT = "_of"  # behind the name of an attribute that is a mean over rows: over how many
DIFFER = ("uuid", "created", ATTRIBUTE)  # attributes of the root that every store has for itself
COPY_BYTES = 32 << 20


def is_shard(store: Store) -> bool:
    """Return True if the store has a share of a job."""
    return bool(store.attributes("/").get(ATTRIBUTE))


def ordered(stores: Sequence[Store]) -> list[Store]:
    """
    Sort the shards of one job and check that they are all of it.

    Raises
    ------
    GradtoolsError
        A store is not a shard, or was changed since it was written; shards are of different jobs; a share is missing or there
        twice.
    """
    facts = [_described(store) for store in stores]
    first = facts[0]
    for store, other in zip(stores, facts):
        _check_same(stores[0].name, first, store.name, other)
    numbers = [other["number"] for other in facts]
    for number in range(1, first["of"] + 1):
        if numbers.count(number) != 1:
            names = [store.name for store, other in zip(stores, facts) if other["number"] == number]
            raise GradtoolsError(
                f"share {number} of {first['of']} is there twice: {', '.join(names)}"
                if names
                else f"share {number} of {first['of']} is missing: name all shards"
            )
    return [stores[numbers.index(number)] for number in range(1, first["of"] + 1)]


def _described(store: Store) -> dict:
    """Return the description of a shard, which is refused where it was changed: the merged store would no longer show it."""
    text = store.attributes("/").get(ATTRIBUTE)
    if not text:
        raise GradtoolsError(
            f"{store.name} is not a shard: --shard 1/8 of extract, saliency, similarity, faithfulness or tune makes them"
        )
    if not store.sealed:  # changed by another program: only the digests show where
        if store.texts(f"{paths.DIGESTS}/path") is None:
            raise GradtoolsError(
                f"{store.name} has neither a seal nor digests: what it holds cannot be checked, make it again"
            )
        store.check()
    return json.loads(text)


def _check_same(name: str, first: dict, other_name: str, other: dict) -> None:
    """Refuse shards of two jobs, and name the first difference."""
    if first["of"] != other["of"]:
        raise GradtoolsError(
            f"{name} is one of {first['of']} shares, {other_name} of {other['of']}: merge shards of one job"
        )
    differing = [
        key
        for key in sorted(first["command"].keys() | other["command"].keys())
        if first["command"].get(key) != other["command"].get(key)
    ]
    if differing or first["entries"] != other["entries"]:
        reason = ", ".join(differing) or "the number of images"
        raise GradtoolsError(
            f"{name} and {other_name} are of different commands ({reason} differ): merge shards of one job"
        )


def grown_scales(stores: Sequence[Store]) -> set[str]:
    """Return the scales of the dimensions of which a shard has its own rows alone: what one of them lacks, none has whole."""
    return {
        scale for store in stores for scale in json.loads(store.attributes("/")[ATTRIBUTE])["grown"]
    }


def grown_paths(store: Store) -> list[str]:
    """Return the datasets of which a shard has its own rows alone."""
    grown = set(json.loads(store.attributes("/")[ATTRIBUTE])["grown"])
    return [
        path
        for path, dataset in layout.datasets(store.file)
        if grown & set(layout.scales_of(dataset)[:1])
    ]


def join(stores: Sequence[Store], sink: Sink, progress: Callable = interrupt.unwatched) -> None:
    """
    Write into a new store what the shards of one job (from `ordered`) hold together.

    Raises
    ------
    GradtoolsError
        What every shard should have alike differs.
    """
    file, first = sink.file, stores[0]
    runs = {scale: _runs(stores, scale) for scale in grown_scales(stores)}
    names = [
        path
        for path, _ in layout.datasets(first.file)
        if not path.startswith((paths.DIGESTS, paths.HISTORY, f"{paths.SHARD}/"))
    ]
    with progress(len(names), 0, "merged") as advance:
        for path in names:
            scales = layout.scales_of(first.file[path])
            if scales and scales[0] in runs:
                _concatenate(stores, file, path, scales, runs)
            else:
                _copy_equal(stores, file, path)
            advance(1)
    _join_attributes(stores, file)


class Rows(NamedTuple):
    """Rows of a shard that follow each other in the whole, too: the shard's place, its rows first..last, and where they begin."""

    place: int
    first: int
    last: int
    begin: int


def _runs(stores: Sequence[Store], scale: str) -> list[Rows]:
    """Return the rows of a dimension in the order of the whole: shard after shard, versions of images behind all images."""
    lengths = [len(store.file[scale]) for store in stores]
    images = lengths
    if scale == paths.SAMPLE and paths.ORIGINAL in stores[0].file:
        images = [int((store.needed(paths.ORIGINAL) < 0).sum()) for store in stores]
    runs, begin = [], 0
    for place, first, last in (
        *((place, 0, count) for place, count in enumerate(images)),
        *((place, count, lengths[place]) for place, count in enumerate(images)),
    ):
        runs.append(Rows(place, first, last, begin))
        begin += last - first
    return runs


def _numbers(runs: Sequence[Rows], place: int) -> np.ndarray:
    """Return the row of the whole that each row of a shard becomes, (n,) int."""
    return np.concatenate(
        [run.begin + np.arange(run.last - run.first) for run in runs if run.place == place]
    )


def _concatenate(
    stores: Sequence[Store],
    file: h5py.File,
    path: str,
    scales: list[str],
    runs: Mapping[str, Sequence[Rows]],
) -> None:
    """Write the rows of all shards in the order of the whole; numbers of rows are those of the whole."""
    parts = [store.file[path] for store in stores]
    dtype = max((part.dtype for part in parts), key=lambda dtype: dtype.itemsize)
    rows, tail = sum(len(part) for part in parts), parts[0].shape[1:]
    pointed = layout.POINTERS.get(path, "")
    whole = max(parts, key=len)
    chunks = whole.chunks and (min(whole.chunks[0], max(rows, 1)), *whole.chunks[1:])
    made = file.create_dataset(
        path,
        shape=(rows, *tail),
        dtype=dtype,
        chunks=chunks,
        fletcher32=whole.fletcher32,
        shuffle=whole.shuffle,
        compression=whole.compression,
    )
    made.attrs.update(layout.own_attributes(parts[0]))
    step = max(1, COPY_BYTES // max(dtype.itemsize * int(np.prod(tail)), 1))
    for place, first, last, begin in runs[scales[0]]:
        numbers = _numbers(runs[pointed], place) if pointed in runs else None
        for start in range(first, last, step):
            with damage(stores[place].name, path):
                values = parts[place][start : min(start + step, last)]
            if numbers is not None:
                values = np.where(values < 0, values, numbers[values]).astype(dtype)
            at = begin + start - first
            made[at : at + len(values)] = values
            guarded.check(file)
    for length, scale in zip(made.shape, scales):
        layout.scale(file, scale, length)
    layout.attach(file, made, scales)


def _copy_equal(stores: Sequence[Store], file: h5py.File, path: str) -> None:
    """Copy what every shard has alike, from the first."""
    first = stores[0].file[path]
    for store in stores[1:]:
        other = store.file.get(path)
        if (
            other is None
            or other.shape != first.shape
            or not np.array_equal(
                _values(store, path), _values(stores[0], path), equal_nan=first.dtype.kind == "f"
            )
        ):
            raise GradtoolsError(
                f"{stores[0].name} and {store.name} differ in {path}, which every shard has alike"
            )
    copying.copy(stores[0].file, file, path)


def _values(store: Store, path: str) -> np.ndarray:
    with damage(store.name, path):
        return store.file[path][()]


def _join_attributes(stores: Sequence[Store], file: h5py.File) -> None:
    """Join the attributes of groups: equal ones, means over all rows, the smallest limit of a batch."""
    groups = ["/"]
    stores[0].file.visititems(
        lambda name, item: groups.append(f"/{name}") if isinstance(item, h5py.Group) else None
    )
    for path in groups:
        if path == paths.SHARD:
            continue
        kept = [layout.own_attributes(store.file[path]) for store in stores]
        names = list(dict.fromkeys(name for attributes in kept for name in attributes))
        for name in names:
            if path == "/" and name in (*DIFFER, "format", "version", "kind"):
                continue
            if name.endswith(COUNT) and name.removesuffix(COUNT) in names:
                continue
            values = [attributes.get(name) for attributes in kept]
            file.require_group(path).attrs[name] = _joined(stores, path, name, values, kept)


def _joined(
    stores: Sequence[Store], path: str, name: str, values: list, kept: Sequence[Mapping]
) -> "Fact":
    """Return one attribute of all shards."""
    if f"{name}{COUNT}" in {key for attributes in kept for key in attributes}:
        counts = [attributes.get(f"{name}{COUNT}", 0) for attributes in kept]
        return sum(round(value * count) for value, count in zip(values, counts) if count) / sum(
            counts
        )
    if name == BATCH_LIMIT:
        return min(value for value in values if value is not None)
    for store, value in zip(stores, values):
        if name != "root" and not np.array_equal(value, values[0]):
            raise GradtoolsError(
                f"{stores[0].name} and {store.name} differ in the attribute {name} of {path}"
            )
    return values[0]
