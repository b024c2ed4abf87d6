"""The summaries of audits, and of networks whose right answer is known."""

from collections.abc import Iterator

from gradtools.selection.results import Result
from gradtools.selection.subjects import Subject
from gradtools.tables import audit, known_answers
from gradtools.tables.model import Cell, Entry, shown
from gradtools.tables.summary.blocks import Block, Rows, of_rows
from gradtools.tables.wording import summary as words

AUDITED = {
    "flagged": "%",
    "flagged_other": "% with another's object",
    "object": "object",
    "background": "background",
}
MEAN, FIRST = "mean tau", "truth first"


def blocks(subjects: list[Subject]) -> Iterator[Block]:
    """Yield a block of audits, and one of the measures of all trials."""
    summaries = [
        (subject.name, fill, result)
        for subject in subjects
        for (fill, name), result in subject.audit.items()
        if name == "summary"
    ]
    if summaries:
        yield _audits(summaries)
    trials = known_answers.collected(subjects)
    if trials:
        yield _trials([measures for _, measures in trials.values()])


def _audits(summaries: list[tuple[str, str, Result]]) -> Block:
    """Return which share of right answers has the wrong reason, and in which classes."""
    rows: list[dict[str, Entry]] = []
    for model, fill, result in summaries:
        row: dict = {"statistic": f"{fill} fill", "model": model}
        for measure in AUDITED:
            value, low, high, count = result.get(f"{audit.EVERY}: {measure}")
            digits = 1 if measure in audit.PERCENT else 3
            row[AUDITED[measure]] = Cell(value, low, high, n=count, digits=digits)
        rows.append(row)
    named = sorted(
        ((model, fill, audit.named(result)) for model, fill, result in summaries),
        key=lambda entry: not entry[2],
    )
    sentences = tuple(
        f"{model}, {fill} fill: {audit.verdict(classes)}." for model, fill, classes in named
    )
    table = of_rows("summary-audit", words.OF_AUDITS, list(AUDITED.values()), rows)
    return Block(table, sentences)


def _trials(results: list[Result]) -> Block:
    """Return each measure's mean rank correlation with the truth and on how many networks it puts it first, the best first."""
    means = {name: known_answers.mean_agreement(results, name) for name in known_answers.MEASURES}
    order = sorted(means, key=lambda name: (name in known_answers.CONTROLS, -_value(means[name])))
    rows: Rows = [
        {
            "statistic": known_answers.MEASURES[name],
            MEAN: means[name],
            FIRST: f"{_firsts(results, name)} of {len(results)}",
        }
        for name in order
    ]
    title = words.OF_TRIALS.format(count=len(results))
    table = of_rows("summary-known-answers", title, [MEAN, FIRST], rows, "higher")
    control = max(known_answers.CONTROLS, key=lambda name: _value(means[name]))
    floor = means[control]
    best = words.TRIAL_BEST.format(
        measure=known_answers.MEASURES[order[0]],
        value=shown(means[order[0]].value, 2),
        control=known_answers.MEASURES[control],
        floor=shown(floor.value, 2),
    )
    below = [
        known_answers.MEASURES[name]
        for name in order
        if name not in known_answers.CONTROLS and _value(means[name]) <= _value(floor)
    ]
    more = (words.TRIAL_NO_BETTER.format(measures="; ".join(below)),) if below else ()
    return Block(table, (best, *more))


def _value(cell: Cell) -> float:
    return float(cell.value or 0)


def _firsts(results: list[Result], measure: str) -> int:
    """Return on how many networks a measure puts the truth first in most resamples."""
    return sum(
        float(result.columns["first"][list(result.columns["statistic"]).index(measure)]) > 50
        for result in results
    )
