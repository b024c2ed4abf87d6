"""Clusterings of a feature whose rows memory does not hold: read in passes (mathematics#clusters-of-many-rows)."""

import dataclasses
from collections.abc import Callable, Iterator, Sequence

import numpy as np

from gradtools.errors import GradtoolsError
from gradtools.math.clusters import agreement, half_samples, streamed
from gradtools.math.clusters.clustering import Clustering
from gradtools.math.pairs.intervals import HALF_SAMPLES
from gradtools.math.rows import vectors
from gradtools.selection import features
from gradtools.selection.compared import Groups
from gradtools.selection.results import Columns, Result
from gradtools.store import Store, paths

HELD_BYTES = 1 << 28  # of float64 rows
WHY = "the rows are read in passes: there are too many for half samples"


def needs_passes(feature: features.Feature, count: int) -> bool:
    """Return True if so many rows of a feature are more than memory should hold."""
    return count * feature.shape[1] * 8 > HELD_BYTES


class Rows:
    """The rows of a feature that are clustered, a block at a time: unit ones or as they are, without rows of zeros.

    Attributes
    ----------
    kept : (n,) bool array
        Which of the chosen samples have a direction.
    """

    def __init__(self, source: Store, feature: features.Feature, keep: np.ndarray, unit: bool):
        self.source, self.feature, self.keep, self.unit = source, feature, keep, unit
        self.kept = np.concatenate([~zero for _, zero in self._read()])

    @property
    def count(self) -> int:
        """How many rows there are."""
        return int(self.kept.sum())

    def blocks(self) -> Iterator[np.ndarray]:
        """Yield (b, D) float64 arrays, all rows in order."""
        for rows, zero in self._read():
            yield rows[~zero]

    def _read(self) -> Iterator[tuple[np.ndarray, np.ndarray]]:
        """Rows of a block and which of them are zero."""
        for rows, _ in features.blocks_of(self.feature, self.keep):
            rows = rows.astype(np.float64)
            unit, zero = features.checked(
                lambda: vectors.unit_rows(rows), self.feature, self.keep, self.source
            )
            yield unit if self.unit else rows, zero

    def components(self, n: int) -> tuple[np.ndarray, np.ndarray]:
        """Return coordinates on n components (m, n), and shares of the variance.

        Raises
        ------
        GradtoolsError
            Memory does not hold the coordinates either.
        """
        if self.count * n * 8 > HELD_BYTES:
            raise GradtoolsError(
                f"--pca {n} of {self.count:,} rows: ask for {max(1, HELD_BYTES // (8 * self.count))} at most"
            )
        return streamed.pca(self.blocks, self.count, min(n, self.feature.shape[1]))


@dataclasses.dataclass(frozen=True)
class Asked:
    """How many clusters, from which seeds, each the best of how many starts."""

    k: int
    seed: int
    repeats: int
    n_init: int


def check(rows: Rows, methods: tuple[str, ...], k: int) -> None:
    """Refuse methods that need all rows at once, and more clusters than rows.

    Raises
    ------
    GradtoolsError
    """
    feature = rows.feature
    if methods != ("kmeans",):
        raise GradtoolsError(
            f"{rows.source.name}: {rows.count:,} rows of {feature.shape[1]} numbers ({feature.name}) are clustered by k-means "
            "alone: give --method kmeans, or --pca N for fewer numbers"
        )
    if rows.count < k:
        raise GradtoolsError(
            f"{rows.source.name}: {k} clusters of {rows.count} rows of {feature.name} that have a direction: ask for fewer with --k"
        )


def clustered(rows: Rows, asked: Asked, groups: Groups, facts: dict) -> Result:
    """Return all repeats of k-means on the rows, with the indices of `cluster`; silhouettes are of drawn rows."""
    seeds = asked.seed + np.arange(asked.repeats)
    fits = [
        streamed.kmeans(rows.blocks, rows.count, asked.k, int(seed), asked.n_init) for seed in seeds
    ]
    places, drawn = streamed.drawn_rows(rows.blocks, rows.count, streamed.LOOKED_AT, asked.seed)
    estimates = [streamed.silhouette(drawn, fit.labels[places]) for fit in fits]
    columns: Columns = {
        "seed": seeds,
        "inertia": np.array([fit.inertia for fit in fits]),
        "log_likelihood": np.full(len(fits), np.nan),
        "silhouette": np.array([estimate.value for estimate in estimates]),
        **_agreements(rows, fits, groups, places, drawn),
    }
    facts = facts | {
        "k": asked.k,
        "rows": rows.count,
        "degenerate": int((~rows.kept).sum()),
        "dimension": rows.feature.shape[1],
        "resampling": HALF_SAMPLES,
        "resamples": 0,
        "no_interval": WHY,
        "silhouette_rows": len(drawn),
        "silhouette_error": max(estimate.error for estimate in estimates),
    }
    labels = np.full((len(fits), len(rows.kept)), -1, np.int32)
    labels[:, rows.kept] = np.stack([fit.labels for fit in fits])
    return Result(
        paths.clusters(rows.feature.name, "kmeans"),
        rows.feature.name,
        method="kmeans",
        columns=columns,
        facts=facts,
        title=f"kmeans of {rows.feature.name}",
        replicates=np.empty((0, len(half_samples.INDICES))),
        labels=labels,
    )


def _agreements(
    rows: Rows,
    fits: Sequence[Clustering],
    groups: Groups,
    places: np.ndarray,
    drawn: np.ndarray,
) -> Columns:
    """Indices of every repeat against the classes and the predictions; NaN where there are none."""
    nan = np.full(len(fits), np.nan)
    classes = groups.classes[rows.kept]
    labelled = groups.labelled and len(np.unique(classes)) > 1
    predictions = groups.predictions[rows.kept] if groups.predicted else None

    def each(index: Callable, other: np.ndarray | None) -> np.ndarray:
        return nan if other is None else np.array([index(fit.labels, other) for fit in fits])

    of_classes = streamed.silhouette(drawn, classes[places]).value if labelled else np.nan
    return {
        "ari": each(agreement.ari, classes if labelled else None),
        "nmi": each(agreement.nmi, classes if labelled else None),
        "silhouette_true": np.full(len(fits), of_classes),
        "ari_argmax": each(agreement.ari, predictions),
        "nmi_argmax": each(agreement.nmi, predictions),
    }
