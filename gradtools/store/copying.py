"""Copies of groups between files, whole or with some of the samples left out.

A copied dataset's references to its dimension scales dangle, so a copy drops them and attaches the scales anew.
"""

from collections.abc import Collection, Mapping

import h5py
import numpy as np

from gradtools.store import guarded, layout

COPY_BYTES = 32 << 20


def copy(
    source: h5py.File,
    target: h5py.File,
    path: str,
    keep: Mapping[str, np.ndarray] | None = None,
    left: Collection[str] = (),
) -> None:
    """Copy the group or dataset `path` of an open file into another.

    Parameters
    ----------
    keep : dict of str to (n,) bool array, optional
        Rows to keep, by the path of their dimension's scale (see `followed`): datasets whose first dimension it is lose the others.
    left : collection of str
        Groups that stay behind, with all below them.
    """
    if path not in source or path in left:
        return
    item = source[path]
    if isinstance(item, h5py.Dataset):
        if not layout.is_scale(item) and not layout.is_names(path):
            _copy_dataset(item, target, keep)
        return
    target.require_group(path).attrs.update(layout.own_attributes(item))
    for name in sorted(item):
        copy(source, target, f"{path}/{name}", keep, left)


def followed(file: h5py.File, keep: Mapping[str, np.ndarray]) -> dict[str, np.ndarray]:
    """Return the rows to keep of every dimension: a map, a pair or a box stays where all the samples that it points to do.

    Parameters
    ----------
    keep : dict of str to (n,) bool array
        By the path of the dimension's scale, as in {"/sample": ...}.

    Returns
    -------
    dict of str to (n,) bool array
    """
    return follow(
        keep,
        {
            path: (layout.scales_of(file[path])[0], file[path][:])
            for path in layout.POINTERS
            if path in file
        },
    )


def follow(
    keep: Mapping[str, np.ndarray], pointers: Mapping[str, tuple[str, np.ndarray]]
) -> dict[str, np.ndarray]:
    """Return the rows to keep of every dimension, for given numbers of rows (see `followed`).

    Parameters
    ----------
    pointers : dict of str to (str, (rows,) int array)
        The dimension and the values of datasets of `layout.POINTERS`, by path.
    """
    keep = dict(keep)
    for path, pointed in layout.POINTERS.items():
        if path in pointers and pointed in keep:
            rows, values = pointers[path]
            keep[rows] = keep.get(rows, True) & ((values < 0) | keep[pointed][values])
    return keep


def renumbered(values: np.ndarray, keep: np.ndarray) -> np.ndarray:
    """Return the numbers of rows (n,) as those among the kept ones; -1 stays."""
    return np.where(values < 0, values, (np.cumsum(keep) - 1)[values]).astype(values.dtype)


def _copy_dataset(
    dataset: h5py.Dataset, target: h5py.File, keep: Mapping[str, np.ndarray] | None
) -> None:
    """Copy one dataset, its scales made or checked on the way."""
    if dataset.name in target:
        return
    scales = layout.scales_of(dataset)
    if keep is None or not scales or scales[0] not in keep:
        target.require_group(dataset.parent.name)
        h5py.h5o.copy(dataset.file.id, dataset.name.encode(), target.id, dataset.name.encode())
        guarded.check(target)
        made = target[dataset.name]
        for key in layout.MACHINERY:
            if key in made.attrs:
                del made.attrs[key]
    else:
        pointed = layout.POINTERS.get(dataset.name, "")
        made = _copy_rows(dataset, target, keep[scales[0]], keep.get(pointed))
    for length, path in zip(made.shape, scales):
        layout.scale(target, path, length)
    layout.attach(target, made, scales)


def _copy_rows(
    dataset: h5py.Dataset, target: h5py.File, keep: np.ndarray, pointed: np.ndarray | None = None
) -> h5py.Dataset:
    """Copy the kept rows, a bounded number of bytes at a time; row numbers become those among the kept ones of `pointed`."""
    rows = np.flatnonzero(keep)
    chunks = dataset.chunks and (min(dataset.chunks[0], max(len(rows), 1)), *dataset.chunks[1:])
    made = target.create_dataset(
        dataset.name,
        shape=(len(rows), *dataset.shape[1:]),
        dtype=dataset.dtype,
        chunks=chunks,
        fletcher32=dataset.fletcher32,
        shuffle=dataset.shuffle,
        compression=dataset.compression,
    )
    made.attrs.update(layout.own_attributes(dataset))
    step = max(1, COPY_BYTES // max(dataset.dtype.itemsize * int(np.prod(dataset.shape[1:])), 1))
    written = 0
    for start in range(0, dataset.shape[0], step):
        part = dataset[start : start + step][keep[start : start + step]]
        if pointed is not None:
            part = renumbered(part, pointed)
        made[written : written + len(part)] = part
        guarded.check(target)
        written += len(part)
    return made
