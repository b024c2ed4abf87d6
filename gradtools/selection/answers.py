"""What a network answered: which images are right, by the first answer and among the five best, and how sure it was."""

import dataclasses

import numpy as np

from gradtools.images import labels
from gradtools.selection import draws, feature_names, features
from gradtools.selection.samples import originals
from gradtools.store import Store

BEST = 5  # answers of top-5 accuracy


@dataclasses.dataclass(frozen=True)
class Answers:
    """A network's answers to n images.

    Attributes
    ----------
    ids : list of n str
    label : (n,) int array
        Data class, -1 for none.
    predicted : (n,) int array
        The model's class.
    right, right_of_five : (n,) int8 array
        1 right, 0 wrong, -1 not known: the image has no label, or one that meets no model class; `right_of_five` is None without logits.
    of_label, of_predicted : (n,) float64 array or None
        Probabilities; a label of several model classes has their sum. NaN without a label.
    member : (G, K) uint8 array
        Which model classes belong to each data class.
    data_names, model_names : list of str
    """

    ids: list[str]
    label: np.ndarray
    predicted: np.ndarray
    right: np.ndarray
    member: np.ndarray
    data_names: list[str]
    model_names: list[str]
    right_of_five: np.ndarray | None = None
    of_label: np.ndarray | None = None
    of_predicted: np.ndarray | None = None

    @property
    def known(self) -> np.ndarray:
        """Images whose answer is right or wrong, (n,) bool."""
        return self.right >= 0

    def name_of_predicted(self, row: int) -> str:
        """Return what the network called an image: a data class where its class belongs to exactly one."""
        index = int(self.predicted[row])
        known = index < self.member.shape[1]
        owners = np.flatnonzero(self.member[:, index]).tolist() if known else []
        if len(owners) == 1:
            return self.data_names[owners[0]]
        return self.model_names[index] if index < len(self.model_names) else f"class {index}"

    def name_of_label(self, row: int) -> str:
        """Return the data class of an image."""
        return self.data_names[self.label[row]] if self.label[row] >= 0 else ""


def read(source: Store) -> Answers | None:
    """Read the answers to a store's images; None where it has none, or where only right ones were kept (`draws`)."""
    if source.unit != "image" or source.predicted is None or draws.read(source) is not None:
        return None
    is_original = originals(source)
    label, predicted = source.labels[is_original], source.predicted[is_original]
    member = source.member
    if member is None or not len(member):
        member = np.zeros((len(source.class_names), int(predicted.max(initial=0)) + 1), "u1")
    answers = Answers(
        [name for name, kept in zip(source.ids, is_original) if kept],
        label,
        predicted,
        labels.correct(predicted, label, member),
        member,
        source.class_names,
        source.model_class_names,
    )
    if "logits" not in feature_names.names(source):
        return answers
    return _of_logits(features.load(source, "logits"), is_original, answers)


def _of_logits(logits: features.Feature, keep: np.ndarray, answers: Answers) -> Answers:
    """Return the answers with what only logits say, read a block at a time."""
    n = len(answers.label)
    of_label, of_predicted = np.full(n, np.nan), np.empty(n)
    among = np.full(n, -1, "i1")
    for values, rows in features.blocks_of(logits, keep):
        probability = features.softmax(values)
        of_predicted[rows] = np.take_along_axis(
            probability, answers.predicted[rows, None].astype(np.int64), axis=1
        )[:, 0]
        known = answers.known[rows]
        is_label = answers.member[answers.label[rows[known]]] != 0
        best = np.where(is_label, values[known], -np.inf).max(axis=1, initial=-np.inf)
        among[rows[known]] = (values[known] > best[:, None]).sum(axis=1) < BEST
        of_label[rows[known]] = (probability[known] * is_label).sum(axis=1)
    return dataclasses.replace(
        answers, right_of_five=among, of_label=of_label, of_predicted=of_predicted
    )
