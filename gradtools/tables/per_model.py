"""Tables of one row a model and one column a feature, and the paired differences between them."""

import numpy as np

from gradtools.math.pairs.intervals import interval_of
from gradtools.selection.subjects import role
from gradtools.tables.model import Cell, Table
from gradtools.tables.wording import NOT_BOTH, computed_by

OWN = "gradient@last-conv"
AGAINST = ("activation@last-block", "logits", "probabilities", "weight")
FIRST = (OWN, *AGAINST)
BLOCK_OUTPUT = "gradient@last-block"


def by_role(subject, results, method):
    """{role: Result} of one metric or method of a model, of its `similarity` or its `clusters`."""
    return {
        role(subject, feature): measured
        for (feature, name), measured in results.items()
        if name == method
    }


def ordered(names):
    """Features in the order of the blog post's columns, sweeps after them."""
    return [name for name in FIRST if name in names] + sorted(set(names) - set(FIRST))


def headline(found):
    """Features for the columns of a table of one row a model: the blog post's and a control; all of them where none is there."""
    names = {name for results in found for name in results}
    without_rows = any(BLOCK_OUTPUT in results and "weight" not in results for results in found)
    shown = (*FIRST, BLOCK_OUTPUT) if without_rows else FIRST
    return [name for name in shown if name in names] or ordered(names)


def one_row_a_model(
    subjects, found, table_id, title, cell, layout, notes=(), more=None, better="higher"
):
    """A table of one row a model and one column a feature.

    Parameters
    ----------
    cell : callable
        Result to Cell.
    layout : key of FILLED_BY
        Names the command for cells that nobody computed.
    more : callable, optional
        {role: Result} to further columns.
    """
    names, rows = headline(found), []
    for subject, results in zip(subjects, found):
        row = {
            "model": subject.name,
            **{
                name: cell(results[name]) if name in results else Cell(note=computed_by(layout))
                for name in names
            },
        }
        row |= more(results) if more else {}
        rows.append(
            row
            | {
                "samples": max(
                    (measured.facts["rows"] for measured in results.values()), default=None
                )
            }
        )
    columns = list(dict.fromkeys(key for row in rows for key in row if key != "samples"))
    return Table(table_id, title, [*columns, "samples"], rows, tuple(notes), better)


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
            yield f"{subject.name}: " + ", ".join(
                f"{name} is {tap}" for name, tap in places.items() if tap
            )


def paired(a, b, values, replicates):
    """Cell of a minus b, with the interval of the same resamples.

    Parameters
    ----------
    a, b : Result or None
    values, replicates : callable
        Result to its value, and to its values over the resamples (B,).
    """
    if a is None or b is None:
        return Cell(note=NOT_BOTH)
    first, second = replicates(a), replicates(b)
    n = min(len(first), len(second))
    same = all(
        a.facts.get(key) == b.facts.get(key)
        for key in ("seed", "resampling", "drawn", "drawn_of", "left_out", "auc_rows")
    )
    difference = values(a) - values(b)
    if not n or not same:
        return Cell(difference)
    rule = {key: a.facts[key] for key in ("resampling", "drawn", "drawn_of") if key in a.facts}
    return Cell(difference, *interval_of(first[:n] - second[:n], difference, **rule))


def differences(subjects, found, table_id, title, values, replicates):
    """Gradient minus each other feature, a row a model, and how many models agree in sign."""
    names = [
        name for name in AGAINST if any(name in results and OWN in results for results in found)
    ]
    if not names:
        return
    rows = [
        {
            "model": subject.name,
            **{
                name: paired(results.get(OWN), results.get(name), values, replicates)
                for name in names
            },
        }
        for subject, results in zip(subjects, found)
    ]
    if len(subjects) > 1:
        rows.append(
            {
                "model": "models that agree",
                **{name: agreement([row[name] for row in rows]) for name in names},
            }
        )
    yield Table(table_id, title, ["model", *names], rows)


def agreement(cells):
    """Cell in words: how many values share the commoner sign, and how many intervals leave 0 out on that side."""
    values = np.array([cell.value for cell in cells if cell.value is not None])
    sign = 1 if (values > 0).sum() >= (values < 0).sum() else -1
    bounded = [cell for cell in cells if cell.low is not None]
    clear = sum(1 for cell in bounded if (cell.low > 0 if sign > 0 else cell.high < 0))
    return Cell(
        f"{int((values * sign > 0).sum())} of {len(values)} {'+' if sign > 0 else '-'}, {clear} clear of 0",
    )


def between_models(subjects, found, table_id, title, values, replicates):
    """Each model minus the first one, where the samples are the same."""
    names, first = headline(found), subjects[0]
    rows = [
        {
            "model": subject.name,
            **{
                name: paired(results.get(name), found[0].get(name), values, replicates)
                for name in names
            },
        }
        for subject, results in zip(subjects[1:], found[1:])
        if subject.same_samples(first)
    ]
    if rows:
        yield Table(
            table_id,
            f"{title}: difference to {first.name}, paired intervals",
            ["model", *names],
            rows,
        )
