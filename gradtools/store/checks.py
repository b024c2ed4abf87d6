"""What is looked at when a store is opened; a damaged one is refused in one line (`values` has what is looked at when values are read).

Shapes are checked against what is stored before anything is read, and of the values only small columns are read: class numbers
and row numbers. Every object is visited once, without recursion.
"""

import json
import math
from collections.abc import Mapping, Sequence

import h5py

from gradtools.errors import GradtoolsError, printable
from gradtools.store import layout, paths, schema
from gradtools.store.damage import Place, located
from gradtools.store.values import absent, check_values

MOST_OBJECTS, DEEPEST = 200_000, 12
MOST_CHUNK, MOST_ITEM = 64 << 20, 1 << 20


def check_objects(file: h5py.File, name: str) -> None:
    """Check everything but the large values: links, shapes, dimensions, types, attributes, small columns.

    Parameters
    ----------
    file : h5py.File
    name : str
        As the user named it.

    Raises
    ------
    GradtoolsError
        Names the first place that is not as the schema has it.
    """
    place = Place(name)
    with located(place):
        size = file.id.get_filesize()
        groups, datasets, addresses = _visit(file, place)
        _check_needed(groups, datasets, place)
        scales = {}
        for path, entity in datasets.items():
            place.path = path
            shape = _check_storage(entity, size, place)
            if h5py.h5ds.is_scale(entity):
                scales[path] = shape[0] if len(shape) == 1 else place.refuse("is not one row")
        for path, entity in datasets.items():
            if path not in scales:
                place.path = path
                _check_dataset(entity, path, scales, addresses, place)
        for path, entity in groups.items():
            place.path = path
            _check_attributes(entity, path, place)
        for entry in COLUMNS:
            if entry.path in datasets:
                place.path = entry.path
                count = scales.get(entry.below, absent(entry.below))
                if entry.path == paths.LABEL and paths.CLASS_NAME not in datasets:
                    count = 0  # what is made of the store would have no classes
                check_values(h5py.Dataset(datasets[entry.path])[:], entry, count, place)
        _check_history(datasets, place)


COLUMNS = [
    entry
    for entry in schema.DATASETS
    if len(entry.dims) == 1 and entry.below and "<" not in entry.path
]


def _visit(
    file: h5py.File, place: Place
) -> tuple[dict[str, h5py.h5g.GroupID], dict[str, h5py.h5d.DatasetID], dict[int, str]]:
    """Return the objects by path, and paths by address; every link must lead to an object of its own in this file."""
    groups, datasets, addresses = {"/": file.id}, {}, {_address(file.id): "/"}
    stack, ids = [("/", file.id)], _address_of_ids(file)
    while stack:
        path, group = stack.pop()
        for key in group:
            place.path = f"{path.rstrip('/')}/{key.decode('utf-8', 'surrogateescape')}"
            if group.links.get_info(key).type != h5py.h5l.TYPE_HARD:
                raise GradtoolsError(
                    f"{place.name} has a link to elsewhere at {printable(place.path)}: refused"
                )
            item = h5py.h5o.open(group, key)
            address = _address(item)
            if layout.is_names(place.path) and address == ids:
                continue
            if address in addresses:
                place.refuse(f"is {printable(addresses[address])} once more")
            addresses[address] = place.path
            if len(addresses) > MOST_OBJECTS:
                place.refuse(f"is one of more than {MOST_OBJECTS:,} objects")
            if isinstance(item, h5py.h5d.DatasetID):
                if schema.is_group(place.path) and not schema.dataset(place.path):
                    place.refuse("is a dataset, and should be a group")
                datasets[place.path] = item
            elif isinstance(item, h5py.h5g.GroupID):
                if place.path.count("/") > DEEPEST:
                    place.refuse(f"is nested deeper than {DEEPEST} groups")
                if schema.dataset(place.path) and not schema.is_group(place.path):
                    place.refuse("is a group, and should be a dataset")
                groups[place.path] = item
                stack.append((place.path, item))
            else:
                place.refuse("is neither a group nor a dataset")
    return groups, datasets, addresses


def _address_of_ids(file: h5py.File) -> int | None:
    """Return the address of the samples' ids, which stand in other groups as well; None without any."""
    sub = paths.SAMPLES.encode()
    if sub not in file.id or not isinstance(h5py.h5o.open(file.id, sub), h5py.h5g.GroupID):
        return None
    samples = h5py.h5o.open(file.id, sub)
    return _address(h5py.h5o.open(samples, b"id")) if b"id" in samples else None


def _address(item: h5py.h5g.GroupID | h5py.h5d.DatasetID) -> int:
    """Return what identifies an object within its file."""
    return h5py.h5o.get_info(item).addr


