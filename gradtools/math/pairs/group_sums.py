"""
Sums of the rows of each cell, a (class, prediction) pair that occurs: all that a mean over pairs needs.

The sum over the pairs of a group follows from the sum of its rows, so one pass over the rows is enough (mathematics#means-over-pairs).
Cosine and correlation are inner products of rows made unit first.
"""

from collections.abc import Iterable
from dataclasses import dataclass

import numpy as np
from scipy import sparse

from gradtools.errors import GradtoolsError
from gradtools.math.rows.vectors import centred_rows, row_norms

PRODUCT_METRICS = ("cosine", "correlation", "dot")

# Rows taken through the cast, the norm and the sum while they are in the cache.
CACHED_ROWS = 512


@dataclass(frozen=True)
class CellSums:
    """Per cell sums (M, D), squares (M,) = sum |x|^2, counts (M,); `degenerate` rows, left out, had no direction."""

    sums: np.ndarray
    squares: np.ndarray
    counts: np.ndarray
    degenerate: int


def cells(
    classes: np.ndarray, predictions: np.ndarray
) -> tuple[np.ndarray, np.ndarray, np.ndarray]:
    """
    Number the (class, prediction) pairs that occur.

    Parameters
    ----------
    classes, predictions : (N,) int arrays

    Returns
    -------
    cell : (N,) int64 array, the cell of every image
    cell_class, cell_prediction : (M,) int64 arrays, what each cell stands for, in ascending order

    References
    ----------
    mathematics#class-x-prediction
    """
    pairs = np.stack(
        [np.asarray(classes, dtype=np.int64), np.asarray(predictions, dtype=np.int64)], axis=1
    )
    occurring, cell = np.unique(pairs, axis=0, return_inverse=True)
    return cell.reshape(-1), occurring[:, 0], occurring[:, 1]


def cell_sums(
    blocks: Iterable[tuple[np.ndarray, np.ndarray]], n_cells: int, metric: str = "cosine"
) -> CellSums:
    """
    Accumulate what every pair mean needs, in one pass and O(M D) memory.

    Parameters
    ----------
    blocks : iterable of (rows (n, D) of any real type, cell (n,) int)
        Raw rows; a negative cell leaves the row out.
    n_cells : int
    metric : str
        cosine | correlation | dot, or sqeuclidean (means of |x_i - x_j|^2).

    Returns
    -------
    CellSums, equal for any block size within float64 rounding.

    Raises
    ------
    GradtoolsError
        A row holds NaN or infinity, or there are no rows at all.

    References
    ----------
    mathematics#means-over-pairs
    """
    shift: np.ndarray | float = 0.0
    sums, first, degenerate = None, 0, 0
    squares, counts = np.zeros(n_cells), np.zeros(n_cells, dtype=np.int64)
    for rows, cell in blocks:
        if sums is None:
            sums = np.zeros((n_cells, rows.shape[1]))
        if metric == "sqeuclidean" and first == 0:
            # |S|^2 and n sum |x|^2 cancel when the rows lie far from the origin; distances do not mind a shift.
            shift = np.mean(rows, axis=0, dtype=np.float64)
        for start in range(0, len(rows), CACHED_ROWS):
            part, code = (
                rows[start : start + CACHED_ROWS],
                np.asarray(cell[start : start + CACHED_ROWS]),
            )
            degenerate += _add_rows(sums, squares, counts, part, code, metric, shift, first + start)
        first += len(rows)
    if sums is None:
        raise GradtoolsError("no rows to compare: the selection is empty")
    return CellSums(sums, squares, counts, degenerate)


def _add_rows(
    sums: np.ndarray,
    squares: np.ndarray,
    counts: np.ndarray,
    rows: np.ndarray,
    code: np.ndarray,
    metric: str,
    shift: np.ndarray | float,
    first: int,
) -> int:
    """Add a part's rows to the sums of their cells; return how many had no direction."""
    rows, scale, keep = scaled_rows(rows, code, metric, first, shift)
    order = np.flatnonzero(keep)
    order = order[np.argsort(code[order], kind="stable")]
    present, n = np.unique(code[order], return_counts=True)
    # One weight a row: the unit rows themselves are never formed, nor is an array as long as all cells.
    weights = sparse.csr_array(
        (scale[order], order, np.append(0, np.cumsum(n))), shape=(len(present), len(rows))
    )
    sums[present] += weights @ rows
    unscaled = metric in ("dot", "sqeuclidean")
    lengths = np.einsum("nd,nd->n", rows, rows) if unscaled else np.ones(len(rows))
    np.add.at(squares, code[order], lengths[order])
    counts[present] += n
    return int(np.count_nonzero((code >= 0) & ~keep))


def scaled_rows(
    rows: np.ndarray, cell: np.ndarray, metric: str, first: int = 0, shift: np.ndarray | float = 0.0
) -> tuple[np.ndarray, np.ndarray, np.ndarray]:
    """
    Return the rows and the factors that make them what the metric multiplies: x_i = scale_i * rows_i.

    Parameters
    ----------
    rows : (n, D) array
    cell : (n,) int array
        Negative where the row is left out, whatever it holds.
    metric : str
        cosine | correlation | dot | sqeuclidean
    first : int
        Number of row 0 in the data set, for messages.
    shift : (D,) array or 0
        Taken off every row (sqeuclidean).

    Returns
    -------
    rows : (n, D) float64, scale : (n,) float64, keep : (n,) bool (False: left out, or without a direction)

    References
    ----------
    mathematics#means-over-pairs
    """
    if metric not in PRODUCT_METRICS + ("sqeuclidean",):
        raise GradtoolsError(
            f"means over pairs of {metric!r} are not sums over images: use pair_statistics_streamed"
        )
    kept = np.asarray(cell) >= 0
    rows = np.array(rows, dtype=np.float64)
    rows[~kept] = 0
    norms = row_norms(rows, first)
    if metric == "correlation":
        rows = centred_rows(rows)
        norms = row_norms(rows, first)
    if metric == "sqeuclidean":
        rows = rows - shift
    if metric in ("dot", "sqeuclidean"):
        return rows, np.ones(len(rows)), kept
    keep = (norms > 0) & kept
    return rows, np.divide(1, norms, out=np.zeros(len(rows)), where=keep), keep
