"""Outputs that appear whole or not at all: OUTPUT.part, synced, renamed; in blocks that survive a kill where the job is long."""

import contextlib
import datetime
import errno
import hashlib
import json
import os
import uuid

import h5py
import numpy as np

from gradtools import interrupt
from gradtools.errors import GradtoolsError, UsageError
from gradtools.store import layout, pipes
from gradtools.store.copying import copy

RESULTS = ("similarity", "neighbors", "clusters", "projection", "linkage", "tables", "pairs", "maps")
SPARE_BYTES = 1 << 20  # what HDF5's own metadata may need when a block is flushed


def check_output(output, force=False, inputs=()):
    """Refuse early what could not be written in the end.

    Parameters
    ----------
    output : str
        Path, or '-'.
    force : bool
        Whether an existing file may be replaced.
    inputs : iterable of Store
        What is read: an output never replaces its input.
    """
    if output == "-":
        return
    folder = os.path.dirname(os.path.realpath(output))
    if os.path.isdir(output):
        raise UsageError(f"output {output} is a directory: name a file in it")
    if os.path.exists(output):
        if not os.path.isfile(output):
            raise UsageError(f"output {output} is no regular file: name one, or '-' for standard output")
        if any(os.path.exists(store.name) and os.path.samefile(output, store.name) for store in inputs):
            raise UsageError(f"output {output} is the input, and inputs never change: choose another name")
        if not force:
            raise GradtoolsError(f"output {output} exists: choose another name, or replace it with --force")
    if not os.path.isdir(folder):
        raise GradtoolsError(f"output directory {folder} does not exist: make it first")
    if not os.access(folder, os.W_OK):
        raise GradtoolsError(f"output directory {folder} cannot be written to: choose another place for -o")


@contextlib.contextmanager
def create(output, kind, *, force=False, source="", root=""):
    """Write a store in one go; yields a `Sink`. A signal waits until the file has its name or is gone.

    Parameters
    ----------
    output : str
        Path, or '-' for standard output.
    kind : str
        What the store holds: features, similarity, clusters.
    """
    check_output(output, force)
    with contextlib.ExitStack() as stack:
        check = stack.enter_context(interrupt.deferred())
        path = stack.enter_context(pipes.spooled_output()) if output == "-" else part_of(output)
        if output != "-":
            _refuse_unfinished(path)
        try:
            with disk_errors(path), h5py.File(path, "w") as file:
                stamp(file, kind, source, root)
                yield Sink(file)
        except BaseException:
            if output != "-":
                with contextlib.suppress(OSError):
                    os.unlink(path)
            raise
        if output != "-":
            publish(path, output)
        check()


def part_of(output):
    """The name that an output has until it is whole; a link's is beside the file it points to."""
    return os.path.realpath(output) + ".part"


def _refuse_unfinished(path):
    """Keep off a part that another process writes, or that a stopped job will go on with."""
    if not os.path.exists(path):
        return
    unfinished = False
    with disk_errors(path):
        try:
            with h5py.File(path, "r+") as file:
                unfinished = "command" in file.attrs
        except OSError as error:
            if _is_held(error):
                raise
    if unfinished:
        raise GradtoolsError(
            f"{path} is what a stopped job left: finish that with its own command, or remove it, or choose another -o"
        )


def stamp(file, kind, source, root):
    """The root's attributes: what the file is and where its samples were."""
    file.attrs.update(
        format=layout.FORMAT,
        version=layout.VERSION,
        kind=kind,
        uuid=str(uuid.uuid4()),
        created=datetime.datetime.now(datetime.timezone.utc).isoformat(timespec="seconds"),
        source=source.encode("utf-8", "surrogateescape"),
        root=root.encode("utf-8", "surrogateescape"),
    )


def publish(part, output):
    """Sync a finished file and give it its name; the final path is never opened for writing."""
    with disk_errors(part), open(part, "rb") as handle:
        os.fsync(handle.fileno())
    os.replace(part, os.path.realpath(output))
    with contextlib.suppress(OSError):
        folder = os.open(os.path.dirname(output) or ".", os.O_RDONLY)
        os.fsync(folder)
        os.close(folder)


@contextlib.contextmanager
def disk_errors(path):
    """Say a failed write as one line."""
    try:
        yield
    except (OSError, RuntimeError) as error:
        if any(_tells_of_full_disk(link) for link in _chain(error)):
            raise GradtoolsError(
                f"no space left for {path}: free some, or write to another disk, then run the same command again"
            ) from error
        if _is_held(error):
            raise GradtoolsError(
                f"{path} is being written by another process: wait for it, or choose another -o"
            ) from error
        if isinstance(error, PermissionError):
            raise GradtoolsError(f"{path} cannot be written: no permission") from error
        raise