def _check_needed(
    groups: Mapping[str, h5py.h5g.GroupID], datasets: Mapping[str, h5py.h5d.DatasetID], place: Place
) -> None:
    """Refuse a group without one of its datasets that are always there."""
    for path in groups:
        for name in schema.needed(path):
            place.path = f"{path}/{name}"
            if place.path not in datasets:
                place.refuse("is missing")


def _check_storage(dataset: h5py.h5d.DatasetID, file_size: int, place: Place) -> tuple[int, ...]:
    """Refuse values in other files, and a shape that claims more than is stored; returns the shape."""
    options, shape = dataset.get_create_plist(), dataset.shape
    kind = options.get_layout()
    if options.get_external_count() or kind == h5py.h5d.VIRTUAL:
        raise GradtoolsError(
            f"{place.name} keeps the values of {place.path} in other files: refused"
        )
    if shape is None:
        place.refuse("has no shape")
    item = dataset.dtype.itemsize
    if dataset.dtype.kind not in "iufS" or not 0 < item <= MOST_ITEM:
        place.refuse(f"is of type {dataset.dtype}")
    if kind == h5py.h5d.CHUNKED:
        chunk = options.get_chunk()
        chunks = math.prod(-(-length // step) for length, step in zip(shape, chunk))
        if math.prod(chunk) * item > MOST_CHUNK:
            place.refuse(f"has chunks of {math.prod(chunk) * item:,} bytes")
        stored = 0 if chunks > file_size else dataset.get_num_chunks()
        if stored != chunks:
            place.refuse(f"claims {_extent(shape)} values, and not all are stored")
    elif math.prod(shape) * item > min(dataset.get_storage_size(), file_size):
        place.refuse(f"claims {_extent(shape)} values, and not all are stored")
    return shape


def _extent(shape: Sequence[int]) -> str:
    """Return a shape in words."""
    return " x ".join(map(str, shape)) or "1"


def _check_dataset(
    dataset: h5py.h5d.DatasetID,
    path: str,
    scales: dict[str, int],
    addresses: dict[int, str],
    place: Place,
) -> None:
    """Check the dimensions of a dataset, by its scales and by the schema, and its type."""
    shape, entry = dataset.shape, schema.dataset(path)
    names = [_scale(dataset, axis, addresses, place) for axis in range(len(shape))]
    for axis, (length, scale) in enumerate(zip(shape, names)):
        if scales.get(scale) != length:
            place.refuse(
                f"has {length} entries along dimension {axis}, and {scale} has {scales.get(scale)}"
            )
    if entry is None:
        return
    dims = [layout.dimension(path, name) for name in entry.dims]
    if names != dims:
        place.refuse(f"has the dimensions {', '.join(names) or 'none'}, not {', '.join(dims)}")
    if dataset.dtype.kind not in entry.kinds:
        place.refuse(f"is of type {dataset.dtype}, not {schema.types(entry)}")


def _scale(dataset: h5py.h5d.DatasetID, axis: int, addresses: dict[int, str], place: Place) -> str:
    """Return the path of the one scale of a dimension."""
    if h5py.h5ds.get_num_scales(dataset, axis) != 1:
        place.refuse(f"has no scale of its dimension {axis}")
    scales = []
    h5py.h5ds.iterate(dataset, axis, lambda scale: scales.append(_address(scale)), 0)
    if scales[0] not in addresses:
        place.refuse(f"has a scale of its dimension {axis} that is not in the file")
    return addresses[scales[0]]


def _check_attributes(group: h5py.h5g.GroupID, path: str, place: Place) -> None:
    """Check the type of every attribute of a group, and that those are there that must be."""
    values, entry = layout.plain_attributes(h5py.Group(group)), schema.group(path)
    facts = schema.FACTS if entry is None else schema.FACTS | entry.attributes
    for key in entry.needed if entry else ():
        if key not in values:
            place.refuse(f"has no attribute {key}")
    for key, value in values.items():
        kind = facts[key][0] if key in facts else schema.ANY
        if not schema.is_kind(value, kind):
            place.refuse(
                f"has the attribute {printable(key)} = {printable(repr(value)[:60])}, not {kind}"
            )
    if path == "/" and values["kind"] not in schema.KINDS:
        place.refuse(
            f"is of kind {printable(values['kind'])}, which is not one of {', '.join(schema.KINDS)}"
        )


def _check_history(datasets: Mapping[str, h5py.h5d.DatasetID], place: Place) -> None:
    """Check that every step is a JSON object."""
    if paths.HISTORY in datasets:
        place.path = paths.HISTORY
        for number, line in enumerate(layout.decoded(h5py.Dataset(datasets[paths.HISTORY])[:])):
            try:
                step = json.loads(line)
            except (ValueError, RecursionError):
                step = None
            if not isinstance(step, dict):
                place.refuse(f"has no JSON object in line {number + 1}")
