"""images + model -> do maps change when the network's parameters are made random?

Maps of the trained network's own answers are made again with random parameters, group by group from
the output down, and held against the trained network's maps: Spearman's correlation, the same of
absolute values, SSIM. Beside them stands the trained map of another image: what maps have in common
whatever they show.
"""

import functools
from typing import TYPE_CHECKING

import numpy as np

from gradtools import store
from gradtools.bundled.digits import write_digits
from gradtools.images import ImageList
from gradtools.math.maps import alikeness
from gradtools.math.pairs.bootstrap import RESAMPLING
from gradtools.math.regions import faithfulness, means
from gradtools.network import passes
from gradtools.network.models import Model
from gradtools.selection.results import Facts, Result
from gradtools.stages import run
from gradtools.stages.sanity import plan as planning
from gradtools.stages.sanity.plan import Options, Plan, make_plan
from gradtools.store import paths

if TYPE_CHECKING:
    from typing_extensions import Unpack

__all__ = ["Options", "Plan", "make_plan", "measure", "summarise", "write_digits"]

NULL = "null"


def compute(plan: Plan, block: store.Block) -> dict[str, np.ndarray]:
    """Compare the maps of some networks with the trained one's.

    Returns
    -------
    dict of str to (n, ...) array
        By path, a row a network.
    """
    rows: dict[str, list] = {column.path: [] for column in columns(plan)}
    for variant in plan.variants[block.start : block.stop]:
        maps, accuracy = planning.maps_of(plan, variant)
        rows[paths.SANITY_ACCURACY].append(accuracy)
        for name, trained in plan.trained.items():
            alike = alikeness.compare(trained, maps[name], plan.options.measure)
            for measure_name, values in alike.items():
                rows[paths.sanity(name, measure_name)].append(values)
            shown = planning.picture(maps[name][plan.drawn])
            rows[paths.sanity(name, paths.PICTURE)].append(shown)
    return {
        path: np.stack(values).astype("u1" if path.endswith(paths.PICTURE) else "f4")
        for path, values in rows.items()
    }


def columns(plan: Plan) -> list[store.Column]:
    """Return the datasets that the blocks fill: a row a network."""
    axis = store.Axis(paths.VARIANT)
    grown = [store.Column(paths.SANITY_ACCURACY, axis=axis)]
    for name, maps in plan.trained.items():
        grown += [
            store.Column(paths.sanity(name, measure_name), (len(plan.pixels),), axis=axis)
            for measure_name in plan.options.measure
        ]
        shape = (len(plan.drawn), *maps.shape[1:])
        path = paths.sanity(name, paths.PICTURE)
        grown.append(store.Column(path, shape, dtype="u1", axis=axis))
    return grown


def measure(
    listed: ImageList, model: Model, output: str, options: Options, **how: "Unpack[run.How]"
) -> list[Result]:
    """Compare the maps of random networks with the trained one's and write the comparisons, network by network.

    Parameters
    ----------
    how
        Fields of `run.Run`.

    Returns
    -------
    list of Result
        One a map and measure.

    Raises
    ------
    GradtoolsError, UsageError
    """
    this = run.begin(output, **how)
    passes.use_threads(this.threads)
    allowed = planning.Allowed(this.max_skipped, this.strict)
    plan = make_plan(listed, model, options, this.say, allowed)
    if len(plan.pixels) < 2:
        this.say("one image: there is no map of another image to hold its maps against")
    command = passes.schema.command(plan.job) | {
        "maps": list(plan.trained),
        "seeds": options.seeds,
        "init": options.init,
    }
    growth = store.Growth(
        "sanity",
        columns(plan),
        store.cut(1, len(plan.variants)),
        command,
        lambda sink: _begin(sink, plan),
        units="random networks",
        names=plan.listed.ids,
    )
    with this.grown(growth) as part:
        this.compute(part, functools.partial(compute, plan), "random networks")
        with part.finish(this.progress) as sink:
            rows = {column.path: part.values(column.path) for column in part.columns}
            results = summarise(plan, rows)
            for result in results:
                result.write(sink)
            facts = run.of_images(plan.skipped, model, plan.ended_early)
            this.note(sink, threads=passes.use_threads(), seed=options.seed, **facts)
    return results


