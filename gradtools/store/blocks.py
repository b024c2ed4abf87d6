"""Blocks of a long job: consecutive entries, and the bytes in which their arrays are kept until the output is assembled.

A JSON header line (rows, columns with path, dtype and shape), the arrays in C order, and the SHA-256 of all that last.
"""

import dataclasses
import hashlib
import json
import os
from collections.abc import Iterator, Mapping
from typing import NamedTuple

import numpy as np

UNREADABLE = "/unreadable"  # u8 (n,) among a block's arrays: 1 for entries without an image, 2 for an image whose file ends early
HASH_BYTES = 32
READ_BYTES = 4 << 20
MOST_HEADER_BYTES = 64 << 20


@dataclasses.dataclass(frozen=True)
class Block:
    """Entries start..stop of a job: the unit of commit, of shards and of workers."""

    number: int
    start: int
    stop: int

    @property
    def name(self) -> str:
        """The name of its file; never *.h5, which globs for stores would take."""
        return f"{self.number:06}"

    def __len__(self) -> int:
        return self.stop - self.start


def cut(size: int, *lengths: int) -> list[Block]:
    """Cut stretches of entries, one after the other, into blocks of `size`; no block reaches across two stretches."""
    blocks: list[Block] = []
    first = 0
    for length in lengths:
        for start in range(first, first + length, size):
            blocks.append(Block(len(blocks), start, min(start + size, first + length)))
        first += length
    return blocks


class Place(NamedTuple):
    """Where an array lies among the bytes of a block."""

    dtype: np.dtype
    shape: tuple[int, ...]
    offset: int


@dataclasses.dataclass(frozen=True)
class Stored:
    """A block that is kept: the file it is in, the first of its bytes, how many they are, and what its header says."""

    path: str | None  # None: the open descriptor of a spool
    descriptor: int
    offset: int
    size: int
    facts: dict
    places: dict[str, Place]

    def arrays(self) -> "Reader":
        """Open the block for reading."""
        return Reader(self)


class Reader:
    """Reads arrays of one stored block; a context manager."""

    def __init__(self, stored: Stored):
        self.stored = stored

    def __enter__(self) -> "Reader":
        stored = self.stored
        self.handle = (
            stored.descriptor if stored.path is None else os.open(stored.path, os.O_RDONLY)
        )
        return self

    def __exit__(self, *_: object) -> None:
        if self.stored.path is not None:
            os.close(self.handle)

    def read(self, path: str, first: int = 0, last: int | None = None) -> np.ndarray:
        """Read the rows first..last of one array, by default all."""
        dtype, shape, offset = self.stored.places[path]
        row = dtype.itemsize * int(np.prod(shape[1:], dtype=np.int64))
        last = shape[0] if last is None else last
        values = np.empty((last - first, *shape[1:]), dtype)
        _read_into(self.handle, values, self.stored.offset + offset + first * row)
        return values


def encode(block: Block, arrays: Mapping[str, np.ndarray], facts: dict) -> Iterator[np.ndarray]:
    """Yield the bytes of a block, piece by piece as u8 arrays.

    Parameters
    ----------
    arrays : dict of str to array
    facts : JSON-able dict
        What else the header says.
    """
    contiguous = {path: np.ascontiguousarray(values) for path, values in arrays.items()}
    columns = [
        {"path": path, "dtype": values.dtype.str, "shape": list(values.shape)}
        for path, values in contiguous.items()
    ]
    header = {"rows": [block.start, block.stop], **facts, "columns": columns}
    line = json.dumps(header, sort_keys=True).encode() + b"\n"
    sha = hashlib.sha256()
    for piece in (np.frombuffer(line, "u1"), *(_bytes(values) for values in contiguous.values())):
        sha.update(piece)
        yield piece
    yield np.frombuffer(sha.digest(), "u1")


def write(handle: int, pieces: Iterator[np.ndarray]) -> None:
    """Write u8 arrays to a raw descriptor, whole."""
    for piece in pieces:
        done = 0
        while done < len(piece):
            done += os.write(handle, piece[done:])


def read_header(handle: int, offset: int, size: int) -> tuple[dict, int]:
    """Read the header of the block at these bytes of a file, and its length.

    Raises
    ------
    ValueError
        There is none.
    """
    text, limit = b"", min(size, MOST_HEADER_BYTES)
    while b"\n" not in text and len(text) < limit:
        more = os.pread(handle, min(READ_BYTES, limit - len(text)), offset + len(text))
        if not more:
            break
        text += more
    line, newline, _ = text.partition(b"\n")
    header = json.loads(line) if newline else None
    if not isinstance(header, dict):
        raise ValueError("no header line")
    return header, len(line) + 1


def locate(header: dict, length: int) -> tuple[dict[str, Place], int]:
    """Return where the arrays of a header lie, by path, and where they end."""
    places, offset = {}, length
    for column in header["columns"]:
        dtype, shape = np.dtype(column["dtype"]), tuple(map(int, column["shape"]))
        places[column["path"]] = Place(dtype, shape, offset)
        offset += dtype.itemsize * int(np.prod(shape, dtype=np.int64))
    return places, offset


def verify(path: str, block: Block) -> Stored | None:
    """Return the block in a file, or None where it is not there, not whole, or another."""
    try:
        handle = os.open(path, os.O_RDONLY)
    except FileNotFoundError:
        return None
    try:
        size = os.fstat(handle).st_size
        header, length = read_header(handle, 0, size)
        places, end = locate(header, length)
        if header["rows"] != [block.start, block.stop] or end + HASH_BYTES != size:
            return None
        if _sha(handle, end) != os.pread(handle, HASH_BYTES, end):
            return None
        return Stored(path, -1, 0, size, header, places)
    except (ValueError, KeyError, TypeError, OSError):
        return None
    finally:
        os.close(handle)


def _sha(handle: int, size: int) -> bytes:
    """Return the SHA-256 of the first bytes of a file."""
    sha, done = hashlib.sha256(), 0
    while done < size:
        piece = os.pread(handle, min(READ_BYTES, size - done), done)
        if not piece:
            break
        sha.update(piece)
        done += len(piece)
    return sha.digest()


def _bytes(values: np.ndarray) -> np.ndarray:
    """Return the bytes of a contiguous array, u8."""
    return values.reshape(-1).view("u1")


def _read_into(handle: int, values: np.ndarray, offset: int) -> None:
    """Fill an array from a file."""
    view, done = _bytes(values), 0
    while done < len(view):
        count = os.preadv(handle, [view[done:]], offset + done)
        if not count:
            raise OSError(f"a block ends {len(view) - done} bytes early")
        done += count
