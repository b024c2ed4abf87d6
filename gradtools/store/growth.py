"""What a long job writes, and which of its blocks a process computes."""

import dataclasses
from collections.abc import Callable, Mapping, Sequence

import numpy as np

from gradtools.store.blocks import Block
from gradtools.store.columns import Column
from gradtools.store.shards import Share
from gradtools.store.sink import Sink


@dataclasses.dataclass(frozen=True)
class Growth:
    """What a long job writes.

    Attributes
    ----------
    kind : str
        Of the store.
    columns : sequence of Column
        The datasets that the blocks fill.
    blocks : list of Block
        All of them (see `blocks.cut`).
    command : dict
        Options and inputs that must match for a job to resume; the first difference is named.
    begin : callable
        Called with a `Sink` when the output is assembled; writes what does not grow, for all entries.
    unused : dict of str to (rows,) bool array
        Rows of an axis, by its scale, that no entry fills and that are left out.
    compress : bool
    units : str
        What the entries are.
    share : Share, optional
        Only these blocks are computed, and the output is a shard.
    common : int
        The first so many entries are computed by every shard.
    known : sequence of str
        Columns of the common entries that the blocks behind them are computed from.
    leading : int, optional
        Entries from here on are versions of the first ones, as many of each and in their order, in blocks of their own: a shard has
        those of its own entries. By default there are none.
    names : sequence of str
        Of the files that `command` marks (see `folders.marks`).
    """

    kind: str
    columns: list[Column]
    blocks: list[Block]
    command: dict
    begin: Callable[[Sink], None]
    unused: Mapping[str, np.ndarray] = dataclasses.field(default_factory=dict)
    compress: bool = False
    units: str = "images"
    share: Share | None = None
    common: int = 0
    known: Sequence[str] = ()
    leading: int | None = None
    names: Sequence[str] = ()

    @property
    def entries(self) -> int:
        """How many entries the blocks have."""
        return self.blocks[-1].stop if self.blocks else 0

    @property
    def shared(self) -> list[Block]:
        """Blocks of this shard's own share, those of versions last; all of a job that is not divided."""
        every = [block for block in self.blocks if block.start >= self.common]
        if self.share is None:
            return every
        first = self.entries if self.leading is None else self.leading
        own = self.share.blocks([block for block in every if block.start < first])
        if not own or first == self.entries:
            return own
        versions = (self.entries - first) // first  # of each
        begin, end = (first + versions * row for row in (own[0].start, own[-1].stop))
        return own + [block for block in every if begin <= block.start < end]

    @property
    def own(self) -> list[Block]:
        """Blocks that this process computes: the common ones and those of its share."""
        if self.share is None:
            return self.blocks
        return [block for block in self.blocks if block.start < self.common] + self.shared

    @property
    def elsewhere(self) -> np.ndarray:
        """Which entries other shards compute, bool (entries,)."""
        absent = np.ones(self.entries, bool)
        for block in self.own:
            absent[block.start : block.stop] = False
        return absent

    @property
    def nbytes(self) -> int:
        """Bytes of all rows."""
        return sum(column.row_bytes * column.axis.rows(self.entries) for column in self.columns)
