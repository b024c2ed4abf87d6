"""
Channels of a tap: what they are ranked by, and how their values are distributed (mathematics#channels).

Arrays are (N, C), an image a row and a channel a column, unless said otherwise. Every ranking is a value a channel, the largest first.
"""

import numpy as np

# What channels are ranked by, from gradient (alpha), mean activation and contribution (sum of gradient x activation) of
# each: plain arithmetic, so that torch tensors are ranked by the same definition. `random_values` is the control beside them.
RANKINGS = {
    "contribution": lambda gradient, activation, contribution: contribution,
    "gxa": lambda gradient, activation, contribution: gradient * activation,
    "abs": lambda gradient, activation, contribution: abs(gradient),
    "gradient": lambda gradient, activation, contribution: gradient,
    "nearzero": lambda gradient, activation, contribution: -abs(gradient),
    "activation": lambda gradient, activation, contribution: activation,
}

NAMES = (*RANKINGS, "random")  # the control: a random value a channel

QUANTILES = {
    "min": 0.0,
    "q05": 0.05,
    "q25": 0.25,
    "median": 0.5,
    "q75": 0.75,
    "q95": 0.95,
    "max": 1.0,
}
STATISTICS = ("positive", "negative", "zero", "gini", "effective", *QUANTILES)


def random_values(rows: np.ndarray, n_channels: int, seed: int = 0) -> np.ndarray:
    """
    Draw the control of every ranking: a random value for each channel, anew for every image.

    Parameters
    ----------
    rows : (n,) int array
        Numbers of the images: the same number has the same values however the images are cut into blocks.
    seed : int

    Returns
    -------
    (n, n_channels) float64 array

    References
    ----------
    mathematics#rankings-of-channels
    """
    return (
        np.stack([np.random.default_rng([seed, row]).random(n_channels) for row in rows])
        if len(rows)
        else np.empty((0, n_channels))
    )


def order(values: np.ndarray) -> np.ndarray:
    """Return the channels from the largest value to the smallest, (N, C) int; equal ones in the order of their numbers.

    References
    ----------
    mathematics#rankings-of-channels
    """
    return np.argsort(-np.asarray(values), axis=1, kind="stable")


def ranks(values: np.ndarray) -> np.ndarray:
    """Return the rank of every channel, 1 for the largest value, (N, C) float64; equal ones share the mean of their ranks.

    References
    ----------
    mathematics#rankings-of-channels
    """
    from scipy.stats import rankdata

    return rankdata(-np.asarray(values, dtype=np.float64), axis=1)


def tied(values: np.ndarray) -> np.ndarray:
    """Return the share of the channels whose value another one has too, (N,) float64.

    References
    ----------
    mathematics#rankings-of-channels
    """
    ascending = np.sort(values, axis=1)
    equal = ascending[:, 1:] == ascending[:, :-1]
    either = np.zeros(ascending.shape, bool)
    either[:, 1:] |= equal
    either[:, :-1] |= equal
    return either.mean(axis=1)


def correlation(first: np.ndarray, second: np.ndarray) -> np.ndarray:
    """Return the correlation of each row of two arrays, (N,) float64, of ranks Spearman's; NaN where one of them is constant.

    References
    ----------
    mathematics#rankings-of-channels
    """
    a, b = (values - values.mean(axis=1, keepdims=True) for values in (first, second))
    size = np.sqrt(np.einsum("nc,nc->n", a, a) * np.einsum("nc,nc->n", b, b))
    return np.divide(np.einsum("nc,nc->n", a, b), size, out=np.full(len(a), np.nan), where=size > 0)


def spearman(first: np.ndarray, second: np.ndarray) -> np.ndarray:
    """Return Spearman's correlation of each row of two arrays, (N,) float64; NaN where one of them is constant.

    References
    ----------
    mathematics#rankings-of-channels
    """
    return correlation(ranks(first), ranks(second))


def gini(values: np.ndarray) -> np.ndarray:
    """
    Return the Gini coefficient of the sizes |c_k|: 0 where all channels weigh alike, 1 - 1/C where one weighs alone.

    Returns
    -------
    (N,) float64 array, NaN where all are zero.

    References
    ----------
    mathematics#distribution-of-channels
    """
    sizes = np.sort(np.abs(np.asarray(values, dtype=np.float64)), axis=1)
    n = sizes.shape[1]
    total = sizes.sum(axis=1)
    return np.divide(
        sizes @ (2 * np.arange(1, n + 1) - n - 1),
        n * total,
        out=np.full(len(sizes), np.nan),
        where=total > 0,
    )


def effective_number(values: np.ndarray) -> np.ndarray:
    """
    Return the effective number of channels, (sum |c|)^2 / sum c^2: C where all weigh alike, 1 where one weighs alone.

    Returns
    -------
    (N,) float64 array, NaN where all are zero.

    References
    ----------
    mathematics#distribution-of-channels
    """
    values = np.asarray(values, dtype=np.float64)
    squares = np.einsum("nc,nc->n", values, values)
    return np.divide(
        np.abs(values).sum(axis=1) ** 2,
        squares,
        out=np.full(len(values), np.nan),
        where=squares > 0,
    )


def describe(values: np.ndarray) -> np.ndarray:
    """
    Return the distribution of one image's channels, image by image.

    Parameters
    ----------
    values : (N, C) float array
        Gradients or contributions.

    Returns
    -------
    (N, S) float64 array
        By `STATISTICS`: shares of the channels above, below and at zero, Gini, effective number, quantiles.

    References
    ----------
    mathematics#distribution-of-channels
    """
    values = np.asarray(values, dtype=np.float64)
    shares = [(values > 0).mean(axis=1), (values < 0).mean(axis=1), (values == 0).mean(axis=1)]
    quantiles = np.quantile(values, list(QUANTILES.values()), axis=1)
    return np.stack([*shares, gini(values), effective_number(values), *quantiles], axis=1)


def bin_edges(limit: float, bins: int) -> np.ndarray:
    """Return the edges of an odd number of bins from -limit to limit, (bins + 1,) float64: zero lies within the middle one.

    References
    ----------
    mathematics#distribution-of-channels
    """
    limit = float(limit) or 1.0
    return np.linspace(-limit, limit, bins + 1)


def histogram(values: np.ndarray, edges: np.ndarray) -> np.ndarray:
    """Return how many of the values fall into each bin, (bins,) int64; the last one takes its upper edge too.

    References
    ----------
    mathematics#distribution-of-channels
    """
    return np.histogram(np.asarray(values, dtype=np.float64), edges)[0]
