"""What many units do together: how few parts each changes, groups of alike units, and which parts change together."""

import numpy as np
from scipy.spatial.distance import pdist
from scipy.stats import rankdata

from gradtools.math.clusters import agreement, silhouettes
from gradtools.math.pairs.bootstrap import interval, resample_weights
from gradtools.math.spaces import rsa
from gradtools.math.trees import cutting, merging
from gradtools.math.trees.stability import jaccard

MOST_CLUSTERS = 100  # that a silhouette chooses among
PERPLEXITY = 30
AT_ONCE = 1 << 22  # numbers of resampled label vectors held at once
ROWS = 64  # of distances that silhouettes read at once
FEWEST = 5  # samples below which there is no interval
NAMED = 0.5  # of the strongest part's mean: parts that name a cluster


def hoyer(vectors: np.ndarray) -> np.ndarray:
    """Return the sparsity (...) of vectors (..., L): 0 where all entries are equal in size, 1 where one is not 0 (mathematics#label-sparsity).

    NaN of zero vectors, and where L is 1.
    """
    sizes = np.abs(np.asarray(vectors, np.float64))
    root = np.sqrt(sizes.shape[-1])
    length = np.sqrt((sizes**2).sum(-1))
    with np.errstate(divide="ignore", invalid="ignore"):
        return np.where(length > 0, (root - sizes.sum(-1) / length) / (root - 1), np.nan)


def resampled(change: np.ndarray, counts: np.ndarray) -> np.ndarray:
    """Return label vectors (B, U, L) of resampled samples, NaN where none has a value (mathematics#label-vectors).

    Parameters
    ----------
    change : (U, S, L) array
        NaN where a part is too small.
    counts : (B, S) array
        Copies of every sample.
    """
    known = np.isfinite(change)
    values = np.where(known, change, 0.0).transpose(1, 0, 2)
    weights = counts.astype(float)
    total = np.tensordot(weights, values, axes=1)
    number = np.tensordot(weights, known.transpose(1, 0, 2).astype(float), axes=1)
    return np.divide(total, number, out=np.full(total.shape, np.nan), where=number > 0)


def sparsity_difference(
    units: np.ndarray, others: np.ndarray, resamples: int, seed: int
) -> tuple[float, float, float, float, float]:
    """Return the median sparsity of units and of decoys, their difference, and its 95 % interval (mathematics#label-sparsity).

    NaN in the place of the interval of fewer than 5 samples.

    Parameters
    ----------
    units, others : (U, S, L) arrays
        Changes of parts in the same samples, which are resampled together.
    resamples, seed : int
    """
    samples = units.shape[1]
    drawn = resamples if samples >= FEWEST else 0
    every = np.ones((1, samples))
    counts = np.concatenate([every, resample_weights(np.zeros(samples, int), drawn, seed)])
    medians = [_median_sparsities(side, counts) for side in (units, others)]
    gaps = medians[0] - medians[1]
    low, high = interval(gaps[1:]) if drawn else (np.nan, np.nan)
    return float(medians[0][0]), float(medians[1][0]), float(gaps[0]), float(low), float(high)


