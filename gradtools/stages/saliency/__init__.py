"""images or features + model -> maps: Grad-CAM and its kin, for classes and for pairs of images.

Maps are stored raw and signed, at the tap's own size; ReLU, resize, normalisation and fusion happen on reading.
"""

import dataclasses
import functools
from collections.abc import Callable
from typing import TYPE_CHECKING

import numpy as np

from gradtools import store
from gradtools.errors import UsageError
from gradtools.network import passes
from gradtools.network.saliency import methods, pairs
from gradtools.network.saliency.batch import run_images, run_pairs
from gradtools.network.saliency.methods import NAMES
from gradtools.selection import images as store_images
from gradtools.stages import run
from gradtools.stages.saliency import plan as planning
from gradtools.stages.saliency import schema
from gradtools.store import paths

if TYPE_CHECKING:
    from typing_extensions import Unpack

    from gradtools.network.models import Model

NAMED = 3  # images that a line about maps names
UNDEFINED = "weights are taken as 0 where their denominator is not positive,"
NEAR_POLE = f"weights are within {methods.POLE:g} of their pole, where a tiny change of an image moves its map by tens of percent,"
OVERFLOW = "exp(score) overflows, and the map is zero,"

__all__ = ["NAMES", "Options", "run_images", "run_pairs", "saliency"]


@dataclasses.dataclass(frozen=True)
class Options(passes.Options):
    """What decides the values, beside what every pass is asked."""

    method: tuple = ("gradcam",)
    tap: tuple = ()
    layers: int | None = None  # the last so many blocks, beside the taps
    channels: tuple = ("all",)  # subsets, in the grammar of `subset`
    pairs: str | None = None  # a CSV file, same-class:K, all
    embedding: str = "head-input"  # head-input, output, or a tap
    seed: int = 0
    literal_exp: bool = False
    map_dtype: str = "float32"
    amp: str = "none"  # or bf16, fp16: precision below the classifier


