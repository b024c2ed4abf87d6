"""A matrix of every pair of samples that another program made."""

import numpy as np

from gradtools import store
from gradtools.errors import GradtoolsError, UsageError, some
from gradtools.math.pairs import bootstrap, of_matrix
from gradtools.selection import compared
from gradtools.selection.results import Columns, Facts, Result, of_similarity
from gradtools.stages.transfer.arrays import Arrays
from gradtools.stages.transfer.described import Samples
from gradtools.stages.transfer.options import Options
from gradtools.store import paths

DISTANCES = ("euclidean", "distance")
MOST_AUC = 5 * 10**8  # pairs x resamples


def read(values: Arrays, options: Options) -> np.ndarray | None:
    """Return the square array that --matrix names, (N, N) float64; None without the option.

    Raises
    ------
    UsageError, GradtoolsError
        There is none, or it is not square, finite and symmetric.
    """
    if options.matrix is None:
        return None
    matrix = values.get(options.matrix)
    if matrix is None or isinstance(matrix, list):
        raise UsageError(f"--matrix {options.matrix}: no such array, there are {some(values)}")
    if matrix.ndim != 2 or matrix.shape[0] != matrix.shape[1]:
        raise GradtoolsError(
            f"--matrix {options.matrix} is {'x'.join(map(str, matrix.shape))}, and every pair of samples is square"
        )
    matrix = np.asarray(matrix, np.float64)
    if not np.isfinite(matrix).all():
        row = int(np.flatnonzero(~np.isfinite(matrix).all(axis=1))[0])
        raise GradtoolsError(f"--matrix {options.matrix} holds NaN or infinity in row {row}")
    apart = np.abs(matrix - matrix.T).max(initial=0)
    if apart > 1e-5 * max(np.abs(matrix).max(initial=0), 1e-300):
        raise GradtoolsError(
            f"--matrix {options.matrix} is not symmetric (by up to {apart:.3g}): give (M + M')/2"
        )
    return (matrix + matrix.T) / 2


def write(sink: store.Sink, matrix: np.ndarray, known: Samples, options: Options) -> None:
    """Write the matrix, and what its pairs say of the classes."""
    name = str(options.matrix)
    sink.put(
        paths.matrix(name, options.metric),
        matrix.astype("f4"),
        long_name=f"{options.metric} of {name}, every pair",
    )
    of_pairs(matrix, known, options).write(sink)


def of_pairs(matrix: np.ndarray, known: Samples, options: Options) -> Result:
    """Compute statistics over the pairs of a matrix by class and prediction, with intervals over resampled samples.

    Parameters
    ----------
    matrix : (N, N) float64 array
    known : Samples
    options : Options

    Returns
    -------
    results.Result
    """
    labelled = known.labels >= 0
    keep = labelled if labelled.any() else np.ones(len(known.ids), dtype=bool)
    predicted = known.predicted is not None and options.unit == "image"
    predictions = np.zeros(int(keep.sum()), int)
    if known.predicted is not None and predicted:
        predictions = known.predicted[keep]
    codes = known.labels[keep]
    pairs = max(len(codes) * (len(codes) - 1) // 2, 1)
    resamples = min(options.resamples, MOST_AUC // pairs)
    values, replicates = of_matrix.matrix_statistics(
        matrix[np.ix_(keep, keep)],
        codes,
        predictions,
        bootstrap.resample_weights(codes, resamples, options.seed),
        distances=options.metric in DISTANCES,
    )
    stays = [compared.is_defined(name, bool(labelled.any()), predicted) for name in values]
    values = {name: value for (name, value), stay in zip(values.items(), stays) if stay}
    replicates = replicates[:, stays]
    bounds = (
        bootstrap.interval(replicates) if len(replicates) else np.full((len(values), 2), np.nan)
    )
    columns: Columns = {
        "statistic": list(values),
        "value": np.array([value for value, _ in values.values()]),
        "low": bounds[:, 0],
        "high": bounds[:, 1],
        "pairs": np.array([number for _, number in values.values()], "i8"),
    }
    facts: Facts = {
        "rows": len(codes),
        "degenerate": 0,
        "unlabelled": int((~keep).sum()),
        "left_out": int((~keep).sum()),
        "resamples": len(replicates),
        "seed": options.seed,
        "resampling": bootstrap.RESAMPLING,
        "leaks": 0,
        "normalised": "raw",
    }
    return of_similarity(str(options.matrix), options.metric, columns, replicates, facts)
