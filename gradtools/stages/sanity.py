"""images + model -> do maps change when the network's parameters are made random?

Maps of the trained network's own answers are made again with random parameters, group by group from
the output down, and held against the trained network's maps: Spearman's correlation, the same of
absolute values, SSIM. Beside them stands the trained map of another image: what maps have in common
whatever they show.
"""

import dataclasses
import functools
from collections.abc import Callable

import numpy as np

from gradtools import images, store
from gradtools.errors import GradtoolsError, UsageError
from gradtools.images import ImageList
from gradtools.math.channels.channel_values import spearman
from gradtools.math.maps import map_controls, map_metrics
from gradtools.math.maps.reading import read_maps
from gradtools.math.regions import faithfulness, means
from gradtools.network import passes, randomise
from gradtools.network.models import Model
from gradtools.network.saliency.batch import run_images
from gradtools.selection.results import Facts, Result
from gradtools.stages import run
from gradtools.stages.saliency import Options as MapOptions
from gradtools.stages.saliency import plan as planning
from gradtools.store import paths

MEASURES = ("spearman", "absolute", "ssim")
NULL = "null"


@dataclasses.dataclass(frozen=True)
class Options(MapOptions):
    """What decides the values, beside what maps are made with.

    Attributes
    ----------
    randomise : tuple of str
        cascade (more and more from the output down), independent (one group at a time), full.
    seeds : int
        Random networks of each kind.
    resamples : int
    """

    randomise: tuple[str, ...] = ("cascade",)
    seeds: int = 3
    resamples: int = 1000


@dataclasses.dataclass(frozen=True)
class Plan:
    """What is compared.

    Attributes
    ----------
    model : Model
        The trained one.
    listed : ImageList
        Each image labelled by the trained network's answer.
    pixels : (N, C, H, W) u8 or float array
    member : (K, K) u8 array
        Each label is the model class of its number.
    trained : dict of str to (N, h, w) float32 array
        Raw maps by name, as in gradcam@layer3.
    variants : list of Variant
    """

    model: Model
    listed: ImageList
    pixels: np.ndarray
    member: np.ndarray
    trained: dict[str, np.ndarray]
    variants: list[randomise.Variant]
    options: Options


def make_plan(
    listed: ImageList, model: Model, options: Options, say: Callable[[str], None] = print
) -> Plan:
    """Make the trained network's maps, and list its random variants.

    Raises
    ------
    UsageError, GradtoolsError
    """
    unknown = [mode for mode in options.randomise if mode not in randomise.MODES]
    if unknown:
        raise UsageError(f"--randomise {unknown[0]}: there are {', '.join(randomise.MODES)}")
    if options.pairs is not None or options.target != "argmax":
        raise UsageError(
            "sanity follows the trained network's own answers: leave --target and --pairs out"
        )
    first = planning.make(listed, model, options, say)
    pixels = _read(listed, model)
    values = _maps(first, pixels, None)
    width = first.job.width
    labelled = dataclasses.replace(
        listed,
        labels=values[paths.MAP_TARGET].astype("i4"),
        label_names=[str(number) for number in range(width)],
        labels_many=None,
        boxes=None,
        masks=None,
    )
    names = randomise.groups(model.module, first.job.trace)
    return Plan(
        model,
        labelled,
        pixels,
        np.eye(width, dtype="u1"),
        {one.name: values[f"{one.path}/map"] for one in first.every_map},
        randomise.variants(names, options.randomise, options.seeds),
        options,
    )


def _read(listed: ImageList, model: Model) -> np.ndarray:
    """Return all images as the preprocessing gives them; an unreadable one is refused."""
    parts = []
    for batch in images.batches(listed, model.preprocess, 64):
        for reason in batch.reasons.values():
            raise GradtoolsError(
                f"{reason}: leave it out, sanity compares the same images throughout"
            )
        parts.append(batch.pixels)
    return np.concatenate(parts)


def _maps(plan: planning.Plan, pixels: np.ndarray, labels: np.ndarray | None) -> dict:
    """Return what the saliency pass gives of all images, by path."""
    size, parts = plan.job.options.batch_size, []
    for start in range(0, len(pixels), size):
        classes = None if labels is None else labels[start : start + size, None]
        parts.append(run_images(plan, pixels[start : start + size], classes))
    return {path: np.concatenate([part[path] for part in parts]) for path in parts[0]}


def compute(plan: Plan, block: store.Block) -> dict[str, np.ndarray]:
    """Compare the maps of some random networks with the trained one's.

    Returns
    -------
    dict of str to (n, N) float array
        By path, a row a network, a column an image.
    """
    rows: dict[str, list[np.ndarray]] = {column.path: [] for column in columns(plan)}
    for variant in plan.variants[block.start : block.stop]:
        model = randomise.randomised(plan.model, variant)
        options = dataclasses.replace(plan.options, target="label")
        made = planning.make(plan.listed, model, options, lambda line: None, plan.member)
        values = _maps(made, plan.pixels, plan.listed.labels)
        for name, trained in plan.trained.items():
            path = f"{paths.MAPS}/{name}/map"
            for measure, found in compare(trained, values[path]).items():
                rows[paths.sanity(name, measure)].append(found)
    return {path: np.stack(found).astype("f4") for path, found in rows.items()}


