"""Which samples of a store a command works on: `--where`, joined by and (DESIGN 5); and what their pairs are grouped by."""

import dataclasses

import numpy as np

from gradtools import labels
from gradtools.errors import GradtoolsError, UsageError


@dataclasses.dataclass(frozen=True)
class Groups:
    """What the pairs are grouped by: codes of the chosen samples, and how many were left out."""

    keep: np.ndarray  # (N,) bool, of the store's samples
    classes: np.ndarray  # (n,) int
    predictions: np.ndarray  # (n,) int
    predicted: bool  # False where the network has no classes
    unlabelled: int


def select(store, conditions=()):
    """Samples that meet every condition.

    Parameters
    ----------
    conditions : sequence of str
        `correct`, `wrong`, `class=A,B`, `list=FILE` (ids, one a line).

    Returns
    -------
    keep : (N,) bool array
    """
    keep = np.ones(store.n_samples, dtype=bool)
    for condition in conditions:
        keep &= _meets(store, condition)
    if conditions and not keep.any():
        raise GradtoolsError(f"{store.name}: no sample meets --where {' and '.join(conditions)}")
    return keep


def _meets(store, condition):
    """Samples that meet one condition, (N,) bool."""
    name, _, value = condition.partition("=")
    if condition in ("correct", "wrong"):
        return correct(store) == (condition == "correct")
    if name == "class" and value:
        return _of_classes(store, value.split(","))
    if name == "list" and value:
        return _listed(store, value)
    raise UsageError(f"--where {condition}: write correct, wrong, class=A,B or list=FILE")


def correct(store):
    """Whether the argmax is one of the label's model classes, int (N,); -1 where no label meets the model's classes."""
    if store.predicted is None or store.member is None or not store.member.any():
        raise GradtoolsError(
            f"{store.name}: its labels meet none of the model's classes, so right and wrong are not known; "
            "extract with --label-map or --labels-in-order"
        )
    return labels.correct(store.predicted, store.labels, store.member)


def _of_classes(store, wanted):
    known = {labels.normalise(name): index for index, name in enumerate(store.class_names)}
    missing = [name for name in wanted if labels.normalise(name) not in known]
    if missing:
        raise UsageError(f"--where class={missing[0]}: the data's classes are {', '.join(store.class_names[:20])}")
    return np.isin(store.labels, [known[labels.normalise(name)] for name in wanted])


def _listed(store, path):
    try:
        with open(path, encoding="utf-8", errors="surrogateescape") as lines:
            wanted = {line.strip() for line in lines if line.strip()}
    except OSError as error:
        raise UsageError(f"--where list={path}: {error.strerror}") from error
    return np.isin(np.array(store.ids, dtype=object), list(wanted))


def group(source, where, say=print):
    """The samples that are compared and their classes and predictions."""
    keep = select(source, where)
    labels = source.labels
    if (labels[keep] >= 0).any():
        unlabelled = int((labels[keep] < 0).sum())
        keep &= labels >= 0
        if unlabelled:
            say(f"{unlabelled} samples without a label are left out")
    else:
        unlabelled = 0
        say(f"{source.name}: no sample has a label: means are over all pairs, and by prediction")
    if keep.sum() < 2:
        raise GradtoolsError(f"{source.name}: {int(keep.sum())} sample to compare, and a pair takes two")
    classes = labels[keep].astype(np.int64)
    if len(np.unique(classes)) == 1:
        say(f"{source.name}: all samples are of one class: nothing lies between classes")
    predicted = source.predicted is not None
    predictions = source.predicted[keep].astype(np.int64) if predicted else np.zeros(len(classes), np.int64)
    return Groups(keep, classes, predictions, predicted, unlabelled)


def target_leaks(source):
    """Whether gradients were taken for the true label."""
    return source.model.get("target") == "label"
