"""What a command may write, and where it is until it is whole: refusals before any work, hidden names, files that are no stores."""

import contextlib
import fcntl
import hashlib
import os
from collections.abc import Iterable, Iterator, Mapping
from typing import TYPE_CHECKING

from gradtools.errors import GradtoolsError, UsageError
from gradtools.store import folders
from gradtools.store.disk import has_no_locks

if TYPE_CHECKING:
    from gradtools.store.reading import Store

_absent: set[str] = (
    set()
)  # files that were not there when they were checked, and may not be replaced
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
    _note(output, force)
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


def _note(path: str, force: bool) -> None:
    """Note a file that may not be replaced: what another process writes there meanwhile stays."""
    if force or os.path.exists(path):
        _absent.discard(os.path.realpath(path))
    else:
        _absent.add(os.path.realpath(path))


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
        _note(path, force)
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


def _same_file(a: str, b: str) -> bool:
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
        handle = _held(part, f"{option} {path}")
        try:
            yield part
            os.fsync(handle)
            if os.path.realpath(path) in _absent and os.path.exists(path):
                raise GradtoolsError(
                    f"{option} {path} exists by now: choose another name, or replace it with --force"
                )
            os.replace(part, os.path.realpath(path))
            _absent.discard(os.path.realpath(path))
        finally:
            with contextlib.suppress(OSError):
                os.unlink(part)
            os.close(handle)
    except OSError as error:
        raise GradtoolsError(
            f"{option} {path} cannot be written: {error.strerror or error}; choose another place"
        ) from error


def _held(part: str, name: str) -> int:
    """Return the descriptor of a new file that this process holds (flock), so that two commands do not write into one.

    Raises
    ------
    GradtoolsError
        Another process writes it.
    """
    while True:
        handle = os.open(part, os.O_RDWR | os.O_CREAT, 0o666)
        try:
            fcntl.flock(handle, fcntl.LOCK_EX | fcntl.LOCK_NB)
        except OSError as error:
            if not has_no_locks(error):
                os.close(handle)
                raise GradtoolsError(
                    f"{name} is being written by another process: wait for it, or choose another name"
                ) from error
        with contextlib.suppress(FileNotFoundError):  # its holder has just given it its name
            if os.path.samestat(os.fstat(handle), os.stat(part)):
                return handle
        os.close(handle)


def part_of(output: str) -> str:
    """Return the name that an output has until it is whole; a link's is beside the file it points to."""
    folder, name = os.path.split(os.path.realpath(output))
    if len(os.fsencode(name)) > LONGEST_NAME:
        name = "." + hashlib.sha256(os.fsencode(name)).hexdigest()
    return os.path.join(folder, name + ".part")
