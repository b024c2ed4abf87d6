"""How datasets, their dimensions and their texts are written; `schema` says which there are."""

from collections.abc import Iterable, Iterator, Mapping, Sequence

import h5py
import numpy as np
from numpy.typing import ArrayLike, DTypeLike

from gradtools.errors import GradtoolsError
from gradtools.store import paths, schema

FORMAT, VERSION = "gradtools-store", 1
NAMES, ENCODING = "/id", "_Encoding"
CHUNK_BYTES, READ_BYTES = 4 << 20, 16 << 20
MOST_ATTACHMENTS = 4085  # a scale's REFERENCE_LIST is an attribute, and attributes end at 64 KiB
POINTERS = {  # datasets of row numbers -> the dimension whose rows they are
    entry.path: entry.below
    for entry in schema.DATASETS
    if entry.below == paths.SAMPLE and "<" not in entry.path
}
MACHINERY = (
    "DIMENSION_LIST",
    "REFERENCE_LIST",
    "CLASS",
    "NAME",
    "_Netcdf4Dimid",
    "_Netcdf4Coordinates",
)


def text(values: Sequence[str]) -> np.ndarray:
    """Return the texts as fixed-length UTF-8, bytes that are not UTF-8 kept as they are."""
    encoded = [value.encode("utf-8", "surrogateescape") for value in values]
    length = max((len(item) for item in encoded), default=1) or 1
    return np.array(encoded, dtype=h5py.string_dtype("utf-8", length))


def decoded(values: Iterable[bytes]) -> list[str]:
    """Return the texts of a dataset as `str`, foreign bytes as surrogate escapes."""
    return [value.decode("utf-8", "surrogateescape") for value in values]


