"""Tables of an audit: which answers are right for the wrong reason, by class and one by one."""

from collections.abc import Iterable, Iterator, Sequence

from gradtools.selection.results import Result
from gradtools.selection.subjects import Subject
from gradtools.tables.model import Cell, Table, notes_on_few
from gradtools.tables.wording import OF_RESAMPLED_IMAGES, on_files

EVERY = "every class"
HEADS = {
    "flagged": "wrong reason, %",
    "flagged_other": "the same with another image's object, %",
    "difference": "difference",
    "object": "object",
    "background": "background",
    "interaction": "interaction",
}
PERCENT = ("flagged", "flagged_other", "difference")
HALF = 50  # percent of a class's right answers, beyond which the class is named
LEAST = 5  # right answers of a class that can be named
LISTED = 12  # rows that are printed; all are in the store
NOTES = (
    "Of right answers. The probability that the whole image has beyond an image of the fill alone is split, exactly, into what the object "
    "adds alone, what the background adds alone, and their interaction.",
    "wrong reason: the background alone adds more than the object alone. With another image's object (the control) a network that looks at "
    "objects is flagged mostly; where both columns agree, the object made no difference.",
    "The hole that an object leaves has its outline: another --fill, or boxes, show whether that matters.",
    OF_RESAMPLED_IMAGES,
)
FEW = "no other image to take an object from"


def build(subjects: Sequence[Subject]) -> Iterator[Table]:
    """Yield the tables that the stores can fill."""
    return tables((subject.name, list(subject.audit.values())) for subject in subjects)


def tables(audited: Iterable[tuple[str, list[Result]]]) -> Iterator[Table]:
    """Yield for every fill the shares by class, then the answers themselves.

    Parameters
    ----------
    audited : iterable of (model, list of Result)
        A summary and a list for every fill.
    """
    models = [(model, results) for model, results in audited if results]
    for fill in dict.fromkeys(result.feature for _, results in models for result in results):
        of_fill = {
            name: [
                (model, result)
                for model, results in models
                for result in results
                if (result.feature, result.method) == (fill, name)
            ]
            for name in ("summary", "flagged")
        }
        yield _summary(fill, of_fill["summary"])
        yield from _flagged(fill, of_fill["flagged"])


def _summary(fill: str, summaries: list[tuple[str, Result]]) -> Table:
    """Return a row for all classes and one for each, of every model."""
    rows, notes = [], list(NOTES)
    for model, result in summaries:
        empty = []
        for group in _groups(result):
            if group != EVERY and not result.get(f"{group}: flagged").n:
                empty.append(group)
                continue
            row: dict = {"model": model, "class": group}
            for measure, head in HEADS.items():
                value, low, high, count = result.get(f"{group}: {measure}")
                digits = 1 if measure in PERCENT else 3
                row[head] = Cell(value, low, high, n=count, digits=digits, why=FEW)
            rows.append(row)
        notes.append(f"{model}: {verdict(named(result))}")
        if empty:
            notes.append(f"{model}: no right answer of {len(empty)} classes: {', '.join(empty)}")
        whole, neither = (float(result.facts[name]) for name in ("whole", "neither"))
        if neither > whole / 2:
            notes.append(
                f"{model}: with everything hidden the answers keep a mean probability of {neither:.2f} (whole: {whole:.2f}): "
                f"the fill {fill} hides little"
            )
        if result.facts["boxes_only"]:
            notes.append(
                f"{model}: {result.facts['boxes_only']} of {result.facts['rows']} objects are boxes, "
                "with background inside"
            )
        notes += on_files(model, 0, int(result.facts.get("ended_early", 0)))
    notes += notes_on_few(rows)
    facts = summaries[0][1].facts
    title = (
        f"right for the wrong reason? {fill} fill: {facts['right']} right answers of "
        f"{facts['rows']}, {facts['images']} images"
    )
    return Table(f"audit-{fill}", title, ["model", "class", *HEADS.values()], rows, tuple(notes))


def _groups(result: Result) -> list[str]:
    """Return the classes of a summary, all of them together first."""
    return [
        text.removesuffix(": flagged")
        for text in result.columns["statistic"]
        if text.endswith(": flagged")
    ]


def named(result: Result) -> list[str]:
    """Return the classes whose lower bound is above one half, from `LEAST` right answers on."""
    return [
        group
        for group in _groups(result)
        if group != EVERY
        and result.get(f"{group}: flagged").n >= LEAST
        and result.get(f"{group}: flagged").low > HALF
    ]


def verdict(classes: list[str]) -> str:
    """Name the classes that are right for the wrong reason in more than half of their images."""
    return f"classes of which more than {HALF} % are, by the lower bound: {', '.join(classes) or 'none'}"


def _flagged(fill: str, lists: list[tuple[str, Result]]) -> Iterator[Table]:
    """Yield the answers themselves, where there are any, those with the largest lead of the background first."""
    rows, notes = [], []
    for model, result in lists:
        every = list(result.rows())
        if len(every) > LISTED:
            notes.append(f"{model}: {len(every) - LISTED} more are in the store")
        for answer in every[:LISTED]:
            row: dict = {"model": model, "image": answer["id"], "label": answer["class"]}
            row |= {
                head: Cell(answer[name])
                for name, head in (
                    ("whole", "whole"),
                    ("inside", "object alone"),
                    ("outside", "background alone"),
                    ("neither", "neither"),
                    ("interaction", "interaction"),
                )
            }
            rows.append(row)
    if rows:
        title = f"the answers that are right for the wrong reason, {fill} fill: probabilities"
        columns = list(rows[0])
        yield Table(f"audit-list-{fill}", title, columns, rows, tuple(notes))
