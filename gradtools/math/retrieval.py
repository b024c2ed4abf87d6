"""
Leave-one-out retrieval: how well the rows nearest to a row have its label.

Equal similarities have no order. Every measure is its expectation where ties are broken by chance, so that rows which are
all alike score what chance gives; without ties it is the usual one (for average precision: McSherry & Najork, ECIR 2008).
"""

import numpy as np

MEASURES = ("recall_1", "recall_5", "average_precision", "knn")


def scores(similar, own, labels, k):
    """
    Measures of some queries over their candidates.

    Parameters
    ----------
    similar : (q, n) float array
        Larger is nearer; compared as float32. -inf in one place a row: the query itself, which is no candidate.
    own : (q,) int array
        Labels of the queries.
    labels : (n,) int array
        Labels of the columns, from 0.
    k : int
        Neighbours that vote, at most n - 1 of them.

    Returns
    -------
    dict of name (`MEASURES`) to (q,) float64 array, NaN where no candidate has the query's label. recall_1 and recall_5:
    whether one of so many nearest has it. knn: whether most of the k nearest have it (shared where several labels have as
    many; places of a tie at the k-th are shared by all that are tied).
    """
    similar = np.asarray(similar, "f4")
    order = np.argsort(-similar, axis=1, kind="stable")[:, :-1]
    ranked = np.take_along_axis(similar, order, axis=1)
    found = labels[order]
    right = found == own[:, None]
    known = right.any(axis=1)
    measured = {
        "recall_1": _recall(ranked, right, 1),
        "recall_5": _recall(ranked, right, 5),
        "average_precision": _average_precision(ranked, right),
        "knn": _vote(ranked, found, own, k),
    }
    return {name: np.where(known, values, np.nan) for name, values in measured.items()}


def _cut(ranked, k):
    """What lies above the k-th value and what equals it, (q, n) bool each, and how many of the latter have a place (q,)."""
    last = ranked[:, min(k, ranked.shape[1]) - 1, None]
    above, tied = ranked > last, ranked == last
    return above, tied, min(k, ranked.shape[1]) - above.sum(axis=1)


def _recall(ranked, right, k):
    """1 - C(t - p, r) / C(t, r): r of t tied are taken, p of them right; 1 where one above is right."""
    from scipy.special import gammaln

    above, tied, places = _cut(ranked, k)
    t, wrong = tied.sum(axis=1), (tied & ~right).sum(axis=1)
    missed = np.zeros(len(ranked))
    may = wrong >= places
    t, wrong, r = t[may], wrong[may], places[may]
    missed[may] = np.exp(gammaln(wrong + 1) - gammaln(wrong - r + 1) - gammaln(t + 1) + gammaln(t - r + 1))
    return np.where((above & right).any(axis=1), 1., 1 - missed)


def _average_precision(ranked, right):
    """
    Sum over groups of ties of (p/t) [(b + 1) h + (p - 1)/(t - 1) (t - (a + 1) h)], over the number that are right.

    A group has t tied, p of them right, behind a candidates of which b are right; h = H(a + t) - H(a), harmonic numbers.
    """
    n = ranked.shape[1]
    last = np.concatenate([ranked[:, 1:] != ranked[:, :-1], np.ones((len(ranked), 1), bool)], axis=1)
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


def _vote(ranked, found, own, k):
    """Share of the vote's winners that is the query's label: 1, 0, or 1/m where m labels have as many votes."""
    above, tied, places = _cut(ranked, k)
    votes = _counted(above, found) + _counted(tied, found) * (places / tied.sum(axis=1))[:, None]
    votes = np.pad(votes, ((0, 0), (0, max(int(own.max(initial=0)) + 1 - votes.shape[1], 0))))
    winners = votes >= votes.max(axis=1, keepdims=True) - 1e-9
    return winners[np.arange(len(own)), own] / winners.sum(axis=1)


def _counted(mask, found):
    """How many entries of each row of a mask have each label, (q, G)."""
    row, place = np.nonzero(mask)
    labels = int(found.max(initial=-1)) + 1
    return np.bincount(row * labels + found[row, place], minlength=len(found) * labels).reshape(len(found), labels).astype(float)


def chance(own, labels, k, draws=200, seed=0):
    """
    What the measures are where candidates come in random order.

    Parameters
    ----------
    own : (q,) int array
        Labels of the queries, each one of the samples.
    labels : (n,) int array
        Labels of all samples: a query's candidates are the other n - 1.
    k, draws : int
        knn has no closed form: votes of k candidates are drawn so often for every label.

    Returns
    -------
    dict of name (`MEASURES`) to (q,) float64 array
    """
    counts, random = np.bincount(labels), np.random.default_rng(seed)
    of_label = np.full((len(MEASURES), len(counts)), np.nan)
    nothing = np.zeros((1, len(labels)), "f4")
    for label in np.unique(own):
        itself = np.flatnonzero(labels == label)[0]
        alike = nothing.copy()
        alike[0, itself] = -np.inf
        measured = scores(alike, np.array([label]), labels, k)
        of_label[:, label] = [measured[name][0] for name in MEASURES]
        if counts[label] > 1:
            of_label[-1, label] = _drawn_vote(counts - (np.arange(len(counts)) == label), label, k, draws, random)
    return {name: values[own] for name, values in zip(MEASURES, of_label)}


def _drawn_vote(counts, label, k, draws, random):
    """How often a label wins the vote of k drawn candidates (a share of 1/m where m labels win)."""
    votes = random.multivariate_hypergeometric(counts, min(k, counts.sum()), size=draws, method="marginals")
    winners = votes == votes.max(axis=1, keepdims=True)
    return float((winners[:, label] / winners.sum(axis=1)).mean())
