"""
Whether a linear probe reads the label from rows: cross-validated, beside the same probe on shuffled labels.

Given the same prediction, labels are shuffled among images of equal prediction: a probe of rows that know the
prediction and nothing else is then exactly as good on shuffled labels as on true ones.
"""

from dataclasses import dataclass

import numpy as np

from gradtools.errors import GradtoolsError

FOLDS = 5
SOLVER = {"maxiter": 1000, "maxls": 50, "gtol": 1e-4, "ftol": 64 * np.finfo(np.float64).eps}
ROUNDING = 1e-5  # of float32 rows: standardised, the rounding of a row that is its direction would tell which one
SPANNED = 1e-12  # of the largest squared singular value: below, a direction is rounding


@dataclass(frozen=True)
class Decoding:
    """Accuracies over the folds (F,), plain and balanced; means of the same on shuffled labels (R,)."""

    accuracy: np.ndarray
    balanced: np.ndarray
    shuffled_accuracy: np.ndarray
    shuffled_balanced: np.ndarray

    @property
    def p(self) -> float:
        """(1 + number of shuffles at least as balanced-accurate) / (1 + R), float."""
        reached = np.count_nonzero(self.shuffled_balanced >= self.balanced.mean() - 1e-12)
        return (1 + reached) / (1 + len(self.shuffled_balanced))


def without_direction(rows: np.ndarray, directions: np.ndarray) -> np.ndarray:
    """
    Subtract from each row its projection on a direction.

    Parameters
    ----------
    rows, directions : (n, D) arrays
        Of any length; a direction of zeros takes nothing away.

    Returns
    -------
    (n, D) float64 array, orthogonal to the directions row by row; zeros where only rounding noise is left.

    References
    ----------
    mathematics#linear-probe
    """
    rows, directions = np.asarray(rows, dtype=np.float64), np.asarray(directions, dtype=np.float64)
    squares = np.einsum("nd,nd->n", directions, directions)
    along = np.einsum("nd,nd->n", rows, directions) / np.where(squares > 0, squares, 1)
    rest = rows - along[:, None] * directions
    rest[np.linalg.norm(rest, axis=1) <= ROUNDING * np.linalg.norm(rows, axis=1)] = 0
    return rest


def decodable(labels: np.ndarray, folds: int = FOLDS) -> np.ndarray:
    """Return which images have a label that occurs in every fold, (n,) bool (mathematics#linear-probe)."""
    names, codes, sizes = np.unique(labels, return_inverse=True, return_counts=True)
    return (sizes >= folds)[codes] if len(names) else np.zeros(0, bool)


def contested(labels: np.ndarray, predictions: np.ndarray, folds: int = FOLDS) -> np.ndarray:
    """Return which images have a prediction with at least two labels, among labels that occur in every fold, (n,) bool.

    References
    ----------
    mathematics#linear-probe
    """
    labels, predictions = np.asarray(labels), np.asarray(predictions)
    keep = np.ones(len(labels), bool)
    while True:
        kept = keep.copy()
        kept[keep] = decodable(labels[keep], folds)
        for prediction in np.unique(predictions[kept]):
            inside = kept & (predictions == prediction)
            if len(np.unique(labels[inside])) < 2:
                kept &= ~inside
        if np.array_equal(kept, keep):
            return keep
        keep = kept


def decode(
    rows: np.ndarray,
    labels: np.ndarray,
    strata: np.ndarray | None = None,
    shuffles: int = 10,
    seed: int = 0,
    folds: int = FOLDS,
) -> Decoding:
    """
    Evaluate a logistic regression on standardised rows by cross-validation.

    Parameters
    ----------
    rows : (n, D) array
    labels : (n,) int array
        At least two, each of at least `folds` rows.
    strata : (n,) int array, optional
        Labels are shuffled among rows of equal stratum only.
    shuffles : int
        R.
    seed : int
        Of folds and shuffles.

    Returns
    -------
    Decoding

    Raises
    ------
    GradtoolsError
        Too few labels or rows.

    References
    ----------
    mathematics#linear-probe. The folds are stratified by label and shuffled with the seed; standardisation is learned on the training
    rows alone; an L2 penalty of C = 1.
    """
    labels = np.asarray(labels)
    if len(labels) == 0 or len(np.unique(labels)) < 2 or not decodable(labels, folds).all():
        raise GradtoolsError(
            f"a probe of {folds} folds takes at least two labels with {folds} images each"
        )
    rng = np.random.default_rng(seed)
    accuracies = _folds(rows, labels, seed, folds)
    chance = [
        _folds(rows, _shuffled(labels, strata, rng), seed, folds).mean(axis=1)
        for _ in range(shuffles)
    ]
    shuffled = np.array(chance).reshape(shuffles, 2)
    return Decoding(accuracies[0], accuracies[1], shuffled[:, 0], shuffled[:, 1])


