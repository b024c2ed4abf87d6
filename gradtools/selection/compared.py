"""The samples that a command compares, their classes and predictions, and which statistics these allow."""

import dataclasses
from collections.abc import Callable, Sequence

import numpy as np

from gradtools.errors import GradtoolsError
from gradtools.selection.samples import originals, select
from gradtools.store import Store, paths

BY_CLASS = {"within", "within_macro", "between", "label_effect", "prediction_effect", "auc"}
BY_PREDICTION = {"same_prediction", "label_effect", "prediction_effect"}


@dataclasses.dataclass(frozen=True)
class Groups:
    """The samples that a command compares, and what their pairs are grouped by.

    Attributes
    ----------
    keep : (N,) bool array
        Which of the store's N samples they are; n of them are.
    classes : (n,) int64 array
        Each one's label, an index of the data's classes; all -1 where no sample has one.
    predictions : (n,) int64 array
        Each one's predicted class of the model; all 0 where `predicted` is False.
    predicted : bool
        False where the network has no classes, and for samples that are classes themselves.
    labelled : bool
        False where no chosen sample has a label.
    unlabelled : int
        Samples left out because they have no single label, where others have one.
    left_out : int
        Images of the store that are not kept, for whatever reason.
    """

    keep: np.ndarray
    classes: np.ndarray
    predictions: np.ndarray
    predicted: bool
    labelled: bool
    unlabelled: int
    left_out: int

    @property
    def has_classes(self) -> bool:
        """True if the samples are of two classes or more."""
        return self.labelled and len(np.unique(self.classes)) > 1


def group(source: Store, where: Sequence[str], say: Callable[[str], None] = print) -> Groups:
    """Return the samples that are compared and their classes and predictions."""
    keep, unlabelled, label = select(source, where), 0, source.labels
    versions = int((~originals(source)).sum())
    if versions:
        say(
            f"{source.name}: {versions} augmented images are not samples of their own and are left out"
        )
    labelled = bool((label[keep] >= 0).any())
    if labelled:
        unlabelled = int((label[keep] < 0).sum())
        keep &= label >= 0
        if unlabelled:
            say(f"{unlabelled} samples without a single label are left out")
    elif source.unit == "image":
        say(f"{source.name}: no sample has a label: means are over all pairs, and by prediction")
    if keep.sum() < 2:
        raise GradtoolsError(
            f"{source.name}: need at least 2 samples to compare, got {int(keep.sum())}"
        )
    classes = label[keep].astype(np.int64)
    if labelled and len(np.unique(classes)) == 1:
        say(f"{source.name}: all samples are of one class, so there are no pairs between classes")
    predicted = (
        source.predicted is not None and source.unit == "image"
    )  # a class is its own prediction, and no pair shares one
    predictions = np.zeros(len(classes), np.int64)
    if predicted:
        predictions = source.needed(paths.PREDICTED)[keep].astype(np.int64)
    left_out = int((originals(source) & ~keep).sum())
    return Groups(keep, classes, predictions, predicted, labelled, unlabelled, left_out)


def target_leaks(source: Store) -> bool:
    """Return True if gradients were taken for the true label."""
    return source.model.get("target") == "label"


def is_defined(statistic: str, labelled: bool, predicted: bool) -> bool:
    """Return True if a statistic over pairs needs no labels, or predictions, that the samples do not have."""
    auc = statistic.startswith("auc_")
    by_class = statistic in BY_CLASS or auc or "_class_" in statistic
    by_prediction = statistic in BY_PREDICTION or auc or statistic.endswith("_prediction")
    return (labelled or not by_class) and (predicted or not by_prediction)
