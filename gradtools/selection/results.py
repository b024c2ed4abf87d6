"""One result of a stage: the same type before it is written and after it is read."""

import dataclasses
from collections.abc import Iterator
from typing import NamedTuple

import numpy as np

from gradtools.store import paths
from gradtools.store.reading import Facts as StoreFacts
from gradtools.store.reading import Store
from gradtools.store.sink import Sink

Scalar = str | int | float
Columns = dict[str, list[str] | np.ndarray]
Facts = dict[str, Scalar]
Row = dict[str, Scalar]
COUNTED = ("pairs", "queries", "images")  # the column that counts what a statistic rests on


class Statistic(NamedTuple):
    """A row of a table of statistics: value, interval, and how many pairs or images it rests on."""

    value: float
    low: float
    high: float
    n: int


@dataclasses.dataclass(frozen=True)
class Result:
    """A table of one feature under one metric, or by one method.

    Attributes
    ----------
    path : str
        Its group in a store.
    feature, metric, method : str
        Empty where it is of none.
    columns : dict of str to (n,) array or list of str
    facts : dict
        What it was computed with and what it rests on.
    title : str
        What it is, in a line; empty where it was read.
    replicates : (B, n) or (B,) float array or None
        The statistics of resampled images; of a clustering those of half samples
        (B, 6), in the order of `half_samples.INDICES`.
    labels : (repeats, samples) int array or None
        Of a clustering: the cluster of each sample, -1 where it has none.
    source : str
        The store it was read from; empty where it was computed.
    """

    path: str
    feature: str = ""
    metric: str = ""
    method: str = ""
    columns: Columns = dataclasses.field(default_factory=dict)
    facts: Facts = dataclasses.field(default_factory=dict)
    title: str = ""
    replicates: np.ndarray | None = None
    labels: np.ndarray | None = None
    source: str = ""

    @property
    def key(self) -> tuple[str, str]:
        """Return (feature, metric or method)."""
        return self.feature, self.metric or self.method

    def column(self, name: str) -> np.ndarray:
        """Return a column of the table as an array, (n,)."""
        return np.asarray(self.columns[name])

    def rows(self) -> Iterator[Row]:
        """Yield the rows of the table, with Python's own numbers."""
        for row in zip(*self.columns.values()):
            values = {
                name: value.item() if isinstance(value, np.generic) else value
                for name, value in zip(self.columns, row)
            }
            columns = self.columns
            # of a store: a column that is missing is said in a line
            yield (
                StoreFacts(values, columns.name, columns.path)
                if isinstance(columns, StoreFacts)
                else values
            )

    def has(self, statistic: str) -> bool:
        """Return True if the table has a row of this statistic."""
        return statistic in self.columns.get("statistic", ())

    def get(self, statistic: str) -> Statistic:
        """Return a row of the table of statistics; NaN and 0 where it has none."""
        if not self.has(statistic):
            return Statistic(np.nan, np.nan, np.nan, 0)
        at = self._place(statistic)
        counts = next((self.columns[name] for name in COUNTED if name in self.columns), None)
        value, low, high = (
            float(self.columns[key][at]) if key in self.columns else np.nan
            for key in ("value", "low", "high")
        )
        return Statistic(value, low, high, 0 if counts is None else int(counts[at]))

    def replicate(self, statistic: str) -> np.ndarray:
        """Return the values of a statistic over the resamples, (B,); empty where it has none."""
        if not self.has(statistic) or self.replicates is None or not len(self.replicates):
            return np.empty(0)
        return self.replicates[:, self._place(statistic)]

    def _place(self, statistic: str) -> int:
        return list(self.columns["statistic"]).index(statistic)

    def write(self, sink: Sink) -> None:
        """Write it into an open store."""
        row = "row" if self.labels is None else "repeat"
        sink.table(self.path, self.columns, self.title, self.facts, row=row)
        if self.labels is not None:
            sink.put(paths.inside(self.path, "label"), self.labels)
        if self.replicates is not None:
            sink.put(paths.inside(self.path, "replicate"), self.replicates)


def read(
    source: Store, path: str, feature: str = "", *, metric: str = "", method: str = ""
) -> Result:
    """Read a result from an open store.

    Parameters
    ----------
    source : store.Store
    path : str
        Its group.
    """
    columns, facts = source.table(path)
    return Result(
        path,
        feature,
        metric,
        method,
        columns,
        facts,
        replicates=source.values(paths.inside(path, "replicate")),
        labels=source.values(paths.inside(path, "label")),
        source=source.name,
    )


def of_similarity(
    feature: str, metric: str, columns: Columns, replicates: np.ndarray, facts: Facts
) -> Result:
    """Return the similarities of a feature under a metric, at their place in a store."""
    return Result(
        paths.similarity(feature, metric),
        feature,
        metric,
        columns=columns,
        facts=facts,
        title=f"{metric} of {feature} over pairs",
        replicates=replicates,
    )
