"""Stores that are written in one go, and appear whole or not at all: OUTPUT.part, synced, renamed; `growing` has those of long jobs."""

import contextlib
import datetime
import os
import uuid
from collections.abc import Callable, Iterator

import h5py

from gradtools import interrupt
from gradtools.errors import GradtoolsError
from gradtools.store import folders, hashing, layout, pipes, schema, seal
from gradtools.store.disk import disk_errors, is_held
from gradtools.store.outputs import check_output, part_of
from gradtools.store.sink import Sink


@contextlib.contextmanager
def create(
    output: str,
    kind: str,
    *,
    force: bool = False,
    source: str = "",
    root: str = "",
) -> Iterator[Sink]:
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


def _refuse_unfinished(path: str) -> None:
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
