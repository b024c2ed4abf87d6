"""Which number of a network's output is differentiated: the target class and the form of its score (mathematics#score-and-target)."""

import dataclasses
from collections.abc import Sequence

import numpy as np
import torch

from gradtools.errors import UsageError
from gradtools.images import labels

MANY_KINDS = ("top", "ranks", "labels")  # several rows an image
PAIR_KINDS = ("cosine", "dot")  # of two images' embeddings
FORMS = ("logit", "prob", "logprob", "sigmoid", "cosine")


@dataclasses.dataclass(frozen=True)
class Target:
    """Kind is 'argmax', 'label', 'class' (one model class), 'diff' (class minus other), or of MANY_KINDS or PAIR_KINDS.

    `count` is how many classes 'top' takes; 'ranks' takes those of the first, the second and the middle rank.
    """

    kind: str
    index: int = -1
    other: int = -1
    count: int = 1


def parse_target(text: str, names: Sequence[str], n_classes: int) -> Target:
    """Read `argmax`, `label`, a class NAME or ID, `diff:A,B`, `top:K`, `ranks`, `labels`, or a pair's `cosine` and `dot`.

    Parameters
    ----------
    names : sequence of str
        The model's class names, empty where unknown.
    """
    if text in ("argmax", "label", "labels", *PAIR_KINDS):
        return Target(text)
    if text == "ranks":
        if n_classes < 3:
            raise UsageError(
                f"--target ranks: the first, the second and the middle class are 3, and the model has {n_classes}"
            )
        return Target("ranks", count=3)
    if text.startswith("top:"):
        if not text[4:].isdecimal() or not 1 <= int(text[4:]) <= n_classes:
            raise UsageError(
                f"--target {text}: write a number of classes from 1 to {n_classes}, as in top:{min(3, n_classes)}"
            )
        return Target("top", count=int(text[4:]))
    if text.startswith("diff:"):
        parts = text[5:].split(",")
        if len(parts) != 2:
            raise UsageError(f"--target {text}: write two classes, as in diff:cat,dog")
        first, second = (
            labels.class_index(part.strip(), names, n_classes=n_classes) for part in parts
        )
        if first == second:
            raise UsageError(
                f"--target {text}: the two classes are the same, their difference is zero everywhere"
            )
        return Target("diff", first, second)
    return Target("class", labels.class_index(text, names, n_classes=n_classes))


def score(
    logits: torch.Tensor,
    target: Target,
    form: str,
    *,
    label: np.ndarray | None = None,
    member: np.ndarray | None = None,
    cosine: torch.Tensor | None = None,
) -> tuple[torch.Tensor, torch.Tensor]:
    """Return the score of each image and the class it is about.

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
        every = values(logits, form, cosine)
        return every[:, target.index] - every[:, target.other], torch.full(
            (len(logits),), target.index, device=logits.device
        )
    if target.kind == "label":
        if member is None or label is None:
            raise ValueError("a label's score needs the labels and their model classes")
        mask = torch.from_numpy(member[np.maximum(label, 0)] != 0).to(logits.device)
        return _score_of_many(logits, mask, form, cosine)
    if target.kind == "argmax":
        classes = logits.argmax(1)
    else:
        classes = torch.full((len(logits),), target.index, device=logits.device)
    return values(logits, form, cosine).gather(1, classes[:, None])[:, 0], classes


def values(logits: torch.Tensor, form: str, cosine: torch.Tensor | None = None) -> torch.Tensor:
    """Return every class's score in one form, (B, K); `cosine` as for `score`."""
    if form == "cosine":
        if cosine is None:
            raise ValueError("the score needs the cosines of the pass")
        return cosine
    return {
        "logit": lambda x: x,
        "prob": lambda x: x.softmax(1),
        "logprob": lambda x: x.log_softmax(1),
        "sigmoid": torch.sigmoid,
    }[form](logits)


def _score_of_many(
    logits: torch.Tensor, mask: torch.Tensor, form: str, cosine: torch.Tensor | None
) -> tuple[torch.Tensor, torch.Tensor]:
    """Score of a set of classes an image, (B,), and its class of the largest logit."""
    inside = logits.masked_fill(~mask, -torch.inf)
    classes = inside.argmax(1)
    together = inside.logsumexp(1)
    if form == "cosine" and cosine is not None:
        return cosine.gather(1, classes[:, None])[:, 0], classes
    if form == "sigmoid":
        return together.sigmoid(), classes
    if form == "logit":
        return together, classes
    together = together - logits.logsumexp(1)
    return together.exp() if form == "prob" else together, classes
