"""images or features + model -> maps: Grad-CAM and its kin, for classes and for pairs of images.

Maps are stored raw and signed, at the tap's own size; ReLU, resize, normalisation and fusion happen on reading.
"""

import dataclasses
import functools

from gradtools import store
from gradtools.network import passes
from gradtools.network.saliency import pairs
from gradtools.network.saliency.batch import run_images, run_pairs
from gradtools.network.saliency.methods import NAMES
from gradtools.selection import images as store_images
from gradtools.stages import run
from gradtools.stages.saliency import plan as planning
from gradtools.stages.saliency import schema
from gradtools.store import paths

__all__ = ["NAMES", "Options", "run_images", "run_pairs", "saliency"]


@dataclasses.dataclass(frozen=True)
class Options(passes.Options):
    """What decides the values, beside what every pass is asked."""

    method: tuple = ("gradcam",)
    tap: tuple = ()
    layers: int | None = None  # the last so many blocks, beside the taps
    channels: tuple = ("all",)  # subsets, in the grammar of `subset`
    pairs: str | None = None  # a CSV file, same-class:K, all
    embedding: str = "pooled"  # pooled, output, or a tap
    seed: int = 0
    literal_exp: bool = False
    map_dtype: str = "float32"


def saliency(
    images,
    model,
    output,
    options,
    *,
    source=None,
    where=(),
    images_dir=None,
    carry=False,
    threads=None,
    workers=2,
    max_skipped="1%",
    force=False,
    restart=False,
    say=print,
    progress=None,
):
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
        A store whose images are found again; `where` chooses among its samples, `images_dir` says where they are now, `carry` takes all
        that it holds along.
    max_skipped : str
        Unreadable images allowed: a number or a percentage.
    say : callable
        Takes one line for the user.
    progress : callable
        `progress(total, done)` gives a context manager that yields `advance(n)`.

    Raises
    ------
    TooManySkipped, GradtoolsError
    """
    keep, inputs = None, [] if source is None else [source]
    begun = run.begin(output, inputs, force=force, threads=threads)
    if source is not None:
        images, keep = store_images.find(source, images_dir, where)
        carry = carry and store_images.same_network(source, model, say)
    allowed = passes.allowance(max_skipped, len(images.ids))
    plan = planning.make(images, model, options, say, None if source is None else source.member)
    images, keep = plan.job.images, store_images.still_kept(keep, images, plan.job.images)
    columns = schema.columns(plan)
    begin = functools.partial(
        _begin,
        plan=plan,
        source=source if carry else None,
        keep=keep,
        replacing=[one.path for one in columns],
    )
    command = schema.command(plan) | {"carried": source.digests() if carry else None}
    batch = options.batch_size if plan.pairs is None else 2 * max(1, options.batch_size // 2)
    with store.grow(
        output,
        "maps",
        columns,
        schema.entries(plan),
        passes.block(batch),
        command,
        begin,
        unused=schema.unused(plan),
        force=force,
        restart=restart,
        compress=options.compress,
        say=say,
    ) as part:
        if part.whole:
            return
        _walk(plan, part, batch, allowed, workers=workers, say=say, progress=progress)
        run.end(part, begun, model, part.unreadable[: len(images.ids)], inputs, seed=options.seed)


def _walk(plan, part, batch, allowed, **how):
    """Go over the images, then over the pairs."""
    job, count = plan.job, len(plan.job.images.ids)
    if plan.pairs is None:
        listed = (
            job.images if plan.slots is None else dataclasses.replace(job.images, labels=plan.slots)
        )
        passes.walk(
            part,
            job,
            lambda pixels, classes: run_images(plan, pixels, classes),
            listed=listed,
            **how,
        )
        return passes.judge_skipped(part, count, allowed)
    if part.committed < count:
        passes.walk(part, job, lambda pixels, _: _outputs(job, pixels), batch_size=batch, **how)
    passes.judge_skipped(part, count, allowed)
    listed = pairs.images_of(plan.pairs, job.images, part.values(paths.DIGEST))
    passes.walk(
        part,
        job,
        lambda pixels, _: run_pairs(plan, pixels),
        listed=listed,
        first=count,
        width=2,
        batch_size=batch,
        **how,
    )


def _outputs(job, pixels):
    """What the network answers, without maps."""
    return passes.answers(job, pixels)


def _begin(part, plan, source, keep, replacing):
    """Carry what the input holds, then write what does not grow."""
    if source is not None:
        part.carry(source, keep, whole=True, replacing=(*replacing, paths.MAPS, paths.PAIRS))
    schema.begin(part, plan)
    if source is not None:  # its gradients have their own target
        part.attributes(paths.MODEL, **source.model)
