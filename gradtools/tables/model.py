"""What tables are made of: cells with what they rest on, and tables of them."""

import dataclasses
from collections.abc import Iterable, Mapping, Sequence
from typing import TYPE_CHECKING

from gradtools.tables.wording import (
    FEW,
    FEW_INTERVALS,
    NEEDS_LABELS,
    NEEDS_PREDICTIONS,
    NO_PAIRS,
    NOT_DEFINED,
    SHARED_PREDICTION,
    computed_by,
)

if TYPE_CHECKING:
    from gradtools.selection.results import Result

Value = float | int | str | None


@dataclasses.dataclass(frozen=True)
class Cell:
    """A value and what it rests on. NaN is no value, and a cell without a value has a reason.

    Attributes
    ----------
    value : float, int, str or None
    low, high : float or None
        The 95 % interval.
    spread : float or None
        Standard deviation over repeats.
    p : float or None
        Of a permutation test.
    n, left_out : int or None
        How many rows (images, pairs) the value rests on, and how many it does not.
    note : str
        Without a value the reason, printed below the table; else what stands behind the value.
    why : str
        The reason, should there be no value.
    digits : int or None
        Decimals for people; None: three significant digits.
    """

    value: Value = None
    low: float | None = None
    high: float | None = None
    spread: float | None = None
    p: float | None = None
    n: int | None = None
    left_out: int | None = None
    note: str = ""
    digits: int | None = 3
    why: str = ""

    def __post_init__(self) -> None:
        for name in ("value", "low", "high", "spread", "p", "n", "left_out"):
            object.__setattr__(self, name, plain(getattr(self, name)))
        if self.value is None:
            object.__setattr__(self, "note", self.why or self.note or NOT_DEFINED)

    @property
    def number(self) -> float | None:
        """Return the value where it is a number."""
        return None if isinstance(self.value, str) else self.value

    def __str__(self) -> str:
        if self.value is None:
            return "-"
        parts = [shown(self.value, self.digits)]
        if self.spread is not None:
            parts.append(f"±{shown(self.spread, self.digits)}")
        if self.low is not None and self.high is not None:
            parts.append(f"[{shown(self.low, self.digits)}, {shown(self.high, self.digits)}]")
        if self.p is not None:
            parts.append(f"p={self.p:.3f}")
        return " ".join([*parts, self.note]).rstrip()

    def short(self) -> str:
        """Return the value alone as people read it."""
        return shown(self.value, self.digits)


Entry = Cell | str | int | float


@dataclasses.dataclass(frozen=True)
class Table:
    """Rows of cells under named columns.

    Attributes
    ----------
    id : str
        Short and stable, as in `pair-auc`: programs find the table by it.
    columns : list of str
        In the order in which they are printed; a row has an entry for each.
    rows : list of dict of str to Cell, str, int or float
    notes : tuple of str
        Printed below, a line each.
    better : 'higher', 'lower' or ''
        Which way is better, where that is the same for all columns.
    heads : tuple of str
        The columns that name a row; by default the leading ones that hold texts alone.
    counts : bool
        Whether the `n` of each cell is printed behind its value.
    intervals : bool
        Whether people read the interval of each cell; programs always do.
    inline : bool
        Whether people read the rows as one sentence behind the title.
    hidden : tuple of str
        Columns that people do not read, being the same in every row, or for programs alone.
    spoken : bool
        Whether the title says all that people read, and the rows are for programs.
    """

    id: str
    title: str
    columns: list[str]
    rows: Sequence[Mapping[str, Entry]]
    notes: tuple[str, ...] = ()
    better: str = ""
    heads: tuple[str, ...] = ()
    counts: bool = False
    intervals: bool = True
    inline: bool = False
    spoken: bool = False
    hidden: tuple[str, ...] = ()

    def _repr_html_(self) -> str:
        """Return the table as a notebook shows it."""
        from gradtools.tables import html

        return html.of_table(self)

    def row_heads(self) -> tuple[str, ...]:
        """Return the columns that name a row."""
        if self.heads or not self.rows:
            return self.heads
        heads: list[str] = []
        for column in self.columns:
            if not all(isinstance(row.get(column), str) for row in self.rows):
                break
            heads.append(column)
        return tuple(heads)

    def shown_columns(self) -> list[str]:
        """Return the columns that people read."""
        return [column for column in self.columns if column not in self.hidden]

    def shown_heads(self) -> int:
        """Return how many of these name a row."""
        return len([head for head in self.row_heads() if head not in self.hidden])


def plain(value: Value) -> Value:
    """Return a number as Python's own and NaN as None; texts as they are."""
    item = getattr(value, "item", None)
    if item is not None:
        value = item()
    return None if isinstance(value, float) and value != value else value


def shown(value: Value, digits: int | None = 3) -> str:
    """Return a value as people read it: rounding noise below the last digit has no sign."""
    if not isinstance(value, float):
        return "-" if value is None else str(value)
    if digits is None:
        return f"{value:.3g}"
    return f"{round(value, digits) + 0.0:.{digits}f}"


def as_cell(entry: Entry | None) -> Cell:
    """Return an entry of a row as a cell."""
    return entry if isinstance(entry, Cell) else Cell(entry)


def notes_on_few(rows: Iterable[Mapping[str, Entry]]) -> tuple[str, ...]:
    """Return the note on intervals that rest on too few values, for rows that have some (coverage)."""
    cells = [as_cell(entry) for row in rows for entry in row.values()]
    least = min(
        (cell.n for cell in cells if cell.low is not None and cell.n is not None), default=FEW
    )
    return (FEW_INTERVALS.format(least=least),) if least < FEW else ()


def number(values: Mapping[str, str | int | float], name: str) -> float | None:
    """Return a number of a row or of facts as it is, an int as an int; None where it is absent.

    Raises
    ------
    TypeError
        If the entry is a text.
    """
    value = values.get(name)
    if isinstance(value, str):
        raise TypeError(f"{name}: expected a number, got {value!r}")
    return value


def count(values: Mapping[str, str | int | float], name: str) -> int | None:
    """Return a whole number of a row or of facts; None where it is absent."""
    value = values.get(name)
    return None if value is None else int(value)


def statistic_cell(result: "Result", statistic: str, every: bool = False) -> Cell:
    """Return a stored statistic with its interval and number of pairs; the p of a label effect, or of `every` test."""
    value, low, high, n = result.get(statistic)
    left_out = int(result.facts.get("left_out", 0)) + int(result.facts.get("degenerate", 0))
    tested = value == value and (every or statistic == "label_effect")
    p = number(result.facts, f"p_{statistic}") if tested else None
    why = why_missing(result, statistic)
    return Cell(value, low, high, p=p, n=n, left_out=left_out, why=why)


def why_missing(result: "Result", statistic: str) -> str:
    """Return the reason of a statistic that has no value."""
    by_prediction = statistic.endswith("prediction") or statistic.endswith("_effect")
    if not result.has(statistic):
        if result.has("within") and statistic.startswith("auc") and not result.has("auc"):
            return computed_by("similarity", " --auc")
        return NEEDS_PREDICTIONS if by_prediction and result.has("within") else NEEDS_LABELS
    same, other = (result.get(f"{kind}_class_same_prediction").n for kind in ("same", "other"))
    if statistic in ("auc_same_prediction", "label_effect"):
        pairs = same + other
        share = "pair shares" if pairs == 1 else "pairs share"
        return SHARED_PREDICTION.format(pairs=pairs, share=share, same=same, other=other)
    return NO_PAIRS
