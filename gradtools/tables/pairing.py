"""Paired differences of kinds of maps: two that differ in their method, their taps or their fusion alone, and each against its controls."""

import dataclasses
import functools
import itertools
from collections.abc import Iterator, Mapping, Sequence

import numpy as np

from gradtools.selection.results import Result
from gradtools.tables.model import Cell, Entry, Table, notes_on_few
from gradtools.tables.paired import difference

NOTE = (
    "a minus b over the same resampled images; two kinds differ in their method, their taps or their fusion alone. An "
    "interval that leaves out 0 is a difference.",
)


@dataclasses.dataclass(frozen=True)
class Kind:
    """A kind of map: its method, its taps and how they are fused."""

    method: str
    taps: tuple[str, ...]
    fuse: str

    def distance(self, other: "Kind") -> int:
        """Return in how many of the three it differs."""
        return sum(
            getattr(self, field.name) != getattr(other, field.name)
            for field in dataclasses.fields(self)
        )


def kind(name: str) -> Kind:
    """Read a name, as in map:gam@layer3+layer4:max."""
    method, _, rest = name.removeprefix("map:").partition("@")
    head, colon, last = rest.rpartition(":")
    fused = bool(colon) and (last in ("max", "product") or last[:1].isdigit())
    taps, fuse = (head, last) if fused else (rest, "mean")
    return Kind(method, tuple(taps.split("+")), fuse)


def pairs(names: Sequence[str], controls: Sequence[str]) -> Iterator[tuple[str, str]]:
    """Yield the pairs of kinds that are compared, then each kind with every control.

    A fusion is compared with another one of the same taps.
    """
    maps = [name for name in names if name.startswith("map:")]
    for first, second in itertools.combinations(maps, 2):
        a, b = kind(first), kind(second)
        one_tap = min(len(a.taps), len(b.taps)) == 1
        if a.distance(b) == 1 or (a.method == b.method and one_tap and "mean" in (a.fuse, b.fuse)):
            yield (second, first) if len(b.taps) > len(a.taps) else (first, second)
    yield from itertools.product(maps, [name for name in controls if name in names])


def differences(
    table_id: str,
    title: str,
    models: Sequence[tuple[str, Mapping[str, Result]]],
    statistics: Mapping[str, str],
    controls: Sequence[str] = (),
    digits: int = 3,
) -> Iterator[Table]:
    """Yield the table of paired differences, where there are two kinds to compare.

    Parameters
    ----------
    models : sequence of (model, dict of str to Result)
        Results by the name of their kind.
    statistics : dict of str to str
        Statistics of the results and their heads.
    controls : sequence of str
        Kinds that every map is held against.
    """
    rows: list[dict[str, Entry]] = []
    for model, results in models:
        for a, b in pairs(list(results), controls):
            row: dict[str, Entry] = {
                "model": model,
                "a": a.removeprefix("map:"),
                "b": b.removeprefix("map:"),
            }
            for statistic, head in statistics.items():
                if any(result.has(statistic) for result in results.values()):
                    row[head] = _cell(results[a], results[b], statistic, digits)
            rows.append(row)
    if rows:
        columns = list(dict.fromkeys(name for row in rows for name in row))
        yield Table(table_id, title, columns, rows, (*NOTE, *notes_on_few(rows)))


def _cell(a: Result, b: Result, statistic: str, digits: int) -> Cell:
    """Return a minus b of one statistic."""
    if not (a.has(statistic) and b.has(statistic)):
        return Cell(note="one of the two has none")
    made = difference(
        a,
        b,
        lambda result: result.get(statistic).value,
        functools.partial(_replicates, statistic=statistic, images=a.facts.get("images")),
    )
    n = min(a.get(statistic).n, b.get(statistic).n)
    return dataclasses.replace(made, n=n, digits=digits)


def _replicates(result: Result, statistic: str, images: object) -> np.ndarray:
    """Return the statistic over the resamples; none where other images were resampled."""
    replicates = result.replicate(statistic)
    return replicates if result.facts.get("images") == images else replicates[:0]
