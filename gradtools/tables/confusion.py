"""Tables of the network's answers: accuracy, which class is taken for which, and the list of errors."""

from collections.abc import Iterator

import numpy as np

from gradtools.selection import confusion
from gradtools.selection.answers import Answers
from gradtools.selection.subjects import Subject
from gradtools.tables import summary
from gradtools.tables.model import Cell, Table
from gradtools.tables.wording import summary as words

SQUARE = (
    20  # classes and answers of a table of counts; of more, the most frequent confusions are listed
)
LISTED = 20  # rows of a list that people read
LEAST_OF_A_MODEL = 5  # where many models share a list
HEADS = ("model", "label")


def build(subjects: list[Subject], per_image: bool = False) -> Iterator[Table]:
    """Build accuracy by class, counts of label and answer, and errors.

    Parameters
    ----------
    per_image : bool
        List every error; else the surest of them.
    """
    shown = [
        (s.name, s.answers) for s in subjects if s.answers is not None and s.answers.known.any()
    ]
    if not shown:
        return
    yield _by_class(shown)
    counted = {model: confusion.count(answers) for model, answers in shown}
    small = all(len(counts.labels) <= SQUARE >= len(counts.answers) for counts in counted.values())
    yield _counts(counted) if small else _confusions(counted)
    yield _errors(shown, per_image)


def _by_class(answered: list[tuple[str, Answers]]) -> Table:
    """Return a row a class, a column a model, all classes last."""
    counted = {model: confusion.count(answers) for model, answers in answered}
    names = list(dict.fromkeys(name for counts in counted.values() for name in counts.labels))
    rows: list[dict] = []
    for name in names:
        row: dict = {"class": name}
        for model, counts in counted.items():
            row[model] = Cell(note=words.NO_SUCH_CLASS)
            if name in counts.labels:
                at = counts.labels.index(name)
                total = int(counts.counts[at].sum())
                row[model] = Cell(100 * float(counts.right[at]) / total, n=total, digits=1)
        rows.append(row)
    whole = {model: summary.accuracy(answers, "right") for model, answers in answered}
    rows.append({"class": words.ALL_CLASSES, **whole})
    columns = ["class", *counted]
    return Table(
        "accuracy-by-class", words.BY_CLASS, columns, rows, better="higher", heads=("class",)
    )


def _counts(counted: dict[str, confusion.Confusion]) -> Table:
    """Return the counts of every label and answer, the models one below the other."""
    answers = list(dict.fromkeys(name for counts in counted.values() for name in counts.answers))
    rows: list[dict] = [
        {"model": model, "label": label}
        | dict.fromkeys(answers, 0)
        | {name: int(n) for name, n in zip(counts.answers, counts.counts[at])}
        for model, counts in counted.items()
        for at, label in enumerate(counts.labels)
    ]
    return Table("confusion", words.CONFUSION, [*HEADS, *answers], rows, heads=HEADS)


def _confusions(counted: dict[str, confusion.Confusion]) -> Table:
    """Return the most frequent confusions of many classes."""
    wrong = [
        (int(counts.counts[row, column]), model, counts.labels[row], counts.answers[column])
        for model, counts in counted.items()
        for row, column in zip(*np.nonzero(counts.counts))
        if counts.labels[row] != counts.answers[column]
    ]
    wrong.sort(key=lambda entry: -entry[0])
    rows: list[dict] = [
        {"model": model, "label": label, "answer": answer, "images": n}
        for n, model, label, answer in wrong[:LISTED]
    ]
    notes = (words.FURTHER.format(count=len(wrong) - LISTED),) if len(wrong) > LISTED else ()
    heads = ("model", "label", "answer")
    return Table("confusion", words.CONFUSIONS, [*heads, "images"], rows, notes, heads=heads)


def _errors(answered: list[tuple[str, Answers]], per_image: bool) -> Table:
    """Return the wrong answers, the surest of each model first; of several models each has an equal part of the list."""
    wrong = [confusion.errors(answers) for _, answers in answered]
    count = sum(map(len, wrong))
    most = count if per_image else max(LISTED // len(answered), LEAST_OF_A_MODEL)
    shown: list[dict] = [
        {
            "model": model,
            "image": answers.ids[row],
            "label": answers.name_of_label(row),
            "answer": answers.name_of_predicted(row),
            "probability": _probability(answers.of_predicted, row),
            "of the label": _probability(answers.of_label, row),
        }
        for (model, answers), rows in zip(answered, wrong)
        for row in rows[:most]
    ]
    more = count - len(shown)
    notes = (words.FURTHER_ERRORS.format(count=more),) if more else ()
    columns = ["model", "image", "label", "answer", "probability", "of the label"]
    title = (words.ERROR_LISTS if len(answered) > 1 else words.ERROR_LIST).format(count=count)
    return Table("errors", title, columns, shown, notes, heads=tuple(columns[:2]))


def _probability(values: np.ndarray | None, row: int) -> Cell:
    return Cell(note=words.NO_LOGITS) if values is None else Cell(float(values[row]))
