"""
Leave-one-out retrieval: how well the rows nearest to a row have its label.

Equal similarities have no order. Every measure is its expectation where ties are broken by chance, so that rows which are
all alike score what chance gives; without ties it is the usual one (for average precision: McSherry & Najork, ECIR 2008).
"""

import functools
from collections.abc import Sequence

import numpy as np

MEASURES = ("recall_1", "recall_5", "average_precision", "knn")
DRAWS = 1000, 10_000  # of the places of a tied vote: the least, and the most
DRAWN_VOTES = 10**6  # labels x draws, between these two


def ranking(similar: np.ndarray) -> tuple[np.ndarray, np.ndarray]:
    """
    Sort the candidates of some queries, the nearest first; the query itself, of similarity -inf, is left out.

    Parameters
    ----------
    similar : (q, n) float array

    Returns
    -------
    order : (q, n - 1) int array
        Columns.
    ranked : (q, n - 1) float array
        Their similarities.

    References
    ----------
    mathematics#retrieval
    """
    similar = np.asarray(similar)
    order = np.argsort(-similar, axis=1, kind="stable")[:, :-1]
    return order, np.take_along_axis(similar, order, axis=1)


def scores(
    similar: np.ndarray, queries: np.ndarray, labels: np.ndarray, k: int, seed: int = 0
) -> dict[str, np.ndarray]:
    """
    Measure the retrieval of some queries over their candidates.

    Parameters
    ----------
    similar : (q, n) float array
        Larger is nearer; equal ones are ties (`nearest.stepped` merges rounding noise). -inf in one place a row: the query itself, which is no candidate.
    queries : (q,) int array
        Labels of the queries.
    labels : (n,) int array
        Labels of the columns, from 0.
    k : int
        Neighbours that vote, at most n - 1 of them.
    seed : int
        A vote whose last places are tied has no closed form: they are drawn.

    Returns
    -------
    dict of name (`MEASURES`) to (q,) float64 array, NaN where no candidate has the query's label. recall_1 and recall_5:
    whether one of so many nearest has it. knn: whether most of the k nearest have it (1/m where m labels have as many).

    References
    ----------
    mathematics#retrieval
    """
    order, ranked = ranking(similar)
    return scores_of_ranking(ranked, labels[order], queries, k, seed)


def scores_of_ranking(
    ranked: np.ndarray,
    candidates: np.ndarray,
    queries: np.ndarray,
    k: int,
    seed: int = 0,
    draws: tuple[int, int] = DRAWS,
) -> dict[str, np.ndarray]:
    """
    Measure the retrieval of queries whose candidates are sorted already, as `scores`.

    Parameters
    ----------
    ranked : (q, c) float array
        Similarities, descending.
    candidates : (q, c) int array
        Labels of the candidates in this order.
    queries : (q,) int array
    k, seed : int
    draws : (int, int)
        Of a tied vote: the least and the most.

    Returns
    -------
    dict of name to (q,) float64 array

    References
    ----------
    mathematics#retrieval
    """
    right = candidates == queries[:, None]
    known = right.any(axis=1)
    measured = {
        "recall_1": _recall(ranked, right, 1),
        "recall_5": _recall(ranked, right, 5),
        "average_precision": _average_precision(ranked, right),
        "knn": _vote(ranked, candidates, queries, k, seed, draws),
    }
    return {name: np.where(known, values, np.nan) for name, values in measured.items()}


def _cut(ranked: np.ndarray, k: int) -> tuple[np.ndarray, np.ndarray, np.ndarray]:
    """Return what lies above the k-th value and what equals it, (q, n) bool each, and how many of the latter have a place (q,)."""
    last = ranked[:, min(k, ranked.shape[1]) - 1, None]
    above, tied = ranked > last, ranked == last
    return above, tied, min(k, ranked.shape[1]) - above.sum(axis=1)


def _recall(ranked: np.ndarray, right: np.ndarray, k: int) -> np.ndarray:
    """Return 1 - C(t - p, r) / C(t, r): r of t tied are taken, p of them right; 1 where one above is right."""
    from scipy.special import gammaln

    above, tied, places = _cut(ranked, k)
    t, wrong = tied.sum(axis=1), (tied & ~right).sum(axis=1)
    missed = np.zeros(len(ranked))
    may = wrong >= places
    t, wrong, r = t[may], wrong[may], places[may]
    missed[may] = np.exp(
        gammaln(wrong + 1) - gammaln(wrong - r + 1) - gammaln(t + 1) + gammaln(t - r + 1)
    )
    return np.where((above & right).any(axis=1), 1.0, 1 - missed)


