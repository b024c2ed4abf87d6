"""The compared spaces themselves as samples: taps, models or checkpoints as the leaves of a tree (`compare --spaces`)."""

from typing import TYPE_CHECKING

import numpy as np

from gradtools import store
from gradtools.errors import UsageError
from gradtools.store import paths

if TYPE_CHECKING:
    from gradtools.selection.comparisons import Comparisons
    from gradtools.stages.run import Run

FEATURE = "space"


def matrix(compared: "Comparisons", by: str) -> np.ndarray:
    """
    Return how alike every two spaces are.

    Parameters
    ----------
    compared : Comparisons
    by : str
        The statistic: cka_debiased, cka, rsa_pearson or rsa_spearman.

    Returns
    -------
    (n, n) float64 array, 1 on the diagonal.

    Raises
    ------
    UsageError
        Some pair was not compared, or not by this statistic.
    """
    count = len(compared.spaces)
    values = np.full((count, count), np.nan)
    np.fill_diagonal(values, 1)
    for comparison in compared.comparisons:
        pair = [comparison.first, comparison.second]
        if by in comparison.measured.statistics:
            values[pair, pair[::-1]] = comparison.measured.statistics[by].value
    missing = np.argwhere(np.isnan(values))
    if len(missing):
        a, b = (compared.spaces[place].name for place in missing[0])
        raise UsageError(
            f"--spaces takes every pair, and {by} of {a} and {b} is not known: leave out --against and --reference, "
            "and of several stores name one --feature"
        )
    return values


def write(job: "Run", compared: "Comparisons", by: str, stores: list[store.Store]) -> None:
    """Write a store of similarities whose samples are the spaces.

    Parameters
    ----------
    job : run.Run
    by : str
        As for `matrix`.
    stores : list of store.Store
        That the spaces came from.
    """
    values, count = matrix(compared, by), len(compared.spaces)
    weights = [stores[space.source].model.get("weights_sha256", "") for space in compared.spaces]
    digests = [
        store.unit_digests(digest, space.feature.name if space.feature else space.name, 1)
        for digest, space in zip(weights, compared.spaces)
    ]
    with store.create(job.target, "similarity", force=job.force) as sink:
        sink.attributes(paths.SAMPLES, unit="space")
        sink.put(paths.ID, [space.name for space in compared.spaces], long_name="feature and model")
        sink.put(paths.LABEL, np.full(count, -1, "i4"))
        sink.put(
            paths.DIGEST,
            np.concatenate(digests),
            long_name="SHA-256 of the weights' digest and the feature",
        )
        sink.put(
            paths.matrix(FEATURE, by),
            values.astype("f4"),
            long_name=f"{by} of every two",
        )
        sink.attributes(
            paths.similarity(FEATURE, by),
            compared_samples=compared.facts["samples"],
            metric=compared.facts["metric"],
            normalised=compared.facts["normalised"],
        )
        job.note(sink, stores, rows=compared.facts["samples"])
