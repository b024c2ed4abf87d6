"""Values that are read, checked against what the schema says of their dataset: finite, and in range."""

import math
from typing import TYPE_CHECKING

import h5py
import numpy as np

from gradtools.store import layout, paths, schema
from gradtools.store.damage import Place

if TYPE_CHECKING:
    from gradtools.store.schema import Dataset


def check_values(
    values: np.ndarray, entry: schema.Dataset | None, count: int | None, place: Place
) -> None:
    """Refuse infinite values, NaN where it is no value, and numbers outside their range.

    Parameters
    ----------
    values : array
        Read from the dataset, or some rows of it.
    entry : schema.Dataset or None
        What the dataset should be.
    count : int or None
        What every integer stays under.
    place : Place
    """
    if values.dtype.kind == "f":
        _check_floats(values, entry is None or entry.nan, place)
    elif entry is not None and values.dtype.kind in "iu" and values.size:
        lowest = entry.lowest
        low, high = int(values.min()), int(values.max())
        if (lowest is not None and low < lowest) or (count is not None and high >= count):
            wrong = low if lowest is not None and low < lowest else high
            row = int(np.flatnonzero(values.reshape(-1) == wrong)[0])
            place.refuse(
                f"is {wrong} in row {row // math.prod(values.shape[1:])}, and {_range(entry, count)}"
            )


def _range(entry: "Dataset", count: int | None) -> str:
    """Return the range of a column in words."""
    what = "rows" if entry.below == paths.SAMPLE else "classes" if entry.below else "values"
    if count == 0:
        return f"the store has no {what} (-1: none)"
    return (
        f"{what} are from {entry.lowest}"
        + ("" if count is None else f" to {count - 1}")
        + (" (-1: none)" if entry.lowest == -1 else "")
    )


def _check_floats(values: np.ndarray, nan: bool, place: Place) -> None:
    """Refuse what is not finite; a finite sum proves that all is well in one fast pass."""
    with np.errstate(all="ignore"):
        if np.isfinite(values.sum(dtype="f8" if values.dtype.itemsize == 8 else "f4")):
            return
    wrong = ~np.isfinite(values) if not nan else np.isinf(values)
    if wrong.any():
        at = np.argwhere(wrong)[0]
        place.refuse(
            f"is {values[tuple(at)]} at {'[' + ', '.join(map(str, at)) + ']'}, which is not a result"
        )


def check_read(values: np.ndarray, path: str, file: h5py.File, name: str) -> np.ndarray:
    """Return values read from a dataset after `check_values`."""
    entry = schema.dataset(path)
    below = "" if entry is None or not entry.below else layout.dimension(path, entry.below)
    if "<" in below:
        below = f"{path.rsplit('/', 1)[0]}/{below.rsplit('/', 1)[1]}"
    count = file[below].shape[0] if below and below in file else absent(below)
    check_values(values, entry, count, Place(name, path))
    return values


def absent(below: str) -> int | None:
    """Return the upper bound of numbers whose scale is not in the file: without data classes every label is -1.

    The model's classes may have no names, and so no scale, where their numbers are carried on.
    """
    return 0 if below == paths.GROUP else None
