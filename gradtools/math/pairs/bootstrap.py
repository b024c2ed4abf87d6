"""
Bootstrap over images of the means over pairs (mathematics#bootstrap-over-images): pairs share images, so images are what is resampled.

A resample is a weight c_i of every image. Weights depend on the seed and the class labels alone, never on the features,
so the same weights give paired differences between features, taps and models; fewer resamples are a prefix of more.
"""

from collections.abc import Iterator

import numpy as np

from gradtools.math.pairs.pair_means import STATISTICS, table_of_cells, table_of_groupings

# Beside replicates in a store: those of other draws are not paired with them.
RESAMPLING = "rescaled"

# Weights are multiples of this: sums of their products are exact in float64, and a kind of pairs that is not drawn weighs exactly 0.
WEIGHT_STEP = 2.0**-10

# Rows whose Poisson counts are drawn together: fixed, so that the counts do not depend on the reader's block size.
POISSON_UNIT = 1024

# The count that each 16-bit number stands for: a table is ten times as fast as drawing Poisson numbers.
POISSON_OF = np.searchsorted(
    np.cumsum(np.exp(-1) / np.cumprod([1, *range(1, 9)])), (np.arange(2**16) + 0.5) / 2**16
).astype(np.uint8)

# Beyond this many images, factoring the Gram matrix costs more than resampling long rows.
FACTORED_ROWS = 2000

# Beyond this many images the counts of all resamples are not held at once.
COUNTED_ROWS = 20_000


def resample_weights(classes: np.ndarray, resamples: int = 1000, seed: int = 0) -> np.ndarray:
    """
    Draw the weight of every image in every resample; images are drawn with replacement within their class.

    Of a class of m images m - 1 are drawn, and each copy weighs m / (m - 1): m draws would have (m - 1) / m of the variance of a
    mean. Of two images two are drawn, since one has no pair; a class of one image keeps it.

    Parameters
    ----------
    classes : (N,) int array
    resamples : int
        B.
    seed : int

    Returns
    -------
    (B, N) float32 array whose sum over each class is the size of the class, to `WEIGHT_STEP` an image.

    References
    ----------
    mathematics#bootstrap-over-images; J. N. K. Rao, C. F. J. Wu, J. American Statistical Association 83 (1988), 231.
    """
    classes = np.asarray(classes)
    weights = np.ones((resamples, len(classes)), dtype=np.float32)
    for label in np.unique(classes):
        members = np.flatnonzero(classes == label)
        size = len(members)
        draws = size - 1 if size > 2 else size
        drawn = _generator(seed, label).integers(size, size=(resamples, draws))
        flat = drawn + np.arange(resamples)[:, None] * size
        copies = np.bincount(flat.ravel(), minlength=resamples * size)
        scale = np.rint(size / draws / WEIGHT_STEP) * WEIGHT_STEP
        weights[:, members] = copies.reshape(resamples, size) * scale
    return weights


def images_in_twos(classes: np.ndarray) -> int:
    """Count the images whose class has two of them: their resamples have half the variance (mathematics#bootstrap-over-images)."""
    sizes = np.unique(classes, return_counts=True)[1]
    return 2 * int(np.count_nonzero(sizes == 2))


