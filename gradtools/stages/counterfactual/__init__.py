"""features with what the head reads (+ link) -> counterfactual: the least move of each sample to each target class.

Design. Entries are moves, `plan.make_plan`: a sample and a target, samples in order, targets within. Each is computed from
the stored rows and the head alone (`compute.moved`), so blocks come in any order and resume; torch is imported only where a
link draws (`drawing`). A move has its path, the stored images nearest to it, a random move as long beside it, and through
a link pictures, of which the first are kept. What needs all moves follows from the stored columns:
`selection.counterfactuals`.
"""

import dataclasses
import functools
import json
from typing import TYPE_CHECKING

import numpy as np

from gradtools import __version__, store
from gradtools.selection import counterfactuals
from gradtools.selection.results import Result
from gradtools.stages import run
from gradtools.stages.counterfactual.compute import columns, moved
from gradtools.stages.counterfactual.plan import Options, Plan, make_plan
from gradtools.store import paths

if TYPE_CHECKING:
    from typing_extensions import Unpack

__all__ = ["Options", "Plan", "counterfactual", "make_plan"]

BLOCK = 32  # moves kept at once


def counterfactual(
    plan: Plan, output: str, **how: "Unpack[run.How]"
) -> tuple[counterfactuals.Moves, list[Result]]:
    """Make every move, and write what it takes and what is met on the way.

    Parameters
    ----------
    plan : Plan
    output : str
        Path of the store, or '-'.
    how
        Fields of `run.Run`.

    Returns
    -------
    moves : Moves
    results : list of Result
        Of pairs of classes, and of the parts of pictures where they are measured.

    Raises
    ------
    GradtoolsError, UsageError
    """
    this = run.begin(output, [plan.source], **how)
    growth = store.Growth(
        "counterfactual",
        columns(plan),
        store.cut(BLOCK, plan.kept, len(plan.sample) - plan.kept),
        _command(plan),
        lambda sink: _begin(this, sink, plan),
        compress=plan.options.compress,
        units="moves",
    )
    with this.grown(growth) as part:
        this.compute(part, functools.partial(moved, plan), "moves")
        moves = counterfactuals.of_arrays(
            {column.path: part.values(column.path) for column in part.columns},
            list(plan.source.ids),
            counterfactuals.class_names(plan.source, len(plan.weight)),
            (plan.r @ plan.weight.T + plan.bias).argmax(1),
            plan.parts,
        )
        if moves.impossible:
            this.say(
                f"{moves.impossible:,} of {len(plan.sample):,} moves do not exist: other classes lie in the way at any distance"
            )
        with part.finish(this.progress) as sink:
            results = counterfactuals.results(
                moves, plan.options.margin, plan.options.resamples, plan.options.seed
            )
            for result in results:
                result.write(sink)
            this.note(sink, [plan.source], seed=plan.options.seed)
    return moves, results


def _command(plan: Plan) -> dict:
    """Return options and inputs that must match for a job to resume."""
    drawing = plan.drawing
    return {
        **dataclasses.asdict(plan.options),
        "version": __version__,
        "inputs": plan.source.digests(),
        "moves": [plan.sample.tolist(), plan.target.tolist()],
        "generator": drawing.generator.sha256 if drawing else "",
        "link": drawing.digests if drawing else {},
        "parts": list(plan.parts),
    }


def _begin(this: run.Run, sink: store.Sink, plan: Plan) -> None:
    """Write what does not grow."""
    keep = np.ones(plan.source.n_samples, bool)
    this.carry_on(sink, plan.source, keep, [paths.COUNTERFACTUAL])
    sink.attributes(
        paths.COUNTERFACTUAL,
        margin=plan.options.margin,
        points=plan.options.points,
        generator=plan.drawing.generator.spec if plan.drawing else "",
        parts=json.dumps(list(plan.parts)),
        descent=plan.options.descent,
        seed=plan.options.seed,
    )
