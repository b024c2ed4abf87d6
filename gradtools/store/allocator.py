"""The C library's allocator, set once a process to keep what is freed."""

import contextlib
import ctypes

M_TRIM_THRESHOLD, M_MMAP_THRESHOLD = -1, -3  # of mallopt(3)


def keep_freed_memory() -> None:
    """Let the allocator keep what a step frees for the next one.

    glibc hands large blocks back at once and zeroes them anew, page by page: a fifth of the time of a batch (measured, resnet50),
    and more than the arithmetic of many arrays of a MiB.
    """
    with contextlib.suppress(OSError, AttributeError):  # another C library
        library = ctypes.CDLL("libc.so.6")
        for parameter, value in ((M_MMAP_THRESHOLD, 1 << 30), (M_TRIM_THRESHOLD, 2**31 - 1)):
            library.mallopt(parameter, value)
