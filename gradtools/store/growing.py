"""Outputs of long jobs: blocks are kept one by one, survive kills, and are assembled into a fresh file at the end.

A file that was being written when the process was killed is never opened to go on in it: HDF5 writes its index and its superblock
by separate calls. So OUTPUT.part is a folder of blocks, and the same command computes those that are missing.
"""

import contextlib
import os
from collections.abc import Callable, Iterator, Mapping, Sequence
from typing import Protocol

import numpy as np

from gradtools import interrupt
from gradtools.errors import GradtoolsError
from gradtools.store import assembly, folders, hashing, pipes, seal
from gradtools.store.blocks import UNREADABLE, Block, Stored
from gradtools.store.columns import Column, rows_of
from gradtools.store.disk import disk_errors, free_bytes, reserve
from gradtools.store.growth import Growth
from gradtools.store.outputs import check_output, part_of
from gradtools.store.shards import BATCH_LIMIT
from gradtools.store.sink import Sink
from gradtools.store.writing import publish


class Keeper(Protocol):
    """Where the blocks of a part go: a folder, a spool, or another process."""

    def find(self, block: Block) -> Stored | None:
        """Return a block that is done, None where there is none."""

    def add(self, block: Block, arrays: Mapping[str, np.ndarray], facts: dict) -> Stored:
        """Keep a block."""


