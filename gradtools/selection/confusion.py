"""Which classes a network takes for which."""

import dataclasses
from collections import Counter

import numpy as np

from gradtools.selection.answers import Answers


@dataclasses.dataclass(frozen=True)
class Confusion:
    """Answers counted by true class and answer.

    Attributes
    ----------
    labels : list of str
        Data classes that have images, in the data's order: the rows.
    answers : list of str
        What the network called them: the same classes in the same order, then others by frequency.
    counts : (len(labels), len(answers)) int array
    """

    labels: list[str]
    answers: list[str]
    counts: np.ndarray

    @property
    def right(self) -> np.ndarray:
        """Images of each label whose answer is the label, (len(labels),) int."""
        return np.diagonal(self.counts)[: len(self.labels)]


def count(answers: Answers) -> Confusion:
    """Count the answers to images whose label meets the model's classes.

    Returns
    -------
    Confusion
        An answer that is right counts for its label, also where it is one of several classes of that label.
    """
    rows = np.flatnonzero(answers.known).tolist()
    pairs = Counter(
        (
            answers.name_of_label(row),
            answers.name_of_label(row) if answers.right[row] else answers.name_of_predicted(row),
        )
        for row in rows
    )
    present = {label for label, _ in pairs}
    labels = [name for name in answers.data_names if name in present]
    others: Counter[str] = Counter()
    for (_, answer), number in pairs.items():
        if answer not in present:
            others[answer] += number
    columns = [*labels, *(name for name, _ in others.most_common())]
    counts = np.array([[pairs[label, name] for name in columns] for label in labels], dtype=int)
    return Confusion(labels, columns, counts.reshape(len(labels), len(columns)))


def errors(answers: Answers) -> np.ndarray:
    """Return the rows of the wrong answers, the surest first where probabilities are known, (n,) int."""
    rows = np.flatnonzero(answers.right == 0)
    if answers.of_predicted is None:
        return rows
    return rows[np.argsort(-answers.of_predicted[rows], kind="stable")]
