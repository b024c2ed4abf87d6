"""link + generator + model -> tuning: every unit over its range, what changes in the picture, and whether the unit itself does.

Design. Entries are directions (`plan.directions`: units, singular vectors of the link, one random decoy a unit), blocks a
few of them; each is computed from the link alone, so blocks come in any order, resume and are divided into shards. An entry
renders S samples x T steps through the link, finds the parts, measures them (`math.links.regions`), and reads the pictures
again with the classifier: `compute.tuned`. What needs all directions (effects against decoys) follows from the stored rows,
by `tables` of this process or of all shards: `tunings.effects`, and of the population `population.results`; pictures read
/tuning by `selection.tunings`.
"""

import dataclasses
import functools
import json
from typing import TYPE_CHECKING

import numpy as np

from gradtools import __version__, store
from gradtools.math.links import flow, regions
from gradtools.math.links.population import coactivation
from gradtools.network import passes
from gradtools.selection import tunings
from gradtools.selection.results import Result
from gradtools.stages import run
from gradtools.stages.tune import population
from gradtools.stages.tune.compute import columns, tuned
from gradtools.stages.tune.plan import Options, Plan, make_plan, parts_text
from gradtools.store import paths

if TYPE_CHECKING:
    from typing_extensions import Unpack

__all__ = ["Options", "Plan", "make_plan", "of_shards", "tune"]

BLOCK = 4  # directions kept at once


def tune(plan: Plan, output: str, **how: "Unpack[run.How]") -> list[Result]:
    """Tune every direction, and write what changed.

    Parameters
    ----------
    plan : Plan
    output : str
        Path of the store, or '-'.
    how
        Fields of `run.Run`.

    Returns
    -------
    list of Result
        The effects of units beside decoys, and the tables of the population; empty of a shard, whose directions are not all.
    """
    this = run.begin(output, [plan.source], **how)
    passes.use_threads(this.threads)
    growth = store.Growth(
        "tuning",
        columns(plan),
        store.cut(BLOCK, len(plan.directions)),
        _command(plan),
        lambda sink: _begin(this, sink, plan),
        compress=plan.options.compress,
        units="directions",
    )
    with this.grown(growth) as part:
        this.compute(part, functools.partial(tuned, plan), "directions")
        with part.finish(this.progress) as sink:
            active, results = _coactivation(plan), []
            sink.put(paths.tuning("coactivation"), active)
            if this.shard is None:
                results = _results(plan, part, active)
            else:
                sink.attributes(paths.SHARD, tables=json.dumps({"level": plan.options.level}))
            for result in results:
                result.write(sink)
            this.note(sink, [plan.source], seed=plan.options.seed)
    return results


def _results(plan: Plan, part: store.Part, active: np.ndarray) -> list[Result]:
    """Return the tables of all directions of a part; `active` as from `_coactivation`."""
    arrays = {column.path: part.values(column.path) for column in part.columns}
    tuning = tunings.of_arrays(
        arrays | {paths.tuning("coactivation"): active},
        [one.kind for one in plan.directions],
        np.array([one.number for one in plan.directions]),
        list(plan.segmenter.parts),
        plan.link.label[plan.rows],
    )
    return tables(tuning, plan.source.class_names, plan.options.level, plan.options.seed)


def tables(tuning: tunings.Tuning, names: list[str], level: float, seed: int) -> list[Result]:
    """Return the effects of units beside decoys, and the tables of the population."""
    return [tunings.effects(tuning, level), *population.results(tuning, names, seed=seed)]


def of_shards(stores: list[store.Store]) -> list[Result]:
    """Return the tables of all shards (from `joining.ordered`) together."""
    first = stores[0]
    level = json.loads(str(first.attributes(paths.SHARD)["tables"]))["level"]
    seed = int(first.attributes(paths.TUNING)["seed"])
    return tables(tunings.of_shards(stores), first.class_names, level, seed)


def _coactivation(plan: Plan) -> np.ndarray:
    """Return the correlations of the tuned units over the link's samples, (2, units, units) float32."""
    units = [one.number for one in plan.directions if one.kind == "unit"]
    return coactivation(plan.link.r[:, units], plan.link.label).astype("f4")


def _command(plan: Plan) -> dict:
    """Return options and inputs that must match for a job to resume."""
    return {
        **dataclasses.asdict(plan.options),
        "version": __version__,
        "weights": plan.classifier.model.weights_sha256,
        "generator": plan.generator.sha256,
        "parts": list(plan.segmenter.parts),
        "inputs": plan.source.digests(),
    }


def _begin(this: run.Run, sink: store.Sink, plan: Plan) -> None:
    """Write what does not grow: samples, directions, names."""
    keep = np.ones(plan.source.n_samples, bool)
    this.carry_on(sink, plan.source, keep, [paths.TUNING])
    sink.put(paths.tuning("kind"), [one.kind for one in plan.directions])
    sink.put(paths.tuning("number"), np.array([one.number for one in plan.directions], "i4"))
    sink.put(paths.tuning("low"), np.array([one.low for one in plan.directions]))
    sink.put(paths.tuning("high"), np.array([one.high for one in plan.directions]))
    sink.put(paths.tuning("sample"), plan.rows.astype("i4"))
    sink.attributes(
        paths.TUNING,
        parts=parts_text(plan),
        metrics=json.dumps(list(regions.METRICS)),
        fields=json.dumps(list(flow.FIELDS) if plan.options.fields else []),
        segmenter=plan.options.segmenter,
        generator=plan.generator.spec,
        steps=plan.options.steps,
        seed=plan.options.seed,
    )