def _average_precision(ranked: np.ndarray, right: np.ndarray) -> np.ndarray:
    """
    Sum over groups of ties of (p/t) [(b + 1) h + (p - 1)/(t - 1) (t - (a + 1) h)], over the number that are right.

    A group has t tied, p of them right, behind a candidates of which b are right; h = H(a + t) - H(a), harmonic numbers.
    """
    n = ranked.shape[1]
    last = np.concatenate(
        [ranked[:, 1:] != ranked[:, :-1], np.ones((len(ranked), 1), bool)], axis=1
    )
    row, place = np.nonzero(last)
    upto = np.cumsum(right, axis=1)[row, place]
    first = np.concatenate([[True], row[1:] != row[:-1]])
    a = np.where(first, 0, np.concatenate([[0], place[:-1] + 1]))
    b = np.where(first, 0, np.concatenate([[0], upto[:-1]]))
    t, p = place + 1 - a, upto - b
    harmonic = np.concatenate([[0], np.cumsum(1 / np.arange(1, n + 1))])
    h = harmonic[a + t] - harmonic[a]
    gain = p / t * ((b + 1) * h + (p - 1) / np.maximum(t - 1, 1) * (t - (a + 1) * h) * (t > 1))
    return np.bincount(row, gain, len(ranked)) / np.maximum(right.sum(axis=1), 1)


def _vote(
    ranked: np.ndarray,
    candidates: np.ndarray,
    queries: np.ndarray,
    k: int,
    seed: int,
    draws: tuple[int, int],
) -> np.ndarray:
    """Return the share of the vote's winners that is the query's label, expected where the last places are tied."""
    above, tied, places = _cut(ranked, k)
    width = int(max(candidates.max(initial=-1), queries.max(initial=0))) + 1
    sure, open_to = _counted(above, candidates, width), _counted(tied, candidates, width)
    votes = sure + open_to
    winners = votes == votes.max(axis=1, keepdims=True)
    shares = winners[np.arange(len(queries)), queries] / winners.sum(axis=1)
    for row in np.flatnonzero(places < tied.sum(axis=1)):
        pairs = np.stack([sure[row], open_to[row]], axis=1).tolist()
        first = tuple(pairs.pop(queries[row]))
        shares[row] = _expected(
            first,
            tuple(sorted(tuple(pair) for pair in pairs if any(pair))),
            int(places[row]),
            seed,
            draws,
        )
    return shares


@functools.lru_cache(maxsize=4096)
def _expected(
    query: tuple[int, int],
    others: Sequence[tuple[int, int]],
    places: int,
    seed: int,
    draws: tuple[int, int],
) -> float:
    """
    Return how often a label wins a vote whose last places go to any of those that are tied for them.

    Labels are (sure votes, candidates for the places). Equal votes have the same draws whatever the labels' numbers, so that an
    uninformative feature has chance exactly.
    """
    sure, tied = np.array([query, *others]).T
    least, most = sure + np.maximum(places - tied.sum() + tied, 0), sure + np.minimum(tied, places)
    if most[0] < least[1:].max(initial=0):
        return 0.0
    if least[0] > most[1:].max(initial=0):
        return 1.0
    drawn = int(np.clip(DRAWN_VOTES // len(tied), *draws))
    votes = sure + np.random.default_rng(seed).multivariate_hypergeometric(
        tied, places, size=drawn, method="marginals"
    )
    winners = votes == votes.max(axis=1, keepdims=True)
    return float((winners[:, 0] / winners.sum(axis=1)).mean())


def _counted(mask: np.ndarray, candidates: np.ndarray, width: int) -> np.ndarray:
    """Return how many entries of each row of a mask have each label, (q, width)."""
    row, place = np.nonzero(mask)
    return np.bincount(
        row * width + candidates[row, place], minlength=len(candidates) * width
    ).reshape(len(candidates), width)


def chance(queries: np.ndarray, labels: np.ndarray, k: int, seed: int = 0) -> dict[str, np.ndarray]:
    """
    Return the expected measures for candidates in random order.

    Parameters
    ----------
    queries : (q,) int array
        Labels of the queries, each one of the samples.
    labels : (n,) int array
        Labels of all samples: a query's candidates are the other n - 1.
    k, seed : int
        As for `scores`.

    Returns
    -------
    dict of name (`MEASURES`) to (q,) float64 array

    References
    ----------
    mathematics#retrieval
    """
    of_label = np.full((len(MEASURES), labels.max() + 1), np.nan)
    for label in np.unique(queries):
        alike = np.zeros((1, len(labels)), "f4")
        alike[0, np.flatnonzero(labels == label)[0]] = -np.inf
        measured = scores(alike, np.array([label]), labels, k, seed)
        of_label[:, label] = [measured[name][0] for name in MEASURES]
    return {name: values[queries] for name, values in zip(MEASURES, of_label)}
