"""How far a clustering's indices move from sample to sample: halves of the samples, each clustered anew (mathematics#half-samples).

Resampling images under a fixed clustering is too narrow, and copies of images agree less with the classes than images do.
A half drawn without replacement has no copies, and the spread over halves says how far the whole would move.

References
----------
D. N. Politis, J. P. Romano, M. Wolf, Subsampling (Springer 1999), ch. 2.
"""

from collections.abc import Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass

import numpy as np

from gradtools.math.clusters import (
    agreement,
    chance,
    clustering,
    lloyd,
    mixtures,
    plus_plus,
    silhouettes,
)

SMALLEST_CLASS = 4  # images: of fewer, half a class is a single image

MOST_ROWS = 50_000  # beyond, intervals are made only where a number of half samples is asked for
MANY, FEW = 200, 50  # half samples: up to `lloyd.GRAM_ROWS`, and beyond or of a mixture
FITS = {"kmeans": 3, "gmm": 3, "agglomerative": 1}  # whose mean is one replicate

INDICES = ("ari", "nmi", "silhouette", "silhouette_true", "ari_argmax", "nmi_argmax")
RANGES = {"ari": (-0.5, 1.0), "nmi": (0.0, 1.0), "silhouette": (-1.0, 1.0)}


@dataclass(frozen=True)
class Method:
    """What a half is clustered by: kmeans, gmm or agglomerative, with the options of the clustering it belongs to."""

    name: str
    k: int
    n_init: int = 10
    covariance: str = "diag"
    linkage: str = "ward"


def range_of(index: str) -> tuple[float, float]:
    """Return the least and largest value of one of `INDICES` (mathematics#half-samples)."""
    return RANGES[index.split("_")[0]]


def number_of_halves(rows: int, method: str) -> int:
    """Return how many half samples are drawn by default; 0 above MOST_ROWS (mathematics#half-samples)."""
    if rows > MOST_ROWS:
        return 0
    return MANY if rows <= lloyd.GRAM_ROWS and method != "gmm" else FEW


def half_samples(classes: np.ndarray, halves: int, seed: int = 0) -> np.ndarray:
    """
    Draw halves of every class without replacement.

    Parameters
    ----------
    classes : (N,) int array
    halves : int
        B; fewer are a prefix of more.
    seed : int

    Returns
    -------
    (B, N) bool array. Of classes of an odd size every other one gives its larger half, so that all halves are of one size.
    They depend on the seed and the classes alone, so that features, models and stores of the same samples pair.

    References
    ----------
    mathematics#half-samples
    """
    classes = np.asarray(classes)
    in_half = np.zeros((halves, len(classes)), dtype=bool)
    larger = True
    for label in np.unique(classes):
        members = np.flatnonzero(classes == label)
        half = (len(members) + (larger if len(members) % 2 else 0)) // 2
        larger ^= bool(len(members) % 2)
        generator = np.random.default_rng([seed, int(label) % 2**32, 2])
        order = generator.random((halves, len(members))).argsort(axis=1)
        np.put_along_axis(in_half, members[order[:, :half]], True, axis=1)
    return in_half


def why_none(classes: np.ndarray, kept: np.ndarray, k: int) -> str:
    """Return the reason why half samples of these classes have no clusterings ('' where they have).

    Parameters
    ----------
    classes : (N,) int array
    kept : (N,) bool array
        Rows that have a direction.
    k : int
        Clusters.

    References
    ----------
    mathematics#half-samples
    """
    _, sizes = np.unique(classes, return_counts=True)
    if sizes.min() < SMALLEST_CLASS:
        return f"a class has {sizes.min()} image{'s' * int(sizes.min() > 1)}, and half samples need {SMALLEST_CLASS}"
    if kept.sum() // 2 < k:
        return f"{k} clusters of half of {kept.sum()} rows"
    return ""


def replicates(
    x: np.ndarray,
    halves: np.ndarray,
    method: Method,
    classes: np.ndarray | None = None,
    predictions: np.ndarray | None = None,
    seed: int = 0,
) -> tuple[np.ndarray, np.ndarray]:
    """
    Cluster every half sample anew and return its indices.

    Parameters
    ----------
    x : (N, D) float64 array
        What is clustered.
    halves : (B, N) bool array
        From `half_samples`; at least k rows each.
    method : Method
    classes, predictions : (N,) int arrays or None
    seed : int

    Returns
    -------
    values : (B, 6) float64 array
        In the order of `INDICES`, each the mean over FITS clusterings; NaN where an index is not defined.
    shuffled : (B, 6) float64 array
        The same with shuffled classes and predictions; NaN for silhouettes.

    References
    ----------
    mathematics#half-samples
    """
    values, shuffled = (np.full((len(halves), len(INDICES)), np.nan) for _ in range(2))
    gram = lloyd.gram_matrix(x) if len(x) <= lloyd.GRAM_ROWS else None
    distances = None if gram is None else _distances_of(gram)
    sizes = halves.sum(axis=1)
    # Rows of zeros are left out of some halves: those of one size are clustered together.
    for size in np.unique(sizes):
        of_size = np.flatnonzero(sizes == size)
        subsets = np.nonzero(halves[of_size])[1].reshape(len(of_size), size)
        clusterings = _clusterings(x, gram, subsets, method, seed + int(size))
        for place, rows, labels in zip(of_size, subsets, clusterings):
            of_class, of_prediction = (
                None if codes is None else codes[rows] for codes in (classes, predictions)
            )
            blocks = (
                silhouettes.distance_blocks(x[rows])
                if distances is None
                else [distances[np.ix_(rows, rows)]]
            )
            values[place] = _indices(labels, of_class, of_prediction, blocks)
            shuffled[place] = shuffled_indices(labels, of_class, of_prediction, [seed, int(place)])
    return values, shuffled


