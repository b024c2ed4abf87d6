"""Linear and non-linear maps from one space to another: ridge by cross-validation, least squares, and their errors."""

import dataclasses
from typing import Literal

import numpy as np
from sklearn.kernel_approximation import Nystroem
from sklearn.linear_model import Ridge, RidgeCV

ALPHAS = tuple(np.logspace(-3, 4, 15))
LANDMARKS = 300  # of the non-linear fit
MEDIAN_OF = 500  # rows whose distances set the width of its kernel

Method = Literal["ridge", "ols"]


@dataclasses.dataclass(frozen=True)
class Linear:
    """An affine map from rows of D to rows of d numbers, on the scale of the inputs.

    Attributes
    ----------
    coef : (d, D) float64 array
    intercept : (d,) float64 array
    alpha : float
        Of the ridge on standardised inputs; 0 of least squares.
    """

    coef: np.ndarray
    intercept: np.ndarray
    alpha: float

    def __call__(self, r: np.ndarray) -> np.ndarray:
        """Return w~ (N, d) of r (N, D)."""
        return np.asarray(r, np.float64) @ self.coef.T + self.intercept


@dataclasses.dataclass(frozen=True)
class Kernel:
    """A linear map of the inputs and of Gaussian bumps around some of them."""

    centre: np.ndarray
    scale: np.ndarray
    bumps: Nystroem
    linear: Linear

    def __call__(self, r: np.ndarray) -> np.ndarray:
        """Return w~ (N, d) of r (N, D)."""
        return self.linear(self._inputs(r))

    def _inputs(self, r: np.ndarray) -> np.ndarray:
        x = (np.asarray(r, np.float64) - self.centre) / self.scale
        return np.concatenate([x, self.bumps.transform(x)], axis=1)


def fit_linear(
    r: np.ndarray, w: np.ndarray, method: Method = "ridge", alpha: float | None = None
) -> Linear:
    """Fit w = coef r + intercept (mathematics#link).

    Parameters
    ----------
    r : (N, D) array
    w : (N, d) array
    method : str
        "ridge": on standardised r, its penalty of 15 values by leave-one-out error; "ols": least squares of the least norm.
    alpha : float, optional
        The penalty, where it is known.

    Returns
    -------
    Linear
    """
    r, w = np.asarray(r, np.float64), np.asarray(w, np.float64)
    centre, scale = _scales(r)
    x = (r - centre) / scale
    if method == "ols":
        coef = np.linalg.lstsq(x, w - w.mean(0), rcond=None)[0].T
        alpha = 0.0
    elif alpha is not None:
        coef = Ridge(alpha).fit(x, w).coef_.reshape(w.shape[1], -1)
    else:
        ridge = RidgeCV(ALPHAS).fit(x, w)
        coef, alpha = ridge.coef_.reshape(w.shape[1], -1), float(ridge.alpha_)
    coef = coef / scale
    return Linear(coef, w.mean(0) - coef @ centre, alpha)


def fit_kernel(r: np.ndarray, w: np.ndarray, seed: int = 0) -> Kernel:
    """Fit w by ridge on standardised r and Gaussian bumps of the median distance around landmarks (mathematics#link).

    Parameters
    ----------
    r : (N, D) array
    w : (N, d) array
    seed : int
        Of the landmarks.
    """
    r = np.asarray(r, np.float64)
    centre, scale = _scales(r)
    x = (r - centre) / scale
    rows = np.random.default_rng(seed).permutation(len(x))[:MEDIAN_OF]
    gaps = ((x[rows[: len(rows) // 2], None] - x[None, rows[len(rows) // 2 :]]) ** 2).sum(2)
    gamma = 1 / max(float(np.median(gaps)), 1e-12) if gaps.size else 1.0
    bumps = Nystroem(gamma=gamma, n_components=min(LANDMARKS, len(x)), random_state=seed).fit(x)
    inputs = np.concatenate([x, bumps.transform(x)], axis=1)
    return Kernel(centre, scale, bumps, fit_linear(inputs, w))


def _scales(r: np.ndarray) -> tuple[np.ndarray, np.ndarray]:
    """Return the means and deviations of the columns, 1 for constant ones."""
    scale = r.std(0)
    return r.mean(0), np.where(scale > 0, scale, 1.0)


def squared_errors(w: np.ndarray, predicted: np.ndarray, centre: np.ndarray) -> np.ndarray:
    """Return the residual and total sums of squares of each row (mathematics#link).

    Parameters
    ----------
    w, predicted : (N, d) arrays
    centre : (d,) array
        The mean of w over the rows that R2 is of.

    Returns
    -------
    (N, 2) float64 array
    """
    w = np.asarray(w, np.float64)
    return np.stack([((w - predicted) ** 2).sum(1), ((w - centre) ** 2).sum(1)], axis=1)


def r2_of_dimensions(w: np.ndarray, predicted: np.ndarray) -> np.ndarray:
    """Return R2 of each dimension (d,): 1 - residual / total sum of squares over the rows, NaN where it is constant (mathematics#link)."""
    w = np.asarray(w, np.float64)
    total = ((w - w.mean(0)) ** 2).sum(0)
    residual = ((w - predicted) ** 2).sum(0)
    with np.errstate(divide="ignore", invalid="ignore"):
        return np.where(total > 0, 1 - residual / total, np.nan)


def pooled_r2(errors: np.ndarray, rows: np.ndarray | None = None) -> float:
    """Return R2 over all dimensions: 1 - the ratio of sums of `squared_errors` over rows, by default all (mathematics#link).

    Parameters
    ----------
    errors : (N, 2) float64 array
        From `squared_errors`.
    rows : (n,) int or (N,) bool array, optional

    Returns
    -------
    float
        NaN where all values are equal.
    """
    kept = errors if rows is None else errors[rows]
    residual, total = kept.sum(0)
    return float(1 - residual / total) if total > 0 else float("nan")


def row_cosine(a: np.ndarray, b: np.ndarray) -> np.ndarray:
    """Return the cosine of each row of a (N, d) with that of b, NaN of zero rows (mathematics#link)."""
    a, b = np.asarray(a, np.float64), np.asarray(b, np.float64)
    lengths = np.linalg.norm(a, axis=1) * np.linalg.norm(b, axis=1)
    with np.errstate(divide="ignore", invalid="ignore"):
        return np.where(lengths > 0, (a * b).sum(1) / lengths, np.nan)


def split(count: int, share: float, seed: int) -> np.ndarray:
    """Return which of `count` rows are held out, (N,) bool: a share of them, drawn by the seed (mathematics#link)."""
    held_out = np.zeros(count, bool)
    held_out[
        np.random.default_rng([seed, 1]).permutation(count)[: max(1, round(share * count))]
    ] = True
    return held_out
