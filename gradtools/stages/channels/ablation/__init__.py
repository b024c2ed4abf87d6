"""images or features + model -> measured channels: what the score loses without each channel, without subsets, along rankings (mathematics#ablation).

The trunk runs once an image; what follows a tap runs again for every channel that is taken out. Gradients at the kernels below the tap,
which would train them, stand beside.
"""

import functools

import numpy as np

from gradtools import store
from gradtools.errors import UsageError
from gradtools.network import passes
from gradtools.network.ablation import plan as planning
from gradtools.network.ablation.batch import run_batch
from gradtools.network.ablation.plan import Options
from gradtools.selection import features
from gradtools.selection import images as store_images
from gradtools.stages import run
from gradtools.stages.channels.ablation import columns, effects
from gradtools.store import paths

__all__ = ["Options", "ablate"]


def ablate(
    images,
    model,
    output,
    options,
    *,
    source=None,
    where=(),
    images_dir=None,
    **how,
):
    """Write the measured effect of the channels of every image, and the tables of it.

    Parameters
    ----------
    images : images.ImageList or None
        None where a store names them.
    model : models.Model
    output : str
        Path of the store, or '-'.
    options : Options
    source : store.Store, optional
        A store whose images are found again; `where` chooses among its samples, `images_dir` says where they are now. The fill `dataset` is the mean of its activations.
    how
        Fields of `run.Run`.

    Returns
    -------
    list of results.Result
        The tables.

    Raises
    ------
    TooManySkipped, GradtoolsError
    """
    keep, inputs = None, [] if source is None else [source]
    this = run.begin(output, inputs, **how)
    passes.use_threads(this.threads)
    if source is not None:
        images, keep = store_images.find(source, images_dir, where)
    allowed = run.allowance(this.max_skipped, len(images.ids))
    dataset_mean = functools.partial(_dataset_mean, source=source, keep=keep, model=model)
    plan = planning.make(
        images, model, options, this.say, None if source is None else source.member, dataset_mean
    )
    keep = store_images.still_kept(keep, images, plan.job.images)
    carry = (
        this.carry
        and source is not None
        and store_images.same_network(source, model, this.say)
        and _same_score(source, options, this.say)
    )
    count = len(plan.job.images.ids)
    begin = functools.partial(columns.begin, plan=plan, source=source if carry else None, keep=keep)
    command = columns.command(plan) | {"carried": source.digests() if carry else None}
    growth = store.Growth(
        "channels",
        columns.columns(plan),
        store.cut(passes.block(options.batch_size), count),
        command,
        begin,
        compress=options.compress,
        names=plan.job.images.ids,
    )
    with this.grown(growth) as part:
        passes.compute(
            part,
            plan.job,
            functools.partial(run_batch, plan),
            growth.blocks,
            workers=this.workers,
            say=this.say,
            progress=this.progress,
        )
        passes.judge_skipped(part, count, allowed, this.strict)
        found = effects.tables(part, plan)
        with part.finish(this.progress) as sink:
            for outcome in found:
                outcome.write(sink)
            this.note(
                sink,
                inputs,
                **run.of_images(part.unreadable, model, part.ended_early),
                threads=passes.use_threads(),
                seed=options.seed,
            )
    return found


def _dataset_mean(tap, source, keep, model):
    """Mean over the store's images of each channel's activation at a tap, (C,) float64."""
    if source is None or source.rows(paths.tap(tap, "activation")) is None:
        raise UsageError(
            f"--ablate dataset: the mean is that of a store's activations: gradtools extract --tap {tap} makes one, give that"
        )
    if source.model.get("weights_sha256") != model.weights_sha256:
        raise UsageError(
            f"--ablate dataset: the activations of {source.name} are of another network: extract them with this one"
        )
    total = sum(
        rows.sum(axis=0, dtype=np.float64)
        for rows, _ in features.blocks_of(features.load(source, f"activation@{tap}"), keep)
    )
    return total / keep.sum()


def _same_score(source, options, say):
    """Whether the gradients of a store are of this score: others do not belong beside these."""
    same = all(
        source.model.get(name) == getattr(options, name)
        for name in ("target", "score", "temperature")
    )
    if not same:
        say(f"{source.name}: its gradients are of another target or score and are not carried on")
    return same
