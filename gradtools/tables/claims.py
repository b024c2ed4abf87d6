"""Tables of claims: a row a sentence with its verdict, and a row a sentence and model with the difference behind it."""

import math
from collections.abc import Iterator, Sequence

from gradtools.errors import some
from gradtools.selection.claims import UNDECIDED, OfModel, Verdict
from gradtools.tables.model import Cell, Table
from gradtools.tables.per_model import Row
from gradtools.tables.wording import claims as words


def tables(file: str, judged: Sequence[Verdict]) -> list[Table]:
    """Return the verdicts of a file, and the differences that they rest on."""
    counts = ", ".join(
        f"{sum(verdict.verdict == kind for verdict in judged)} {kind}" for kind in words.KINDS
    )
    rows: list[Row] = [
        {
            "verdict": verdict.verdict,
            "claim": verdict.claim,
            "line": verdict.line,
            "left - right": _across(verdict),
            "p": Cell(verdict.p),
            "images to decide": _to_decide(verdict),
        }
        for verdict in judged
    ]
    columns = ["verdict", "claim", "line", "left - right", "p", "images to decide"]
    notes = (
        words.RULE,
        *(words.LOWER for _ in [verdict for verdict in judged if verdict.lower][:1]),
        *_lacking(judged),
    )
    verdicts = Table(
        "claims",
        f"{file}: {counts}",
        columns,
        rows,
        notes,
        heads=("verdict", "claim"),
        hidden=("line",),  # people read the sentence itself
    )
    return [verdicts, _differences(judged)]


def _lacking(judged: Sequence[Verdict]) -> Iterator[str]:
    """Yield which sentences are judged without which models."""
    claims: dict[tuple[str, ...], list[str]] = {}
    for verdict in judged:
        claims.setdefault(verdict.lacking, []).append(_name(verdict))
    for models, names in claims.items():
        if models:
            yield words.LACKING.format(models=some(models), claims=some(names))


def _name(verdict: Verdict) -> str:
    return verdict.name or f"line {verdict.line}"


def _across(verdict: Verdict) -> Cell:
    """Return the difference of one model with its interval, else those of all as a range."""
    if len(verdict.models) == 1:
        return _of_one(verdict.models[0])
    values = sorted(model.difference for model in verdict.models if not model.lacks)
    if not values:
        return Cell(note=verdict.models[0].lacks)
    return Cell(f"{values[0]:.3f} to {values[-1]:.3f}")


def _of_one(model: OfModel) -> Cell:
    return Cell(model.difference, model.low, model.high, n=model.images, why=model.lacks)


def _to_decide(verdict: Verdict) -> Cell:
    if verdict.verdict != UNDECIDED:
        return Cell(note=words.DECIDED)
    lacking = [model for model in verdict.models if model.lacks]
    if lacking:
        return Cell(note=words.LACKS.format(model=lacking[0].model, reason=lacking[0].lacks))
    if verdict.resamples:
        return Cell(note=words.MORE_RESAMPLES.format(count=verdict.resamples))
    most = max(model.to_decide for model in verdict.models)
    if any(math.isnan(model.to_decide) for model in verdict.models):
        return Cell(note=words.NO_INTERVAL)
    if not math.isfinite(most):
        return Cell(note=words.NEVER)
    return Cell(math.ceil(most), n=max(model.images for model in verdict.models))


def _differences(judged: Sequence[Verdict]) -> Table:
    rows: list[Row] = [
        {
            "claim": _name(verdict),
            "model": model.model,
            "left - right": _of_one(model),
        }
        for verdict in judged
        for model in verdict.models
    ]
    columns = ["claim", "model", "left - right"]
    return Table("claim-differences", words.BEHIND, columns, rows, heads=("claim", "model"))
