"""Gaussian mixtures with diagonal covariances, many starts at once: their E and M steps are a few products with the same rows.

References
----------
A. P. Dempster, N. M. Laird, D. B. Rubin, Maximum likelihood from incomplete data via the EM algorithm, J. R. Stat. Soc. B 39
(1977).
"""

from dataclasses import dataclass

import numpy as np

from gradtools.math.clusters import lloyd, plus_plus

MAX_STEPS = 100  # as scikit-learn's max_iter
TOLERANCE = 1e-3  # nats a row, as scikit-learn's tol

# Entries of the means of the starts that are run together: what the caches keep is fastest.
BATCH_ENTRIES = 2**20


@dataclass(frozen=True)
class Fits:
    """labels (S, m) int32, likeliest component of every row; log_likelihood (S,), mean over rows of the log density; bound
    (S,), that of the parameters before the last M step, by which starts are compared.
    """

    labels: np.ndarray
    log_likelihood: np.ndarray
    bound: np.ndarray


@dataclass(frozen=True)
class _Mixture:
    """Parameters of A mixtures: weight (A, k), mean and variance (A, k, D)."""

    weight: np.ndarray
    mean: np.ndarray
    variance: np.ndarray


def mixtures(
    x: np.ndarray, gram: np.ndarray, k: int, drawn: np.ndarray, reg: float = 1e-6
) -> tuple[np.ndarray, np.ndarray]:
    """
    Fit mixtures to the same rows, each the best of several starts by k-means.

    Parameters
    ----------
    x : (m, D) float64 array
    gram : (m, m) float64 array
        Inner products of the rows about a mean (`lloyd.gram_matrix`).
    k : int
    drawn : (F, n_init, k, t) float64 array
        Uniform random numbers for the first centres of F fits (`plus_plus.numbers`).
    reg : float
        Added to the variances.

    Returns
    -------
    labels : (F, m) int32 array
    log_likelihood : (F,) float64 array
        Mean over the rows of the logarithm of the density (nats).

    References
    ----------
    mathematics#clustering-methods
    """
    fits, n_init = drawn.shape[:2]
    starts = drawn.reshape(1, fits * n_init, k, -1)
    first = lloyd.lloyd(gram[None], plus_plus.first_centres(gram[None], starts)).labels
    step = max(1, BATCH_ENTRIES // (k * x.shape[1]))
    parts = [
        expectation_maximisation(x, first[at : at + step], k, reg)
        for at in range(0, len(first), step)
    ]
    bound, likelihood, labels = (
        np.concatenate([getattr(part, name) for part in parts])
        for name in ("bound", "log_likelihood", "labels")
    )
    best = bound.reshape(fits, n_init).argmax(axis=1) + n_init * np.arange(fits)
    return labels[best], likelihood[best]


def expectation_maximisation(x: np.ndarray, labels: np.ndarray, k: int, reg: float) -> Fits:
    """
    Run EM from labellings until the mean log density changes by less than TOLERANCE.

    Parameters
    ----------
    x : (m, D) float64 array
    labels : (A, m) int array
        Component from which each start begins.
    k : int
    reg : float
        Added to the variances.

    References
    ----------
    mathematics#clustering-methods
    """
    squares = x**2
    share = np.eye(k)[labels].transpose(0, 2, 1)
    mixture = _maximised(x, squares, share, reg)
    ended: list[tuple[np.ndarray, _Mixture, np.ndarray]] = []
    active, before = np.arange(len(labels)), np.full(len(labels), -np.inf)
    for step in range(MAX_STEPS):
        bound, share = _expected(x, squares, mixture)
        mixture = _maximised(x, squares, share, reg)
        done = np.abs(bound - before) < TOLERANCE
        if step == MAX_STEPS - 1:
            done[:] = True
        if done.any():
            ended.append((active[done], _some(mixture, done), bound[done]))
            mixture, active, bound = _some(mixture, ~done), active[~done], bound[~done]
        if not len(active):
            break
        before = bound
    return _read_off(x, squares, ended)


def _read_off(
    x: np.ndarray, squares: np.ndarray, ended: list[tuple[np.ndarray, _Mixture, np.ndarray]]
) -> Fits:
    """Return labels and likelihoods of mixtures that have ended, in the order of their starts."""
    order = np.argsort(np.concatenate([places for places, _, _ in ended]))
    labels, likelihood = [], []
    for _, mixture, _ in ended:
        mean, share = _expected(x, squares, mixture)
        labels.append(share.argmax(axis=1).astype(np.int32))
        likelihood.append(mean)
    bound = np.concatenate([bound for _, _, bound in ended])
    return Fits(np.concatenate(labels)[order], np.concatenate(likelihood)[order], bound[order])


def _some(mixture: _Mixture, rows: np.ndarray) -> _Mixture:
    return _Mixture(mixture.weight[rows], mixture.mean[rows], mixture.variance[rows])


def _expected(
    x: np.ndarray, squares: np.ndarray, mixture: _Mixture
) -> tuple[np.ndarray, np.ndarray]:
    """Return the mean log density of each mixture (A,) and every component's share of the rows (A, k, m)."""
    (count, k, d), m = mixture.mean.shape, len(x)
    precision = 1 / mixture.variance
    slope = mixture.mean * precision
    offset = (
        np.log(mixture.weight)
        - 0.5 * (d * np.log(2 * np.pi) + np.log(mixture.variance).sum(axis=2))
        - 0.5 * np.einsum("akd,akd->ak", mixture.mean, slope)
    )
    precision *= -0.5
    joint = slope.reshape(-1, d) @ x.T
    joint += precision.reshape(-1, d) @ squares.T
    joint = joint.reshape(count, k, m)
    joint += offset[:, :, None]
    most = joint.max(axis=1, keepdims=True)
    share = np.exp(joint - most)
    total = share.sum(axis=1, keepdims=True)
    share /= total
    return (most + np.log(total)).mean(axis=(1, 2)), share


def _maximised(x: np.ndarray, squares: np.ndarray, share: np.ndarray, reg: float) -> _Mixture:
    """Return the mixtures (A) of the likeliest parameters, given the components' shares of the rows (A, k, m)."""
    count, k, m = share.shape
    size = share.sum(axis=2) + 10 * np.finfo(float).eps
    flat, per_component = share.reshape(-1, m), size.reshape(-1, 1)
    mean = flat @ x
    mean /= per_component
    variance = flat @ squares
    variance /= per_component
    variance -= mean**2
    variance += reg
    shape = (count, k, x.shape[1])
    weight = size / size.sum(axis=1, keepdims=True)
    return _Mixture(weight, mean.reshape(shape), variance.reshape(shape))