def saliency(
    images: pairs.ImageList | None,
    model: "Model",
    output: str,
    options: Options,
    *,
    source: store.Store | None = None,
    where: tuple = (),
    images_dir: str | None = None,
    **how: "Unpack[run.How]",
) -> None:
    """Write the maps of every image, or of both images of every pair.

    Parameters
    ----------
    images : images.ImageList or None
        None where a store names them.
    model : models.Model
    output : str
        Path of the store, or '-'.
    options : Options
    source : store.Store, optional
        A store whose images are found again; `where` chooses among its samples, `images_dir` says where they are now.
    how
        Fields of `run.Run`.

    Raises
    ------
    TooManySkipped, GradtoolsError
    """
    carried, keep, inputs = None, None, [] if source is None else [source]
    this = run.begin(output, inputs, **how)
    passes.use_threads(this.threads)
    if source is not None:
        images, keep = store_images.find(source, images_dir, where)
        if this.carry and store_images.same_network(source, model, this.say):
            carried = source
    if carried is not None and carried.model.get("amp", "none") != options.amp:
        raise UsageError(
            f"--amp {options.amp}: {carried.name} was computed with {carried.model.get('amp', 'none')}, and a store has one "
            "precision: leave its features with --no-carry"
        )
    if images is None:
        raise ValueError("neither images nor a store that names them")
    allowed = run.allowance(this.max_skipped, len(images.ids)), this.strict
    plan = planning.make(
        images, model, options, this.say, None if source is None else source.member
    )
    images, keep = plan.job.images, store_images.still_kept(keep, images, plan.job.images)
    columns = schema.columns(plan)
    begin = functools.partial(
        _begin,
        plan=plan,
        source=carried,
        keep=keep,
        replacing=[one.path for one in columns],
    )
    command = schema.command(plan) | {"carried": carried.digests() if carried else None}
    batch = options.batch_size if plan.pairs is None else 2 * max(1, options.batch_size // 2)
    count = len(images.ids)
    growth = store.Growth(
        "maps",
        columns,
        store.cut(passes.block(batch), count, schema.entries(plan) - count),
        command,
        begin,
        schema.unused(plan),
        options.compress,
        units="images" if plan.pairs is None else "images and pairs",
        common=0 if plan.pairs is None else count,
        known=() if plan.pairs is None else (paths.DIGEST,),
        names=plan.job.images.ids,
    )
    with this.grown(growth) as part:
        _compute(this, plan, part, batch, allowed)
        _say_weights(plan, part, this.say)
        with part.finish(this.progress) as sink:
            here = ~part.growth.elsewhere[:count]
            this.note(
                sink,
                inputs,
                **run.of_images(
                    part.unreadable[:count][here], model, part.ended_early[:count][here]
                ),
                threads=passes.use_threads(),
                seed=options.seed,
            )


def _compute(
    this: run.Run,
    plan: planning.Plan,
    part: store.Part,
    batch: int,
    allowed: tuple[int, bool],
) -> None:
    """Compute the images, then the pairs."""
    job, count = plan.job, len(plan.job.images.ids)
    compute = functools.partial(
        passes.compute, part, job, progress=this.progress, workers=this.workers, say=this.say
    )
    of_images = [block for block in part.growth.blocks if block.start < count]
    if plan.pairs is None:
        listed = (
            job.images if plan.slots is None else dataclasses.replace(job.images, labels=plan.slots)
        )
        compute(
            lambda pixels, classes, _: run_images(plan, pixels, classes), of_images, listed=listed
        )
        return passes.judge_skipped(part, count, *allowed)
    compute(lambda pixels, *_: _outputs(job, pixels), of_images, batch_size=batch)
    passes.judge_skipped(part, count, *allowed)
    compute(
        lambda pixels, *_: run_pairs(plan, pixels),
        part.growth.blocks[len(of_images) :],
        listed=pairs.images_of(plan.pairs, job.images, part.values(paths.DIGEST)),
        first=count,
        width=2,
        batch_size=batch,
    )


def _say_weights(plan: planning.Plan, part: store.Part, say: Callable[[str], None]) -> None:
    """Name the maps of Grad-CAM++ some of whose weights are undefined, overflow, or lie near their pole."""
    for one in plan.every_map:
        if one.method == methods.PLUS_PLUS:
            _say_maps(plan, part, paths.undefined(one.name), f"{one.name}: {UNDEFINED}", say)
            _say_maps(plan, part, paths.near_pole(one.name), f"{one.name}: {NEAR_POLE}", say)
        elif one.method == methods.LITERAL:
            _say_maps(plan, part, paths.undefined(one.name), f"{one.name}: {OVERFLOW}", say)


def _say_maps(
    plan: planning.Plan, part: store.Part, path: str, text: str, say: Callable[[str], None]
) -> None:
    """Say how many maps have a count at a path, and name the first of their images."""
    rows = np.flatnonzero(part.values(path))
    if len(rows):
        ids = plan.job.images.ids
        of_map = (
            np.repeat(np.arange(len(ids)), plan.rows)
            if plan.pairs is None
            else plan.pairs.reshape(-1)
        )
        named = ", ".join(ids[of_map[row]] for row in rows[:NAMED])
        say(f"{text} in {len(rows)} maps ({named}{', ...' if len(rows) > NAMED else ''})")


def _outputs(job: passes.Job, pixels: np.ndarray) -> dict[str, np.ndarray]:
    """What the network answers, without maps."""
    return passes.answers(job, pixels)


def _begin(
    sink: store.Sink,
    plan: planning.Plan,
    source: store.Store | None,
    keep: np.ndarray | None,
    replacing: list[str],
) -> None:
    """Carry what the input holds, then write what does not grow."""
    if source is not None and keep is not None:
        sink.carry(source, keep, whole=True, replacing=(*replacing, paths.MAPS, paths.PAIRS))
    schema.begin(sink, plan)
    if source is not None:  # its gradients have their own target
        sink.attributes(paths.MODEL, **source.model)
