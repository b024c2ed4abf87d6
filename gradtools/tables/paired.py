"""Paired differences: of features in one model, and of models on the same samples, with the intervals of the same resamples."""

from collections.abc import Callable, Iterator

import numpy as np

from gradtools.math.pairs.bootstrap import RESAMPLING
from gradtools.math.pairs.intervals import EQUAL, interval_of, without_rounding
from gradtools.selection.results import Result
from gradtools.selection.subjects import Subject
from gradtools.tables.model import Cell, Table, as_cell
from gradtools.tables.per_model import AGAINST, OWN, Results, Row, headline
from gradtools.tables.wording import NOT_BOTH, feature_head

Value = Callable[[Result], float]
Replicates = Callable[[Result], np.ndarray]


def difference(a: Result | None, b: Result | None, value: Value, replicates: Replicates) -> Cell:
    """Return a minus b, with the interval of the same resamples.

    Parameters
    ----------
    value, replicates : callable
        A result to its value, and to its values over the resamples (B,).
    """
    if a is None or b is None:
        return Cell(note=NOT_BOTH)
    first, second = replicates(a), replicates(b)
    n = min(len(first), len(second))
    same = all(
        a.facts.get(key) == b.facts.get(key)
        for key in ("seed", "resampling", "drawn", "drawn_of", "left_out", "auc_rows")
    )
    change = float(without_rounding(value(a) - value(b)))
    if not n or not same:
        return Cell(change, why=NOT_BOTH)
    rule = (
        str(a.facts.get("resampling", RESAMPLING)),
        int(a.facts.get("drawn", 0)),
        int(a.facts.get("drawn_of", 0)),
    )
    replicated = without_rounding(first[:n] - second[:n])
    return Cell(change, *interval_of(replicated, change, *rule), why=NOT_BOTH)


def differences(
    subjects: list[Subject],
    by_subject: list[Results],
    table_id: str,
    title: str,
    value: Value,
    replicates: Replicates,
) -> Iterator[Table]:
    """Build gradient minus each other feature, a row a model, and how many models agree in sign."""
    names = [
        name
        for name in AGAINST
        if any(name in results and OWN in results for results in by_subject)
    ]
    if not names:
        return
    rows: list[Row] = [
        {
            "model": subject.name,
            **{
                feature_head(name): difference(
                    results.get(OWN), results.get(name), value, replicates
                )
                for name in names
            },
        }
        for subject, results in zip(subjects, by_subject)
    ]
    heads = [feature_head(name) for name in names]
    if len(subjects) > 1:
        signs = {head: agreement([as_cell(row[head]) for row in rows]) for head in heads}
        rows.append({"model": "models that agree", **signs})
    yield Table(table_id, title, ["model", *heads], rows)


def agreement(cells: list[Cell]) -> Cell:
    """Return in words how many values share the commoner sign, and how many intervals leave 0 out on that side."""
    values = np.array([cell.value for cell in cells if cell.value is not None])
    sign = 1 if (values > 0).sum() >= (values < 0).sum() else -1
    bounds = [(c.low, c.high) for c in cells if c.low is not None and c.high is not None]
    clear = sum(low > 0 if sign > 0 else high < 0 for low, high in bounds)
    agree = int((values * sign > 0).sum())
    if len(values) and (np.abs(values) <= EQUAL).all():
        return Cell(f"equal in {len(values)} of {len(values)}")
    return Cell(f"{agree} of {len(values)} {'+' if sign > 0 else '-'}, {clear} clear of 0")


def between_models(
    subjects: list[Subject],
    by_subject: list[Results],
    table_id: str,
    title: str,
    value: Value,
    replicates: Replicates,
) -> Iterator[Table]:
    """Build each model minus the first one that has results, where the samples are the same."""
    names = headline(by_subject)
    known = [(subject, results) for subject, results in zip(subjects, by_subject) if results]
    if not known:
        return
    (first, reference), *others = known
    rows: list[Row] = [
        {
            "model": subject.name,
            **{
                feature_head(name): difference(
                    results.get(name), reference.get(name), value, replicates
                )
                for name in names
            },
        }
        for subject, results in others
        if subject.same_samples(first)
    ]
    if rows:
        title = f"{title}: difference to {first.name}, paired intervals"
        yield Table(table_id, title, ["model", *map(feature_head, names)], rows)
