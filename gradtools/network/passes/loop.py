"""Blocks of images: read ahead, computed batch by batch; and what is done about images that cannot be read."""

import contextlib
from collections.abc import Callable, Iterator, Mapping, Sequence
from typing import TYPE_CHECKING, TypedDict

import numpy as np
import torch

from gradtools import images, interrupt, store
from gradtools.errors import GradtoolsError
from gradtools.network.passes.forward import first_not_finite
from gradtools.network.passes.plan import Job
from gradtools.network.passes.schema import REDUCTIONS
from gradtools.store import paths

if TYPE_CHECKING:
    from typing_extensions import Unpack

    from gradtools.images.listing import ImageList
    from gradtools.images.loading import Batch

BLOCK = 256  # entries committed at once, about
ENDS_EARLY = "{path} ends early: read as far as it goes (--strict refuses it)"
Arrays = dict[str, np.ndarray]


class TooManySkipped(GradtoolsError):
    """More inputs were skipped than allowed; the output stays as a part that a larger allowance finishes."""

    exit_status = 3


def use_threads(count: int | None = None) -> int:
    """Compute with so many threads, where a number is given; returns how many there are."""
    if count:
        torch.set_num_threads(count)
    return torch.get_num_threads()


def block(batch_size: int) -> int:
    """Return the entries committed at once: the multiple of the batch size that is nearest below BLOCK, at least one batch."""
    return batch_size * max(1, BLOCK // batch_size)


class How(TypedDict, total=False):
    """Parameters of `computing` that have defaults, but for `advance`."""

    listed: images.ImageList | None
    first: int
    width: int
    batch_size: int | None
    workers: int
    say: Callable[[str], None]


@contextlib.contextmanager
def computing(
    part: store.Part,
    job: Job,
    run: Callable[[np.ndarray, np.ndarray, np.ndarray], Arrays],
    blocks: Sequence[store.Block],
    *,
    listed: images.ImageList | None = None,
    first: int = 0,
    width: int = 1,
    batch_size: int | None = None,
    workers: int = 2,
    say: Callable[[str], None] = print,
    advance: Callable[[int], None] = lambda n: None,
) -> Iterator[Callable[[store.Block], Arrays]]:
    """Yield a function that computes the arrays of one block of images; reading and decoding go ahead through the blocks.

    Parameters
    ----------
    part : store.Part
    job : Job
    run : callable
        Takes pixels (width * n, 3, H, W), labels (width * n, ...) and the images' numbers in the list (width * n,), gives the arrays
        of n entries by path.
    blocks : sequence of store.Block
        Those that will be asked for, in this order.
    listed : images.ImageList, optional
        By default the job's.
    first : int
        The entry that the list begins with.
    width : int
        Images of an entry.
    batch_size : int, optional
        Images computed at once, a multiple of the width; by default the job's.
    advance : callable
        Told of the entries of every batch.
    """
    listed, size = listed or job.images, batch_size or job.options.batch_size
    spans = [((block.start - first) * width, (block.stop - first) * width) for block in blocks]
    stream = images.batches(listed, job.model.preprocess, size, spans, workers)

    def compute(block: store.Block) -> Arrays:
        done: list[Arrays] = []
        while sum(len(arrays[store.UNREADABLE]) for arrays in done) < len(block):
            batch = next(stream)
            values = _halved_on_need(part, run, listed, batch, width, job.options.device, say)
            _check_finite(values, batch, listed, width, job)
            done.append(values | _read(batch, listed, width, say))
            advance(len(done[-1][store.UNREADABLE]))
        return {path: np.concatenate([arrays[path] for arrays in done]) for path in done[0]}

    with contextlib.closing(stream):
        yield compute


def compute(
    part: store.Part,
    job: Job,
    run: Callable,
    blocks: Sequence[store.Block],
    *,
    progress: Callable | None = None,
    **how: "Unpack[How]",
) -> None:
    """Compute and keep the blocks that are left of a pass over images (see `computing`).

    Parameters
    ----------
    blocks : sequence of store.Block
        All of the pass.
    how
        More parameters of `computing`.
    """
    numbers = {block.number for block in part.growth.own}
    total = sum(len(block) for block in blocks if block.number in numbers)
    for turn in part.turns(blocks):
        with (
            (progress or interrupt.unwatched)(total, total - sum(map(len, turn))) as advance,
            computing(part, job, run, turn, advance=advance, **how) as of_block,
        ):
            for block in turn:
                part.commit(block, of_block(block))


def _read(
    batch: "Batch", listed: "ImageList", width: int, say: Callable[[str], None]
) -> dict[str, np.ndarray]:
    """Return what the store keeps of reading a batch: which entries have no image; where an entry is one image, its digest and size."""
    marked = batch.unreadable.reshape(-1, width).any(axis=1).astype("u1")
    if width > 1:
        return {store.UNREADABLE: marked}
    for place, path in batch.ending_early.items():
        marked[place - batch.start] = 2
        if listed.images[place]:
            say(ENDS_EARLY.format(path=path))
    for place, reason in batch.reasons.items():
        if listed.images[place]:
            say(f"skipped {reason}")
    return {
        store.UNREADABLE: marked,
        paths.DIGEST: batch.digests,
        paths.HEIGHT: batch.heights,
        paths.WIDTH: batch.widths,
    }


def _halved_on_need(
    part: store.Part,
    run: Callable[[np.ndarray, np.ndarray, np.ndarray], Arrays],
    listed: "ImageList",
    batch: "Batch",
    width: int,
    device: str,
    say: Callable[[str], None],
) -> dict[str, np.ndarray]:
    """Return the values of one batch; in halves, and those again, where the device's memory does not hold it.

    The size that fitted is kept in the part, for this run and those that go on with it: another size gives other rounding.
    """
    entries, done, start = len(batch.pixels) // width, [], 0
    fits = min(entries, part.batch_limit or entries)
    while start < entries:
        rows = slice(start * width, min(start + fits, entries) * width)
        try:
            numbers = np.arange(batch.start + rows.start, batch.start + rows.stop)
            done.append(run(batch.pixels[rows], listed.labels[numbers], numbers))
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


def _check_rows(part: store.Part, values: Mapping[str, np.ndarray], entries: int) -> None:
    """Refuse values of fewer or more rows than entries: HDF5 would copy a single row to all of them."""
    for column in part.columns:
        if column.path in values and len(values[column.path]) != entries * column.axis.per:
            raise GradtoolsError(
                f"{column.path} has {len(values[column.path])} rows for a batch of {entries}, not {entries * column.axis.per}: "
                "every module must keep the images of a batch apart; --batch-size 1 gives it one at a time"
            )


def _check_finite(
    values: Mapping[str, np.ndarray], batch: "Batch", listed: "ImageList", width: int, job: Job
) -> None:
    """Refuse NaN and infinity where they are never results: the network's output, and activations and gradients at taps."""
    readable = ~np.asarray(batch.unreadable.reshape(-1, width).any(axis=1))
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
        culprit = f"; the first that is not finite is the output of {module}" if module else ""
        way = (
            "take --map-dtype float32"
            if array.dtype == np.float16 and not culprit
            else "fix the network, or leave the image out"
        )
        raise GradtoolsError(
            f"{', '.join(listed.ids[batch.start + entry * width :][:width])}: {path} is NaN or infinite{culprit}: {way}"
        )


def _is_finite_kind(path: str) -> bool:
    """Return True if all values at a path are finite by definition; of ablations, whose scores can be undefined, only the features are."""
    kind = path.rpartition("/")[2].removeprefix("token_").removesuffix("_map")
    return (
        path in (paths.LOGITS, paths.EMBEDDING)
        or path.startswith(paths.TAPS + "/")
        and kind in REDUCTIONS
    )


def judge_skipped(part: store.Part, total: int, allowed: int, strict: bool = False) -> None:
    """Stop with the part kept where more of the first `total` entries were unreadable than allowed (see `run.allowance`); strict, also where a file ends early."""
    kept = None if part.temporary else part.name
    judge_ended_early(int(part.ended_early[:total].sum()), total, strict, kept)
    count = int(part.unreadable[:total].sum())
    judge_unreadable(count, total - int(part.growth.elsewhere[:total].sum()), allowed, kept)


def judge_ended_early(early: int, total: int, strict: bool, kept: str | None = None) -> None:
    """Stop where the files of some of `total` images end early and none may; `kept` names what is left to finish.

    Raises
    ------
    TooManySkipped
    """
    if early and strict:
        way = "fix them" if kept is None else f"{kept} is kept; fix them, or finish it"
        raise TooManySkipped(
            f"{early} of {total} images end early, and --strict allows none: {way}, or leave out --strict"
        )


def judge_unreadable(count: int, total: int, allowed: int, kept: str | None = None) -> None:
    """Stop where more of `total` images could not be read than allowed, or none could.

    Raises
    ------
    TooManySkipped, GradtoolsError
    """
    if count == total > 0:
        raise GradtoolsError(f"none of the {total} images could be read")
    if count > allowed:
        way = (
            "fix them, or allow more with --max-skipped"
            if kept is None
            else f"{kept} is kept; fix them, or finish it with a larger --max-skipped"
        )
        raise TooManySkipped(
            f"{count} of {total} images could not be read, {allowed} allowed: {way}"
        )