def _is_held(error):
    """Whether another process has the file open for writing."""
    return isinstance(error, BlockingIOError) or "unable to lock" in str(error)


def _chain(error):
    """An error and those it came from: HDF5 fails again when it closes what it could not write."""
    while error is not None:
        yield error
        error = error.__cause__ or error.__context__


def _tells_of_full_disk(error):
    return getattr(error, "errno", None) in (errno.ENOSPC, errno.EDQUOT, errno.EFBIG) or any(
        hint in str(error) for hint in ("No space left", "quota exceeded", "File too large")
    )


class Sink:
    """A store being written; wraps the open file so that other modules never name a path in it by hand."""

    def __init__(self, file):
        self.file = file

    def put(self, path, values, dims, long_name, units="", attrs=None):
        """Write one dataset (see `layout.put`)."""
        return layout.put(self.file, path, values, dims, long_name, units, attrs)

    def carry(self, store, keep, whole, replacing=()):
        """Copy what an output always has of its input, or everything.

        Samples, classes, what the network answered and the attributes of model and taps are always there.

        Parameters
        ----------
        keep : (N,) bool array
            Samples to keep. Results that rest on all of them are left behind where some are left out.
        whole : bool
            Everything, not only what is always there.
        replacing : sequence of str
            Paths that this step writes itself.

        Returns
        -------
        list of str
            Results that stay behind because they rest on samples that are left out.
        """
        subset = None if keep.all() else keep
        behind = [name for name in RESULTS if name in store.file] if whole and subset is not None else []
        left = set(replacing) | ({f"/{name}" for name in RESULTS} if subset is not None else set())
        always = ["/samples", "/classes", "/model/class_name", "/outputs/predicted", "/outputs/target"]
        everything = ["/" + name for name in sorted(store.file) if name != "history"]
        for path in everything if whole else always:
            copy(store.file, self.file, path, subset, left)
        for path in ("/model", "/taps"):
            self.attributes(path, **store.attributes(path))
        for key in ("source", "root"):
            self.file.attrs[key] = store.file.attrs[key]
        return behind

    def attributes(self, path, **values):
        """Set attributes of a group, made where it is missing."""
        group = self.file.require_group(path)
        for key, value in values.items():
            group.attrs[key] = value.encode("utf-8", "surrogateescape") if isinstance(value, str) else value

    def history(self, stores, step):
        """Write the steps of the inputs, each once, and this one."""
        lines = list(dict.fromkeys(line for store in stores for line in store.history_lines()))
        if "/history" in self.file:
            layout.drop(self.file, "/history")
            del self.file["/step"]
        self.put(
            "/history",
            lines + [json.dumps(step, ensure_ascii=True)],
            ["/step"],
            "steps that made this store, one JSON line each",
        )

    def table(self, path, columns, long_name, attrs=None, row="row"):
        """Write a table: a dataset a column.

        Parameters
        ----------
        columns : dict of str to (n,) array or list of str
        """
        self.file.require_group(path)
        for name, values in columns.items():
            self.put(f"{path}/{name}", values, [row], f"{long_name}: {name}")
        self.attributes(path, row_dimension=row, **(attrs or {}))


class Column:
    """A dataset that grows by rows: its path, the shape and dimensions of one row, its type and texts."""

    def __init__(self, path, tail, dims, dtype, long_name, units=""):
        self.path, self.tail, self.dims, self.dtype = path, tuple(tail), tuple(dims), np.dtype(dtype)
        self.long_name, self.units = long_name, units