def shuffled_indices(
    labels: np.ndarray, classes: np.ndarray | None, predictions: np.ndarray | None, seed: list[int]
) -> np.ndarray:
    """
    Return the indices of clusterings with shuffled classes and predictions.

    Parameters
    ----------
    labels : (F, m) int array
    classes, predictions : (m,) int arrays or None
    seed : list of int

    Returns
    -------
    (6,) float64 array in the order of `INDICES`, NaN for silhouettes.

    References
    ----------
    mathematics#half-samples
    """
    pairs = (chance.shuffled_agreement(labels, codes, seed) for codes in (classes, predictions))
    return _in_order(*pairs)


def rescaled(
    values: np.ndarray,
    shuffled: np.ndarray,
    indices: Mapping[str, float],
    labels: np.ndarray,
    classes: np.ndarray | None,
    predictions: np.ndarray | None,
    size: tuple[int, int],
    seed: int = 0,
) -> np.ndarray:
    """
    Return replicates with the spread that their rule needs where an index is what shuffled labels give (`chance.rescaled`).

    Parameters
    ----------
    values, shuffled : (B, 6) float arrays
        From `replicates`.
    indices : dict of str to float
        Of all samples, by the names of `INDICES`.
    labels : (R, N) int array
        The clusterings of all samples whose mean indices are.
    classes, predictions : (N,) int arrays or None
    size : (m, n)
        Samples in a half, and in all.
    seed : int

    References
    ----------
    mathematics#half-samples
    """
    pairs = [chance.shuffled_agreements(labels, codes, seed).T for codes in (classes, predictions)]
    of_all = _in_order(*pairs)
    made = values.copy()
    for place, name in enumerate(INDICES):
        if not name.startswith("silhouette"):
            made[:, place] = chance.rescaled(
                values[:, place], indices[name], shuffled[:, place], of_all[place], *size
            )
    return made


def _in_order(of_classes: np.ndarray, of_predictions: np.ndarray) -> np.ndarray:
    """Put the agreements (2, ...) with classes and with predictions in the order of INDICES; NaN for silhouettes."""
    none = np.full_like(of_classes, np.nan)
    return np.concatenate([of_classes, none, of_predictions])


def _distances_of(gram: np.ndarray) -> np.ndarray:
    """Return the Euclidean distances from inner products."""
    squares = np.diag(gram)
    squared = squares[:, None] + squares - 2 * gram
    np.fill_diagonal(squared, 0)
    return np.sqrt(np.maximum(squared, 0, out=squared), out=squared)


def _clusterings(
    x: np.ndarray, gram: np.ndarray | None, subsets: np.ndarray, method: Method, seed: int
) -> Iterator[np.ndarray]:
    """Yield labels (F, m) of every subset (B, m)."""
    fits = FITS[method.name]
    if method.name == "kmeans" and gram is not None:
        yield from lloyd.kmeans_of_subsets(gram, subsets, method.k, fits, method.n_init, seed)
        return
    if method.name == "gmm" and gram is not None and method.covariance == "diag":
        for number, rows in enumerate(subsets):
            starts = plus_plus.numbers([seed, number], method.k, fits * method.n_init)
            drawn = starts.reshape(fits, method.n_init, method.k, -1)
            yield mixtures.mixtures(x[rows], gram[np.ix_(rows, rows)], method.k, drawn)[0]
        return
    for number, rows in enumerate(subsets):
        drawn = np.random.default_rng([seed, number]).integers(2**31, size=fits)
        yield np.stack([_once(x[rows], method, int(start)) for start in drawn])


def _once(x: np.ndarray, method: Method, seed: int) -> np.ndarray:
    """Return the labels of one clustering."""
    if method.name == "kmeans":
        return clustering.kmeans(x, method.k, seed, method.n_init).labels
    if method.name == "gmm":
        return clustering.gmm(x, method.k, seed, method.n_init, method.covariance).labels
    return clustering.agglomerative(x, method.k, method.linkage).labels


def _indices(
    labels: np.ndarray,
    classes: np.ndarray | None,
    predictions: np.ndarray | None,
    blocks: Iterable[np.ndarray],
) -> list[float]:
    """Return the mean of each index over the clusterings of one half: labels (F, m) -> (6,)."""
    both = labels if classes is None else np.vstack([labels, classes])
    values = silhouettes.of_clusterings(blocks, both)
    of_clusters = values[: len(labels)].mean()
    of_classes = np.nan if classes is None else values[-1]
    return [
        *_agreement(labels, classes),
        of_clusters,
        of_classes,
        *_agreement(labels, predictions),
    ]


def _agreement(labels: np.ndarray, others: np.ndarray | None) -> Sequence[float]:
    """Return the mean ARI and NMI of clusterings (F, m) with one labelling (m,)."""
    if others is None:
        return np.nan, np.nan
    return [values.mean() for values in agreement.agreements(labels, others)]
