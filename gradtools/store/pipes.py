"""Stores through pipes: HDF5 needs a file that can be sought in, so both directions are spooled to a temporary one.

Temporary files have no name for longer than it takes to open them, so they vanish with the process, however it ends.
"""

import contextlib
import os
import stat
import sys
import tempfile
from collections.abc import Iterator, Mapping
from typing import BinaryIO

import numpy as np

from gradtools.errors import GradtoolsError, UsageError
from gradtools.store import blocks
from gradtools.store.blocks import Block, Stored
from gradtools.store.disk import tells_of_full_disk

COPY_BYTES = 1 << 20
PREFIX = "gradtools-"
ROOM = "stores of pipes are kept in TMPDIR meanwhile: set it to a folder with more room, or use -o"


def is_pipe(path: str) -> bool:
    """Return True if a path is standard input ('-') or a pipe with a name, as the shell's <(command) gives one."""
    try:
        return path == "-" or stat.S_ISFIFO(os.stat(path).st_mode)
    except (OSError, ValueError):
        return False


@contextlib.contextmanager
def spooled_input(source: str = "-") -> Iterator[str]:
    """Yield the path of a temporary file that holds all of standard input, or of a pipe with a name; it is removed when the block ends."""
    if source == "-" and (sys.stdin is None or sys.stdin.closed or sys.stdin.isatty()):
        raise UsageError("no input: name a store, or pipe one in")
    with _full(), _temporary() as (handle, path), _opened(source) as stream:
        if not _copy(stream, handle):
            name = "standard input" if source == "-" else source
            raise GradtoolsError(f"{name} was empty: the command before this one wrote no store")
        yield path


def _opened(source: str) -> contextlib.AbstractContextManager[BinaryIO]:
    """Return what gives the stream of a pipe; standard input stays open."""
    if source == "-":
        return contextlib.nullcontext(sys.stdin.buffer)
    return open(source, "rb")


_reserved: list[int] = []  # the descriptor that standard output had before `reserved_output`


@contextlib.contextmanager
def reserved_output() -> Iterator[None]:
    """Keep standard output for a store: what else is printed meanwhile, by Python or by C, goes to standard error."""
    try:
        number = sys.stdout.fileno()
        sys.stdout.flush()
        kept = os.dup(number)
    except (AttributeError, OSError, ValueError):  # closed, or not a file
        yield
        return
    try:
        try:
            os.dup2(2, number)
        except OSError:  # standard error is closed
            _to_nothing(number)
        _reserved.append(kept)
        yield
    finally:
        with contextlib.suppress(ValueError, IndexError):
            _reserved.remove(kept)
        sys.stdout.flush()
        os.dup2(kept, number)
        os.close(kept)


def _to_nothing(number: int) -> None:
    """Let a descriptor lead nowhere."""
    nothing = os.open(os.devnull, os.O_WRONLY)
    os.dup2(nothing, number)
    os.close(nothing)


@contextlib.contextmanager
def spooled_output() -> Iterator[str]:
    """Yield the path of a temporary file that is copied to standard output when the block ends without an error.

    Its name goes as soon as the file is open for copying: whoever writes it opens it by name first.
    """
    with _full(), _temporary() as (handle, path):
        yield path
        os.lseek(handle, 0, os.SEEK_SET)
        if _reserved:
            while piece := os.read(handle, COPY_BYTES):
                blocks.write(_reserved[-1], iter([np.frombuffer(piece, "u1")]))
            return
        while piece := os.read(handle, COPY_BYTES):
            sys.stdout.buffer.write(piece)
        sys.stdout.buffer.flush()


def _copy(source: BinaryIO, target: int) -> int:
    """Copy a stream to a descriptor; returns how many bytes there were."""
    copied = 0
    while piece := source.read(COPY_BYTES):
        blocks.write(target, iter([np.frombuffer(piece, "u1")]))
        copied += len(piece)
    return copied


@contextlib.contextmanager
def _temporary() -> Iterator[tuple[int, str]]:
    """Yield the descriptor of a temporary file, and the name that it has until the block ends or `forget` takes it."""
    handle, path = tempfile.mkstemp(prefix=PREFIX, suffix=".h5")
    try:
        yield handle, path
    finally:
        forget(path)
        os.close(handle)


def forget(path: str) -> None:
    """Take a temporary file's name: what has it open keeps it, and it vanishes with the process."""
    with contextlib.suppress(FileNotFoundError):
        os.unlink(path)


@contextlib.contextmanager
def _full() -> Iterator[None]:
    """Name the folder of temporary files where it is full."""
    try:
        yield
    except OSError as error:
        if not tells_of_full_disk(error):
            raise
        raise GradtoolsError(f"no space left in {tempfile.gettempdir()}: {ROOM}") from error


class Spool:
    """The blocks of a piped job, one after the other in a temporary file without a name."""

    def __init__(self, handle: int):
        self.handle, self.end = handle, 0

    def find(self, block: Block) -> Stored | None:
        """Return None: nothing is left of an earlier job."""
        return None

    def add(self, block: Block, arrays: Mapping[str, np.ndarray], facts: dict) -> Stored:
        """Append a block."""
        offset = self.end
        with _full():
            blocks.write(self.handle, blocks.encode(block, arrays, facts))
        self.end = os.lseek(self.handle, 0, os.SEEK_CUR)
        size = self.end - offset
        header, length = blocks.read_header(self.handle, offset, size)
        places, _ = blocks.locate(header, length)
        return Stored(None, self.handle, offset, size, header, places)


@contextlib.contextmanager
def spool() -> Iterator[Spool]:
    """Yield a temporary file for the blocks of a piped job."""
    with _full(), _temporary() as (handle, path):
        forget(path)
        yield Spool(handle)
