"""images or features + model -> measured channels: what the score loses without each channel, without subsets, along rankings (mathematics#ablation).

The trunk runs once an image; what follows a tap runs again for every channel that is taken out. Gradients at the kernels below the tap,
which would train them, stand beside.
"""

import functools
from collections.abc import Callable
from typing import TYPE_CHECKING

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

if TYPE_CHECKING:
    from typing_extensions import Unpack

    from gradtools.selection.results import Result

__all__ = ["Options", "ablate"]


def ablate(
    images: planning.ImageList | None,
    model: planning.Model,
    output: str,
    options: Options,
    *,
    source: store.Store | None = None,
    where: tuple = (),
    images_dir: str | None = None,
    **how: "Unpack[run.How]",
) -> "list[Result]":
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
    keep: np.ndarray | None = None
    inputs = [] if source is None else [source]
    this = run.begin(output, inputs, **how)
    passes.use_threads(this.threads)
    if source is not None:
        images, keep = store_images.find(source, images_dir, where)
    if images is None:
        raise ValueError("neither images nor a store that names them")
    allowed = run.allowance(this.max_skipped, len(images.ids))
    dataset_mean = functools.partial(_dataset_mean, source=source, keep=keep, model=model)
    plan = planning.make(
        images, model, options, this.say, None if source is None else source.member, dataset_mean
    )
    keep = store_images.still_kept(keep, images, plan.job.images)
    carried = None
    if (
        this.carry
        and source is not None
        and store_images.same_network(source, model, this.say)
        and _same_score(source, options, this.say)
    ):
        carried = source
    count = len(plan.job.images.ids)
    begin = functools.partial(columns.begin, plan=plan, source=carried, keep=keep)
    command = columns.command(plan) | {"carried": carried.digests() if carried else None}
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
        results = effects.tables(part, plan)
        with part.finish(this.progress) as sink:
            for result in results:
                result.write(sink)
            this.note(
                sink,
                inputs,
                **run.of_images(part.unreadable, model, part.ended_early),
                threads=passes.use_threads(),
                seed=options.seed,
            )
    return results


def _dataset_mean(
    tap: str, source: store.Store | None, keep: np.ndarray | None, model: planning.Model
) -> np.ndarray:
    """Mean over the store's images of each channel's activation at a tap, (C,) float64."""
    if source is None or keep is None or source.rows(paths.tap(tap, "activation")) is None:
        raise UsageError(
            f"--ablate dataset: the mean is that of a store's activations: gradtools extract --tap {tap} makes one, give that"
        )
    if source.model.get("weights_sha256") != model.weights_sha256:
        raise UsageError(
            f"--ablate dataset: the activations of {source.name} are of another network: extract them with this one"
        )
    blocks = features.blocks_of(features.load(source, f"activation@{tap}"), keep)
    total = functools.reduce(np.add, (rows.sum(axis=0, dtype=np.float64) for rows, _ in blocks))
    return total / keep.sum()


def _same_score(source: store.Store, options: Options, say: Callable[[str], None]) -> bool:
    """Whether the gradients of a store are of this score: others do not belong beside these."""
    same = all(
        source.model.get(name) == getattr(options, name)
        for name in ("target", "score", "temperature")
    )
    if not same:
        say(f"{source.name}: its gradients are of another target or score and are not carried on")
    return same