def poisson_counts(start: int, stop: int, resamples: int, seed: int = 0) -> np.ndarray:
    """
    Return the Poisson(1) copies of images start..stop of a data set of any size, probabilities rounded to 2^-16.

    Returns
    -------
    (B, stop - start) uint8 array, the same for any cut of the images into blocks.

    References
    ----------
    mathematics#bootstrap-over-images
    """
    parts = []
    for unit in range(start // POISSON_UNIT, -(-stop // POISSON_UNIT)):
        first = unit * POISSON_UNIT
        # Drawn whole and row by row: fewer resamples are then a prefix of more.
        drawn = POISSON_OF[
            _generator(seed, unit).integers(2**16, size=(resamples, POISSON_UNIT), dtype=np.uint16)
        ]
        parts.append(drawn[:, max(start - first, 0) : stop - first])
    return np.concatenate(parts, axis=1)


def _generator(seed: int, part: int) -> np.random.Generator:
    """Return a stream of random numbers of its own for each class or unit (labels may be negative)."""
    return np.random.default_rng([seed, int(part) % 2**32])


def compact_rows(rows: np.ndarray) -> np.ndarray:
    """
    Return the rows of at most N entries with the same inner products, (N, D) -> (N, min(D, N)) where that saves work.

    Resampling and shuffling ask for inner products only, and R of X^T = QR has them: R^T R = X X^T.

    References
    ----------
    mathematics#bootstrap-over-images
    """
    n, d = rows.shape
    if d < 2 * n or n > FACTORED_ROWS:
        return rows
    triangle = np.asarray(np.linalg.qr(rows.T, mode="r"))
    return np.ascontiguousarray(triangle.T)


def bootstrap_pair_statistics(
    rows: np.ndarray,
    cell: np.ndarray,
    cell_class: np.ndarray,
    cell_prediction: np.ndarray,
    counts: np.ndarray,
    memory: int = 2**28,
) -> np.ndarray:
    """
    Return the replicates of `pairs.STATISTICS` for an inner-product metric.

    Parameters
    ----------
    rows : (N, D) float64 array
        From `vectors.prepared_rows`: unit rows for cosine and correlation. Leave degenerate rows out, also of counts.
    cell, cell_class, cell_prediction
        From `cells.cells`.
    counts : (B, N) array
        From `resample_weights`.
    memory : int
        Bytes that the sums of the cells may take; resamples go through in batches of what it holds.

    Returns
    -------
    (B, S) float64 array, NaN where a resample has no pair of the kind.

    References
    ----------
    mathematics#bootstrap-over-images; equal to the statistics of the resampled rows with pairs of copies of one image left out.
    """
    order = np.argsort(cell, kind="stable")
    rows, counts = (
        compact_rows(np.asarray(rows, dtype=np.float64))[order],
        np.asarray(counts)[:, order],
    )
    squares = np.einsum("nd,nd->n", rows, rows)
    sizes = np.bincount(cell, minlength=len(cell_class))
    batch = _held(memory, len(cell_class), rows.shape[1])
    batches = (
        counts[start : start + batch].astype(np.float64) for start in range(0, len(counts), batch)
    )
    replicates = [
        _replicates(rows, squares, part, sizes, cell_class, cell_prediction) for part in batches
    ]
    return np.concatenate(replicates) if replicates else np.empty((0, len(STATISTICS)))


def _replicates(
    rows: np.ndarray,
    squares: np.ndarray,
    counts: np.ndarray,
    sizes: np.ndarray,
    cell_class: np.ndarray,
    cell_prediction: np.ndarray,
) -> np.ndarray:
    """Return one batch of resamples, rows sorted by cell: sums (M, b, D), then the table."""
    sums = np.zeros((len(sizes), len(counts), rows.shape[1]))
    parts = np.zeros((3, len(sizes), len(counts)))
    ends = np.cumsum(sizes)
    for m, (start, stop) in enumerate(zip(ends - sizes, ends)):
        _add_cell(
            sums[m], parts[:, m], rows[start:stop], squares[start:stop], counts[:, start:stop]
        )
    of_squares, of_counts, of_copies = parts
    return table_of_cells(sums, of_squares, of_counts, of_copies, cell_class, cell_prediction)[0]


def _add_cell(
    sums: np.ndarray, parts: np.ndarray, rows: np.ndarray, squares: np.ndarray, counts: np.ndarray
) -> None:
    """Add one cell's resampled rows (counts (b, n)): sum c x, sum c^2 |x|^2, sum c, sum c^2."""
    copies = counts**2
    sums += counts @ rows
    parts += copies @ squares, counts.sum(axis=1), copies.sum(axis=1)


def _held(memory: int, n_cells: int, d: int) -> int:
    """Return the resamples whose cell sums, and their copies by class and by prediction, fit into memory (bytes)."""
    return max(1, memory // (3 * 8 * n_cells * max(d, 1)))


def bootstrap_matrix_statistics(
    matrix: np.ndarray, classes: np.ndarray, predictions: np.ndarray, counts: np.ndarray
) -> np.ndarray:
    """
    Return the replicates from a symmetric similarity or distance matrix: for metrics that are no inner products.

    Parameters
    ----------
    matrix : (N, N) float64 array
        Its diagonal is not used.
    classes, predictions : (N,) int arrays
    counts : (B, N) array

    Returns
    -------
    (B, S) float64 array, as `bootstrap_pair_statistics`.

    References
    ----------
    mathematics#bootstrap-over-images
    """
    return matrix_table(matrix, classes, predictions, counts)[0]


def matrix_table(
    matrix: np.ndarray, classes: np.ndarray, predictions: np.ndarray, counts: np.ndarray
) -> tuple[np.ndarray, np.ndarray]:
    """
    Return the values and weights of pairs, (B, S) each, of a symmetric matrix under counts (B, N); see `bootstrap_matrix_statistics`.

    References
    ----------
    mathematics#bootstrap-over-images
    """
    matrix = matrix.copy()
    np.fill_diagonal(matrix, 0)
    weights = np.asarray(counts, dtype=np.float64)
    _, classes = np.unique(classes, return_inverse=True)
    _, predictions = np.unique(predictions, return_inverse=True)
    cell = classes * (predictions.max() + 1) + predictions
    by_class = _matrix_sums(matrix, classes, weights)
    others = [
        tuple(part.sum(axis=0) for part in _matrix_sums(matrix, codes, weights))
        for codes in (predictions, cell, np.zeros(len(cell), dtype=int))
    ]
    return table_of_groupings(by_class, *others)


def _matrix_sums(
    matrix: np.ndarray, codes: np.ndarray, weights: np.ndarray
) -> tuple[np.ndarray, np.ndarray]:
    """Return the c' K c / 2 and the number of pairs within each group: (G, B) each."""
    sums, pairs = [], []
    for code in np.unique(codes):
        members = np.flatnonzero(codes == code)
        c = weights[:, members]
        sums.append(np.einsum("bn,bn->b", c @ matrix[np.ix_(members, members)], c) / 2)
        pairs.append((c.sum(axis=1) ** 2 - (c**2).sum(axis=1)) / 2)
    return np.stack(sums), np.stack(pairs)


def bootstrap_means(values: np.ndarray, resamples: int = 1000, seed: int = 0) -> np.ndarray:
    """
    Return the replicates of the mean over images of every column.

    Parameters
    ----------
    values : (N, S) float array
        NaN where an image has no value; it is left out of that column.
    resamples : int
        B.
    seed : int

    Returns
    -------
    (B, S) float64 array, NaN where a resample has no value; beyond COUNTED_ROWS images counts are Poisson(1), block by block.

    References
    ----------
    mathematics#bootstrap-over-images
    """
    values = np.asarray(values, dtype=np.float64)
    sums = np.zeros((2, resamples, values.shape[1]))
    for rows, counts in _blocks_of_counts(len(values), resamples, seed):
        counts, part = counts.astype(np.float64), values[rows]
        sums += counts @ np.nan_to_num(part), counts @ ~np.isnan(part)
    return np.divide(sums[0], sums[1], out=np.full(sums[0].shape, np.nan), where=sums[1] > 0)


def _blocks_of_counts(n: int, resamples: int, seed: int) -> Iterator[tuple[slice, np.ndarray]]:
    """Yield (rows, their counts (B, rows)) that make up one bootstrap of n images."""
    whole = resample_weights(np.zeros(n, int), resamples, seed) if n <= COUNTED_ROWS else None
    for start in range(0, n, POISSON_UNIT):
        stop = min(start + POISSON_UNIT, n)
        yield (
            slice(start, stop),
            poisson_counts(start, stop, resamples, seed) if whole is None else whole[:, start:stop],
        )


def interval(replicates: np.ndarray, level: float = 0.95) -> np.ndarray:
    """
    Return the percentile interval.

    Parameters
    ----------
    replicates : (B, ...) float array
        Of a statistic, or of a difference of two under the same counts.
    level : float

    Returns
    -------
    (..., 2) float64 array, low and high, over the replicates in which the statistic exists; NaN where it exists in
    fewer than half of them.

    References
    ----------
    mathematics#bootstrap-over-images
    """
    replicates = np.asarray(replicates, dtype=np.float64)
    columns = replicates.reshape(len(replicates), int(np.prod(replicates.shape[1:]))).T
    tails = [(1 - level) / 2, (1 + level) / 2]
    bounds = np.full((len(columns), 2), np.nan)
    for k, column in enumerate(columns):
        present = column[~np.isnan(column)]
        if len(present) and 2 * len(present) >= len(column):
            bounds[k] = np.quantile(present, tails)
    return bounds.reshape(*replicates.shape[1:], 2)
