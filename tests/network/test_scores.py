"""Scores against their definitions in loops, in float64."""

import math
import types

import numpy as np
import pytest
import torch

from gradtools.errors import UsageError
from gradtools.network import scores
from gradtools.network.saliency import targets

NAMES = ["ant", "bee", "cat", "dog"]
LOGITS = np.random.default_rng(0).standard_normal((5, 4)) * 3
COSINES = np.random.default_rng(1).uniform(-1, 1, (5, 4))
MEMBER = np.array([[1, 0, 1, 0], [0, 1, 0, 0]], "u1")
LABELS = np.array([0, 1, 0, 1, 1])


def of_class(row, cosines, k, form):
    """One class's score by its definition."""
    total = sum(math.exp(x) for x in row)
    return {
        "logit": row[k],
        "prob": math.exp(row[k]) / total,
        "logprob": math.log(math.exp(row[k]) / total),
        "sigmoid": 1 / (1 + math.exp(-row[k])),
        "cosine": cosines[k],
    }[form]


def of_several(row, cosines, chosen, form):
    """The score of a set of classes together: log-sum-exp of logits, sum of probabilities."""
    together = math.log(sum(math.exp(row[k]) for k in chosen))
    prob = sum(of_class(row, cosines, k, "prob") for k in chosen)
    return {
        "logit": together,
        "prob": prob,
        "logprob": math.log(prob),
        "sigmoid": 1 / (1 + math.exp(-together)),
        "cosine": cosines[max(chosen, key=lambda k: row[k])],
    }[form]


def score(target, form, **more):
    scored = scores.score(
        torch.from_numpy(LOGITS), target, form, cosine=torch.from_numpy(COSINES), **more
    )
    return scored[0].numpy(), scored[1].tolist()


@pytest.mark.parametrize("form", scores.FORMS)
def test_every_form_of_every_target(form):
    most = [max(range(4), key=lambda k: row[k]) for row in LOGITS]
    for target, classes in ((scores.Target("argmax"), most), (scores.Target("class", 2), [2] * 5)):
        values, about = score(target, form)
        np.testing.assert_allclose(
            values, [of_class(*of, form) for of in zip(LOGITS, COSINES, classes)], rtol=1e-12
        )
        assert about == classes
    values, about = score(scores.Target("diff", 1, 3), form)
    np.testing.assert_allclose(
        values,
        [of_class(r, c, 1, form) - of_class(r, c, 3, form) for r, c in zip(LOGITS, COSINES)],
        rtol=1e-10,
    )
    assert about == [1] * 5


@pytest.mark.parametrize("form", scores.FORMS)
def test_a_label_of_several_classes_scores_them_together(form):
    values, about = score(scores.Target("label"), form, label=LABELS, member=MEMBER)
    chosen = [np.flatnonzero(MEMBER[label]).tolist() for label in LABELS]
    np.testing.assert_allclose(
        values, [of_several(*of, form) for of in zip(LOGITS, COSINES, chosen)], rtol=1e-10
    )
    assert about == [max(inside, key=lambda k: row[k]) for inside, row in zip(chosen, LOGITS)]


@pytest.mark.parametrize(
    "text, expected",
    [
        ("argmax", scores.Target("argmax")),
        ("label", scores.Target("label")),
        ("cosine", scores.Target("cosine")),
        ("Cat", scores.Target("class", 2)),
        ("3", scores.Target("class", 3)),
        ("diff:bee, dog", scores.Target("diff", 1, 3)),
        ("top:4", scores.Target("top", count=4)),
    ],
)
def test_targets_are_read(text, expected):
    assert scores.parse_target(text, NAMES, 4) == expected


@pytest.mark.parametrize(
    "text", ["top:0", "top:5", "top:x", "diff:ant", "diff:ant,ant", "diff:ant,eel", "eel", "4", ""]
)
def test_wrong_targets_are_refused(text):
    with pytest.raises(UsageError):
        scores.parse_target(text, NAMES, 4)


def test_ranks_are_the_first_the_second_and_the_middle_class():
    target = scores.parse_target("ranks", NAMES, 10)
    logits = torch.from_numpy(np.random.default_rng(2).standard_normal((5, 10)))
    job = types.SimpleNamespace(
        known_target=target, options=types.SimpleNamespace(score="logit", temperature=1.0)
    )
    made = targets.rows(job, logits, None, None)
    order = np.argsort(-logits.numpy(), axis=1)
    for (values, classes), place in zip(made, (0, 1, 4)):  # the fifth of ten
        assert np.array_equal(classes.numpy(), order[:, place])
        assert torch.equal(values, logits.gather(1, classes[:, None])[:, 0])
    assert targets.ranks(1000)[2] == 499 and targets.ranks(3)[2] == 2
    with pytest.raises(UsageError, match="the model has 2"):
        scores.parse_target("ranks", NAMES[:2], 2)
