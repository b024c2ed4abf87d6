"""Do two spaces of the same samples have the same order? Clusters of each against the classes, and their similarities against each other."""

import numpy as np
from scipy.spatial.distance import pdist
from scipy.stats import rankdata

from gradtools.math.clusters import agreement, clustering
from gradtools.math.spaces import rsa

INITIALISATIONS = 20  # of k-means
NAMES = ("ari_w", "ari_r", "similarity", "similarity_rank", "distance", "distance_rank", "within", "within_rank")  # fmt: skip


def repetition(w: np.ndarray, r: np.ndarray, classes: np.ndarray, seed: int) -> np.ndarray:
    """Return one repetition's statistics, in the order of NAMES (mathematics#congruence).

    Parameters
    ----------
    w, r : (n, d), (n, D) arrays
        The same samples in both spaces.
    classes : (n,) integers
    seed : int
        Of k-means.

    Returns
    -------
    (8,) float64 array
        ARI of k-means with the classes in W and in R; Pearson's and Spearman's correlation over pairs of samples of
        their correlations, of their Euclidean distances, and of the distances of pairs of one class, mean over classes.
    """
    k = len(np.unique(classes))
    values = [
        agreement.ari(clustering.kmeans(space, k, seed, INITIALISATIONS).labels, classes)
        if k > 1
        else np.nan
        for space in (w, r)
    ]
    upper = np.triu_indices(len(w), 1)
    with np.errstate(invalid="ignore", divide="ignore"):
        correlations = [np.corrcoef(space)[upper] for space in (w, r)]
    distances = [pdist(np.asarray(space, np.float64)) for space in (w, r)]
    values += [*_both(*correlations), *_both(*distances)]
    same = [np.flatnonzero(classes == label) for label in np.unique(classes)]
    inside = [_both(*(pdist(space[rows]) for space in (w, r))) for rows in same if len(rows) > 2]
    values += list(np.mean(inside, axis=0)) if inside else [np.nan, np.nan]
    return np.array(values)


def _both(a: np.ndarray, b: np.ndarray) -> tuple[float, float]:
    """Return Pearson's and Spearman's correlation of two sets of values."""
    return _correlation(a, b), _correlation(rankdata(a), rankdata(b))


def _correlation(a: np.ndarray, b: np.ndarray) -> float:
    if not (np.ptp(a) > 0 and np.ptp(b) > 0):
        return np.nan
    return float(np.corrcoef(a, b)[0, 1])


def mantel(
    w: np.ndarray, r: np.ndarray, classes: np.ndarray, permutations: int, seed: int
) -> tuple[float, float]:
    """Return Mantel's p of the distances of all pairs, and of those of one class (mathematics#congruence).

    Samples are permuted over all for the first, within their classes for the second, whose statistic is the
    correlation over the pairs of one class.

    Parameters
    ----------
    w : (N, d) array
        Latents.
    r : (N, D) array
        What the head reads.
    classes : (N,) int array
    permutations, seed : int

    Returns
    -------
    p_all, p_within : float
        NaN within classes of fewer than three samples each.
    """
    spaces = [np.asarray(space, np.float64) for space in (w, r)]
    observed, null = rsa.mantel(
        _square(spaces[0])[None], _square(spaces[1])[None], permutations=permutations, seed=seed
    )
    everywhere = float(rsa.p_value(observed, null)[0])
    rows = [np.flatnonzero(classes == label) for label in np.unique(classes)]
    rows = [members for members in rows if len(members) > 2]
    if not rows:
        return everywhere, float("nan")
    parts = [
        rsa.mantel(
            _square(spaces[0][members])[None],
            _square(spaces[1][members])[None],
            permutations=permutations,
            seed=seed + 1 + place,
        )
        for place, members in enumerate(rows)
    ]  # fmt: skip
    inside = np.mean([part[0] for part in parts], axis=0)
    drawn = np.mean([part[1] for part in parts], axis=0)
    return everywhere, float(rsa.p_value(inside, drawn)[0])


def _square(space: np.ndarray) -> np.ndarray:
    """Return the Euclidean distances of every pair, (n, n)."""
    from scipy.spatial.distance import squareform

    return squareform(pdist(space))


def draw(labels: np.ndarray, classes: int, examples: int, rng: np.random.Generator) -> np.ndarray:
    """Return rows of random classes, as many of each (mathematics#congruence).

    Parameters
    ----------
    labels : (N,) integers, -1 none
    classes, examples : int
        At most so many classes, and rows of each; classes of fewer than 3 rows are not drawn.
    """
    names, counts = np.unique(labels[labels >= 0], return_counts=True)
    names = names[counts >= 3]
    drawn = rng.permutation(names)[:classes]
    rows = [rng.permutation(np.flatnonzero(labels == name))[:examples] for name in drawn]
    least = min((len(members) for members in rows), default=0)
    return np.concatenate([members[:least] for members in rows]) if rows else np.zeros(0, int)
