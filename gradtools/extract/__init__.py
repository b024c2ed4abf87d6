"""images + model -> features: one pass over the images, one forward and one backward for all taps.

Each block of images is decoded while the one before is computed, and committed before the next begins; a killed job goes on.
"""

import contextlib

import numpy as np
import torch

from gradtools import images, interrupt, provenance, store
from gradtools.errors import GradtoolsError, UsageError
from gradtools.extract import schema
from gradtools.extract.batch import halved_on_need, run_batch
from gradtools.extract.job import DEFAULT_TAPS, Job, Options, prepare

BLOCK = 256

__all__ = ["DEFAULT_TAPS", "Job", "Options", "TooManySkipped", "allowance", "extract", "prepare", "run_batch"]


class TooManySkipped(GradtoolsError):
    """More inputs were skipped than allowed; the output stays as a part that a larger allowance finishes."""

    exit_status = 3


def extract(
    image_list,
    model,
    output,
    options,
    *,
    threads=None,
    workers=2,
    max_skipped="1%",
    force=False,
    restart=False,
    say=print,
    progress=None,
):
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
    allowed = allowance(max_skipped, len(image_list.ids))
    if threads:
        torch.set_num_threads(threads)
    job = prepare(image_list, model, options, say)
    columns = schema.columns(job)
    block = options.batch_size * max(1, BLOCK // options.batch_size)
    with store.grow(
        output,
        "features",
        columns,
        len(image_list.ids),
        block,
        schema.command(job),
        lambda part: schema.begin(part, job),
        force=force,
        restart=restart,
        compress=options.compress,
        say=say,
    ) as part:
        _pass(job, part, block, workers, say, progress)
        _judge_skipped(part, allowed)
        part.history(
            [],
            provenance.step(
                begun,
                read=int(len(image_list.ids) - part.unreadable.sum()),
                skipped=int(part.unreadable.sum()),
                weights_sha256=model.weights_sha256,
                threads=torch.get_num_threads(),
            ),
        )


def _pass(job, part, block, workers, say, progress):
    """Go over the images from the first that is not committed; returns {id: reason} of the unreadable ones met now."""
    total, start = len(job.images.ids), part.committed
    skipped, waiting = {}, []
    stream = images.batches(job.images, job.model.preprocess, job.options.batch_size, start=start, workers=workers)
    with contextlib.closing(stream), (progress or interrupt.unwatched)(total, start) as advance:
        for batch in stream:
            values = halved_on_need(job, batch, say)
            values |= {
                "/samples/digest": batch.digests,
                "/samples/height": batch.heights,
                "/samples/width": batch.widths,
            }
            waiting.append((values, batch.unreadable))
            for index, reason in batch.reasons.items():
                skipped[index] = reason
                say(f"skipped {reason}")
            if sum(len(marked) for _, marked in waiting) >= block:
                _commit(part, waiting)
            advance(len(batch.unreadable))
        if waiting:
            _commit(part, waiting)
    return skipped


def _commit(part, waiting):
    """Write the waiting batches as one block."""
    values = {path: np.concatenate([batch[path] for batch, _ in waiting]) for path in waiting[0][0]}
    part.append(values, np.concatenate([marked for _, marked in waiting]))
    waiting.clear()


def _judge_skipped(part, allowed):
    """Stop with the part kept where more images were unreadable than allowed."""
    count, total = int(part.unreadable.sum()), part.rows
    if count == total:
        raise GradtoolsError(f"none of the {total} images could be read")
    if count > allowed:
        raise TooManySkipped(
            f"{count} of {total} images could not be read, {allowed} allowed: {part.file.filename} is kept; "
            "mend them, or finish it with a larger --max-skipped"
        )


def allowance(text, total):
    """How many of `total` inputs `N` or `P%` allows; a percentage at least one."""
    try:
        if text.endswith("%"):
            return max(1, int(float(text[:-1]) * total / 100))
        return int(text)
    except ValueError:
        raise UsageError(f"--max-skipped {text}: write a number or a percentage, as in 10 or 1%") from None
