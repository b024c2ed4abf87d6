"""The datasets that a long job fills by rows, and the axes that its entries have rows on."""

import dataclasses
from collections.abc import Sequence

import numpy as np

from gradtools.store import paths, schema
from gradtools.store.blocks import Block


@dataclasses.dataclass(frozen=True)
class Axis:
    """A dimension that grows with the job: `per` rows for each of its entries from `first` to before `last` (None: to the end)."""

    scale: str = paths.SAMPLE
    per: int = 1
    first: int = 0
    last: int | None = None

    def rows(self, entries: int) -> int:
        """Return the rows of the job's first `entries` entries."""
        last = entries if self.last is None else min(entries, self.last)
        return self.per * max(last - self.first, 0)

    def of_entries(self, values: np.ndarray) -> np.ndarray:
        """Repeat what holds for entries (E, ...) for their rows."""
        return np.repeat(values[self.first : self.last], self.per, axis=0)


class Column:
    """A dataset that grows by rows: its path, the shape and dimensions of one row, its type, texts and the axis of its rows.

    Dimensions, text and units are the schema's unless given.
    """

    def __init__(
        self,
        path: str,
        tail: Sequence[int] = (),
        dims: Sequence[str] | None = None,
        dtype: str = "f4",
        long_name: str = "",
        units: str = "",
        axis: Axis = Axis(),
    ):
        if dims is None:
            entry = schema.dataset(path)
            assert entry is not None, path
            dims, units = entry.dims[1:], units or entry.units
            long_name = long_name or entry.text
        self.path, self.tail, self.dims = path, tuple(tail), tuple(dims)
        self.dtype = np.dtype(dtype)
        self.long_name, self.units, self.axis = long_name, units, axis

    @property
    def row_bytes(self) -> int:
        """Bytes of one row."""
        return self.dtype.itemsize * int(np.prod(self.tail, dtype=np.int64))


def rows_of(column: Column, block: Block) -> int:
    """Return how many rows of a column a block fills."""
    return column.axis.rows(block.stop) - column.axis.rows(block.start)