def _begin(sink: store.Sink, plan: Plan) -> None:
    """Write what does not grow: the images, the model, and what is random in each network."""
    sink.put(paths.ID, list(plan.listed.ids))
    sink.put(paths.LABEL, np.full(len(plan.listed.ids), -1, "i4"))
    sink.attributes(
        paths.MODEL,
        model=plan.model.spec,
        weights=str(plan.model.weights),
        weights_sha256=plan.model.weights_sha256,
    )
    for name, values in _about(plan).items():
        sink.put(paths.inside(paths.SANITY, name), values)
    sink.put(paths.SANITY_FRAME, planning.frames(plan))
    for name, maps in plan.trained.items():
        sink.put(paths.sanity(name, paths.TRAINED), planning.picture(maps[plan.drawn]))


def _about(plan: Plan) -> dict:
    """Return mode, step, last random group and seed of every network."""
    return {
        "mode": [variant.mode for variant in plan.variants],
        "step": np.array([variant.step for variant in plan.variants], "i4"),
        "group": [variant.groups[-1] for variant in plan.variants],
        "seed": np.array([variant.seed for variant in plan.variants], "i4"),
    }


def summarise(plan: Plan, rows: dict[str, np.ndarray]) -> list[Result]:
    """Return the mean of every mode and step over images and seeds, other classes and the null, of every map and measure."""
    others = faithfulness.others(np.arange(len(plan.pixels)), plan.options.seed)
    results = []
    for name, trained in plan.trained.items():
        beside = {word: maps[name] for word, maps in plan.beside.items() if name in maps}
        if (others >= 0).all():
            beside[NULL] = trained[others]
        alike = {
            word: alikeness.compare(trained, maps, plan.options.measure)
            for word, maps in beside.items()
        }
        for measure_name in plan.options.measure:
            values = rows[paths.sanity(name, measure_name)]
            of_measure = {word: measures[measure_name] for word, measures in alike.items()}
            results.append(_result(plan, name, measure_name, values, of_measure))
    return results


def _spread(values: np.ndarray) -> float:
    """Return the standard deviation over networks (n,), NaN of one network."""
    return float(np.std(values)) if len(values) > 1 else float("nan")


def _result(
    plan: Plan, name: str, measure_name: str, values: np.ndarray, beside: dict[str, np.ndarray]
) -> Result:
    """Return the table of one map under one measure: a row a mode and step, then other classes, the null last."""
    about = [(variant.mode, variant.step, variant.groups[-1]) for variant in plan.variants]
    steps = list(dict.fromkeys(about))
    chosen = [values[[place for place, one in enumerate(about) if one == step]] for step in steps]
    rows = {
        f"{mode}:{step}": means.without_gaps(part, axis=0)
        for (mode, step, _), part in zip(steps, chosen)
    } | beside
    spread = [_spread(means.without_gaps(part, axis=1)) for part in chosen]
    images = np.arange(len(plan.pixels))
    columns_of, replicates = means.table(rows, images, plan.options.resamples, plan.options.seed)
    columns_of["group"] = [group for *_, group in steps] + [""] * len(beside)
    columns_of["spread"] = np.array([*spread, *[np.nan] * len(beside)])
    facts: Facts = {
        "images_in_all": len(images),
        "seeds": plan.options.seeds,
        "init": plan.options.init,
        "accuracy": plan.accuracy,
        "resamples": plan.options.resamples,
        "resampling": RESAMPLING,
        "seed": plan.options.seed,
    }
    for word in ("skipped", "ended_early"):
        if getattr(plan, word).any():
            facts[word] = int(getattr(plan, word).sum())
    path = paths.sanity(name, measure_name)
    title = f"{measure_name} of {name} of other networks and the trained map"
    return Result(
        f"{path}_table", f"map:{name}", measure_name, "sanity", columns_of, facts, title, replicates
    )