def _median_sparsities(change: np.ndarray, counts: np.ndarray) -> np.ndarray:
    """Return the median over units of the sparsity of their label vectors of each resample, (B,)."""
    at_once = max(1, AT_ONCE // change[:, 0].size)
    medians = []
    for part in np.array_split(counts, -(-len(counts) // at_once)):
        for values in hoyer(resampled(change, part)):
            values = values[np.isfinite(values)]
            medians.append(np.median(values) if len(values) else np.nan)
    return np.array(medians)


def ward(vectors: np.ndarray, order: str = "optimal") -> np.ndarray:
    """Return the merges (U-1, 4) of label vectors (U, L) by Ward's linkage (mathematics#label-vectors)."""
    return merging.linkage(pdist(np.asarray(vectors, np.float64)), "ward", order)


def best_cut(vectors: np.ndarray, merges: np.ndarray) -> tuple[int, float]:
    """Return the number of clusters, from 2 to 100, of the largest mean silhouette, and that (mathematics#label-vectors)."""
    most = min(MOST_CLUSTERS, len(vectors) - 1)
    tried = list(range(2, most + 1))
    labels = np.stack([cutting.cut(merges, k) for k in tried])
    rows = np.asarray(vectors, np.float64)
    blocks = (
        np.linalg.norm(rows[start : start + ROWS, None] - rows[None], axis=2)
        for start in range(0, len(rows), ROWS)
    )
    values = silhouettes.of_clusterings(blocks, labels)
    best = int(np.nanargmax(values))
    return tried[best], float(values[best])


def cut_stability(
    change: np.ndarray, labels: np.ndarray, resamples: int, seed: int
) -> tuple[np.ndarray, np.ndarray]:
    """Return how far clusters of units come back when samples are resampled: ARI (B,), and Jaccard of each cluster (B, k) (mathematics#label-vectors).

    Parameters
    ----------
    change : (U, S, L) array
        Without units that lack a part.
    labels : (U,) int array
        The cut of all samples, clusters 0 to k - 1.
    """
    k = int(labels.max()) + 1
    samples = change.shape[1]
    aris, jaccards = [], []
    for counts in resample_weights(np.zeros(samples, int), resamples, seed):
        vectors = np.nan_to_num(resampled(change, counts[None])[0])
        again = cutting.cut(ward(vectors, "none"), k)
        aris.append(agreement.ari(again, labels))
        jaccards.append(jaccard(labels, again))
    return np.array(aris), np.array(jaccards).reshape(len(aris), k)


def name_of(mean: np.ndarray, parts: list[str]) -> str:
    """Return the name of a cluster by its mean label vector (L,): the strongest parts with their signs (mathematics#label-vectors)."""
    sizes = np.abs(mean)
    order = [int(place) for place in np.argsort(-sizes) if sizes[place] >= NAMED * sizes.max()]
    if not sizes.max() > 0:
        return "none"
    return ", ".join(f"{'+' if mean[place] > 0 else '-'}{parts[place]}" for place in order)


def together(
    vectors: np.ndarray, others: np.ndarray, resamples: int, seed: int
) -> dict[str, np.ndarray]:
    """Return which parts change together over units, beside decoys (mathematics#concepts).

    Parameters
    ----------
    vectors, others : (U, L) arrays
        Label vectors of units and of their decoys, which are resampled together.

    Returns
    -------
    dict of str to (L, L) float64 array
        value: Spearman's correlation over units of the sizes of two parts' changes; low, high: its interval; decoys: the
        same of decoys; above_low, above_high: the interval of the difference.
    """
    sides = [np.abs(side) for side in (vectors, others)]
    value, decoys = (_spearman(side) for side in sides)
    drawn = np.random.default_rng([seed, 8]).integers(len(vectors), size=(resamples, len(vectors)))
    of_units = np.array([_spearman(sides[0][rows]) for rows in drawn]).reshape(-1, *value.shape)
    of_others = np.array([_spearman(sides[1][rows]) for rows in drawn]).reshape(-1, *value.shape)
    low, high = _bounds(of_units)
    above_low, above_high = _bounds(of_units - of_others)
    return {
        "value": value,
        "low": low,
        "high": high,
        "decoys": decoys,
        "above_low": above_low,
        "above_high": above_high,
    }


def _bounds(replicates: np.ndarray) -> np.ndarray:
    """Return the 95 % intervals of replicates (B, L, L)."""
    if not len(replicates):
        return np.full((2, *replicates.shape[1:]), np.nan)
    return np.nanpercentile(replicates, [2.5, 97.5], axis=0)


def _spearman(values: np.ndarray) -> np.ndarray:
    """Return Spearman's correlations (L, L) of columns (U, L)."""
    with np.errstate(divide="ignore", invalid="ignore"):
        return np.corrcoef(rankdata(values, axis=0), rowvar=False)


def coactivation(r: np.ndarray, classes: np.ndarray) -> np.ndarray:
    """Return the correlations of units (2, U, U) over samples r (N, U): of all, and of what is left of class means (mathematics#co-activation)."""
    rows = np.asarray(r, np.float64)
    left = rows.copy()
    for label in np.unique(classes):
        left[classes == label] -= rows[classes == label].mean(0)
    with np.errstate(divide="ignore", invalid="ignore"):
        return np.stack([np.atleast_2d(np.corrcoef(side, rowvar=False)) for side in (rows, left)])


def alike(
    active: np.ndarray, vectors: np.ndarray, permutations: int, seed: int
) -> tuple[float, float]:
    """Return the correlation over pairs of units of their co-activation (U, U) and the cosine of their label vectors (U, L), and Mantel's p (mathematics#co-activation)."""
    lengths = np.linalg.norm(vectors, axis=1, keepdims=True)
    unit = vectors / np.where(lengths > 0, lengths, 1)
    observed, null = rsa.mantel(
        np.nan_to_num(active)[None], (unit @ unit.T)[None], permutations, seed
    )
    return float(observed[0]), float(rsa.p_value(observed, null)[0])


def plane(vectors: np.ndarray, seed: int = 0) -> np.ndarray:
    """Return label vectors (U, L) in the plane (U, 2) by t-SNE: perplexity 30, or a third of few units, from principal components (mathematics#label-vectors)."""
    from sklearn.manifold import TSNE

    perplexity = min(PERPLEXITY, max(2.0, (len(vectors) - 1) / 3))
    rows = np.asarray(vectors, np.float64)
    return TSNE(perplexity=perplexity, init="pca", random_state=seed).fit_transform(rows)
