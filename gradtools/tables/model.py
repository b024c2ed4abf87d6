"""What the tables are made of: cells that know what they rest on, rows of a model, columns of a feature."""

import dataclasses

import numpy as np

from gradtools.selection.subjects import role
from gradtools.math.pairs import bootstrap
from gradtools.tables.wording import FILLED_BY

OWN = "gradient@last-conv"
AGAINST = ("activation@last-block", "logits", "probabilities", "weight")
FIRST = (OWN, *AGAINST)
BLOCK_OUTPUT = "gradient@last-block"


@dataclasses.dataclass(frozen=True)
class Cell:
    """A value with what it rests on; as text for people, the fields for programs."""

    value: float
    low: float = np.nan
    high: float = np.nan
    spread: float = np.nan
    extra: str = ""
    digits: int | None = 3

    def __str__(self):
        if self.value != self.value:
            return self.extra or "-"
        text = fixed(self.value, self.digits)
        if self.spread == self.spread:
            text += f" ±{fixed(self.spread, self.digits)}"
        if self.low == self.low:
            text += f" [{fixed(self.low, self.digits)}, {fixed(self.high, self.digits)}]"
        return f"{text} {self.extra}".rstrip()


@dataclasses.dataclass(frozen=True)
class Table:
    """Title, columns, rows (dicts of Cell, str or number) and notes below."""

    title: str
    columns: list
    rows: list
    notes: tuple = ()


def fixed(value, digits):
    """A number with so many digits, rounding noise below them has no sign; None: in three digits, of whatever size."""
    return f"{value:.3g}" if digits is None else f"{round(value, digits) + 0.:.{digits}f}"


def by_role(subject, results, method):
    """{role: Measured} of one metric or method of a model, of its `similarity` or its `clusters`."""
    return {role(subject, feature): measured for (feature, name), measured in results.items() if name == method}


def ordered(names):
    """Features in the order of the seed's columns, sweeps after them."""
    return [name for name in FIRST if name in names] + sorted(set(names) - set(FIRST))


def headline(found):
    """Features for the columns of a table of one row a model: the seed's and a control; all of them where none is there."""
    names = {name for results in found for name in results}
    without_rows = any(BLOCK_OUTPUT in results and "weight" not in results for results in found)
    shown = (*FIRST, BLOCK_OUTPUT) if without_rows else FIRST
    return [name for name in shown if name in names] or ordered(names)


def one_row_a_model(subjects, found, title, cell, layout, notes=(), more=None):
    """A table of one row a model and one column a feature.

    Parameters
    ----------
    cell : callable
        Measured to Cell.
    layout : key of FILLED_BY
        Names the command for cells that nobody computed.
    more : callable, optional
        {role: Measured} to further columns.
    """
    names, rows = headline(found), []
    for subject, results in zip(subjects, found):
        row = {
            "model": subject.name,
            **{name: cell(results[name]) if name in results else Cell(np.nan) for name in names},
        }
        row |= more(results) if more else {}
        rows.append(row | {"samples": max((measured.facts["rows"] for measured in results.values()), default=None)})
    lacking = (
        [f"-: {FILLED_BY[layout]} computes it"]
        if any(name not in results for results in found for name in names)
        else []
    )
    columns = list(dict.fromkeys(key for row in rows for key in row if key != "samples"))
    return Table(title, [*columns, "samples"], rows, (*lacking, *notes))


def left_out(subjects, found):
    """What the rows do not rest on, and why."""
    for subject, results in zip(subjects, found):
        if subject.skipped:
            yield f"{subject.name}: {subject.skipped} images could not be read and are in no row"
        facts = [measured.facts for measured in results.values()]
        if any(fact.get("left_out") for fact in facts):
            most = max(facts, key=lambda fact: fact.get("left_out", 0))
            yield f"{subject.name}: {most['left_out']} samples are left out ({most.get('unlabelled', 0)} of them without one label)"
        for name, measured in results.items():
            if measured.facts.get("degenerate"):
                yield f"{subject.name}, {name}: {measured.facts['degenerate']} rows without a direction are left out"


def where_taps_are(subjects):
    """Which tap the columns' last-conv and last-block are, a line a model."""
    for subject in subjects:
        places = {
            "last-conv": subject.taps.get("default_gradient"),
            "last-block": subject.taps.get("default_activation"),
        }
        if any(places.values()):
            yield f"{subject.name}: " + ", ".join(f"{name} is {tap}" for name, tap in places.items() if tap)


def paired(a, b, values, replicates):
    """Cell of a minus b, with the interval of the same resamples.

    Parameters
    ----------
    a, b : Measured or None
    values, replicates : callable
        Measured to its value, and to its values over the resamples (B,).
    """
    if a is None or b is None:
        return Cell(np.nan)
    first, second = replicates(a), replicates(b)
    n = min(len(first), len(second))
    same = all(a.facts.get(key) == b.facts.get(key) for key in ("seed", "resampling", "left_out", "auc_rows"))
    low, high = bootstrap.interval(first[:n] - second[:n]) if n and same else (np.nan, np.nan)
    return Cell(values(a) - values(b), float(low), float(high))


def differences(subjects, found, title, values, replicates):
    """Gradient minus each other feature, a row a model, and how many models agree in sign."""
    names = [name for name in AGAINST if any(name in results and OWN in results for results in found)]
    if not names:
        return
    rows = [
        {
            "model": subject.name,
            **{name: paired(results.get(OWN), results.get(name), values, replicates) for name in names},
        }
        for subject, results in zip(subjects, found)
    ]
    if len(subjects) > 1:
        rows.append({"model": "models that agree", **{name: agreement([row[name] for row in rows]) for name in names}})
    yield Table(title, ["model", *names], rows)


def agreement(cells):
    """Cell in words: how many values share the commoner sign, and how many intervals leave 0 out on that side."""
    values = np.array([cell.value for cell in cells if cell.value == cell.value])
    sign = 1 if (values > 0).sum() >= (values < 0).sum() else -1
    clear = sum(1 for cell in cells if (cell.low > 0 if sign > 0 else cell.high < 0))
    return Cell(
        np.nan,
        extra=f"{int((values * sign > 0).sum())} of {len(values)} {'+' if sign > 0 else '-'}, {clear} clear of 0",
    )


def between_models(subjects, found, title, values, replicates):
    """Each model minus the first one, where the samples are the same."""
    names, first = headline(found), subjects[0]
    rows = [
        {
            "model": subject.name,
            **{name: paired(results.get(name), found[0].get(name), values, replicates) for name in names},
        }
        for subject, results in zip(subjects[1:], found[1:])
        if subject.same_samples(first)
    ]
    if rows:
        yield Table(f"{title}: difference to {first.name}, paired intervals", ["model", *names], rows)
