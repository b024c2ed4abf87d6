"""Outputs that appear whole or not at all: OUTPUT.part, synced, renamed; `growing` has those of long jobs."""

import contextlib
import datetime
import hashlib
import json
import os
import uuid
from collections.abc import Callable, Iterable, Iterator, Mapping, Sequence
from typing import TYPE_CHECKING

import h5py
import numpy as np
from numpy.typing import ArrayLike

from gradtools import interrupt
from gradtools.errors import GradtoolsError, UsageError
from gradtools.store import checks, folders, guarded, hashing, layout, paths, pipes, schema, seal
from gradtools.store.copying import copy, followed
from gradtools.store.disk import disk_errors, is_held

if TYPE_CHECKING:
    from gradtools.store.provenance import Fact
    from gradtools.store.reading import Store

RESULTS = tuple(
    path.strip("/")
    for path in (
        paths.SIMILARITY,
        paths.NEIGHBORS,
        paths.CLUSTERS,
        paths.PROJECTION,
        paths.LINKAGE,
        paths.TABLES,
        paths.AUGMENTATION,
        paths.DECODING,
        paths.CHANNELS,
        paths.LOCALIZATION,
        paths.LINK,
        paths.TUNING,
    )
)


LONGEST_NAME = 249  # bytes, so that a dot before and .part behind them fit


def check_output(output: str, force: bool = False, inputs: "Iterable[Store]" = ()) -> None:
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
    folders.remove_done(part_of(output))
    folder = os.path.dirname(os.path.realpath(output))
    if os.path.isdir(output):
        raise UsageError(f"output {output} is a directory: name a file in it")
    if os.path.exists(output):
        if not os.path.isfile(output):
            raise UsageError(
                f"output {output} is not a regular file: name one, or '-' for standard output"
            )
        if any(
            os.path.exists(store.name) and os.path.samefile(output, store.name) for store in inputs
        ):
            raise UsageError(
                f"output {output} is the input, and inputs never change: choose another name"
            )
        if not force:
            raise GradtoolsError(
                f"output {output} exists: choose another name, or replace it with --force"
            )
    if not os.path.isdir(folder):
        raise GradtoolsError(f"output directory {folder} does not exist: make it first")
    if not os.access(folder, os.W_OK):
        raise GradtoolsError(
            f"output directory {folder} cannot be written to: choose another place for -o"
        )
    _check_name("-o", output)


def check_files(
    outputs: Mapping[str, str], inputs: Iterable[str] = (), force: bool = False
) -> None:
    """Refuse early a file that a command would write over an input, over another output, or without --force over any.

    Parameters
    ----------
    outputs : dict of str to str
        Paths by the options that name them; '-' is no file. Whether the store of -o exists `check_output` judges.
    inputs : iterable of str
        Paths of what is read; those that do not exist are ignored.
    force : bool
        Whether existing files may be replaced.
    """
    seen: dict[str, str] = {}
    for option, path in outputs.items():
        if not path or path.endswith(os.sep):
            raise UsageError(
                f"{option} {path!r} names no file: "
                + ("name a file in that folder" if path else "is a variable unset?")
            )
        if path == "-":
            continue
        _check_name(option, path)
        if os.path.exists(path) and any(
            os.path.exists(name) and os.path.samefile(path, name) for name in inputs
        ):
            raise UsageError(
                f"{option} {path} is an input, and inputs never change: choose another name"
            )
        if twin := next((other for other, name in seen.items() if _same_file(path, name)), None):
            raise UsageError(f"{option} and {twin} both name {path}: give each a file of its own")
        if option != "-o" and os.path.exists(path):
            if not os.path.isfile(path):
                raise UsageError(f"{option} {path} is not a regular file: choose another name")
            if not force:
                raise GradtoolsError(
                    f"{option} {path} exists: choose another name, or replace it with --force"
                )
        seen[option] = path


def _check_name(option: str, path: str) -> None:
    """Refuse a file name that the file system does not take."""
    folder, name = os.path.split(os.path.realpath(path))
    length = len(os.fsencode(name))
    if os.path.isdir(folder) and length > os.pathconf(folder, "PC_NAME_MAX"):
        raise UsageError(
            f"{option}: a file name of {length} bytes is too long here "
            f"(at most {os.pathconf(folder, 'PC_NAME_MAX')}): choose a shorter one"
        )


def _same_file(a, b):
    """Return True if two paths are one file, also through links, and before the file exists."""
    return (
        os.path.realpath(a) == os.path.realpath(b)
        or os.path.exists(a)
        and os.path.exists(b)
        and os.path.samefile(a, b)
    )


@contextlib.contextmanager
def whole_file(path: str, option: str = "-o") -> Iterator[str]:
    """Give a file that is not a store its name only when it is whole.

    Parameters
    ----------
    path : str
        Where it goes; replaced where it exists (see `check_files`).
    option : str
        What the caller named the path with, for the error.

    Yields
    ------
    str
        Path to write to: hidden and with an end of its own, so that globs for pictures do not take it.

    Raises
    ------
    GradtoolsError
        The file cannot be written.
    """
    folder, name = os.path.split(part_of(path))
    part = os.path.join(folder, "." + name.lstrip("."))
    try:
        yield part
        with open(part, "rb") as handle:
            os.fsync(handle.fileno())
        os.replace(part, os.path.realpath(path))
    except OSError as error:
        raise GradtoolsError(
            f"{option} {path} cannot be written: {error.strerror or error}; choose another place"
        ) from error
    finally:
        with contextlib.suppress(OSError):
            os.unlink(part)