class Part(Sink):
    """An unfinished output that grows by whole blocks and goes on after a kill.

    Each block is followed by a flush and the count of committed rows; reopening drops what came after the last count.
    """

    def __init__(self, file, columns, block, rows):
        super().__init__(file)
        self.columns, self.block, self.rows = columns, block, rows

    @property
    def committed(self):
        """Rows (int) that are safe on disk."""
        return int(self.file["/part/committed"][0]) if "part" in self.file else self.rows

    @property
    def whole(self):
        """Whether only the name is missing: nothing is left to be written."""
        return "part" not in self.file

    @property
    def unreadable(self):
        """Which committed rows have no image, bool (rows,)."""
        return (
            self.file["/part/unreadable"][: self.committed] != 0 if "part" in self.file else np.zeros(self.rows, bool)
        )

    def append(self, values, unreadable):
        """Commit the next rows.

        Parameters
        ----------
        values : dict of str to (n, ...) array
            One array a column, by path.
        unreadable : (n,) bool array
            Rows that keep their place until the end and are then left out.
        """
        start = self.committed
        stop = start + len(unreadable)
        self._try_room(sum(array.nbytes for array in values.values()))
        for column in self.columns:
            dataset = self.file[column.path]
            dataset.resize(stop, axis=0)
            dataset[start:stop] = values[column.path]
        self.file["/part/unreadable"][start:stop] = unreadable
        self.file.flush()
        self.file["/part/committed"][0] = stop
        self.file.flush()

    def values(self, path):
        """All committed values of a growing dataset."""
        return self.file[path][: self.committed]

    def _try_room(self, needed):
        """Try whether the next block has room (quotas and limits count) before HDF5 writes it: it does not recover from a full disk."""
        name = self.file.filename
        with open(name, "r+b") as handle:
            size = os.fstat(handle.fileno()).st_size
            try:
                os.posix_fallocate(handle.fileno(), size, needed + SPARE_BYTES * (1 + len(self.columns) // 64))
            except OSError as error:
                if not _tells_of_full_disk(error):
                    return  # a file system that cannot reserve
                raise GradtoolsError(
                    f"no space left for {name}: the first {self.committed} rows are kept; "
                    "free some and run the same command again"
                ) from error
            finally:
                os.ftruncate(handle.fileno(), size)


@contextlib.contextmanager
def grow(output, kind, columns, rows, block, command, begin, *, force=False, restart=False, compress=False, say=print):
    """Write a store block by block, going on where the same command was stopped.

    Parameters
    ----------
    columns : list of Column
    rows : int
        How many rows there will be, unreadable ones counted in.
    block : int
        Rows committed at once; chunk lengths divide it.
    command : dict
        Everything that must be the same for the job to go on; the first difference is named.
    begin : callable
        Called with the new `Part`; writes what does not grow.
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
                say(f"going on after {part.committed} of {rows} images in {path}")
            yield part
            if part.committed != rows:
                raise GradtoolsError(f"{path}: {part.committed} of {rows} rows written")
            marked = part.unreadable
            if not marked.any():
                file.flush()
                file.pop("part", None)
        if marked.any():
            _leave_out(path, path + ".kept", marked)
        if output != "-":
            publish(path, output)
        check()


def _drop(path):
    """Remove a part, unless another process holds it."""
    try:
        h5py.File(path, "r+").close()
    except OSError as error:
        if _is_held(error):
            raise
    os.unlink(path)


def _begin(part, kind, command, begin, compress):
    """A new part: everything that does not grow, the empty columns, and at last the command that may go on with it."""
    stamp(part.file, kind, "", "")
    layout.scale(part.file, "/sample", part.rows)
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
    chunks = layout.chunk_shape(column.tail, column.dtype.itemsize, part.block)
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
    dims = ["/sample"] + [layout.dimension(column.path, name) for name in column.dims]
    for length, path in zip((part.rows, *column.tail), dims):
        layout.scale(part.file, path, length)
    layout.attach(part.file, dataset, dims)


def _rewind(part):
    """Drop the rows after the last committed one."""
    for column in part.columns:
        if part.file[column.path].shape[0] > part.committed:
            part.file[column.path].resize(part.committed, axis=0)


def _opened(path, command, say):
    """Open a part that the same command left, or a new file where there is none that can be read."""
    if not os.path.exists(path):
        return h5py.File(path, "w")
    try:
        file = h5py.File(path, "r+")
    except OSError as error:
        if _is_held(error) or isinstance(error, PermissionError):
            raise
        say(f"{path} cannot be read ({error}): beginning anew")
        return h5py.File(path, "w")
    if "command" not in file.attrs:
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
            f"{path} belongs to another command: {reason}; give the same one to go on, another -o, or --restart to drop it"
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


def _leave_out(path, kept, marked):
    """Replace an unfinished file by a finished copy without the marked rows."""
    try:
        with disk_errors(kept), h5py.File(path, "r") as file, h5py.File(kept, "w") as target:
            target.attrs.update(file.attrs)
            for name in sorted(set(file) - {"part"}):
                if isinstance(file[name], h5py.Group) or not layout.is_scale(file[name]):
                    copy(file, target, "/" + name, ~marked)
        os.replace(kept, path)
    finally:
        with contextlib.suppress(FileNotFoundError):
            os.unlink(kept)
