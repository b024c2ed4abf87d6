"""The walk over a job's images: read ahead, computed batch by batch, committed block by block, from where it was stopped."""

import contextlib
import math

import numpy as np
import torch

from gradtools import images, interrupt
from gradtools.errors import GradtoolsError, UsageError
from gradtools.network.passes.forward import first_not_finite
from gradtools.network.passes.schema import REDUCTIONS
from gradtools.store import paths

BLOCK = 256  # entries committed at once, about


class TooManySkipped(GradtoolsError):
    """More inputs were skipped than allowed; the output stays as a part that a larger allowance finishes."""

    exit_status = 3


def use_threads(count=None):
    """Compute with so many threads, where a number is given; returns how many there are."""
    if count:
        torch.set_num_threads(count)
    return torch.get_num_threads()


def block(batch_size):
    """Entries committed at once: the multiple of the batch size that is nearest below BLOCK, at least one batch."""
    return batch_size * max(1, BLOCK // batch_size)


def walk(
    part,
    job,
    run,
    *,
    listed=None,
    first=0,
    width=1,
    batch_size=None,
    workers=2,
    say=print,
    progress=None,
):
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
    stream = images.batches(
        listed, job.model.preprocess, size, start=start * width, workers=workers
    )
    with contextlib.closing(stream), (progress or interrupt.unwatched)(total, start) as advance:
        for batch in stream:
            values = _halved_on_need(part, run, listed, batch, width, job.options.device, say)
            _check_finite(values, batch, listed, width, job)
            if width == 1:
                values |= {
                    paths.DIGEST: batch.digests,
                    paths.HEIGHT: batch.heights,
                    paths.WIDTH: batch.widths,
                }
                for path in batch.ending_early.values():
                    say(f"{path} ends early: read as far as it goes (--strict refuses it)")
                for place, reason in batch.reasons.items():
                    if listed.images[place]:
                        say(f"skipped {reason}")
            marked = batch.unreadable.reshape(-1, width).any(axis=1)
            waiting.append((values, marked))
            if sum(len(entries) for _, entries in waiting) >= part.block:
                _commit(part, waiting)
            advance(len(marked))
        if waiting:
            _commit(part, waiting)


def _halved_on_need(part, run, listed, batch, width, device, say):
    """The values of one batch; in halves, and those again, where the device's memory does not hold it.

    The size that fitted is kept in the part, for this run and those that go on with it: another size gives other rounding.
    """
    entries, done, start = len(batch.pixels) // width, [], 0
    fits = min(entries, part.batch_limit or entries)
    while start < entries:
        rows = slice(start * width, min(start + fits, entries) * width)
        try:
            done.append(run(batch.pixels[rows], listed.labels[batch.start :][rows]))
            _check_rows(part, done[-1], min(fits, entries - start))
            start += fits
        except (torch.OutOfMemoryError, MemoryError, RuntimeError) as error:
            if isinstance(error, RuntimeError) and "memory" not in str(error):
                raise
            if fits == 1:
                raise GradtoolsError(
                    f"one image does not fit the memory of {device} with these taps: ask for fewer"
                ) from None
            if part.batch_limit is None:
                say(
                    f"a batch of {width * fits} does not fit the memory of {device}: halved, so values may differ in rounding"
                )
            fits = max(1, fits // 2)
            part.limit_batches(fits)
    return {path: np.concatenate([values[path] for values in done]) for path in done[0]}


def _check_rows(part, values, entries):
    """Refuse values of fewer or more rows than entries: HDF5 would copy a single row to all of them."""
    for column in part.columns:
        if column.path in values and len(values[column.path]) != entries * column.axis.per:
            raise GradtoolsError(
                f"{column.path} has {len(values[column.path])} rows for a batch of {entries}, not {entries * column.axis.per}: "
                "every module must keep the images of a batch apart; --batch-size 1 gives it one at a time"
            )


def _check_finite(values, batch, listed, width, job):
    """Refuse NaN and infinity where they are never results: the network's output, and activations and gradients at taps."""
    readable = ~batch.unreadable.reshape(-1, width).any(axis=1)
    for path, array in values.items():
        if not _is_finite_kind(path) or np.isfinite(array).all():
            continue
        wrong = ~np.isfinite(array).reshape(len(readable), -1).all(axis=1) & readable
        if not wrong.any():
            continue
        entry = int(np.argmax(wrong))
        culprits = (
            first_not_finite(job, batch.pixels[image : image + 1])
            for image in range(entry * width, (entry + 1) * width)
        )
        module = next(filter(None, culprits), None)
        told = f"; the first that is not finite is the output of {module}" if module else ""
        way = (
            "take --map-dtype float32"
            if array.dtype == np.float16 and not told
            else "mend the network, or leave the image out"
        )
        raise GradtoolsError(
            f"{', '.join(listed.ids[batch.start + entry * width :][:width])}: {path} is NaN or infinite{told}: {way}"
        )


def _is_finite_kind(path):
    """Whether all values at a path are finite by definition (bool); of ablations, whose scores can be undefined, only the features are."""
    kind = path.rpartition("/")[2].removeprefix("token_").removesuffix("_map")
    return (
        path in (paths.LOGITS, paths.EMBEDDING)
        or path.startswith(paths.TAPS + "/")
        and kind in REDUCTIONS
    )


def _commit(part, waiting):
    """Write the waiting batches as one block."""
    values = {path: np.concatenate([batch[path] for batch, _ in waiting]) for path in waiting[0][0]}
    part.append(values, np.concatenate([marked for _, marked in waiting]))
    waiting.clear()


def judge_skipped(part, total, allowed):
    """Stop with the part kept where more of the first `total` entries were unreadable than allowed (see `allowance`)."""
    count = int(part.unreadable[:total].sum())
    if count == total:
        raise GradtoolsError(f"none of the {total} images could be read")
    if count > allowed:
        raise TooManySkipped(
            f"{count} of {total} images could not be read, {allowed} allowed: {part.name} is kept; "
            "mend them, or finish it with a larger --max-skipped"
        )


def allowance(text, total):
    """How many of `total` inputs `N` or `P%` allows; a percentage at least one."""
    try:
        number = float(text[:-1]) if text.endswith("%") else int(text)
    except ValueError:
        number = -1
    if not 0 <= number <= (100 if text.endswith("%") else math.inf):
        raise UsageError(f"--max-skipped {text}: write a number or a percentage, as in 10 or 1%")
    return max(1, int(number * total / 100)) if text.endswith("%") else number
