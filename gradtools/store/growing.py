"""Outputs of long jobs: OUTPUT.part grows by whole blocks and survives kills; the same command goes on with it."""

import contextlib
import dataclasses
import hashlib
import json
import os

import h5py
import numpy as np

from gradtools import interrupt
from gradtools.errors import GradtoolsError
from gradtools.store import layout, paths, pipes, schema
from gradtools.store.copying import copy, followed
from gradtools.store.writing import (
    Sink,
    check_output,
    disk_errors,
    holds_rows,
    is_held,
    part_of,
    publish,
    stamp,
    tells_of_full_disk,
)

SPARE_BYTES = 1 << 20  # what HDF5's own metadata may need when a block is flushed


@dataclasses.dataclass(frozen=True)
class Axis:
    """A dimension that grows with the job: `per` rows for each of its entries from `first` to before `last` (None: to the end)."""

    scale: str = paths.SAMPLE
    per: int = 1
    first: int = 0
    last: int | None = None

    def rows(self, entries):
        """Rows (int) of the job's first `entries` entries."""
        last = entries if self.last is None else min(entries, self.last)
        return self.per * max(last - self.first, 0)

    def of_entries(self, values):
        """What holds for entries (E, ...) as what holds for rows."""
        return np.repeat(values[self.first : self.last], self.per, axis=0)


class Column:
    """A dataset that grows by rows: its path, the shape and dimensions of one row, its type, texts and the axis of its rows.

    Dimensions, text and units are the schema's unless given.
    """

    def __init__(self, path, tail=(), dims=None, dtype="f4", long_name="", units="", axis=Axis()):
        if dims is None:
            entry = schema.dataset(path)
            dims, units = entry.dims[1:], units or entry.units
            long_name = long_name or entry.text
        self.path, self.tail, self.dims, self.dtype = (
            path,
            tuple(tail),
            tuple(dims),
            np.dtype(dtype),
        )
        self.long_name, self.units, self.axis = long_name, units, axis


