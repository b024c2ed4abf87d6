"""Matrices of every pair for the picture of `similarity`: cosine and euclidean of the same rows."""

import dataclasses

import numpy as np

from gradtools.math.rows import vectors
from gradtools.selection import features, samples

DRAWN = 2000  # samples; of more so many are drawn
METRICS = ("cosine", "euclidean")


@dataclasses.dataclass(frozen=True)
class Matrices:
    """One feature's matrices, (n, n) float64 by metric, in order of the classes; `labels` (n,) is -1 where there are none."""

    feature: str
    normalised: str
    names: list
    labels: np.ndarray
    class_names: list
    values: dict
    samples: int  # how many there were to draw from
    unit: str = "sample"


def compute_matrices(source, of_vectors, options):
    """Compute the matrices of the chosen samples, at most DRAWN of them drawn with the seed, sorted by class and then as they are stored.

    Parameters
    ----------
    source : store.Store
    of_vectors : list of features.Feature
        From `similarity.chosen`.
    options : similarity.Options

    Returns
    -------
    list of Matrices
    """
    keep = samples.group(source, options.where, lambda line: None).keep
    places = np.flatnonzero(keep)
    drawn = np.sort(places[np.random.default_rng(options.seed).permutation(len(places))[:DRAWN]])
    mask = np.zeros(len(keep), bool)
    mask[drawn] = True
    order = np.argsort(source.labels[drawn], kind="stable")
    rows = drawn[order]
    how = options.rows or features.row_default(source)
    return [
        features.checked(
            lambda: Matrices(
                feature.name,
                how,
                [source.ids[row] for row in rows],
                source.labels[rows],
                source.class_names,
                _values(features.read_rows(feature, mask)[order]),
                len(places),
                source.unit,
            ),
            feature,
            mask,
            source,
        )
        for feature in of_vectors
    ]


def _values(rows):
    """{metric: (n, n)}."""
    return {metric: vectors.similarity_block(rows, rows, metric) for metric in METRICS}
