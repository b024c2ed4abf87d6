"""The seal of a finished store: a SHA-256, behind the end of the HDF5 file, of every byte that HDF5 itself does not check.

HDF5's checksums cover values. A changed bit in what describes them (headers, indexes, attributes) makes libhdf5 take other
values for them, or crash, and nothing in the process can catch that. So those bytes are verified before the library sees the
file. They are few, and values are verified when they are read.

Behind the HDF5 file, which ends where its superblock says: a JSON object with the ranges of bytes that hold checked values,
the SHA-256 of this object and of all bytes outside the ranges, the object's length (8 bytes, little-endian), and `MAGIC`.
HDF5 ignores what is behind its end. Whatever changes the file with libhdf5 cuts it off, which leaves a store without a seal:
it is read like one of an earlier version.
"""

import contextlib
import hashlib
import json
import os
from collections.abc import Iterator

import h5py
import numpy as np

from gradtools.errors import GradtoolsError
from gradtools.store import blocks, guarded, layout

MAGIC = b"gradseal"
SIGNATURE = b"\x89HDF\r\n\x1a\n"
END_OF_FILE = slice(40, 48)  # in a superblock of version 0
TAIL = 32 + 8 + len(MAGIC)
READ_BYTES = 1 << 20


@contextlib.contextmanager
def create_sealed(path: str) -> Iterator[guarded.File]:
    """Open a new HDF5 file for writing; it is closed and sealed when the block ends well.

    Raises
    ------
    OSError
        The disk is full, or another process writes the file.
    """
    with guarded.create(path) as (file, handle):
        yield file
        file.flush()
        ranges = value_ranges(file)
        file.close()
        guarded.check(file)
        _append(handle, ranges)


def check_seal(path: str, name: str) -> bool:
    """Verify the bytes of a store that HDF5 does not check; returns False where the file has no seal.

    Parameters
    ----------
    path : str
        Of a regular file.
    name : str
        As the user named it.

    Raises
    ------
    GradtoolsError
        They are not what was written.
    """
    with open(path, "rb") as file:
        handle, size = file.fileno(), os.fstat(file.fileno()).st_size
        tail = os.pread(handle, TAIL, max(size - TAIL, 0))
        if not tail.endswith(MAGIC):
            head = os.pread(handle, END_OF_FILE.stop, 0)
            end = int.from_bytes(head[END_OF_FILE], "little")
            if head.startswith(SIGNATURE + b"\0") and size > end:
                raise GradtoolsError(f"{name} is damaged at its end: make the store again")
            return False
        length = int.from_bytes(tail[32:40], "little")
        end = size - TAIL - length
        if end < 0 or _seal(handle, end, os.pread(handle, length, end)) != tail[:32]:
            raise GradtoolsError(
                f"{name} is damaged (the SHA-256 of its index and attributes differs from what was written): make the store again"
            )
        return True


def value_ranges(file: h5py.File) -> list[list[int]]:
    """Return the offset and length of the bytes of chunks with checksums, adjacent ones joined, in order."""
    places: list[tuple[int, int]] = []
    for _, dataset in layout.datasets(file):
        if dataset.fletcher32:
            dataset.id.chunk_iter(lambda chunk: places.append((chunk.byte_offset, chunk.size)))
    ranges: list[list[int]] = []
    for offset, length in sorted(places):
        if ranges and sum(ranges[-1]) == offset:
            ranges[-1][1] += length
        else:
            ranges.append([offset, length])
    return ranges


def _append(handle: int, ranges: list[list[int]]) -> None:
    """Write the seal behind a closed HDF5 file."""
    end = os.lseek(handle, 0, os.SEEK_END)
    about = json.dumps({"values": ranges}).encode()
    tail = _seal(handle, end, about) + len(about).to_bytes(8, "little") + MAGIC
    blocks.write(handle, iter([np.frombuffer(about + tail, "u1")]))


def _seal(handle: int, end: int, about: bytes) -> bytes:
    """Return the SHA-256 of the ranges and of the bytes before `end` outside of them; empty where there are no such ranges."""
    sha, start = hashlib.sha256(about), 0
    try:
        ranges = json.loads(about)["values"] + [[end, 0]]
        for offset, length in ranges:
            while start < offset:
                piece = os.pread(handle, min(READ_BYTES, offset - start), start)
                if not piece:
                    return b""
                sha.update(piece)
                start += len(piece)
            start = offset + length
    except (ValueError, TypeError, KeyError, OverflowError, RecursionError):
        return b""
    return sha.digest()
