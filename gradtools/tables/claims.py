"""Tables of claims: a row a sentence with its verdict, and a row a sentence and model with the difference behind it."""

import math
from collections.abc import Sequence

from gradtools.selection.claims import UNDECIDED, Verdict
from gradtools.tables.model import Cell, Table
from gradtools.tables.per_model import Row
from gradtools.tables.wording import claims as words


def tables(file: str, judged: Sequence[Verdict]) -> list[Table]:
    """Return the verdicts of a file, and the differences that they rest on."""
    counts = ", ".join(
        f"{sum(one.verdict == kind for one in judged)} {kind}" for kind in words.KINDS
    )
    rows: list[Row] = [
        {
            "verdict": one.verdict,
            "claim": one.claim,
            "line": one.line,
            "left - right": _across(one),
            "p": Cell(one.p),
            "images to decide": _to_decide(one),
        }
        for one in judged
    ]
    columns = ["verdict", "claim", "line", "left - right", "p", "images to decide"]
    notes = (words.RULE, *(words.LOWER for _ in [one for one in judged if one.lower][:1]))
    yield_first = Table(
        "claims", f"{file}: {counts}", columns, rows, notes, heads=("verdict", "claim")
    )
    return [yield_first, _differences(judged)]


def _across(one: Verdict) -> Cell:
    """The difference of one model with its interval, else those of all as a range."""
    if len(one.models) == 1:
        only = one.models[0]
        return Cell(only.difference, only.low, only.high, n=only.images)
    values = sorted(of.difference for of in one.models)
    return Cell(f"{values[0]:.3f} to {values[-1]:.3f}")


def _to_decide(one: Verdict) -> Cell:
    if one.verdict != UNDECIDED:
        return Cell(note=words.DECIDED)
    if one.resamples:
        return Cell(note=words.MORE_RESAMPLES.format(count=one.resamples))
    most = max(of.to_decide for of in one.models)
    if not math.isfinite(most):
        return Cell(note=words.NEVER)
    return Cell(math.ceil(most), n=max(of.images for of in one.models))


def _differences(judged: Sequence[Verdict]) -> Table:
    rows: list[Row] = [
        {
            "claim": one.name or f"line {one.line}",
            "model": of.model,
            "left - right": Cell(of.difference, of.low, of.high, n=of.images),
        }
        for one in judged
        for of in one.models
    ]
    columns = ["claim", "model", "left - right"]
    return Table("claim-differences", words.BEHIND, columns, rows, heads=("claim", "model"))
