"""Matrices of every pair for the picture of `similarity`: cosine and euclidean of the same rows."""

from typing import TYPE_CHECKING

import numpy as np

from gradtools.math.rows import vectors
from gradtools.selection import compared, features
from gradtools.selection.neighbors import Matrices

if TYPE_CHECKING:
    from gradtools.stages.similarity import Options

DRAWN = 2000  # samples; of more so many are drawn
METRICS = ("cosine", "euclidean")


def compute_matrices(
    source: features.Store, of_vectors: list[features.Feature], options: "Options"
) -> list[Matrices]:
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
    keep = compared.group(source, options.where, lambda line: None).keep
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


def _values(rows: np.ndarray) -> dict[str, np.ndarray]:
    """{metric: (n, n)}."""
    return {metric: vectors.similarity_block(rows, rows, metric) for metric in METRICS}