def chunk_shape(row_shape: Sequence[int], itemsize: int, block: int) -> tuple[int, ...]:
    """Return the chunk of a row dataset: its length divides `block`, its bytes stay under CHUNK_BYTES."""
    tail = list(row_shape)
    for axis in range(len(tail)):
        rest = int(np.prod(tail[axis + 1 :])) * itemsize
        tail[axis] = max(1, min(tail[axis], CHUNK_BYTES // max(rest, 1)))
    row_bytes = max(int(np.prod(tail)) * itemsize, 1)
    rows = next(
        r
        for r in range(block, 0, -1)
        if block % r == 0 and (r * row_bytes <= CHUNK_BYTES or r == 1)
    )
    return (rows, *tail)


def whole_chunk(values: np.ndarray) -> tuple[int, ...]:
    """Return the chunk of a dataset that is written at once: as many rows as CHUNK_BYTES hold."""
    _, *tail = chunk_shape(values.shape[1:], values.dtype.itemsize, 1)
    return (
        max(1, min(len(values), CHUNK_BYTES // max(int(np.prod(tail)) * values.dtype.itemsize, 1))),
        *tail,
    )


def scale(file: h5py.File, path: str, length: int) -> h5py.Dataset:
    """Make the dimension scale `path`, or check that the one there has `length` entries."""
    if path in file:
        if file[path].shape != (length,):
            raise GradtoolsError(
                f"dimension {path} has {file[path].shape[0]} entries, not {length}"
            )
        return file[path]
    made = file.create_dataset(path, data=np.arange(length, dtype="i4"))
    made.make_scale(path.rsplit("/", 1)[-1])
    return made


def dimension(path: str, name: str) -> str:
    """Return the path of a dataset's dimension `name`: '/name' is the root's, a bare name the dataset's group's."""
    return name if name.startswith("/") else f"{path.rsplit('/', 1)[0]}/{name}"


def attach(file: h5py.File, dataset: h5py.Dataset, dims: Sequence[str]) -> None:
    """Attach the scales `dims` (paths, one a dimension) to a dataset."""
    for axis, path in enumerate(dims):
        try:
            dataset.dims[axis].attach_scale(file[path])
        except (OSError, RuntimeError) as error:
            raise GradtoolsError(
                f"{dataset.name}: dimension {path} cannot take more than {MOST_ATTACHMENTS} datasets; "
                "ask for fewer taps at once"
            ) from error


def label(
    dataset: h5py.Dataset,
    long_name: str,
    units: str = "",
    attrs: Mapping[str, ArrayLike] | None = None,
) -> None:
    """Write what a reader of the file wants to know of a dataset."""
    dataset.attrs["long_name"] = long_name
    if units:
        dataset.attrs["units"] = units
    for key, value in (attrs or {}).items():
        dataset.attrs[key] = value


def put(
    file: h5py.File,
    path: str,
    values: ArrayLike,
    dims: Sequence[str] | None = None,
    long_name: str = "",
    units: str = "",
    attrs: Mapping[str, ArrayLike] | None = None,
) -> h5py.Dataset:
    """Write one whole dataset with its dimensions.

    Parameters
    ----------
    values : array, or list of str
    dims : sequence of str, optional
        One name a dimension (see `dimension`); missing scales are made. By default, as text and units, the schema's.
    """
    if dims is None or not long_name:
        entry = schema.known(path if path.startswith("/") else "/" + path)
        if dims is None:
            dims, units = entry.dims, units or entry.units
        long_name = long_name or entry.text
    data = (
        text(values)
        if isinstance(values, (list, tuple)) and (not values or isinstance(values[0], str))
        else np.asarray(values)
    )
    if data.dtype == bool:
        data = data.astype("u1")
    path = path if path.startswith("/") else "/" + path
    if path in file:
        drop(file, path)
    scales = [dimension(path, name) for name in dims]
    for length, name in zip(data.shape, scales):
        scale(file, name, length)
    options: dict[str, tuple[int, ...] | bool | str] = {}
    if data.size:
        if data.ndim:
            options = {"chunks": whole_chunk(data), "fletcher32": True}
        if data.dtype.kind == "S":
            options |= {"shuffle": True, "compression": "gzip"}
    dataset = file.create_dataset(path, data=data, **options)
    label(dataset, long_name, units, attrs)
    if data.dtype.kind == "S" and _is_utf8(data):
        dataset.attrs[ENCODING] = "utf-8"  # xarray gives texts then, not bytes
    attach(file, dataset, scales)
    return dataset


def put_blocks(
    file: h5py.File,
    path: str,
    shape: Sequence[int],
    dtype: DTypeLike,
    blocks: Iterable[np.ndarray],
    long_name: str = "",
) -> h5py.Dataset:
    """Write one whole dataset of numbers, the same as `put` does, from blocks of its rows, in order."""
    entry = schema.known(path)
    if path in file:
        drop(file, path)
    scales = [dimension(path, name) for name in entry.dims]
    for length, name in zip(shape, scales):
        scale(file, name, length)
    like = np.broadcast_to(np.zeros((), dtype), tuple(shape))
    options = {"chunks": whole_chunk(like), "fletcher32": True} if like.size else {}
    dataset = file.create_dataset(path, shape=tuple(shape), dtype=dtype, **options)
    start = 0
    for rows in blocks:
        dataset[start : start + len(rows)] = rows
        start += len(rows)
    if start != like.shape[0]:
        raise ValueError(f"{path}: {start} of {like.shape[0]} rows were given")
    label(dataset, long_name or entry.text, entry.units)
    attach(file, dataset, scales)
    return dataset


def _is_utf8(values: np.ndarray) -> bool:
    """Return True if all texts can be decoded."""
    try:
        values.astype(f"S{values.dtype.itemsize}").tobytes().decode("utf-8")
    except UnicodeDecodeError:
        return False
    return True


def drop(file: h5py.File, path: str) -> None:
    """Delete a dataset; its scales forget it first, or readers would follow them to nothing."""
    dataset = file[path]
    for axis, name in enumerate(scales_of(dataset)):
        if name:
            dataset.dims[axis].detach_scale(file[name])
    del file[path]


def scales_of(dataset: h5py.Dataset) -> list[str]:
    """Return the paths of a dataset's dimension scales, one a dimension ('' where there is none)."""
    return [dim[0].name if len(dim) else "" for dim in dataset.dims]


def is_scale(dataset: h5py.Dataset) -> bool:
    """Return True if a dataset is a dimension scale."""
    return h5py.h5ds.is_scale(dataset.id)


def is_names(path: str) -> bool:
    """Return True if a path is the samples' ids once more, which `name_samples` puts beside the rows of every group."""
    return path.endswith(NAMES) and path != paths.ID


def name_samples(file: h5py.File) -> None:
    """Put the samples' ids into every group that has rows of samples, as a coordinate for xarray; they are stored once.

    A hard link takes no room; `coordinates` is what the conventions for climate data call such columns.
    """
    if paths.ID not in file:
        return
    ids = file[paths.ID]
    for group in list(groups(file)):
        rows = (
            item
            for item in group.values()
            if isinstance(item, h5py.Dataset) and item.ndim and not is_scale(item)
        )
        if any(scales_of(item)[0] == paths.SAMPLE for item in rows):
            if "id" not in group:
                group["id"] = ids
            group.attrs["coordinates"] = "id"


def datasets(group: h5py.Group) -> Iterator[tuple[str, h5py.Dataset]]:
    """Yield (path, dataset) of everything below a group, scales and names of samples left out, in order of name."""
    for name in sorted(group):
        item = group[name]
        if isinstance(item, h5py.Group):
            yield from datasets(item)
        elif not is_scale(item) and not is_names(item.name):
            yield item.name, item


def groups(group: h5py.Group) -> Iterator[h5py.Group]:
    """Yield every group below a group, itself included, in order of name."""
    yield group
    for name in sorted(group):
        if isinstance(group[name], h5py.Group):
            yield from groups(group[name])


def blocks(dataset: h5py.Dataset, most: int = READ_BYTES) -> Iterator[np.ndarray]:
    """Yield the values of a dataset in pieces of whole rows and of a bounded number of bytes."""
    if dataset.shape == ():
        yield np.asarray(dataset[()])
        return
    step = max(1, most // max(dataset.dtype.itemsize * int(np.prod(dataset.shape[1:])), 1))
    for start in range(0, dataset.shape[0], step):
        yield dataset[start : start + step]


def own_attributes(item: h5py.HLObject) -> dict:
    """Return the attributes that are ours, not HDF5's dimension machinery, as stored."""
    return {key: value for key, value in item.attrs.items() if key not in MACHINERY}


def plain_attributes(item: h5py.HLObject) -> dict:
    """Return the attributes that are ours, with texts as `str` and numbers as Python's own."""
    return {key: _plain(value) for key, value in own_attributes(item).items()}


def _plain(value: np.ndarray | np.generic | bytes | str) -> str | int | float | list:
    if isinstance(value, bytes):
        return value.decode("utf-8", "surrogateescape")
    return value.tolist() if hasattr(value, "tolist") else value
