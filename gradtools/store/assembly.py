"""A fresh file made of the blocks of a long job; rows of unreadable images are left out on the way."""

import contextlib
import functools
from collections.abc import Callable, Iterable, Iterator, Mapping, Sequence
from concurrent import futures
from typing import TYPE_CHECKING

import h5py
import numpy as np
from numpy.typing import ArrayLike

from gradtools.store import copying, guarded, layout, paths, schema
from gradtools.store.blocks import Block, Stored
from gradtools.store.columns import Column, rows_of
from gradtools.store.hashing import Running
from gradtools.store.shards import ATTRIBUTE, describe
from gradtools.store.sink import Sink
from gradtools.store.writing import stamp

if TYPE_CHECKING:
    from gradtools.store.growth import Growth
    from gradtools.store.provenance import Fact
    from gradtools.store.reading import Store


def fill(
    file: h5py.File,
    growth: "Growth",
    stored: Iterable[tuple[Block, Stored]],
    absent: np.ndarray,
    progress: Callable,
) -> Sink:
    """Write an empty file from blocks; returns the `Sink` that takes what else belongs into it.

    Parameters
    ----------
    absent : (entries,) bool array
        Entries without rows: of unreadable images, and of other shards.
    progress : callable
        `progress(total, done, what)` gives a context manager that yields `advance(n)`.
    """
    keep = _kept(growth, absent)
    stamp(file, growth.kind, "", "")
    if growth.share is not None:
        divided = _kept(growth, growth.elsewhere).items()
        grown = [scale for scale, rows in divided if not rows.all()]
        file.attrs[ATTRIBUTE] = describe(growth.share, growth.command, growth.entries, grown)
    for column in growth.columns:
        rows = column.axis.rows(growth.entries)
        layout.scale(file, column.axis.scale, _count(keep, column.axis.scale, rows))
    first = KeptSink(file, keep) if keep else Sink(file)
    growth.begin(first)
    # kept open: closing a dataset after every block costs three times what writing it does
    hashed = {column.path: Running(_make(file, column, growth, keep)) for column in growth.columns}
    pieces = _pieces(growth.columns, stored, keep, hashed)
    with progress(sum(map(len, growth.own)), 0, "written") as advance, _ahead(pieces) as ready:
        for path, first_row, values, entries in ready:
            hashed[path].dataset[first_row : first_row + len(values)] = values
            guarded.check(file)
            advance(entries)
    sink = Sink(file, first.origin)
    sink.hashed = hashed
    return sink


Piece = tuple[
    str, int, np.ndarray, int
]  # path, first row, rows, and how many entries are done with it


def _pieces(
    columns: Sequence[Column],
    stored: Iterable[tuple[Block, Stored]],
    keep: Mapping[str, np.ndarray],
    hashed: Mapping[str, Running],
) -> Iterator[Callable[[], Piece]]:
    """Yield what reads and hashes the rows of a column in a block that stay, block after block."""
    for block, kept in stored:
        present = [column for column in columns if rows_of(column, block)]
        for column in present:
            entries = len(block) if column is present[-1] else 0
            yield functools.partial(_read, column, block, kept, keep, hashed[column.path], entries)


def _read(
    column: Column,
    block: Block,
    stored: Stored,
    keep: Mapping[str, np.ndarray],
    running: Running,
    entries: int,
) -> Piece:
    """Read the rows of a column in a block that stay, and take them into its digest."""
    with stored.arrays() as arrays:
        values, first = arrays.read(column.path), column.axis.rows(block.start)
    if column.axis.scale in keep:
        stay = keep[column.axis.scale]
        values = values[stay[first : first + len(values)]]
        first = int(stay[:first].sum())
    running.update(values)
    return column.path, first, values, entries


@contextlib.contextmanager
def _ahead(pieces: Iterable[Callable[[], Piece]]) -> Iterator[Iterator[Piece]]:
    """Yield the results of the pieces in order, the next one being computed by a thread meanwhile: reading and hashing take as long as HDF5 does."""
    with futures.ThreadPoolExecutor(1) as pool:

        def results() -> Iterator[Piece]:
            waiting = None
            for piece in pieces:
                following = pool.submit(piece)
                if waiting is not None:
                    yield waiting.result()
                waiting = following
            if waiting is not None:
                yield waiting.result()

        yield results()