class Part:
    """An unfinished output: the blocks that are done, those that are left, and at the end the store made of them."""

    def __init__(self, growth: Growth, keeper: Keeper, name: str, finish: Callable):
        self.growth, self.name = growth, name
        self.temporary = isinstance(keeper, pipes.Spool)
        self._keeper, self._finish = keeper, finish
        self._done: dict[int, Stored] = {}
        self.batch_limit: int | None = None

    @property
    def columns(self) -> list[Column]:
        """The datasets that the blocks fill."""
        return self.growth.columns

    @property
    def left(self) -> list[Block]:
        """Blocks that are not done, in order."""
        return [block for block in self.growth.own if block.number not in self._done]

    def turns(self, blocks: Sequence[Block]) -> Iterator[list[Block]]:
        """Yield lists of blocks, of those given, to be computed one after the other and read ahead together: here all that are left."""
        numbers = {block.number for block in blocks}
        yield [block for block in self.left if block.number in numbers]

    @property
    def committed(self) -> int:
        """Entries that are safe."""
        return self.entries - sum(map(len, self.left))

    @property
    def entries(self) -> int:
        """Entries that this process computes: all, or those of a shard."""
        return sum(map(len, self.growth.own))

    @property
    def present(self) -> np.ndarray:
        """Which entries have a row in the output, bool (entries,): of this shard, with an image that could be read."""
        return ~(self.unreadable | self.growth.elsewhere)

    @property
    def unreadable(self) -> np.ndarray:
        """Which entries of done blocks have no image, bool (entries,)."""
        return self._marks() == 1

    @property
    def ended_early(self) -> np.ndarray:
        """Which entries of done blocks are of an image whose file ends early, bool (entries,)."""
        return self._marks() == 2

    def _marks(self) -> np.ndarray:
        """Return the marks of all entries, u8 (entries,)."""
        marked = np.zeros(self.growth.entries, "u1")
        for block in self.growth.blocks:
            stored = self._done.get(block.number)
            if stored is not None and UNREADABLE in stored.places:
                with stored.arrays() as arrays:
                    marked[block.start : block.stop] = arrays.read(UNREADABLE)
        return marked

    def limit_batches(self, entries: int) -> None:
        """Record that the device's memory holds so many entries at once."""
        self.batch_limit = entries

    def adopt(self) -> None:
        """Take over the blocks that an earlier process left; those that do not verify are computed again."""
        for block in self.growth.own:
            stored = self._keeper.find(block)
            if stored is not None and self._fits(block, stored):
                self._done[block.number] = stored
                limit = stored.facts.get(BATCH_LIMIT)
                if limit is not None:
                    self.batch_limit = min(limit, self.batch_limit or limit)

    def _fits(self, block: Block, stored: Stored) -> bool:
        """Return True if a block has the columns of this job."""
        return all(
            column.path in stored.places
            and stored.places[column.path].shape[1:] == column.tail
            and stored.places[column.path].dtype == column.dtype
            and stored.places[column.path].shape[0] == rows_of(column, block)
            for column in self.columns
            if rows_of(column, block)
        )

    def commit(self, block: Block, arrays: Mapping[str, np.ndarray]) -> None:
        """Keep a computed block.

        Parameters
        ----------
        arrays : dict of str to (rows, ...) array
            One array a column that has rows for these entries, by path; and UNREADABLE where entries have no image, or only a part of one: they keep their
            place until the output is assembled.

        Raises
        ------
        GradtoolsError
            A column has another number of rows, or rows of another shape.
        """
        kept = {
            column.path: _checked(column, block, arrays)
            for column in self.columns
            if rows_of(column, block)
        }
        if UNREADABLE in arrays and np.any(arrays[UNREADABLE]):
            kept[UNREADABLE] = np.asarray(arrays[UNREADABLE], "u1")
        facts = {} if self.batch_limit is None else {BATCH_LIMIT: self.batch_limit}
        with disk_errors(self.name, self._way):
            self._done[block.number] = self._keeper.add(block, kept, facts)

    @property
    def kept(self) -> str:
        """How much is safe, in words."""
        return f"{self.committed:,} of {self.entries:,} {self.growth.units} are kept in {self.name}"

    @property
    def _way(self) -> str:
        """What to do about a full disk."""
        if self.temporary:
            return pipes.ROOM
        return f"{self.kept}; free some and give the same command again"

    def read(self, path: str, start: int, stop: int) -> np.ndarray:
        """Return the rows start..stop of a column, those of unreadable entries included; zeros where another shard has them."""
        column = next(column for column in self.columns if column.path == path)
        stop = min(stop, column.axis.rows(self.growth.entries))
        parts = [np.empty((0, *column.tail), column.dtype)]
        for block in self.growth.blocks:
            first, last = column.axis.rows(block.start), column.axis.rows(block.stop)
            if max(first, start) < min(last, stop):
                if block.number not in self._done and self.growth.share is not None:
                    absent = min(stop, last) - max(start, first)
                    parts.append(np.zeros((absent, *column.tail), column.dtype))
                    continue
                with self._done[block.number].arrays() as arrays:
                    parts.append(
                        arrays.read(path, max(start, first) - first, min(stop, last) - first)
                    )
        return np.concatenate(parts)

    def values(self, path: str) -> np.ndarray:
        """Return all rows of a column, those of unreadable entries included."""
        column = next(column for column in self.columns if column.path == path)
        rows = column.axis.rows(self.growth.blocks[-1].stop if self.growth.blocks else 0)
        done = [block for block in self.growth.blocks if block.number in self._done]
        return self.read(path, 0, min(rows, column.axis.rows(done[-1].stop) if done else 0))

    @contextlib.contextmanager
    def finish(self, progress: Callable = interrupt.unwatched) -> Iterator[Sink]:
        """Assemble the output from the blocks; yields the `Sink` that takes what follows from all rows, then gives the file its name."""
        if self.left:
            raise GradtoolsError(f"{self.name}: {self.committed} of {self.entries} rows written")
        with self._finish() as path:
            stored = ((block, self._done[block.number]) for block in self.growth.own)
            with contextlib.ExitStack() as stack:
                stack.enter_context(disk_errors(self.name, self._way))
                if not self.growth.compress:  # how small it gets is not known
                    share = self.entries / max(self.growth.entries, 1)
                    reserve(path, int(self.growth.nbytes * share))
                file = stack.enter_context(seal.create_sealed(path))
                if self.temporary:
                    pipes.forget(path)
                sink = assembly.fill(file, self.growth, stored, ~self.present, progress)
                if self.batch_limit is not None:
                    sink.attributes("/", **{BATCH_LIMIT: self.batch_limit})
                yield sink
                hashing.write_digests(file, sink.origin, sink.hashed)


