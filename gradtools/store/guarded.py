"""New HDF5 files whose failed writes libhdf5 does not see: on a full disk it can end the process in a segmentation fault.

It crashes when objects are closed whose index it could not write, and nothing in the process can catch that. So it writes through
an object of Python, which keeps the bytes that the disk refuses in memory: the file can be closed, and the error is raised then,
or earlier by `check`.
"""

import contextlib
import fcntl
import os
from collections.abc import Iterator

import h5py

from gradtools.store.disk import has_no_locks

MOST_KEPT = 64 << 20  # bytes kept in memory after an error; the index is less


class Guard:
    """A descriptor as libhdf5 writes through it: a file-like object that raises nothing and notes the first error."""

    def __init__(self, handle: int, name: str = ""):
        self.handle, self.name = handle, name
        self.error: OSError | None = None
        self._place = self._end = self._size = 0
        self._kept: dict[int, bytes] = {}

    def __repr__(self) -> str:
        return self.name  # HDF5's name of the file, which messages have

    def seek(self, offset: int, whence: int = os.SEEK_SET) -> int:
        """Set the place, from the beginning or from the end."""
        self._place = offset + (self._end if whence == os.SEEK_END else 0)
        return self._place

    def tell(self) -> int:
        """Return the place."""
        return self._place

    def read(self, size: int = -1) -> bytes:
        """Read bytes from the place on; h5py recognises a file-like object by this method, and calls `readinto`."""
        piece = bytearray(self._end - self._place if size < 0 else size)
        self.readinto(piece)
        return bytes(piece)

    def readinto(self, buffer: bytearray) -> int:
        """Fill a buffer from the place on, with zeros behind the end."""
        piece = memoryview(buffer).cast("B")
        first, stop = self._place, self._place + len(piece)
        count = os.preadv(self.handle, [piece], first)
        piece[count:] = bytes(len(piece) - count)
        for start, kept in self._kept.items():
            low, high = max(first, start), min(stop, start + len(kept))
            if low < high:
                piece[low - first : high - first] = kept[low - start : high - start]
        self._place = stop
        return len(piece)

    def write(self, buffer: memoryview) -> int:
        """Write at the place; after an error keep the bytes in memory, while they are few."""
        piece = memoryview(buffer).cast("B")
        if self.error is None:
            self._attempt(piece)
        if self.error is not None and self._size + len(piece) <= MOST_KEPT:
            self._kept.pop(self._place, None)
            self._kept[self._place] = bytes(piece)  # of overlapping pieces the last is read
            self._size += len(piece)
        self._place += len(piece)
        self._end = max(self._end, self._place)
        return len(piece)

    def _attempt(self, piece: memoryview) -> None:
        written = 0
        try:
            while written < len(piece):
                written += os.pwrite(self.handle, piece[written:], self._place + written)
        except OSError as error:
            self.error = error

    def truncate(self, size: int) -> int:
        """Set the length of the file."""
        if self.error is None:
            try:
                os.ftruncate(self.handle, size)
            except OSError as error:
                self.error = error
        self._end = size
        return size

    def flush(self) -> None:
        """Write nothing: there is no buffer."""


class File(h5py.File):
    """A new HDF5 file that is written through a `Guard`."""

    def __init__(self, guard: Guard):
        super().__init__(guard, "w")
        self.guard = guard


def check(file: h5py.File) -> None:
    """Raise what the disk refused of a file so far: called where much is written, so that a full disk ends it soon.

    Raises
    ------
    OSError
        The disk is full.
    """
    if isinstance(file, File) and file.guard.error is not None:
        raise file.guard.error


@contextlib.contextmanager
def create(path: str) -> Iterator[tuple[File, int]]:
    """Make a new HDF5 file, which other processes cannot open meanwhile; yields it and its descriptor.

    The descriptor is closed when the block ends, the file whenever it is, or then; the name may go while they are open.

    Raises
    ------
    OSError
        The disk is full, or another process writes the file.
    """
    handle = os.open(path, os.O_RDWR | os.O_CREAT, 0o666)
    try:
        _lock(handle)
        os.ftruncate(handle, 0)
        guard = Guard(handle, path)
        try:
            with File(guard) as file:
                yield file, handle
        finally:
            if guard.error is not None:
                raise guard.error
    finally:
        os.close(handle)


def _lock(handle: int) -> None:
    """Keep other processes off, where the file system has locks."""
    try:
        fcntl.flock(handle, fcntl.LOCK_EX | fcntl.LOCK_NB)
    except OSError as error:
        if not has_no_locks(error):
            raise
