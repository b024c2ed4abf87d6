"""Results of several stores of one subject, joined: the same thing twice must have the same values."""

import dataclasses
from collections.abc import Iterable, Mapping, Sequence
from typing import TYPE_CHECKING

import numpy as np

from gradtools.errors import GradtoolsError
from gradtools.selection.results import Columns, Result

if TYPE_CHECKING:
    from numpy.typing import ArrayLike


def join(kept: dict, new: dict) -> None:
    """Take over what is new; the same thing twice must have the same values.

    Raises
    ------
    GradtoolsError
        Where it has not; names both stores.
    """
    for key, value in new.items():
        if (
            key in kept
            and isinstance(value, Result)
            and not _equal(_values(kept[key]), _values(value))
        ):
            raise _different(kept[key], value, key)
        kept.setdefault(key, value)


def _different(first: Result, second: Result, key: Iterable[str]) -> GradtoolsError:
    return GradtoolsError(
        f"{first.source} and {second.source} have different values for {' '.join(key)}: made with other options; give one of them"
    )


def join_by_tap(kept: dict, new: dict) -> None:
    """Take over new tables whose rows are of a tap (and of a fill where there is one): rows of other taps are added."""
    for key, value in new.items():
        if key not in kept:
            kept[key] = value
            continue
        before, now = _parts(kept[key].columns), _parts(value.columns)
        for part in before.keys() & now.keys():
            if not _equal(_rows(kept[key].columns, before[part]), _rows(value.columns, now[part])):
                raise _different(kept[key], value, key)
        places = [row for part, rows in now.items() if part not in before for row in rows]
        added = _rows(value.columns, places)
        if added.keys() != kept[key].columns.keys():
            raise _different(kept[key], value, key)
        kept[key] = dataclasses.replace(
            kept[key],
            columns={
                name: [*column, *added[name]]
                if isinstance(column, list)
                else np.concatenate([column, added[name]])
                for name, column in kept[key].columns.items()
            },
            replicates=_joined(kept[key].replicates, value.replicates, places),
        )


def _joined(
    before: np.ndarray | None, now: np.ndarray | None, places: Sequence[int]
) -> np.ndarray | None:
    """Return the replicates (B, rows) with some columns of others beside them; None where one has none, or another number."""
    if before is None or now is None or len(before) != len(now):
        return None
    return np.concatenate([before, now[:, places]], axis=1)


def _parts(columns: Columns) -> dict[tuple, list[int]]:
    """Return the rows of each tap and fill (dict of tuple to list of int)."""
    rows_of: dict[tuple, list[int]] = {}
    for row, part in enumerate(
        zip(*(columns[name] for name in ("tap", "fill") if name in columns))
    ):
        rows_of.setdefault(part, []).append(row)
    return rows_of


def _rows(columns: Columns, rows: list[int]) -> Columns:
    """Return some rows of a table's columns."""
    return {
        name: [column[row] for row in rows] if isinstance(column, list) else column[rows]
        for name, column in columns.items()
    }


def _values(measured: Result) -> "Mapping[str, ArrayLike]":
    """Return what a result says: its columns and the p of its tests."""
    return measured.columns | {
        name: fact for name, fact in measured.facts.items() if name.startswith("p_")
    }


def _equal(a: "Mapping[str, ArrayLike]", b: "Mapping[str, ArrayLike]") -> bool:
    return a.keys() == b.keys() and all(
        np.array_equal(
            np.asarray(a[key]), np.asarray(b[key]), equal_nan=np.asarray(a[key]).dtype.kind == "f"
        )
        for key in a
    )
