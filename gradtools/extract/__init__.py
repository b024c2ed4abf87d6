"""images + model -> features: one pass over the images, one forward and one backward for all taps.

Each block of images is decoded while the one before is computed, and committed before the next begins; a killed job goes on.
"""

import dataclasses

import torch

from gradtools import images, jobs, provenance, scores, store
from gradtools.errors import UsageError
from gradtools.extract import schema
from gradtools.extract.batch import run_batch
from gradtools.jobs import Job, TooManySkipped

__all__ = ["DEFAULT_TAPS", "Job", "Options", "TooManySkipped", "extract", "prepare", "run_batch"]

DEFAULT_TAPS = ("auto:blocks", "auto:last-conv")


@dataclasses.dataclass(frozen=True)
class Options:
    """What decides the values: every field is part of the command that may go on after a kill."""

    tap: tuple = DEFAULT_TAPS
    target: str = "argmax"
    score: str = "logit"
    temperature: float = 1.0
    maps: tuple = ()            # "gradient", "activation": stored whole
    map_dtype: str = "float32"  # of activation maps
    label_map: str | None = None
    labels_in_order: bool = False
    unmapped: str = "stop"
    batch_size: int = 32
    device: str = "cpu"
    dtype: str = "float32"
    fold: bool = True
    compress: bool = False
    augment: images.Augmentation | None = None  # the changed versions that every image gets


def extract(image_list, model, output, options, *, threads=None, workers=2, max_skipped="1%", force=False, restart=False,
            say=print, progress=None):
    """Write the features of every image.

    Parameters
    ----------
    image_list : images.ImageList
    model : models.Model
    output : str
        Path of the store, or '-'.
    options : Options
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
    begun = provenance.begin()
    store.check_output(output, force)
    if threads:
        torch.set_num_threads(threads)
    job = prepare(image_list, model, options, say)
    total, own = len(job.images.ids), job.images.images
    allowed = jobs.allowance(max_skipped, int(own.sum()))
    with store.grow(output, "features", schema.columns(job), total, jobs.block(options.batch_size), jobs.schema.command(job),
                    lambda part: schema.begin(part, job), force=force, restart=restart, compress=options.compress, say=say) as part:
        if part.whole:
            return
        jobs.walk(part, job, lambda pixels, label: run_batch(job, pixels, label), workers=workers, say=say, progress=progress)
        jobs.judge_skipped(part, int(own.sum()), allowed)  # the images come first, and their versions are as readable
        skipped = int(part.unreadable[own].sum())
        part.history([], provenance.step(begun, read=int(own.sum()) - skipped, skipped=skipped, versions=int((~own).sum()),
                                         batch_limit=part.batch_limit,
                                         weights_sha256=model.weights_sha256, threads=torch.get_num_threads()))


def prepare(image_list, model, options, say=print):
    """The job of these options (see `jobs.prepare`), versions included; a target with several rows an image is refused."""
    job = jobs.prepare(image_list, model, options, say)
    if job.target is not None and job.target.kind in scores.MANY_KINDS + scores.PAIR_KINDS:
        raise UsageError(f"--target {options.target}: extract has one row an image and one target; gradtools saliency takes this one")
    if options.augment is None:
        return job
    return dataclasses.replace(job, images=images.with_versions(job.images, options.augment))
