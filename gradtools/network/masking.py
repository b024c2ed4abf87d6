"""Images times masks: what the network answers when only a part of an image is shown.

The network always sees full batches of one size: a whole image is scored as the image times a mask of
ones, in a batch like any other, so that a mask of ones changes nothing at all.
"""

import itertools
from collections.abc import Callable, Iterable, Iterator, Sequence
from typing import NamedTuple

import numpy as np
import torch
from torch.nn import functional

from gradtools import images
from gradtools.errors import GradtoolsError, UsageError
from gradtools.network import passes, taps

FILLS = ("black", "mean", "blur")
BLUR = 5 / 224  # standard deviation of the blur, as a share of the frame's width

Pixels = torch.Tensor  # (N, C, H, W), as the network takes them
Shown = tuple[int, np.ndarray]  # row of the image, (H, W) mask in 0..1


class Layers(NamedTuple):
    """Images in two parts, (I, C, H, W) float32 each: under a mask m the network reads m * shown + hidden."""

    shown: torch.Tensor
    hidden: torch.Tensor


def check_fill(fill: str, preprocess: object) -> None:
    """Refuse a fill that the network's preprocessing has no pixels in 0..1 for.

    Raises
    ------
    UsageError
    """
    if fill not in FILLS:
        raise UsageError(f"--fill {fill}: there are {', '.join(FILLS)}")
    if callable(preprocess) and fill != "mean":
        raise UsageError(
            f"--fill {fill}: the model's own preprocess(image) gives no pixels in 0..1 to take away from; "
            "--fill mean multiplies what the network reads"
        )


class Frame(NamedTuple):
    """An image as the network's preprocessing gives it, (C, H, W), and whether its file ends before the image does."""

    pixels: np.ndarray
    ends_early: bool


def read_frame(job: passes.Job, place: int) -> Frame:
    """Read one image of a job, checked to be the one that was stored.

    Raises
    ------
    GradtoolsError
        It cannot be read, or has changed.
    """
    listed = job.images
    path = listed.path(place)
    try:
        decoded = images.decode(path, listed.value_range)
    except images.Unreadable as error:
        raise GradtoolsError(f"{error}: say with --images DIR where the images are") from error
    if listed.digests is not None:
        images.check_digest(path, decoded.digest, listed.digests[place])
    rules = job.model.preprocess
    image = decoded.image
    pixels = np.asarray(rules(image) if callable(rules) else images.preprocess(image, rules))
    return Frame(pixels, decoded.ends_early)


def scores(
    job: passes.Job,
    pixels: np.ndarray,
    shown: Iterable[Shown],
    fill: str,
    score: Callable[[torch.Tensor, np.ndarray], torch.Tensor],
) -> np.ndarray:
    """Score images of which only a part is shown.

    Parameters
    ----------
    job : passes.Job
    pixels : (I, C, H, W) u8 or float array
    shown : iterable of (int, (H, W) array)
        Which image, and the mask it is multiplied by.
    fill : one of FILLS
        What stands where the mask is 0: black (pixels times mask, before normalisation), mean
        (normalised values times mask, which is the mean colour), blur (the image, blurred).
    score : callable
        Takes what the network's input gives, (B, ...), and the places (B,) of the batch among all
        shown; gives (B,).

    Returns
    -------
    (n,) float64 array
    """
    parts = layers(job, pixels, fill)
    values = []
    with torch.inference_mode():
        for places, batch in _batches(shown, job.options.batch_size):
            scored = score(masked(job, parts, batch), places).double().cpu().numpy()
            values.append(scored[: len(np.unique(places))])
    return np.concatenate(values) if values else np.empty(0)


def _batches(shown: Iterable[Shown], size: int) -> Iterator[tuple[np.ndarray, list[Shown]]]:
    """Yield (places, batch) of exactly `size` entries; the last is filled up by repeats of its last."""
    stream, first = iter(shown), 0
    while batch := list(itertools.islice(stream, size)):
        places = np.minimum(np.arange(size), len(batch) - 1)
        yield first + places, [batch[place] for place in places]
        first += len(batch)