def compare(trained: np.ndarray, other: np.ndarray) -> dict[str, np.ndarray]:
    """Compare raw maps (N, h, w) image by image, (N,) each; NaN where one of the two is constant.

    `spearman` and `ssim` are of read maps (rectified, in 0..1), `absolute` is Spearman's correlation of
    the raw maps' absolute values.
    """
    (first, flat), (second, empty) = (read_maps([maps]) for maps in (trained, other))
    count = len(first)
    settings = map_metrics.MapSettings()
    a, b = (map_metrics.prepare(maps, ("SSIM",), settings) for maps in (first, second))
    ssim = map_controls.aligned_values(a, b, ("SSIM",))["SSIM"]
    return {
        "spearman": spearman(first.reshape(count, -1), second.reshape(count, -1)),
        "absolute": spearman(abs(trained).reshape(count, -1), abs(other).reshape(count, -1)),
        "ssim": np.where(flat | empty, np.nan, ssim),
    }


def columns(plan: Plan) -> list[store.Column]:
    """Return the datasets that the blocks fill: a row a random network, a column an image."""
    axis = store.Axis("/variant")
    return [
        store.Column(paths.sanity(name, measure), (len(plan.pixels),), axis=axis)
        for name in plan.trained
        for measure in MEASURES
    ]


def measure(listed: ImageList, model: Model, output: str, options: Options, **how) -> list[Result]:
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
    plan = make_plan(listed, model, options, this.say)
    job = planning.make(listed, model, options, lambda line: None).job
    command = passes.schema.command(job) | {"maps": list(plan.trained), "seeds": options.seeds}
    growth = store.Growth(
        "sanity",
        columns(plan),
        store.cut(1, len(plan.variants)),
        command,
        lambda sink: _begin(sink, plan),
        units="random networks",
        names=job.images.ids,
    )
    with this.grown(growth) as part:
        this.compute(part, functools.partial(compute, plan), "random networks")
        with part.finish(this.progress) as sink:
            rows = {column.path: part.values(column.path) for column in part.columns}
            results = summarise(plan, rows)
            for result in results:
                result.write(sink)
            facts = run.of_images(np.zeros(len(plan.pixels), bool), model)
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
        sink.put(f"{paths.SANITY}/{name}", values)


def _about(plan: Plan) -> dict:
    """Return mode, step, last random group and seed of every network."""
    return {
        "mode": [variant.mode for variant in plan.variants],
        "step": np.array([variant.step for variant in plan.variants], "i4"),
        "group": [variant.groups[-1] for variant in plan.variants],
        "seed": np.array([variant.seed for variant in plan.variants], "i4"),
    }


def summarise(plan: Plan, rows: dict[str, np.ndarray]) -> list[Result]:
    """Return the mean of every mode and step over images and seeds, and the null, of every map and measure."""
    others = faithfulness.others(np.arange(len(plan.pixels)), plan.options.seed)
    results = []
    for name, trained in plan.trained.items():
        null = compare(trained, trained[others]) if (others >= 0).all() else None
        for measure_name in MEASURES:
            values = rows[paths.sanity(name, measure_name)]
            nothing = np.full(len(plan.pixels), np.nan)
            of_null = nothing if null is None else null[measure_name]
            results.append(_result(plan, name, measure_name, values, of_null))
    return results


def _result(
    plan: Plan, name: str, measure_name: str, values: np.ndarray, null: np.ndarray
) -> Result:
    """Return the table of one map under one measure: a row a mode and step, the null last."""
    about = [(variant.mode, variant.step, variant.groups[-1]) for variant in plan.variants]
    steps = list(dict.fromkeys(about))
    per_image, spread = [], []
    for step in steps:
        chosen = values[[place for place, one in enumerate(about) if one == step]]
        per_image.append(_mean(chosen, axis=0))
        spread.append(float(np.std(_mean(chosen, axis=1))))
    table = np.stack([*per_image, null], axis=1)
    numbers = np.arange(len(table))
    mean, replicates = means.over_images(table, numbers, plan.options.resamples, plan.options.seed)
    bounds = means.bounds(replicates)
    columns_of = {
        "statistic": [f"{mode}:{step}" for mode, step, _ in steps] + [NULL],
        "group": [group for *_, group in steps] + [""],
        "value": mean,
        "low": bounds[:, 0],
        "high": bounds[:, 1],
        "spread": np.array([*spread, np.nan]),
        "images": (~np.isnan(table)).sum(axis=0).astype("i8"),
    }
    facts: Facts = {
        "images_in_all": len(table),
        "seeds": plan.options.seeds,
        "resamples": plan.options.resamples,
        "seed": plan.options.seed,
    }
    path = paths.sanity(name, measure_name)
    title = f"{measure_name} of {name} with random parameters and the trained map"
    return Result(
        f"{path}_table", f"map:{name}", measure_name, "sanity", columns_of, facts, title, replicates
    )


def _mean(values: np.ndarray, axis: int) -> np.ndarray:
    """Return means without NaN; NaN where there is nothing else."""
    known = ~np.isnan(values)
    count = known.sum(axis=axis)
    total = np.where(known, values, 0).sum(axis=axis)
    return np.divide(total, count, out=np.full(count.shape, np.nan), where=count > 0)
