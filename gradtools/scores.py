"""Which number of a network's output is differentiated: the target class and the form of its score (SPEC 0, DESIGN 5)."""

import dataclasses

import numpy as np
import torch

from gradtools import labels
from gradtools.errors import UsageError

FORMS = ("logit", "prob", "logprob", "sigmoid", "cosine")


@dataclasses.dataclass(frozen=True)
class Target:
    """Kind is 'argmax', 'label', 'class' (one model class) or 'diff' (class minus other)."""

    kind: str
    index: int = -1
    other: int = -1


def parse_target(text, names, n_classes):
    """Read `argmax`, `label`, a class NAME or ID, or `diff:A,B`.

    Parameters
    ----------
    names : sequence of str
        The model's class names, empty where unknown.
    """
    if text in ("argmax", "label"):
        return Target(text)
    if text.startswith("diff:"):
        parts = text[5:].split(",")
        if len(parts) != 2:
            raise UsageError(f"--target {text}: write two classes, as in diff:cat,dog")
        return Target("diff", *(labels.class_index(part.strip(), names, n_classes=n_classes) for part in parts))
    return Target("class", labels.class_index(text, names, n_classes=n_classes))


def score(logits, target, form, *, label=None, member=None, cosine=None):
    """Score of each image and the class it is about.

    Parameters
    ----------
    logits : (B, K) tensor
        Already divided by the temperature.
    form : one of FORMS
    label : (B,) int array
        Data class of each image; needed for 'label', whose score is that of all its model classes together
        (log-sum-exp of their logits, sum of their probabilities).
    member : (G, K) u8 array
        Which model classes a data class has.
    cosine : (B, K) tensor
        Cosine of the head's input with every class row, for form 'cosine'.

    Returns
    -------
    scores : (B,) tensor
    classes : (B,) int64 tensor
        The class each score is about; for several classes of one label the one of the largest logit.
    """
    if target.kind == "diff":
        values = _values(logits, form, cosine)
        return values[:, target.index] - values[:, target.other], torch.full(
            (len(logits),), target.index, device=logits.device
        )
    if target.kind == "label":
        mask = torch.from_numpy(member[np.maximum(label, 0)] != 0).to(logits.device)
        return _score_of_many(logits, mask, form, cosine)
    if target.kind == "argmax":
        classes = logits.argmax(1)
    else:
        classes = torch.full((len(logits),), target.index, device=logits.device)
    return _values(logits, form, cosine).gather(1, classes[:, None])[:, 0], classes


def _values(logits, form, cosine):
    """Every class's score in one form, (B, K)."""
    if form == "cosine":
        return cosine
    return {
        "logit": lambda x: x,
        "prob": lambda x: x.softmax(1),
        "logprob": lambda x: x.log_softmax(1),
        "sigmoid": torch.sigmoid,
    }[form](logits)


def _score_of_many(logits, mask, form, cosine):
    """Score of a set of classes an image, (B,), and its class of the largest logit."""
    inside = logits.masked_fill(~mask, -torch.inf)
    classes = inside.argmax(1)
    together = inside.logsumexp(1)
    if form == "cosine":
        return cosine.gather(1, classes[:, None])[:, 0], classes
    if form == "sigmoid":
        return together.sigmoid(), classes
    if form == "logit":
        return together, classes
    together = together - logits.logsumexp(1)
    return together.exp() if form == "prob" else together, classes
