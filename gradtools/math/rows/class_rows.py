"""How rows of class weights are normalised before they are compared (mathematics#row-normalisation).

`post` is the seed's: each row less its mean over the D dimensions and divided by its standard deviation, so that cosine is
Pearson's correlation. `gauge` subtracts the mean row: softmax does not change under W -> W + 1 v^T, so only rows less their
mean are identified. `raw` leaves them.
"""

import numpy as np

from gradtools.errors import UsageError
from gradtools.math.rows.vectors import centred_rows

NORMALISATIONS = ("post", "raw", "gauge")


def normalised(rows: np.ndarray, how: str, mean_row: np.ndarray | None = None) -> np.ndarray:
    """
    Normalise rows as they are compared.

    Parameters
    ----------
    rows : (n, D) array of any real type
    how : str
        One of `NORMALISATIONS`.
    mean_row : (D,) array, optional
        Of all rows, for `gauge`; by default that of these.

    Returns
    -------
    (n, D) float64 array. Under `post` every row that is not constant has norm sqrt(D - 1) (ddof 1, as torch's std);
    constant ones are zero.

    References
    ----------
    mathematics#row-normalisation
    """
    rows = np.asarray(rows, dtype=np.float64)
    if how == "post":
        centred = centred_rows(rows)
        deviation = np.sqrt(np.einsum("nd,nd->n", centred, centred) / max(rows.shape[1] - 1, 1))
        return centred / np.where(deviation > 0, deviation, 1)[:, None]
    if how == "gauge":
        return rows - (rows.mean(axis=0) if mean_row is None else mean_row)
    if how != "raw":
        raise UsageError(f"--rows {how}: write one of {', '.join(NORMALISATIONS)}")
    return rows
