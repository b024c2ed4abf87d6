"""Rows of a large array in a NumPy file, read where they lie: from NPY, and from NPZ as `numpy.savez` writes it."""

import dataclasses
import math
import os
import zipfile
from collections.abc import Iterator
from typing import BinaryIO

import numpy as np

LARGE_BYTES = 1 << 26  # smaller arrays are read at once
BLOCK_BYTES = 1 << 24
LOCAL_HEADER = 30  # bytes of a zip member's header before its name


@dataclasses.dataclass(frozen=True)
class RowsOnDisk:
    """A C-ordered array in a file: its shape, type and the place of its first byte."""

    path: str
    shape: tuple[int, ...]
    dtype: np.dtype
    offset: int

    def __len__(self) -> int:
        return self.shape[0]

    @property
    def ndim(self) -> int:
        """Number of dimensions."""
        return len(self.shape)

    def flattened(self) -> "RowsOnDisk":
        """Return the same with one number a row's entry, (N, D)."""
        width = int(np.prod(self.shape[1:]))
        return dataclasses.replace(self, shape=(self.shape[0], width))

    def blocks(self) -> Iterator[np.ndarray]:
        """Yield (n, ...) arrays, all rows in order."""
        row = self.dtype.itemsize * int(np.prod(self.shape[1:]))
        step = max(1, BLOCK_BYTES // max(row, 1))
        with open(self.path, "rb") as file:
            file.seek(self.offset)
            for start in range(0, len(self), step):
                count = min(step, len(self) - start)
                values = np.fromfile(file, self.dtype, count * int(np.prod(self.shape[1:])))
                if len(values) < count * int(np.prod(self.shape[1:])):
                    raise OSError(0, "it ends early", self.path)
                yield values.reshape(count, *self.shape[1:])

    def __array__(self, dtype: np.dtype | None = None, copy: bool | None = None) -> np.ndarray:
        return np.concatenate(list(self.blocks())).astype(dtype or self.dtype, copy=False)


def of_npy(path: str) -> RowsOnDisk | None:
    """Return the array of an NPY file, None where it is small or lies in another order."""
    with open(path, "rb") as file:
        return _described(path, file, 0)


def of_member(path: str, member: zipfile.ZipInfo) -> RowsOnDisk | None:
    """Return an array of an NPZ file, None where it is small, compressed, or lies in another order."""
    if member.compress_type != zipfile.ZIP_STORED or member.file_size < LARGE_BYTES:
        return None
    with open(path, "rb") as file:
        file.seek(member.header_offset)
        header = file.read(LOCAL_HEADER)
        lengths = (int.from_bytes(header[place : place + 2], "little") for place in (26, 28))
        return _described(path, file, member.header_offset + LOCAL_HEADER + sum(lengths))


def _described(path: str, file: BinaryIO, start: int) -> RowsOnDisk | None:
    """The array whose header begins at a byte of a file."""
    file.seek(start)
    version = np.lib.format.read_magic(file)
    read = np.lib.format.read_array_header_1_0
    if version != (1, 0):
        read = np.lib.format.read_array_header_2_0
    shape, fortran, dtype = read(file)
    nbytes = math.prod(shape) * dtype.itemsize
    if file.tell() + nbytes > os.fstat(file.fileno()).st_size:
        raise ValueError(f"it ends early: its head says {' x '.join(map(str, shape))} {dtype}")
    if nbytes < LARGE_BYTES or fortran or len(shape) < 2 or dtype.kind not in "fiu":
        return None
    return RowsOnDisk(path, shape, dtype, file.tell())
