"""The answer first: what stores of any kind say, on one screen (samples, accuracy, headline statistics, sentences, further layouts)."""

from collections.abc import Iterator, Sequence

from gradtools.math.pairs import bootstrap
from gradtools.math.pairs.intervals import interval_of
from gradtools.selection.answers import Answers
from gradtools.selection.draws import Draws
from gradtools.selection.subjects import Subject
from gradtools.tables.model import Cell, Entry, Table
from gradtools.tables.summary import links, maps, others, trials, vectors
from gradtools.tables.summary.blocks import Block, across, fitted, joined
from gradtools.tables.wording import summary as words

MANY = 10  # classes beyond which the five best answers count as well


def build(
    subjects: list[Subject], layouts: Sequence[str] = (), width: int | None = None
) -> list[Table]:
    """Build the summary.

    Parameters
    ----------
    layouts : sequence of str
        What else these stores can fill.
    width : int, optional
        Columns: one table, and what does not fit 25 lines of them is left to the layouts; without it all is kept.
    """
    above = [_samples(subjects), *_accuracy(subjects), *_recognised(subjects)]
    kinds = (vectors, maps, links, trials, others)
    blocks = [block for kind in kinds for block in kind.blocks(subjects)]
    sentences = tuple(others.bare(subjects))
    if not blocks or all(subject.features for subject in subjects):
        sentences = (*sentences, *others.errors(subjects))
    if sentences and not blocks:
        blocks = [Block(Table("summary", "", [], []), sentences)]
    elif sentences:
        blocks[-1] = Block(blocks[-1].table, (*blocks[-1].sentences, *sentences))
    if width is not None and len(blocks) > 1:
        blocks = [joined(blocks)]
    below = [_more(layouts)] if layouts else []
    return fitted(above, blocks, below, width)


def _samples(subjects: list[Subject]) -> Table:
    """Return how many samples of how many classes, and how many models."""
    rows = [
        {
            "model": subject.name,
            words.GROUPS[subject.unit]: len(subject.labels),
            "classes": len(subject.class_names) or Cell(note=words.NO_CLASSES),
        }
        for subject in subjects
    ]
    return Table("samples", _counts(subjects), list(rows[0]), rows, inline=True, spoken=True)


def _counts(subjects: list[Subject]) -> str:
    """Return the first line of the summary."""
    first = subjects[0]
    names = first.class_names
    some = ", ".join(names[: words.NAMED]) + (", ..." if len(names) > words.NAMED else "")
    classes = words.OF_CLASSES.format(count=len(names), names=some) if names else ""
    other = [subject.name for subject in subjects[1:] if not subject.same_samples(first)]
    networks = {(subject.key[1], subject.key[3]) for subject in subjects}  # weights and name
    alone = len(subjects) == 1 or len(networks) == 1 and len(other) == len(subjects) - 1
    models = f", {first.name}" if alone else words.OF_MODELS.format(count=len(subjects))
    unit = words.GROUPS[first.unit]
    line = words.SAMPLES.format(count=len(first.labels), unit=unit, classes=classes, models=models)
    return line + (words.OTHERS.format(names=", ".join(other)) if other else "")


def _accuracy(subjects: list[Subject]) -> Iterator[Table]:
    """Yield the accuracy of every model in percent; of more than ten classes also that of the five best answers."""
    if all(subject.answers is None for subject in subjects):
        return
    many = any(
        subject.answers is not None and subject.answers.member.shape[1] > MANY
        for subject in subjects
    )
    measures = words.TOP if many else {"right": words.TOP["right"]}
    rows = [
        {"model": subject.name}
        | {head: accuracy(subject.answers, name) for name, head in measures.items()}
        for subject in subjects
    ]
    known = [0 if s.answers is None else int(s.answers.known.sum()) for s in subjects]
    partial = any(0 < count < len(s.labels) for count, s in zip(known, subjects))
    title = words.ACCURACY_OF.format(count=across(known, 0)) if partial else words.ACCURACY
    yield Table("accuracy", title, list(rows[0]), rows, better="higher", inline=True)


def _recognised(subjects: list[Subject]) -> Iterator[Table]:
    """Yield the share of draws that were recognised, of samples that are there for it: their accuracy is 100 % by construction."""
    rows: list[dict[str, Entry]] = [
        {"model": subject.name, "recognised": _share(subject.draws)}
        for subject in subjects
        if subject.draws is not None
    ]
    if rows:
        yield Table("recognised", words.RECOGNISED, list(rows[0]), rows, inline=True)


def _share(draws: Draws) -> Cell:
    """Return the share of recognised draws in percent."""
    if not draws.drawn:
        return Cell(note=words.OWN_ANSWER)
    return Cell(100 * draws.recognised / draws.drawn, n=draws.drawn, digits=1)


def accuracy(answers: Answers | None, measure: str) -> Cell:
    """Return the share of right answers in percent, among the images whose label meets the model's classes.

    Parameters
    ----------
    measure : str
        `right` or `right_of_five`.
    """
    if answers is None or not answers.known.any():
        labelled = answers is not None and (answers.label >= 0).any()
        return Cell(note=words.NO_ANSWERS if labelled else words.NO_LABELS)
    values = getattr(answers, measure)
    if values is None:
        return Cell(note=words.NO_LOGITS)
    known = values[answers.known].astype(float)
    replicates = bootstrap.bootstrap_means(known[:, None])[:, 0]
    low, high = interval_of(replicates, float(known.mean()))
    left_out = int((~answers.known).sum())
    return Cell(
        100 * known.mean(), 100 * low, 100 * high, n=len(known), left_out=left_out, digits=1
    )


def _more(layouts: Sequence[str]) -> Table:
    """Name the layouts that these stores can fill besides."""
    return Table("layouts", words.MORE.format(layouts=", ".join(layouts)), [], [], inline=True)
