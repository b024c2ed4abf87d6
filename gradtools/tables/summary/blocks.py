"""What a summary is made of: blocks of headline statistics with the sentences that rest on them, and how they fit a screen."""

import dataclasses
from collections.abc import Iterable, Mapping, Sequence

from gradtools.math.pairs.intervals import EQUAL
from gradtools.tables import plain_text
from gradtools.tables.model import Cell, Entry, Table, shown

STATISTIC = "statistic"
HEADS = (STATISTIC, "model")
LINES = 25
FEWEST = 2  # statistics and sentences that a block keeps while another can give some
Rows = Sequence[Mapping[str, Entry]]


@dataclasses.dataclass(frozen=True)
class Block:
    """A table whose rows are statistics and models, the most important first, and sentences, the most important first."""

    table: Table
    sentences: tuple[str, ...] = ()

    @property
    def statistics(self) -> list[str]:
        """Names of the statistics, in order."""
        return list(dict.fromkeys(str(row[self.first]) for row in self.table.rows))

    @property
    def first(self) -> str:
        """The column that names the statistics."""
        return self.table.columns[0]

    def without_last_statistic(self) -> "Block":
        """Return the block less the rows of its last statistic."""
        last = self.statistics[-1]
        rows = [row for row in self.table.rows if row[self.first] != last]
        return dataclasses.replace(self, table=dataclasses.replace(self.table, rows=rows))

    def without_last_sentence(self) -> "Block":
        """Return the block less its last sentence."""
        return dataclasses.replace(self, sentences=self.sentences[:-1])

    def as_table(self) -> Table:
        """Return the table with its sentences below."""
        return dataclasses.replace(self.table, notes=(*self.sentences, *self.table.notes))


def of_rows(
    table_id: str, title: str, columns: Sequence[str], rows: Rows, better: str = ""
) -> Table:
    """Return the table of a block: a row a statistic and model, values without their intervals."""
    heads = HEADS if any("model" in row for row in rows) else HEADS[:1]
    single = len({row.get("model") for row in rows}) == 1
    return Table(
        *(table_id, title, [*heads, *columns], rows),
        better=better,
        heads=heads,
        intervals=False,
        hidden=("model",) if single and "model" in heads else (),
    )


def joined(blocks: Sequence[Block]) -> Block:
    """Return the first block with the first sentence of every other one, after its own two most important."""
    first, *others = blocks
    leading = [sentence for block in others for sentence in block.sentences[:1]]
    sentences = (*first.sentences[:FEWEST], *leading, *first.sentences[FEWEST:])
    return dataclasses.replace(first, sentences=sentences)


def fitted(
    above: Sequence[Table], blocks: Sequence[Block], below: Sequence[Table], width: int | None
) -> list[Table]:
    """Return the tables of a summary, less what a screen of LINES lines cannot hold; all of it without a width."""
    blocks = list(blocks)
    while width is not None and _lines([*above, *_tables(blocks), *below], width) > LINES:
        smaller = _smaller(blocks)
        if smaller is None:
            break
        blocks = smaller
    return [*above, *_tables(blocks), *below]


def _tables(blocks: Iterable[Block]) -> list[Table]:
    return [block.as_table() for block in blocks]


def _lines(tables: Sequence[Table], width: int) -> int:
    return len(plain_text.write(tables, width).rstrip("\n").split("\n"))


def _smaller(blocks: list[Block]) -> list[Block] | None:
    """Return the blocks less one statistic or sentence, of the block that has most; None where each has its fewest."""
    for fewest in (FEWEST, 1):
        sizes = [
            (len(block.statistics) - fewest, len(block.sentences) - fewest) for block in blocks
        ]
        rows, texts = (
            max(range(len(blocks)), key=lambda i: sizes[i][0], default=0),
            max(range(len(blocks)), key=lambda i: sizes[i][1], default=0),
        )
        if not blocks or (sizes[rows][0] <= 0 and sizes[texts][1] <= 0):
            continue
        if sizes[rows][0] >= sizes[texts][1]:
            return _replaced(blocks, rows, blocks[rows].without_last_statistic())
        return _replaced(blocks, texts, blocks[texts].without_last_sentence())
    return None


def _replaced(blocks: list[Block], place: int, block: Block) -> list[Block]:
    return [*blocks[:place], block, *blocks[place + 1 :]]


def across(values: Iterable[float | None], digits: int = 3) -> str:
    """Return a value of several models as a range; empty without any."""
    numbers = sorted(value for value in values if value is not None and value == value)
    if not numbers:
        return ""
    ends = list(dict.fromkeys(shown(float(value), digits) for value in (numbers[0], numbers[-1])))
    return " to ".join(ends)


def clear_of(cells: Sequence[Cell], of: float = 0.0) -> str:
    """Return whether intervals leave a value out: that of one model, or in how many models they do."""
    bounds = [(c.low, c.high) for c in cells if c.low is not None and c.high is not None]
    if not bounds:
        return ""
    if len(cells) == 1:
        return f" [{shown(bounds[0][0])}, {shown(bounds[0][1])}]"
    clear = sum(low > of + EQUAL or high < of - EQUAL for low, high in bounds)
    return f", clear of {shown_short(of)} in {clear} of {len(cells)} models"


def shown_short(value: float) -> str:
    """Return a number without zeros that say nothing."""
    return f"{value:g}"
