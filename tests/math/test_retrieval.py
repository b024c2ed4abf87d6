"""Retrieval against scikit-learn, and where values are tied against every order of the ties."""

import collections
import itertools

import numpy as np
import pytest
from sklearn.metrics import average_precision_score
from sklearn.neighbors import KNeighborsClassifier

from gradtools.math.rows import retrieval


def similarities(n=40, classes=4, seed=0, steps=None):
    """Labels and similarities that know them a little; `steps` rounds these, so that ties are many."""
    random = np.random.default_rng(seed)
    labels = np.concatenate([np.arange(classes), random.integers(classes, size=n - classes)])
    x = random.standard_normal((n, 5)) + np.eye(classes, 5)[labels]
    similar = -np.linalg.norm(x[:, None] - x, axis=2)
    similar = similar if steps is None else np.round(similar * steps) / steps
    np.fill_diagonal(similar, -np.inf)
    return x, labels, similar.astype("f4")


def test_without_ties_the_measures_are_scikit_learns():
    x, labels, similar = similarities()
    scores = retrieval.scores(similar, labels, labels, 5)
    for query in range(40):
        others = np.arange(40) != query
        right = labels[others] == labels[query]
        assert scores["average_precision"][query] == pytest.approx(
            average_precision_score(right, similar[query, others]), abs=1e-12
        )
        model = KNeighborsClassifier(5).fit(x[others], labels[others])
        votes = np.sort(model.predict_proba(x[query : query + 1])[0])
        if votes[-1] > votes[-2]:
            assert scores["knn"][query] == (model.predict(x[query : query + 1])[0] == labels[query])
        nearest = labels[others][np.argsort(-similar[query, others])]
        assert scores["recall_1"][query] == (nearest[0] == labels[query])
        assert scores["recall_5"][query] == (labels[query] in nearest[:5])


def by_definition(ranked, own, k):
    """recall_1, recall_5, average precision and share of the vote of labels in an order."""
    right = [label == own for label in ranked]
    precision = [sum(right[: i + 1]) / (i + 1) for i in range(len(right)) if right[i]]
    votes = collections.Counter(ranked[:k])
    winners = [label for label in votes if votes[label] == max(votes.values())]
    return (
        float(right[0]),
        float(any(right[:5])),
        sum(precision) / len(precision),
        (own in winners) / len(winners),
    )


@pytest.mark.parametrize(
    "values",
    [
        [3, 2, 2, 2, 1, 1, 0],
        [1, 1, 1, 1, 1, 1, 1],
        [5, 5, 4, 3, 3, 3, 3],
        [2, 2, 2, 2, 2, 2, 1],
    ],
)
@pytest.mark.parametrize("own", [0, 1])
def test_ties_are_the_mean_over_their_orders(values, own):
    labels = np.array([0, 1, 0, 2, 1, 0, 2, own])
    similar = np.array([[*values, -np.inf]], "f4")
    scores = retrieval.scores(similar, np.array([own]), labels, 3)
    every = [
        by_definition([labels[i] for i in sorted(order, key=lambda i: -values[i])], own, 3)
        for order in itertools.permutations(range(7))
    ]
    for name, expected in zip(retrieval.MEASURES, np.mean(every, axis=0)):
        assert scores[name][0] == pytest.approx(expected, abs=0.02 if name == "knn" else 1e-12), (
            name
        )


def test_places_of_a_tie_at_the_last_vote_go_to_any_of_the_tied():
    labels = np.array([0, 1, 1, 2, 0])
    similar = np.array([[9, 8, 1, 1, -np.inf]], "f4")
    # Of 3 places 0 and 1 have one each; the last makes 1 the winner, or 2 the third with one vote.
    for k, own, expected in (
        (3, 1, 1 / 2 + 1 / 6),
        (3, 0, 1 / 6),
        (4, 1, 1.0),
        (1, 0, 1.0),
        (2, 0, 0.5),
    ):
        assert retrieval.scores(similar, np.array([own]), labels, k)["knn"][0] == pytest.approx(
            expected, abs=0.02
        ), (k, own)


def test_no_candidate_of_the_label_is_no_measure():
    scores = retrieval.scores(
        np.array([[1.0, 0.5, -np.inf]]), np.array([2]), np.array([0, 1, 2]), 5
    )
    assert all(np.isnan(values[0]) for values in scores.values())


def test_chance_is_what_shuffled_similarities_score():
    _, labels, _ = similarities(20, 3, seed=3)
    random, sums = np.random.default_rng(9), dict.fromkeys(retrieval.MEASURES, 0.0)
    for _ in range(800):
        similar = random.random((20, 20)).astype("f4")
        np.fill_diagonal(similar, -np.inf)
        for name, values in retrieval.scores(similar, labels, labels, 5).items():
            sums[name] = sums[name] + values / 800
    expected = retrieval.chance(labels, labels, 5)
    for name in retrieval.MEASURES:
        assert sums[name].mean() == pytest.approx(expected[name].mean(), abs=0.015), name
    share = (np.bincount(labels)[labels] - 1) / 19
    assert expected["recall_1"] == pytest.approx(share, abs=1e-12)


def test_rows_that_are_all_alike_score_chance():
    _, labels, similar = similarities()
    equal = np.where(np.isinf(similar), similar, 1)
    scores, expected = (
        retrieval.scores(equal, labels, labels, 5),
        retrieval.chance(labels, labels, 5),
    )
    for name in retrieval.MEASURES:
        assert scores[name] == pytest.approx(expected[name], abs=1e-12)
