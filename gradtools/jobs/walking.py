"""The walk over a job's images: read ahead, computed batch by batch, committed block by block, from where it was stopped."""

import contextlib

import numpy as np
import torch

from gradtools import images, interrupt
from gradtools.errors import GradtoolsError, UsageError

BLOCK = 256  # entries committed at once, about


class TooManySkipped(GradtoolsError):
    """More inputs were skipped than allowed; the output stays as a part that a larger allowance finishes."""

    exit_status = 3


def block(batch_size):
    """Entries committed at once: the multiple of the batch size that is nearest below BLOCK, at least one batch."""
    return batch_size * max(1, BLOCK // batch_size)


def walk(part, job, run, *, listed=None, first=0, width=1, batch_size=None, workers=2, say=print, progress=None):
    """Go over the entries from the first that is not committed.

    Parameters
    ----------
    part : store.Part
    job : Job
    run : callable
        Takes pixels (width * n, 3, H, W) and label (width * n,), gives the values of n entries by path.
    listed : images.ImageList, optional
        By default the job's.
    first : int
        The job's entry that the list begins with.
    width : int
        Images of an entry.
    batch_size : int, optional
        Images computed at once, a multiple of the width; by default the job's.
    say : callable
        Takes one line for the user.
    progress : callable
        `progress(total, done)` gives a context manager that yields `advance(n)`.
    """
    listed, size = listed or job.images, batch_size or job.options.batch_size
    total, start = len(listed.ids) // width, part.committed - first
    waiting = []
    stream = images.batches(listed, job.model.preprocess, size, start=start * width, workers=workers)
    with contextlib.closing(stream), (progress or interrupt.unwatched)(total, start) as advance:
        for batch in stream:
            values = _halved_on_need(run, listed, batch, width, job.options.device, say)
            if width == 1:
                values |= {"/samples/digest": batch.digests, "/samples/height": batch.heights, "/samples/width": batch.widths}
                for reason in batch.reasons.values():
                    say(f"skipped {reason}")
            marked = batch.unreadable.reshape(-1, width).any(axis=1)
            waiting.append((values, marked))
            if sum(len(entries) for _, entries in waiting) >= part.block:
                _commit(part, waiting)
            advance(len(marked))
        if waiting:
            _commit(part, waiting)


def _halved_on_need(run, listed, batch, width, device, say):
    """The values of one batch; in halves, and those again, where the device's memory does not hold it."""
    parts, done = [(0, len(batch.pixels) // width)], []
    while parts:
        start, stop = parts.pop(0)
        rows = slice(start * width, stop * width)
        try:
            done.append(run(batch.pixels[rows], listed.labels[batch.start:][rows]))
        except (torch.OutOfMemoryError, MemoryError):
            if stop - start == 1:
                raise GradtoolsError(f"one image does not fit the memory of {device} with these taps: ask for fewer") from None
            middle = (start + stop) // 2
            parts[:0] = [(start, middle), (middle, stop)]
            say(f"a batch of {width * (stop - start)} does not fit the memory of {device}: halved, so values may differ in rounding")
    return {path: np.concatenate([values[path] for values in done]) for path in done[0]}


def _commit(part, waiting):
    """Write the waiting batches as one block."""
    values = {path: np.concatenate([batch[path] for batch, _ in waiting]) for path in waiting[0][0]}
    part.append(values, np.concatenate([marked for _, marked in waiting]))
    waiting.clear()


def judge_skipped(part, total, allowed):
    """Stop with the part kept where more of the first `total` entries were unreadable than allowed."""
    count = int(part.unreadable[:total].sum())
    if count == total:
        raise GradtoolsError(f"none of the {total} images could be read")
    if count > allowance(allowed, total):
        raise TooManySkipped(f"{count} of {total} images could not be read, {allowed} allowed: {part.file.filename} is kept; "
                             "mend them, or finish it with a larger --max-skipped")


def allowance(text, total):
    """How many of `total` inputs `N` or `P%` allows; a percentage at least one."""
    try:
        if text.endswith("%"):
            return max(1, int(float(text[:-1]) * total / 100))
        return int(text)
    except ValueError:
        raise UsageError(f"--max-skipped {text}: write a number or a percentage, as in 10 or 1%") from None