def layers(job: passes.Job, pixels: np.ndarray, fill: str) -> Layers:
    """Split what the network reads of images into what a mask shows and what stands where it is 0.

    Normalising once an image and not once a mask leaves one operation a masked image.

    Parameters
    ----------
    pixels : (I, C, H, W) u8 or float array
    fill : one of FILLS
    """
    x = torch.from_numpy(np.ascontiguousarray(pixels))
    if x.dtype != torch.uint8:
        return Layers(x.float(), torch.zeros(1).expand(x.shape))
    scale, shift = (
        torch.from_numpy(values)[:, None, None] for values in images.normalisation(job.model.rules)
    )
    if fill == "black":
        return Layers(x.float().mul_(scale), shift.expand(x.shape))
    if fill == "mean":
        return Layers(x.float().mul_(scale).add_(shift), torch.zeros(1).expand(x.shape))
    smooth = blurred(x.float())
    return Layers((x - smooth).mul_(scale), smooth.mul_(scale).add_(shift))


def masked(job: passes.Job, parts: Layers, batch: Sequence[Shown]) -> torch.Tensor:
    """Return what the network reads of images under masks, (B, C, H, W) channels-last, of the job's type."""
    like = parts.shown
    x = torch.empty(
        (len(batch), *like.shape[1:]), dtype=like.dtype, memory_format=torch.channels_last
    )
    for image, (row, mask) in zip(x, batch):
        weights = torch.from_numpy(np.ascontiguousarray(mask, "f4"))
        torch.addcmul(parts.hidden[row], parts.shown[row], weights, out=image)
    options = job.options
    return x.to(options.device, getattr(torch, options.dtype), memory_format=torch.channels_last)


def blurred(x: torch.Tensor) -> torch.Tensor:
    """Return images (B, C, H, W) under a Gaussian blur whose deviation is BLUR of their width; edges repeat."""
    sd = BLUR * x.shape[3]
    radius = max(1, int(np.ceil(3 * sd)))
    offsets = torch.arange(-radius, radius + 1, dtype=x.dtype)
    kernel = torch.exp(-0.5 * (offsets / sd) ** 2)
    kernel = kernel / kernel.sum()
    channels = x.shape[1]
    for axis in (2, 3):
        shape = [1, 1, 1, 1]
        shape[axis] = len(kernel)
        pad = [0, 0, radius, radius] if axis == 2 else [radius, radius, 0, 0]
        padded = functional.pad(x, pad, mode="replicate")
        weight = kernel.reshape(shape).expand(channels, 1, *shape[2:])
        x = functional.conv2d(padded, weight, groups=channels)
    return x


def probability(job: passes.Job, x: torch.Tensor, members: np.ndarray) -> torch.Tensor:
    """Return the probability of each image's classes, (B,): the sum over those of a label.

    Parameters
    ----------
    x : (B, C, H, W) tensor
    members : (B, K) bool array
    """
    logits = passes.forward(job, x, [])[0].double() / job.options.temperature
    inside = torch.from_numpy(members).to(logits.device)
    if job.options.score == "sigmoid":
        return logits.masked_fill(~inside, -torch.inf).logsumexp(1).sigmoid()
    return (logits.softmax(1) * inside).sum(1)


def embedding(job: passes.Job, x: torch.Tensor) -> torch.Tensor:
    """Return the vector that pairs compare, (B, D): the head's input, else the network's output."""
    head = job.model.head
    if head is None:
        return passes.forward(job, x, [])[0].flatten(1)
    with taps.head_inputs(job.network, head.name) as read:
        job.network(x)
    return read[-1].flatten(1)


def similarity(first: np.ndarray, second: np.ndarray, kind: str) -> np.ndarray:
    """Return the cosine or dot product of rows, (n, D) each -> (n,)."""
    product = (first * second).sum(axis=1)
    if kind == "dot":
        return product
    return product / (np.linalg.norm(first, axis=1) * np.linalg.norm(second, axis=1))


def ranking(image_map: np.ndarray, seed: int) -> np.ndarray:
    """Return the rank of every pixel, 0 for the largest value, (H, W) int; ties in random order."""
    flat = image_map.ravel()
    order = np.lexsort((np.random.default_rng(seed).random(len(flat)), -flat))
    ranks = np.empty(len(flat), int)
    ranks[order] = np.arange(len(flat))
    return ranks.reshape(image_map.shape)


def curve_masks(ranks: np.ndarray, steps: int) -> Iterator[np.ndarray]:
    """Yield the masks of a deletion curve and then those of an insertion curve.

    At step k of `steps` the first k/steps of the pixels are gone, or alone are there.

    Parameters
    ----------
    ranks : (H, W) int array
        From `ranking`.

    Yields
    ------
    (H, W) float32 array
        2 (steps + 1) of them.
    """
    taken = np.round(np.linspace(0, ranks.size, steps + 1))
    for count in taken:
        yield (ranks >= count).astype("f4")
    for count in taken:
        yield (ranks < count).astype("f4")
