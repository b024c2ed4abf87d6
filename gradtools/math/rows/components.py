"""Principal components of rows."""

import numpy as np

from gradtools.errors import GradtoolsError

# Entries x the shorter side, beyond which the full decomposition gives way to the randomised one.
FULL_SVD_WORK = 10**10


def pca(x: np.ndarray, n: int, seed: int = 0) -> tuple[np.ndarray, np.ndarray]:
    """
    Return the principal components.

    Parameters
    ----------
    x : (N, D) float array
    n : int
        Components wanted, at most min(N, D).
    seed : int
        For the randomised decomposition that large arrays take.

    Returns
    -------
    coordinates : (N, n) float64 array; the largest entry (by size) of each component's axis is positive.
    explained : (n,) float64 array, shares of the variance; zeros where there is none.

    Raises
    ------
    GradtoolsError
        n is not between 1 and min(N, D).

    References
    ----------
    mathematics#principal-components
    """
    centred = np.asarray(x, dtype=np.float64)
    if not 1 <= n <= min(centred.shape):
        raise GradtoolsError(
            f"cannot take {n} principal components of an array of {centred.shape[0]} rows and "
            f"{centred.shape[1]} columns: ask for between 1 and {min(centred.shape)}"
        )
    centred = centred - centred.mean(axis=0)
    _, s, axes = _leading_svd(centred, n, seed)
    axes = axes * np.where(axes[np.arange(n), np.abs(axes).argmax(axis=1)] < 0, -1, 1)[:, None]
    variance = np.einsum("nd,nd->", centred, centred)
    return centred @ axes.T, s**2 / variance if variance > 0 else np.zeros(n)


def _leading_svd(
    centred: np.ndarray, n: int, seed: int
) -> tuple[np.ndarray, np.ndarray, np.ndarray]:
    """Return the n largest singular values with their vectors: u (N, n), s (n,), axes (n, D)."""
    if centred.size * min(centred.shape) <= FULL_SVD_WORK:
        u, s, axes = np.linalg.svd(centred, full_matrices=False)
        return u[:, :n], s[:n], axes[:n]
    from sklearn.utils.extmath import randomized_svd

    return randomized_svd(centred, n, random_state=seed)