def _shuffled(
    labels: np.ndarray, strata: np.ndarray | None, rng: np.random.Generator
) -> np.ndarray:
    """Return the labels in another order, each within its stratum."""
    if strata is None:
        return rng.permutation(labels)
    made = labels.copy()
    for stratum in np.unique(strata):
        inside = np.flatnonzero(strata == stratum)
        made[inside] = rng.permutation(labels[inside])
    return made


def _folds(rows: np.ndarray, labels: np.ndarray, seed: int, folds: int) -> np.ndarray:
    """Return the accuracy and balanced accuracy of every fold, (2, F)."""
    from sklearn.model_selection import StratifiedKFold

    codes = np.unique(labels, return_inverse=True)[1]
    accuracies = []
    for train, test in StratifiedKFold(folds, shuffle=True, random_state=seed % 2**32).split(
        rows, labels
    ):
        learned, tried = _standardised(rows[train], rows[test])
        weights, bias = _regression(learned, codes[train], codes.max() + 1)
        hits = _logits(tried, weights, bias).argmax(axis=1) == codes[test]
        sizes = np.bincount(codes[test])
        recalls = np.bincount(codes[test], hits)[sizes > 0] / sizes[sizes > 0]
        accuracies.append((hits.mean(), recalls.mean()))
    return np.array(accuracies).T


def _logits(rows: np.ndarray, weights: np.ndarray, bias: np.ndarray) -> np.ndarray:
    """Return the logits (n, K) of rows (n, D); of two classes the first has logit 0."""
    values = rows @ weights + bias
    return np.hstack([np.zeros_like(values), values]) if values.shape[1] == 1 else values


def _regression(rows: np.ndarray, codes: np.ndarray, k: int) -> tuple[np.ndarray, np.ndarray]:
    """Return weights (D, K) and bias (K,) of the multinomial logistic regression (of two classes those of the second).

    The loss, its penalty and the solver's options are those of scikit-learn's LogisticRegression (C = 1), which spends most of
    its time on checks of arguments where rows are few.
    """
    from scipy.optimize import minimize

    n, width = rows.shape
    free = k if k > 2 else 1
    every = np.arange(n)

    def loss(values: np.ndarray) -> tuple[float, np.ndarray]:
        weights, bias = values[:-free].reshape(width, free), values[-free:]
        logits = _logits(rows, weights, bias)
        logits -= logits.max(axis=1, keepdims=True)
        shares = np.exp(logits)
        totals = shares.sum(axis=1, keepdims=True)
        value = (np.log(totals[:, 0]) - logits[every, codes]).sum() / n
        shares /= totals
        shares[every, codes] -= 1
        off = shares[:, -free:] / n
        slope = rows.T @ off + weights / n
        return value + (weights**2).sum() / (2 * n), np.concatenate([slope.ravel(), off.sum(0)])

    solution = minimize(
        loss, np.zeros((width + 1) * free), method="L-BFGS-B", jac=True, options=SOLVER
    ).x
    return solution[:-free].reshape(width, free), solution[-free:]


def _standardised(train: np.ndarray, test: np.ndarray) -> tuple[np.ndarray, np.ndarray]:
    """Return the rows minus the mean of the training rows, over their standard deviation (0 counts as 1).

    Of fewer training rows than channels in the orthogonal coordinates of their span, outside which an L2 penalty leaves every
    coefficient 0: the same probe in as many coordinates as rows.
    """
    mean, spread = train.mean(axis=0, dtype=np.float64), train.std(axis=0, dtype=np.float64)
    rounding = np.finfo(np.float64).eps * len(train) * np.abs(mean)  # of a channel that is constant
    spread[spread <= rounding] = 1
    train, test = ((rows - mean) / spread for rows in (train, test))
    if len(train) >= train.shape[1]:
        return train, test
    squares, left = np.linalg.eigh(train @ train.T)
    spanned = squares > SPANNED * squares[-1]
    left, sizes = left[:, spanned], np.sqrt(squares[spanned])
    return left * sizes, test @ (train.T @ (left / sizes))