class Part(Sink):
    """An unfinished output that grows by whole blocks and goes on after a kill.

    A job goes through entries (images, pairs), each with its rows on every `Axis`. Each block is followed by a flush and the count of
    committed entries; reopening drops what came after the last count.
    """

    def __init__(self, file, columns, block, rows):
        super().__init__(file)
        self.columns, self.block, self.rows = columns, block, rows

    @property
    def name(self):
        """Path of the unfinished file (str)."""
        return self.file.filename

    @property
    def committed(self):
        """Entries (int) that are safe on disk."""
        return int(self.file["/part/committed"][0]) if "part" in self.file else self.rows

    @property
    def whole(self):
        """Whether only the name is missing: nothing is left to be written."""
        return "part" not in self.file

    @property
    def unreadable(self):
        """Which committed entries have no image, bool (entries,)."""
        return (
            self.file["/part/unreadable"][: self.committed] != 0
            if "part" in self.file
            else np.zeros(self.rows, bool)
        )

    @property
    def batch_limit(self):
        """Entries that the device's memory holds at once (int), None where no batch had to be halved."""
        limit = self.file.attrs.get("batch_limit")
        return None if limit is None else int(limit)

    def limit_batches(self, entries):
        """Record that batches are halved to so many entries."""
        self.file.attrs["batch_limit"] = entries

    def append(self, values, unreadable):
        """Commit the next n entries.

        Parameters
        ----------
        values : dict of str to (rows, ...) array
            One array a column that has rows for these entries, by path.
        unreadable : (n,) bool array
            Entries that keep their place until the end and are then left out.
        """
        start = self.committed
        stop = start + len(unreadable)
        self._try_room(sum(array.nbytes for array in values.values()))
        for column in self.columns:
            first, last = column.axis.rows(start), column.axis.rows(stop)
            if last > first:
                self.file[column.path].resize(last, axis=0)
                self.file[column.path][first:last] = values[column.path]
        self.file["/part/unreadable"][start:stop] = unreadable
        self.file.flush()
        self.file["/part/committed"][0] = stop
        self.file.flush()

    def values(self, path):
        """All committed values of a growing dataset."""
        return self.file[path][:]

    def read(self, path, start, stop):
        """Some committed rows of a growing dataset."""
        return self.file[path][start:stop]

    def _try_room(self, needed):
        """Try whether the next block has room (quotas and limits count) before HDF5 writes it: it does not recover from a full disk."""
        name = self.file.filename
        with open(name, "r+b") as handle:
            size = os.fstat(handle.fileno()).st_size
            try:
                os.posix_fallocate(
                    handle.fileno(), size, needed + SPARE_BYTES * (1 + len(self.columns) // 64)
                )
            except OSError as error:
                if not tells_of_full_disk(error):
                    return  # a file system that cannot reserve
                raise GradtoolsError(
                    f"no space left for {name}: the first {self.committed} images are kept; "
                    "free some and run the same command again"
                ) from error
            finally:
                os.ftruncate(handle.fileno(), size)


@contextlib.contextmanager
def grow(
    output,
    kind,
    columns,
    rows,
    block,
    command,
    begin,
    *,
    unused=None,
    force=False,
    restart=False,
    compress=False,
    say=print,
):
    """Write a store block by block, going on where the same command was stopped.

    Parameters
    ----------
    columns : list of Column
    rows : int
        How many entries there will be, unreadable ones counted in.
    block : int
        Entries committed at once; chunk lengths divide their rows.
    command : dict
        Everything that must be the same for the job to go on; the first difference is named.
    begin : callable
        Called with the new `Part`; writes what does not grow.
    unused : dict of str to (rows,) bool array, optional
        Rows of an axis, by its scale, that no entry fills and that are left out at the end.
    say : callable
        Takes one line for the user.

    Yields
    ------
    Part
    """
    check_output(output, force)
    with contextlib.ExitStack() as stack:
        check = stack.enter_context(interrupt.deferred())
        path = stack.enter_context(pipes.spooled_output()) if output == "-" else part_of(output)
        stack.enter_context(disk_errors(path))
        if os.path.exists(path) and (restart or output == "-"):
            _drop(path)
        with _opened(path, command, say) as file:
            part = Part(file, columns, block, rows)
            if "command" not in file.attrs:
                _begin(part, kind, command, begin, compress)
            _rewind(part)
            if part.committed:
                say(f"going on after {part.committed} of {rows} in {path}")
            yield part
            if part.committed != rows:
                raise GradtoolsError(f"{path}: {part.committed} of {rows} rows written")
            keep = _kept(part, unused or {})
            whole = all(rows_kept.all() for rows_kept in keep.values())
            if whole:
                file.flush()
                file.pop("part", None)
        if not whole:
            _leave_out(path, path + ".kept", keep)
        if output != "-":
            publish(path, output)
        check()


def _drop(path):
    """Remove a part, unless another process holds it."""
    try:
        h5py.File(path, "r+").close()
    except OSError as error:
        if is_held(error):
            raise
    os.unlink(path)


def _begin(part, kind, command, begin, compress):
    """A new part: everything that does not grow, the empty columns, and at last the command that may go on with it."""
    stamp(part.file, kind, "", "")
    for column in part.columns:
        layout.scale(part.file, column.axis.scale, column.axis.rows(part.rows))
    begin(part)
    for column in part.columns:
        _make_column(part, column, compress)
    group = part.file.create_group("part")
    group["command"] = json.dumps(command, sort_keys=True)
    group["committed"] = np.zeros(1, "i8")
    group["unreadable"] = np.zeros(part.rows, "u1")
    part.file.flush()
    part.file.attrs["command"] = fingerprint(command)
    part.file.flush()


def _make_column(part, column, compress):
    """Make one growing dataset, empty, with its dimensions."""
    chunks = layout.chunk_shape(column.tail, column.dtype.itemsize, part.block * column.axis.per)
    dataset = part.file.create_dataset(
        column.path,
        shape=(0, *column.tail),
        maxshape=(None, *column.tail),
        dtype=column.dtype,
        chunks=chunks,
        fletcher32=True,
        shuffle=compress,
        compression="gzip" if compress else None,
    )
    layout.label(dataset, column.long_name, column.units)
    dims = [column.axis.scale] + [layout.dimension(column.path, name) for name in column.dims]
    for length, path in zip((column.axis.rows(part.rows), *column.tail), dims):
        layout.scale(part.file, path, length)
    layout.attach(part.file, dataset, dims)


def _rewind(part):
    """Drop the rows after the last committed one."""
    for column in part.columns:
        rows = column.axis.rows(part.committed)
        if part.file[column.path].shape[0] > rows:
            part.file[column.path].resize(rows, axis=0)


def _kept(part, unused):
    """Rows that stay, by their dimension's scale: those of readable images that are used, and what points at no others."""
    keep = {}
    for axis in dict.fromkeys(column.axis for column in part.columns):
        keep[axis.scale] = ~axis.of_entries(part.unreadable)
        if axis.scale in unused:
            keep[axis.scale] &= ~unused[axis.scale]
    return followed(part.file, keep)


def _opened(path, command, say):
    """Open a part that the same command left, or a new file where there is none that can be read."""
    if not os.path.exists(path):
        return h5py.File(path, "w")
    try:
        file = h5py.File(path, "r+")
    except OSError as error:
        if is_held(error) or isinstance(error, PermissionError):
            raise
        say(f"{path} cannot be read ({error}): beginning anew")
        return h5py.File(path, "w")
    if not holds_rows(file):  # whoever began it, nothing is lost
        file.close()
        return h5py.File(path, "w")
    if file.attrs["command"] != fingerprint(command):
        reason = (
            difference(json.loads(file["part/command"][()]), command)
            if "part" in file
            else "it is whole and waits for its name"
        )
        file.close()
        raise GradtoolsError(
            f"{path} belongs to another command: {reason}; give the same one to go on, another -o, "
            "or --restart to drop it"
        )
    return file


def fingerprint(command):
    """SHA-256 (hex) of a command's effective options and inputs."""
    return hashlib.sha256(json.dumps(command, sort_keys=True).encode()).hexdigest()


def difference(before, now):
    """The first option in which two commands differ, in words."""
    now = json.loads(json.dumps(now))
    key = next(key for key in sorted(before.keys() | now.keys()) if before.get(key) != now.get(key))
    return f"{key} was {before.get(key)!r}, is {now.get(key)!r}"


def _leave_out(path, kept, keep):
    """Replace an unfinished file by a finished copy with the kept rows alone."""
    try:
        with disk_errors(kept), h5py.File(path, "r") as file, h5py.File(kept, "w") as target:
            target.attrs.update(file.attrs)
            for name in sorted(set(file) - {"part"}):
                if isinstance(file[name], h5py.Group) or not layout.is_scale(file[name]):
                    copy(file, target, "/" + name, keep)
        os.replace(kept, path)
    finally:
        with contextlib.suppress(FileNotFoundError):
            os.unlink(kept)
