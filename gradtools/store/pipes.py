"""Stores through pipes: HDF5 needs a file that can be sought in, so both directions are spooled to a temporary one.

Temporary files have no name for longer than it takes to open them, so they vanish with the process, however it ends.
"""

import contextlib
import os
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


@contextlib.contextmanager
def spooled_input() -> Iterator[str]:
    """Path of a temporary file that holds all of standard input, until the block ends: open it there."""
    if sys.stdin is None or sys.stdin.closed or sys.stdin.isatty():
        raise UsageError("no input: name a store, or pipe one in")
    with _full(), _temporary() as (handle, path):
        if not _copy(sys.stdin.buffer, handle):
            raise GradtoolsError(
                "standard input was empty: the command before this one wrote no store"
            )
        yield path


@contextlib.contextmanager
def spooled_output() -> Iterator[str]:
    """Path of a temporary file that is copied to standard output when the block ends well.

    Its name goes as soon as the file is open for copying: whoever writes it opens it by name first.
    """
    with _full(), _temporary() as (handle, path):
        yield path
        stream = _stdout()
        stream.flush()
        os.lseek(handle, 0, os.SEEK_SET)
        while piece := os.read(handle, COPY_BYTES):
            stream.write(piece)
        stream.flush()


def _stdout() -> BinaryIO:
    """Where the bytes of a store go."""
    if sys.stdout is None or sys.stdout.closed:
        raise UsageError("standard output is closed: name a file with -o")
    return sys.stdout.buffer


def _copy(source: BinaryIO, target: int) -> int:
    """Copy a stream to a descriptor; returns how many bytes there were."""
    copied = 0
    while piece := source.read(COPY_BYTES):
        blocks.write(target, iter([np.frombuffer(piece, "u1")]))
        copied += len(piece)
    return copied


@contextlib.contextmanager
def _temporary() -> Iterator[tuple[int, str]]:
    """A temporary file: its descriptor, and the name that it has until the block ends or `forget` takes it."""
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
        raise GradtoolsError(
            f"no space left in {tempfile.gettempdir()}, where stores of pipes are kept meanwhile: "
            "set TMPDIR to a folder with more, or use -o"
        ) from error


class Spool:
    """The blocks of a piped job, one after the other in a temporary file without a name."""

    def __init__(self, handle: int):
        self.handle, self.end = handle, 0

    def find(self, block: Block) -> Stored | None:
        """Nothing is left from before."""
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
    """A temporary file for the blocks of a piped job."""
    with _full(), _temporary() as (handle, path):
        forget(path)
        yield Spool(handle)
