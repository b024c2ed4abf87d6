"""Stores opened for reading: found, whole, of this version, and as the schema has them."""

import contextlib
import os
from collections.abc import Iterator

import h5py

from gradtools.errors import GradtoolsError
from gradtools.store import checks, folders, layout, pipes, seal
from gradtools.store.damage import damage
from gradtools.store.disk import has_no_locks
from gradtools.store.outputs import part_of
from gradtools.store.reading import Store


@contextlib.contextmanager
def read(path: str) -> Iterator[Store]:
    """Open a store read-only; '-' is standard input, and pipes with a name are read whole, once. Yields a `Store`."""
    with contextlib.ExitStack() as stack:
        name = path
        if pipes.is_pipe(path):
            name = "standard input" if path == "-" else path
            with pipes.spooled_input(path) as spool:
                file, sealed = _opened(spool, name)
        else:
            file, sealed = _opened(path, name)
        stack.enter_context(file)
        _check(file, name)
        yield Store(file, name, sealed)


def is_store(path: str) -> bool:
    """Return True if a path is an HDF5 file, or a pipe, as '-' is."""
    return pipes.is_pipe(path) or (os.path.isfile(path) and h5py.is_hdf5(path))


def _opened(path: str, name: str) -> tuple[h5py.File, bool]:
    """Open the file and tell whether it has a seal, or say in one line why it cannot be opened."""
    part = path if path.endswith(".part") else part_of(path)
    if os.path.isdir(part) and (part == path or not os.path.exists(path)):
        raise GradtoolsError(
            f"{name} is not finished: {folders.state(part)}; give the command that writes it again, it resumes"
        )
    if not os.path.exists(path):
        raise GradtoolsError(f"{name}: no such file")
    if os.path.isdir(path):
        raise GradtoolsError(
            f"{name} is a directory, not a store: gradtools extract makes one from a folder of images"
        )
    try:
        sealed = seal.check_seal(path, name)
        return _opened_anywhere(path), sealed
    except PermissionError as error:
        raise GradtoolsError(f"{name} cannot be read: no permission") from error
    except OSError as error:
        if "unable to lock" in str(error):
            reason = "is being written by another process"
        elif "truncated" in str(error):
            reason = "is truncated: make it again"
        elif not h5py.is_hdf5(path):
            reason = "is not an HDF5 file"
        else:
            reason = f"cannot be opened ({error})"
        raise GradtoolsError(f"{name} {reason}") from error


def _opened_anywhere(path: str) -> h5py.File:
    """Return the open file, without HDF5's lock where the file system has none."""
    try:
        return h5py.File(path, "r")
    except OSError as error:
        if not has_no_locks(error):
            raise
        return h5py.File(path, "r", locking=False)


def _check(file: h5py.File, name: str) -> None:
    """Refuse what is not a whole store of this version, or not as the schema has it."""
    with damage(name, "/"):
        attributes = layout.plain_attributes(file)
    if attributes.get("format") != layout.FORMAT:
        raise GradtoolsError(
            f"{name} is an HDF5 file but not a gradtools store (it has no format attribute {layout.FORMAT!r})"
        )
    if attributes.get("version") != layout.VERSION:
        raise GradtoolsError(
            f"{name} is a store of version {attributes.get('version')}, this gradtools reads version {layout.VERSION}: "
            "use the gradtools that wrote it, or make the store again"
        )
    if "part" in file:
        raise GradtoolsError(
            f"{name} is not finished, and an older gradtools began it: make it again"
        )
    checks.check_objects(file, name)