def _kept(growth: "Growth", absent: np.ndarray) -> dict[str, np.ndarray]:
    """Return the rows that stay, by their dimension's scale: those of present entries that are used, and what points at no others.

    Empty where all stay.
    """
    keep = {}
    for axis in dict.fromkeys(column.axis for column in growth.columns):
        keep[axis.scale] = ~axis.of_entries(absent)
        if axis.scale in growth.unused:
            keep[axis.scale] &= ~growth.unused[axis.scale]
    if all(rows.all() for rows in keep.values()):
        return {}
    pointers = Pointers()
    growth.begin(pointers)
    return copying.follow(keep, pointers.numbers)


def _count(keep: Mapping[str, np.ndarray], scale: str, rows: int) -> int:
    """Return how many of the rows of a dimension stay."""
    return int(keep[scale].sum()) if scale in keep else rows


def _make(
    file: h5py.File, column: Column, growth: "Growth", keep: Mapping[str, np.ndarray]
) -> h5py.Dataset:
    """Make one dataset, still without values, with its dimensions."""
    rows = _count(keep, column.axis.scale, column.axis.rows(growth.entries))
    size = max(map(len, growth.blocks), default=1)
    chunk = layout.chunk_shape(column.tail, column.dtype.itemsize, size * column.axis.per)
    dataset = file.create_dataset(
        column.path,
        shape=(rows, *column.tail),
        maxshape=(None, *column.tail),
        dtype=column.dtype,
        chunks=(max(1, min(chunk[0], rows)), *chunk[1:]),
        fletcher32=True,
        shuffle=growth.compress,
        compression="gzip" if growth.compress else None,
        fillvalue=None,
    )
    layout.label(dataset, column.long_name, column.units)
    dims = [column.axis.scale] + [layout.dimension(column.path, name) for name in column.dims]
    for length, path in zip((rows, *column.tail), dims):
        layout.scale(file, path, length)
    layout.attach(file, dataset, dims)
    return dataset


class Pointers(Sink):
    """Takes what a `Sink` takes and keeps only the numbers of rows that point at others."""

    def __init__(self) -> None:
        self.numbers: dict[str, tuple[str, np.ndarray]] = {}

    def put(
        self,
        path: str,
        values: ArrayLike,
        dims: Sequence[str] | None = None,
        long_name: str = "",
        units: str = "",
        attrs: Mapping[str, ArrayLike] | None = None,
    ) -> None:
        """Keep the values where they are numbers of rows."""
        if path in layout.POINTERS:
            dims = schema.known(path).dims if dims is None else dims
            self.numbers[path] = layout.dimension(path, dims[0]), np.asarray(values)

    def carry(
        self, store: "Store", keep: np.ndarray, whole: bool, replacing: Sequence[str] = ()
    ) -> list[str]:
        """Copy nothing: what is carried on follows its own pointers."""
        return []

    def attributes(self, path: str, **values: ArrayLike) -> None:
        """Keep nothing."""

    def history(self, stores: "Iterable[Store]", step: Mapping[str, "Fact"]) -> None:
        """Keep nothing."""

    def table(
        self,
        path: str,
        columns: Mapping[str, ArrayLike],
        long_name: str,
        attrs: Mapping[str, ArrayLike] | None = None,
        row: str = "row",
    ) -> None:
        """Keep the columns that are numbers of rows."""
        for name, values in columns.items():
            self.put(f"{path}/{name}", values, [row], long_name)


class KeptSink(Sink):
    """A store being written from which rows are left out; it is given all of them."""

    def __init__(self, file: h5py.File, keep: Mapping[str, np.ndarray]):
        super().__init__(file)
        self.keep = keep

    def put(
        self,
        path: str,
        values: ArrayLike,
        dims: Sequence[str] | None = None,
        long_name: str = "",
        units: str = "",
        attrs: Mapping[str, ArrayLike] | None = None,
    ) -> h5py.Dataset:
        """Write one dataset without the rows that are left out (see `layout.put`)."""
        axes = schema.known(path).dims if dims is None else dims
        rows = self.keep.get(layout.dimension(path, axes[0])) if len(axes) else None
        if rows is not None:
            values = (
                [value for value, stays in zip(values, rows) if stays]
                if isinstance(values, (list, tuple))
                else np.asarray(values)[rows]
            )
        pointed = self.keep.get(layout.POINTERS.get(path, ""))
        if pointed is not None:
            values = copying.renumbered(np.asarray(values), pointed)
        return super().put(path, values, dims, long_name, units, attrs)

    def carry(
        self, store: "Store", keep: np.ndarray, whole: bool, replacing: Sequence[str] = ()
    ) -> list[str]:
        """Copy what comes from the input, without the samples that are left out (see `Sink.carry`)."""
        kept = keep.copy()
        kept[np.flatnonzero(keep)] = self.keep.get(paths.SAMPLE, True)
        return super().carry(store, kept, whole, replacing)
