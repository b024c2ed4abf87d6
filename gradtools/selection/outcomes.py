"""What a stage found and where it belongs in a store, for the command that writes it beside its own tables."""

import dataclasses

import numpy as np

from gradtools.store import paths


@dataclasses.dataclass(frozen=True)
class Outcome:
    """A table of one feature: its path in a store, columns, facts, title, and replicates (B, rows) where it has any."""

    feature: str
    path: str
    columns: dict
    facts: dict
    title: str
    replicates: np.ndarray | None = None

    def write(self, sink):
        """Write it into an open store."""
        sink.table(self.path, self.columns, self.title, self.facts)
        if self.replicates is not None:
            sink.put(f"{self.path}/replicate", self.replicates, ["resample", "row"], "statistics of resampled images")


@dataclasses.dataclass(frozen=True)
class Result(Outcome):
    """Statistics of one feature under one metric."""

    metric: str = ""


def result(feature, metric, columns, replicates, facts):
    """The `Result` of a feature's name under a metric, at its place in a store."""
    return Result(feature, paths.similarity(feature, metric), columns, facts, f"{metric} of {feature} over pairs", replicates, metric)
