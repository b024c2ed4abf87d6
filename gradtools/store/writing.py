"""Outputs that appear whole or not at all: OUTPUT.part, synced, renamed; `growing` has those of long jobs."""

import contextlib
import datetime
import errno
import json
import os
import uuid

import h5py

from gradtools.errors import GradtoolsError, UsageError
from gradtools.store import layout, pipes
from gradtools.store.copying import copy, followed

RESULTS = ("similarity", "neighbors", "clusters", "projection", "linkage", "tables")


def check_output(output, force=False):
    """Refuse early what could not be written in the end: an existing file, a missing or read-only directory."""
    if output == "-":
        return
    folder = os.path.dirname(output) or "."
    if os.path.isdir(output):
        raise UsageError(f"output {output} is a directory: name a file in it")
    if os.path.exists(output) and not force:
        raise GradtoolsError(f"output {output} exists: choose another name, or replace it with --force")
    if not os.path.isdir(folder):
        raise GradtoolsError(f"output directory {folder} does not exist: make it first")
    if not os.access(folder, os.W_OK):
        raise GradtoolsError(f"output directory {folder} cannot be written to: choose another place for -o")


@contextlib.contextmanager
def create(output, kind, *, force=False, source="", root=""):
    """Write a store in one go; yields the open `h5py.File`-backed `Sink`.

    Parameters
    ----------
    output : str
        Path, or '-' for standard output.
    kind : str
        What the store holds: features, similarity, clusters.
    """
    check_output(output, force)
    with contextlib.ExitStack() as stack:
        path = stack.enter_context(pipes.spooled_output()) if output == "-" else output + ".part"
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


def stamp(file, kind, source, root):
    """The root's attributes: what the file is and where its samples were."""
    file.attrs.update(format=layout.FORMAT, version=layout.VERSION, kind=kind, uuid=str(uuid.uuid4()),
                      created=datetime.datetime.now(datetime.timezone.utc).isoformat(timespec="seconds"),
                      source=source.encode("utf-8", "surrogateescape"), root=root.encode("utf-8", "surrogateescape"))


def publish(part, output):
    """Sync a finished file and give it its name; the final path is never opened for writing."""
    with disk_errors(part), open(part, "rb") as handle:
        os.fsync(handle.fileno())
    os.replace(part, output)
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
        if any(tells_of_full_disk(link) for link in _chain(error)):
            raise GradtoolsError(f"no space left for {path}: free some, or write to another disk, then run the same command again") from error
        if isinstance(error, BlockingIOError) or "unable to lock" in str(error):
            raise GradtoolsError(f"{path} is being written by another process: wait for it, or choose another -o") from error
        if isinstance(error, PermissionError):
            raise GradtoolsError(f"{path} cannot be written: no permission") from error
        raise


def _chain(error):
    """An error and those it came from: HDF5 fails again when it closes what it could not write."""
    while error is not None:
        yield error
        error = error.__cause__ or error.__context__


def tells_of_full_disk(error):
    """Whether an error says that a disk, a quota or a file is full."""
    return getattr(error, "errno", None) in (errno.ENOSPC, errno.EDQUOT, errno.EFBIG) or any(
        hint in str(error) for hint in ("No space left", "quota exceeded", "File too large"))


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
            Samples to keep; maps, pairs and boxes of the others go with them. Results that rest on all of them are left behind where
            some are left out.
        whole : bool
            Everything, not only what is always there.
        replacing : sequence of str
            Paths that this step writes itself.
        """
        subset = None if keep.all() else followed(store.file, {"/sample": keep})
        left = set(replacing) | ({f"/{name}" for name in RESULTS} if subset is not None else set())
        always = ["/samples", "/classes", "/model/class_name", "/outputs/predicted", "/outputs/target"]
        everything = ["/" + name for name in sorted(store.file) if name != "history"]
        for path in everything if whole else always:
            copy(store.file, self.file, path, subset, left)
        for path in ("/model", "/taps"):
            self.attributes(path, **store.attributes(path))
        for key in ("source", "root"):
            self.file.attrs[key] = store.file.attrs[key]

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
        self.put("/history", lines + [json.dumps(step, ensure_ascii=True)], ["/step"], "steps that made this store, one JSON line each")

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