@contextlib.contextmanager
def create(
    output: str,
    kind: str,
    *,
    force: bool = False,
    source: str = "",
    root: str = "",
) -> Iterator["Sink"]:
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
            way = [pipes.ROOM] if output == "-" else []
            with disk_errors(path, *way), seal.create_sealed(path) as file:
                if output == "-":
                    pipes.forget(path)
                stamp(file, kind, source, root)
                sink = Sink(file)
                yield sink
                hashing.write_digests(file, sink.origin)
        except BaseException:
            if output != "-":
                with contextlib.suppress(OSError):
                    os.unlink(path)
            raise
        if output != "-":
            publish(path, output)
        check()


def part_of(output: str) -> str:
    """Return the name that an output has until it is whole; a link's is beside the file it points to."""
    folder, name = os.path.split(os.path.realpath(output))
    if len(os.fsencode(name)) > LONGEST_NAME:
        name = "." + hashlib.sha256(os.fsencode(name)).hexdigest()
    return os.path.join(folder, name + ".part")


def _refuse_unfinished(path):
    """Keep off a part that another process writes, or that a stopped job will resume."""
    folders.remove_done(path)
    if os.path.isdir(path):
        raise GradtoolsError(
            f"{path} is what a stopped job left ({folders.state(path)}): finish that with its own command, or remove it, "
            "or choose another -o"
        )
    if os.path.exists(path):
        with disk_errors(path):
            try:
                h5py.File(path, "r+").close()
            except OSError as error:
                if is_held(error):
                    raise


def stamp(file: h5py.File, kind: str, source: str, root: str) -> None:
    """Write the root's attributes: what the file is and where its samples were."""
    if kind not in schema.KINDS:
        raise ValueError(f"{kind} is not a kind of store: schema.KINDS has them")
    file.attrs.update(
        format=layout.FORMAT,
        version=layout.VERSION,
        kind=kind,
        uuid=str(uuid.uuid4()),
        created=datetime.datetime.now(datetime.timezone.utc).isoformat(timespec="seconds"),
        source=source.encode("utf-8", "surrogateescape"),
        root=root.encode("utf-8", "surrogateescape"),
    )


def publish(part: str, output: str, mark: Callable[[], None] = lambda: None) -> None:
    """Sync a finished file and give it its name; the final path is never opened for writing.

    Parameters
    ----------
    mark : callable
        Notes that the file is whole; called between the two.
    """
    with disk_errors(part), open(part, "rb") as handle:
        os.fsync(handle.fileno())
    mark()
    os.replace(part, os.path.realpath(output))
    folders.sync_folder(os.path.dirname(os.path.realpath(output)))


class Sink:
    """A store being written; wraps the open file so that other modules never name a path in it by hand."""

    def __init__(self, file: h5py.File, origin: str = ""):
        self.file, self.origin = file, origin  # the store that was carried on, as the user named it

    def put(
        self,
        path: str,
        values: ArrayLike,
        dims: Sequence[str] | None = None,
        long_name: str = "",
        units: str = "",
        attrs: Mapping[str, ArrayLike] | None = None,
    ) -> h5py.Dataset:
        """Write one dataset; dimensions, text and units are the schema's unless given (see `layout.put`)."""
        guarded.check(self.file)
        return layout.put(self.file, path, values, dims, long_name, units, attrs)

    def carry(
        self, store: "Store", keep: np.ndarray, whole: bool, replacing: Sequence[str] = ()
    ) -> list[str]:
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
        self.origin = store.name
        with checks.damage(store.name, "/"):
            return self._carry(store, keep, whole, replacing)

    def _carry(self, store, keep, whole, replacing):
        """Copy what an output has of its input."""
        subset = None if keep.all() else followed(store.file, {paths.SAMPLE: keep})
        behind = (
            [name for name in RESULTS if name in store.file] if whole and subset is not None else []
        )
        left = set(replacing) | ({f"/{name}" for name in RESULTS} if subset is not None else set())
        always = [
            paths.SAMPLES,
            paths.CLASSES,
            paths.MODEL_CLASS_NAME,
            paths.PREDICTED,
            paths.TARGET,
        ]
        everything = [
            "/" + name for name in sorted(store.file) if name not in ("history", "digests")
        ]
        for path in everything if whole else always:
            copy(store.file, self.file, path, subset, left)
        for path in (paths.MODEL, paths.TAPS):
            self.attributes(path, **store.attributes(path))
        for key in ("source", "root"):
            self.file.attrs[key] = store.file.attrs[key]
        return behind

    def attributes(self, path: str, **values: ArrayLike) -> None:
        """Set attributes of a group, made where it is missing."""
        group = self.file.require_group(path)
        for key, value in values.items():
            group.attrs[key] = (
                value.encode("utf-8", "surrogateescape") if isinstance(value, str) else value
            )

    def history(self, stores: "Iterable[Store]", step: Mapping[str, "Fact"]) -> None:
        """Write the steps of the inputs, each once, and this one."""
        lines = list(dict.fromkeys(line for store in stores for line in store.history_lines()))
        if paths.HISTORY in self.file:
            layout.drop(self.file, paths.HISTORY)
            del self.file[paths.STEP]
        self.put(paths.HISTORY, lines + [json.dumps(step, ensure_ascii=True)])

    def table(
        self,
        path: str,
        columns: Mapping[str, ArrayLike],
        long_name: str,
        attrs: Mapping[str, ArrayLike] | None = None,
        row: str = "row",
    ) -> None:
        """Write a table: a dataset a column.

        Parameters
        ----------
        columns : dict of str to (n,) array or list of str
        """
        self.file.require_group(path)
        for name, values in columns.items():
            self.put(f"{path}/{name}", values, [row], f"{long_name}: {name}")
        self.attributes(path, row_dimension=row, **(attrs or {}))
