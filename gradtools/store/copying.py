"""Copies of groups between files, whole or with some of the samples left out.

A copied dataset's references to its dimension scales dangle, so a copy drops them and attaches the scales anew.
"""

import h5py
import numpy as np

from gradtools.store import layout

COPY_BYTES = 32 << 20


def copy(source, target, path, keep=None, left=()):
    """Copy the group or dataset `path` of an open file into another.

    Parameters
    ----------
    keep : (N,) bool array, optional
        Samples to keep; datasets whose first dimension is `/sample` lose the other rows.
    left : collection of str
        Groups that stay behind, with all below them.
    """
    if path not in source or path in left:
        return
    item = source[path]
    if isinstance(item, h5py.Dataset):
        if not layout.is_scale(item):
            _copy_dataset(item, target, keep)
        return
    target.require_group(path).attrs.update(layout.own_attributes(item))
    if keep is not None and _tells_samples(item):
        _copy_table_of_samples(item, target, keep)
        return
    for name in sorted(item):
        copy(source, target, f"{path}/{name}", keep, left)


def _tells_samples(group):
    """Whether a table's rows are about samples that its column `sample` numbers, as boxes are."""
    return "row_dimension" in group.attrs and "sample" in group and not layout.is_scale(group["sample"])


def _copy_table_of_samples(group, target, keep):
    """Copy a table without the rows of samples that are left out, the others numbered anew."""
    sample = group["sample"][:]
    rows, number = keep[sample], np.cumsum(keep) - 1
    for name in sorted(group):
        if layout.is_scale(group[name]):
            continue
        values = number[sample[rows]].astype("i4") if name == "sample" else group[name][:][rows]
        scales = layout.scales_of(group[name])
        about = layout.plain_attributes(group[name])
        layout.put(
            target, group[name].name, values, scales, about.pop("long_name", name), about.pop("units", ""), about
        )


def _copy_dataset(dataset, target, keep):
    """Copy one dataset, its scales made or checked on the way."""
    if dataset.name in target:
        return
    scales = layout.scales_of(dataset)
    by_sample = bool(scales) and scales[0] == "/sample"
    if keep is None or not by_sample:
        target.require_group(dataset.parent.name)
        h5py.h5o.copy(dataset.file.id, dataset.name.encode(), target.id, dataset.name.encode())
        made = target[dataset.name]
        for key in layout.MACHINERY:
            if key in made.attrs:
                del made.attrs[key]
    else:
        made = _copy_rows(dataset, target, keep)
    for length, path in zip(made.shape, scales):
        layout.scale(target, path, length)
    layout.attach(target, made, scales)


def _copy_rows(dataset, target, keep):
    """Copy the kept rows, a bounded number of bytes at a time."""
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
        made[written : written + len(part)] = part
        written += len(part)
    return made
