"""Batches of images, read and decoded by threads while the consumer computes."""

import collections
import concurrent.futures
import dataclasses
import itertools
from collections.abc import Callable, Generator, Iterator, Sequence
from typing import TYPE_CHECKING, NamedTuple

import numpy as np

from gradtools.errors import GradtoolsError
from gradtools.images import decoding, preprocessing, versions
from gradtools.images.listing import ImageList
from gradtools.images.preprocessing import Rules

if TYPE_CHECKING:
    from concurrent.futures import Future

    from PIL import Image

    from gradtools.images.decoding import Decoded

Preprocess = Rules | Callable  # rules, or PIL image in RGB -> (C, H, W) float array or tensor

LITTLE = 1 / 8  # of a type's range


@dataclasses.dataclass(frozen=True)
class Batch:
    """Consecutive images of a list; an unreadable one keeps its place, with zeros.

    Attributes
    ----------
    start : int
        Place of the first in the list.
    pixels : (B, 3, H, W) uint8 array, or (B, C, H, W) float32 from a callable
        Channels-last in memory.
    digests : (B, 32) uint8 array
    heights, widths : (B,) int32 arrays
        Of the originals, upright.
    unreadable : (B,) bool array
    reasons : dict of int to str
        Place in the list -> "path: why", of the unreadable ones.
    ending_early : dict of int to str
        Place in the list -> path, of those whose file ends before the image does.
    """

    start: int
    pixels: np.ndarray
    digests: np.ndarray
    heights: np.ndarray
    widths: np.ndarray
    unreadable: np.ndarray
    reasons: dict
    ending_early: dict = dataclasses.field(default_factory=dict)


class Item(NamedTuple):
    """One image: either its reason or all else."""

    reason: str | None = None
    pixels: np.ndarray | None = None
    digest: np.ndarray | None = None
    height: int = 0
    width: int = 0
    ends_early: bool = False


def batches(
    listed: ImageList,
    preprocess: Preprocess,
    batch_size: int,
    spans: Sequence[tuple[int, int]] | None = None,
    workers: int = 2,
    prefetch: int = 2,
) -> Generator[Batch]:
    """Iterate over batches in the order of the list.

    Batches end at multiples of the batch size, wherever a span starts. At most `prefetch` + 1 of them are held;
    leaving early (closing the generator) waits for the images being decoded and no other.

    Parameters
    ----------
    listed : ImageList
    preprocess : dict or callable
        Rules (see `preprocessing`), or PIL image in RGB -> (C, H, W) float array or tensor.
    batch_size, workers, prefetch : int
    spans : sequence of (start, stop), optional
        Shares of the list, by default all of it.

    Yields
    ------
    Batch

    Raises
    ------
    GradtoolsError
        Where no image of the list can be read, one differs in size after preprocessing or is not the one it was, or
        `preprocess` fails.
    """
    spans = [(0, len(listed.ids))] if spans is None else spans
    ends = [pair for start, stop in spans for pair in _ends(start, stop, batch_size)]
    if not ends:
        return
    like = first_readable(listed, preprocess)
    waiting: collections.deque[tuple] = collections.deque()
    with concurrent.futures.ThreadPoolExecutor(workers, "decode") as pool:
        try:
            for first, last in ends:
                waiting.append(
                    (
                        first,
                        last - first,
                        [
                            pool.submit(_items, listed, run, preprocess)
                            for run in _runs(listed, first, last)
                        ],
                    )
                )
                if len(waiting) > prefetch:
                    yield _gathered(listed, like, *waiting.popleft())
            while waiting:
                yield _gathered(listed, like, *waiting.popleft())
        finally:
            pool.shutdown(wait=True, cancel_futures=True)


def _ends(start: int, stop: int, batch_size: int) -> Iterator[tuple[int, int]]:
    """Yield (start, stop) of the batches of one span (iterator)."""
    if start < stop:
        yield from itertools.pairwise(
            [start, *range(start - start % batch_size + batch_size, stop, batch_size), stop]
        )


def first_readable(listed: ImageList, preprocess: Preprocess) -> np.ndarray:
    """Return the first image that can be read, preprocessed: every other must have its shape.

    Returns
    -------
    (C, H, W) uint8 or float32 array

    Raises
    ------
    GradtoolsError
        Where there is none.
    """
    reason = None
    for index in range(len(listed.ids)):
        (item,) = _items(listed, [index], preprocess)
        if item.pixels is not None:
            return item.pixels
        reason = reason or item.reason
    raise GradtoolsError(
        f"none of the {len(listed.ids)} images in {listed.root} can be read; the first: {reason}"
    )


