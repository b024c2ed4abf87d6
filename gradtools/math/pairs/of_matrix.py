"""Statistics over pairs when only the matrix of all pairs is known (mathematics#means-over-pairs, mathematics#pair-auc)."""

import numpy as np

from gradtools.math.pairs import pair_auc_bootstrap, pair_means
from gradtools.math.pairs.bootstrap import matrix_table


def matrix_statistics(
    matrix: np.ndarray,
    classes: np.ndarray,
    predictions: np.ndarray,
    counts: np.ndarray,
    distances: bool = False,
) -> tuple[dict[str, tuple[float, int]], np.ndarray]:
    """
    Return the means over kinds of pairs and pair AUC of a symmetric matrix, with their replicates.

    Parameters
    ----------
    matrix : (N, N) float array
        Similarities or distances; its diagonal is not used.
    classes, predictions : (N,) int arrays
    counts : (B, N) array
        From `bootstrap.resample_weights`; pair (i, j) has weight c_i c_j in a resample.
    distances : bool
        Smaller values are nearer: their sign is turned for the AUC.

    Returns
    -------
    values : dict of str to (float, int)
        Value and number of pairs of `pair_means.STATISTICS`, then AUC in all pairs, those of equal and of unequal prediction.
    replicates : (B, S) float64 array

    References
    ----------
    mathematics#means-over-pairs, mathematics#pair-auc, mathematics#bootstrap-over-images
    """
    matrix = np.asarray(matrix, dtype=np.float64)
    every = np.vstack([np.ones((1, len(matrix)), dtype=np.int64), counts])
    means, pairs = matrix_table(matrix, classes, predictions, every)
    auc, kinds = pair_auc_bootstrap.matrix_auc(
        -matrix if distances else matrix, classes, predictions, every
    )
    names = (*pair_means.STATISTICS, "auc", "auc_same_prediction", "auc_other_prediction")
    drawn = np.hstack([means, auc])
    numbers = [int(number) for number in (*pairs[0], *kinds)]
    return dict(zip(names, zip(drawn[0].tolist(), numbers))), drawn[1:]
