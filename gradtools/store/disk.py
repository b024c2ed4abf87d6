"""Errors of a disk that is full, held or closed to us, as one line."""

import contextlib
import errno
import os
import shutil
import tempfile
from collections.abc import Iterator

from gradtools.errors import GradtoolsError


@contextlib.contextmanager
def disk_errors(
    path: str, way: str = "free some, or write to another disk, then give the same command again"
) -> Iterator[None]:
    """Raise a failed write as one line, with a way out where the disk is full."""
    try:
        yield
    except (OSError, RuntimeError) as error:
        if any(tells_of_full_disk(link) for link in _chain(error)):
            raise GradtoolsError(f"no space left for {path}: {way}") from error
        if is_held(error):
            raise GradtoolsError(
                f"{path} is being written by another process: wait for it, or choose another -o"
            ) from error
        if isinstance(error, PermissionError):
            raise GradtoolsError(f"{path} cannot be written: no permission") from error
        raise


def is_held(error: BaseException) -> bool:
    """Return True if another process has the file open for writing."""
    refused = isinstance(error, BlockingIOError) or "unable to lock" in str(error)
    return refused and not has_no_locks(error)


def has_no_locks(error: BaseException) -> bool:
    """Return True if an error means that the file system has no locks, as some mounts of networks have none."""
    return getattr(error, "errno", None) in (errno.ENOLCK, errno.EOPNOTSUPP, errno.ENOSYS)


def _chain(error: BaseException | None) -> Iterator[BaseException]:
    """Yield an error and those it came from: HDF5 fails again when it closes what it could not write."""
    while error is not None:
        yield error
        error = error.__cause__ or error.__context__


def tells_of_full_disk(error: BaseException) -> bool:
    """Return True if an error means that a disk, a quota or a file is at its limit."""
    return getattr(error, "errno", None) in (errno.ENOSPC, errno.EDQUOT, errno.EFBIG) or any(
        hint in str(error) for hint in ("No space left", "quota exceeded", "File too large")
    )


def free_bytes(output: str) -> int:
    """Return how many bytes are free where an output is written: '-' is spooled to the folder of temporary files."""
    folder = tempfile.gettempdir() if output == "-" else os.path.dirname(os.path.realpath(output))
    return shutil.disk_usage(folder).free


SPARE_BYTES = 1 << 20  # of HDF5's own index, beside the rows


def reserve(path: str, nbytes: int) -> None:
    """Try whether a new file of so many bytes has room (quotas and limits count), before HDF5 writes it.

    HDF5 does not recover from a full disk: the process can end in a segmentation fault when the file is closed.

    Raises
    ------
    OSError
        There is no room.
    """
    handle = os.open(path, os.O_WRONLY | os.O_CREAT | os.O_TRUNC, 0o666)
    try:
        os.posix_fallocate(handle, 0, nbytes + SPARE_BYTES)
    except OSError as error:
        if tells_of_full_disk(error):
            raise
        # a file system that cannot reserve
    finally:
        os.ftruncate(handle, 0)
        os.close(handle)