def range_notes(listed: ImageList, most: int = 5) -> list[str]:
    """Return what to say of images of more than 8 bits that use little of their type's range: the first few that can be read are looked at."""
    reached, upper = [], False
    for place in range(min(most, len(listed.ids))):
        try:
            decoded = decoding.decode(listed.path(place), listed.value_range)
        except decoding.Unreadable:
            continue
        reached.append(decoded.reached)
        upper = upper or decoded.upper
    shares = [share for share in reached if share is not None]
    if listed.value_range is not None or not shares or len(shares) < len(reached):
        return []
    share = max(shares)
    if share >= LITTLE:
        return []
    dark = f"the values of the images reach {100 * share:.0f} % of their type's range, so they are read as nearly black"
    if upper:
        return [f"{dark}, and {decoding.UPPER}: save them with 8 bits that reach white"]
    return [f"{dark}: --range 0,{_power(share * 65535)} says which values are black and white"]


def _power(largest: float) -> int:
    """Return the largest value of the fewest bits that hold it."""
    return 2 ** int(largest).bit_length() - 1


def _runs(listed: ImageList, first: int, last: int) -> Iterator[list[int]]:
    """Return the places first..last, those of one image and its versions that follow one another together (iterator of lists)."""
    return (
        list(run) for _, run in itertools.groupby(range(first, last), key=listed.ids.__getitem__)
    )


def _items(listed: ImageList, places: list[int], preprocess: Preprocess) -> list[Item]:
    """Read and check one file, and preprocess every version of it that is at these places; runs in a thread."""
    path = listed.path(places[0])
    try:
        decoded = decoding.decode(path, listed.value_range)
    except decoding.Unreadable as error:
        return [Item(str(error))] * len(places)
    if listed.digests is not None:
        decoding.check_digest(path, decoded.digest, listed.digests[places[0]])
    return [
        _item(_version(listed, decoded.image, place), decoded, preprocess, path) for place in places
    ]


def _version(listed: ImageList, image: "Image.Image", place: int) -> "Image.Image":
    """Return the version of an image that stands at a place of the list; the image itself where that is no version."""
    version = listed.versions[place] if listed.versions else None
    return (
        image
        if version is None
        else versions.change(image, version, listed.ids[place], listed.seed)
    )


def _item(image: "Image.Image", decoded: "Decoded", preprocess: Preprocess, path: str) -> Item:
    """Return one image preprocessed."""
    try:
        pixels = (
            _called(preprocess, image, path)
            if callable(preprocess)
            else preprocessing.preprocess(image, preprocess)
        )
    except ValueError as error:
        return Item(f"{path}: {error}")
    return Item(None, pixels, decoded.digest, image.height, image.width, decoded.ends_early)


def _called(preprocess: Callable, image: "Image.Image", path: str) -> np.ndarray:
    """Return what the model's own preprocessing makes of an image, (C, H, W) float32."""
    name = getattr(preprocess, "__name__", type(preprocess).__name__)
    try:
        pixels = np.asarray(preprocess(image))
    except Exception as error:
        raise GradtoolsError(
            f"the model's {name}() failed on {path}: {type(error).__name__}: {error}"
        ) from error
    if pixels.ndim != 3 or pixels.dtype.kind != "f":
        raise GradtoolsError(
            f"the model's {name}() must return floats of shape (channels, height, width), "
            f"and gave {pixels.dtype} of shape {pixels.shape} for {path}"
        )
    return pixels.astype("f4", copy=False)


def _gathered(
    listed: ImageList, like: np.ndarray, start: int, count: int, futures: "Sequence[Future]"
) -> Batch:
    """Return a batch of the items; raises what went wrong in a thread."""
    channels, height, width = like.shape
    # Channels-last in memory: so decoders write and convolutions read.
    pixels = np.zeros((count, height, width, channels), like.dtype).transpose(0, 3, 1, 2)
    heights, widths = np.zeros((2, count), "i4")
    batch = Batch(
        start,
        pixels,
        np.zeros((count, 32), "u1"),
        heights,
        widths,
        np.zeros(count, bool),
        {},
    )
    for row, item in enumerate(item for future in futures for item in future.result()):
        if item.pixels is None:
            batch.unreadable[row], batch.reasons[start + row] = True, str(item.reason)
            continue
        if item.pixels.shape != like.shape:
            raise GradtoolsError(
                f"{listed.path(start + row)} is {_size(item.pixels)} after preprocessing and the "
                f"first image {_size(like)}: all must be of one size; give a size, as in "
                "--preprocess resize=256,crop=224"
            )
        batch.pixels[row], batch.digests[row] = item.pixels, item.digest
        batch.heights[row], batch.widths[row] = item.height, item.width
        if item.ends_early:
            batch.ending_early[start + row] = listed.path(start + row)
    return batch


def _size(pixels: np.ndarray) -> str:
    return " x ".join(map(str, pixels.shape[1:] if pixels.shape[0] == 3 else pixels.shape))
