"""images + model -> features: one pass over the images, one forward and one backward for all taps.

Each block of images is decoded while the one before is computed, and committed before the next begins; a killed job goes on.
"""

import dataclasses
from collections.abc import Callable
from typing import TYPE_CHECKING

from gradtools import images, store
from gradtools.errors import UsageError
from gradtools.network import passes, scores, taps
from gradtools.network.passes import Job, TooManySkipped, features
from gradtools.network.passes.features import parallel_rows, run_batch
from gradtools.stages import run
from gradtools.store import paths

if TYPE_CHECKING:
    from typing_extensions import Unpack

    from gradtools.network.models import Model

__all__ = ["DEFAULT_TAPS", "Job", "Options", "TooManySkipped", "extract", "prepare", "run_batch"]

DEFAULT_TAPS = ("auto:blocks", "auto:last-conv")


@dataclasses.dataclass(frozen=True)
class Options(features.Options):
    """What decides the values, beside what every pass takes."""

    tap: tuple[str, ...] = DEFAULT_TAPS
    augment: images.Augmentation | None = None  # the changed versions that every image gets


def extract(
    image_list: images.ImageList,
    model: "Model",
    output: str,
    options: Options,
    **how: "Unpack[run.How]",
) -> None:
    """Write the features of every image.

    Parameters
    ----------
    image_list : images.ImageList
    model : models.Model
    output : str
        Path of the store, or '-'.
    options : Options
    how
        Fields of `run.Run`: threads, workers, max_skipped, force, restart, say, progress.

    Raises
    ------
    TooManySkipped, GradtoolsError
    """
    this = run.begin(output, **how)
    passes.use_threads(this.threads)
    job = prepare(image_list, model, options, this.say)
    total, originals = len(job.images.ids), job.images.images
    images_alone = int(originals.sum())
    allowed = run.allowance(this.max_skipped, images_alone)
    growth = store.Growth(
        "features",
        columns(job),
        store.cut(passes.block(options.batch_size), images_alone, total - images_alone),
        passes.schema.command(job),
        lambda sink: begin(sink, job),
        compress=options.compress,
        names=job.images.ids,
        leading=images_alone,
    )
    with this.grown(growth) as part:
        passes.compute(
            part,
            job,
            lambda pixels, labels, _: run_batch(job, pixels, labels),
            growth.blocks,
            workers=this.workers,
            say=this.say,
            progress=this.progress,
        )
        passes.judge_skipped(
            part, images_alone, allowed, this.strict
        )  # the images come first, and their versions are as readable
        with part.finish(this.progress) as sink:
            _judge_parallel(part, sink, job, total, this)
            originals &= ~part.growth.elsewhere
            versions = int((~originals & ~part.growth.elsewhere).sum())
            this.note(
                sink,
                **run.of_images(part.unreadable[originals], model, part.ended_early[originals]),
                threads=passes.use_threads(),
                versions=versions,
                batch_limit=part.batch_limit,
            )


def prepare(
    image_list: images.ImageList,
    model: "Model",
    options: Options,
    say: Callable[[str], None] = print,
) -> Job:
    """Make the job of these options (see `plan.prepare`), versions included; a target with several rows an image is refused."""
    job = passes.prepare(image_list, model, options, say)
    passes.mixed.check(job)
    if job.target is not None and job.target.kind in scores.MANY_KINDS + scores.PAIR_KINDS:
        raise UsageError(
            f"--target {options.target}: extract has one row an image and one target; gradtools saliency takes this one"
        )
    if options.embedding and job.model.head is None:
        raise UsageError(
            f"--embedding: no layer with a row for each class was found in {model.spec}, so nothing is known to be read by it; "
            "name it with --head NAME"
        )
    if "gradient" in options.maps and job.target is None:
        raise UsageError(
            "--maps gradient: a network without classes has no score, so no gradients; --maps activation works"
        )
    if options.augment is None:
        return job
    return dataclasses.replace(job, images=images.with_versions(job.images, options.augment))


def _judge_parallel(
    part: store.Part, sink: store.Sink, job: Job, count: int, this: run.Run
) -> None:
    """Store at each tap the share of rows that are a multiple of their class row, and say where all are."""
    for tap, (same, rows) in parallel_rows(job, part.read, part.present[:count]).items():
        share = same / rows
        sink.attributes(paths.tap(tap), parallel=share)
        if this.shard is not None:
            sink.attributes(paths.tap(tap), parallel_of=rows)
        verdict = job.verdicts.get(tap)
        if share == 1 and (verdict is None or not verdict.about_gradients):
            this.say(f"{tap}: {taps.PARALLEL}")


def columns(job: Job) -> list[store.Column]:
    """Return the datasets that grow, one row an image."""
    grown = passes.schema.columns(job)
    if job.target is not None:
        grown.append(store.Column(paths.TARGET, dtype="i4"))
    if job.options.embedding and job.model.head is not None:
        grown.append(store.Column(paths.EMBEDDING, job.model.head.weight.shape[1:]))
    for tap in job.taps:
        grown += _tap_columns(tap, job)
    return grown


def _tap_columns(tap: taps.Tap, job: Job) -> list[store.Column]:
    """The datasets of one tap."""
    options = job.options
    grown = passes.schema.tap_columns(tap, job)
    for name in options.maps:
        dtype = (
            {"float16": "f2", "float32": "f4"}[options.map_dtype] if name == "activation" else "f4"
        )
        grown.append(store.Column(paths.tap(tap.name, f"{name}_map"), tap.shape, dtype=dtype))
    if tap.prefix:
        grown += [
            store.Column(paths.tap(tap.name, f"token_{name}"), (tap.channels,))
            for name in ("activation", "gradient")[: 1 if job.target is None else 2]
        ]
    return grown


def begin(part: store.Sink, job: Job) -> None:
    """Write what does not grow: samples, classes and model, and the taps' verdicts."""
    passes.schema.begin(part, job)
    passes.schema.begin_taps(part, job)