def _checked(column: Column, block: Block, arrays: Mapping[str, np.ndarray]) -> np.ndarray:
    """Return the rows of a column in a block, of its type and shape."""
    values = np.asarray(arrays[column.path])
    if values.shape != (rows_of(column, block), *column.tail):
        raise GradtoolsError(
            f"{column.path} has rows of shape {values.shape} for entries {block.start} to {block.stop}, "
            f"not {(rows_of(column, block), *column.tail)}"
        )
    return values.astype(column.dtype, copy=False)


@contextlib.contextmanager
def grow(
    output: str,
    growth: Growth,
    *,
    force: bool = False,
    restart: bool = False,
    say: Callable[[str], None] = print,
) -> Iterator[Part]:
    """Write a store block by block, resuming where the same command was stopped.

    Parameters
    ----------
    output : str
        Path, or '-': a pipe has no part, and its blocks are kept in a temporary file.
    force : bool
        Whether an existing file is replaced.
    restart : bool
        Whether the part of another command is dropped.
    say : callable
        Takes one line for the user.

    Yields
    ------
    Part
        To be filled by `commit` for every block of `left`, then finished by `finish`.
    """
    check_output(output, force)
    with interrupt.deferred() as check:
        if output == "-":
            with pipes.spool() as spool:
                yield Part(growth, spool, "standard output", pipes.spooled_output)
        else:
            with _resumed(output, growth, restart, say) as part:
                yield part
        check()


@contextlib.contextmanager
def _resumed(output: str, growth: Growth, restart: bool, say: Callable) -> Iterator[Part]:
    """Open the part of an output in its folder, with the blocks that the same command left."""
    path = part_of(output)
    _refuse_file(path, restart)
    folders.remove_done(path)
    with disk_errors(path), folders.held(path) as folder:
        part = Part(growth, folder, path, lambda: _published(folder, output))
        facts = folder.job()
        if facts is not None and facts["fingerprint"] == folders.fingerprint(growth.command):
            part.adopt()
        elif facts is not None and not restart and _holds_blocks(folder):
            reason = folders.difference(facts["command"], growth.command, growth.names)
            raise GradtoolsError(
                f"{path} belongs to another command: {reason}; give the same command to resume, another -o, "
                "or --restart to delete it"
            )
        if restart or not part.committed:
            folder.begin(growth.command, growth.units, growth.own)
            part = Part(growth, folder, path, lambda: _published(folder, output))
        if part.committed:
            say(f"resuming {path}: {part.committed:,} of {part.entries:,} done")
        _warn_of_room(part, growth, say)
        try:
            yield part
        except interrupt.Interrupted as stop:
            if part.committed and os.path.isdir(path):
                stop.kept = f"{part.kept}, the same command resumes it"
            raise


def _refuse_file(path: str, restart: bool) -> None:
    """Refuse a part that is a file: a program before this one, or a short command, left it."""
    if os.path.isfile(path):
        if not restart:
            raise GradtoolsError(
                f"{path} is a file that an older gradtools or a killed command left, and no job can resume from it: "
                "--restart deletes it and starts over"
            )
        os.unlink(path)


def _holds_blocks(folder: folders.Folder) -> bool:
    """Return True if a folder has a block of whatever command: whoever began it, without one nothing is lost."""
    return any(name.isdecimal() for name in os.listdir(folder.path))


def _warn_of_room(part: Part, growth: Growth, say: Callable) -> None:
    """Say before the job begins that its blocks and its output, twice the rows, do not fit on the disk."""
    done = part.committed / max(part.entries, 1)
    needed = int(growth.nbytes * part.entries / max(growth.entries, 1) * (2 - done))
    free = free_bytes(part.name)
    if needed > free:
        say(
            f"{part.name}: blocks and output take up to {needed / 1e9:.2f} GB, and {free / 1e9:.2f} GB are free: "
            "the job may run out of space; the same command then resumes it"
        )


@contextlib.contextmanager
def _published(folder: folders.Folder, output: str) -> Iterator[str]:
    """Yield the path of the fresh file; on leaving it gets its name and the folder is removed."""
    fresh = folder.at(folders.FRESH)
    with contextlib.suppress(FileNotFoundError):
        os.unlink(folder.at(folders.DONE))  # from a finish that was killed before the renaming
    yield fresh
    publish(fresh, output, folder.mark)
    folder.remove()
