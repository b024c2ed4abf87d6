"""Pairs of images: which ones, the vectors they are compared by, and their score (mathematics#gradients-of-pairs)."""

from __future__ import annotations

import contextlib
import csv
import dataclasses
from collections.abc import Sequence
from typing import TYPE_CHECKING

import numpy as np
import torch

from gradtools.errors import GradtoolsError, UsageError
from gradtools.images import ImageList
from gradtools.network import taps
from gradtools.network.taps import Tap

if TYPE_CHECKING:
    from numpy.random import Generator

    from gradtools.network.saliency.plan import Plan

MOST = 1_000_000


def choose(text: str, listed: ImageList, seed: int) -> np.ndarray:
    """Choose the pairs of `--pairs`: a CSV file of two ids a line, `same-class:K` (K pairs a class, drawn without repetition), or `all`.

    Parameters
    ----------
    listed : images.ImageList
    seed : int

    Returns
    -------
    (P, 2) int64 array
        Rows of the list; a < b in drawn pairs, in order.

    Raises
    ------
    UsageError, GradtoolsError
    """
    if text == "all":
        pairs = _all(len(listed.ids))
    elif text.startswith("same-class:"):
        pairs = _same_class(text, listed.labels, seed)
    else:
        pairs = _read(text, listed.ids)
    if not len(pairs):
        raise GradtoolsError(f"--pairs {text}: no pairs among the {len(listed.ids)} images")
    return pairs


def _all(count: int) -> np.ndarray:
    if count * (count - 1) // 2 > MOST:
        raise UsageError(
            f"--pairs all: {count} images have {count * (count - 1) // 2} pairs, more than {MOST}; draw some with "
            "same-class:K"
        )
    return np.stack(np.triu_indices(count, 1), axis=1)


def _same_class(text: str, label: np.ndarray, seed: int) -> np.ndarray:
    wanted = text.removeprefix("same-class:")
    if not wanted.isdecimal() or int(wanted) < 1:
        raise UsageError(f"--pairs {text}: write how many pairs of each class, as in same-class:5")
    if (label < 0).all():
        raise GradtoolsError(
            f"--pairs {text}: the images have no labels; give a folder of class folders or a CSV manifest"
        )
    generator = np.random.default_rng(seed)
    drawn = [
        _draw(np.flatnonzero(label == c), int(wanted), generator)
        for c in np.unique(label[label >= 0])
    ]
    return np.concatenate(drawn)


def _draw(members: np.ndarray, count: int, generator: Generator) -> np.ndarray:
    """Return `count` of the pairs of some rows, all where there are fewer, (P, 2)."""
    total = len(members) * (len(members) - 1) // 2
    numbers = (
        np.sort(generator.choice(total, size=min(count, total), replace=False))
        if total
        else np.zeros(0, int)
    )
    # pair number n of rows i < j counts j's pairs after those of all smaller j: n = j (j - 1) / 2 + i
    j = np.floor((1 + np.sqrt(1 + 8 * numbers.astype(float))) / 2).astype(int)
    i = numbers - j * (j - 1) // 2
    return np.stack([members[i], members[j]], axis=1).reshape(-1, 2)


def _read(path: str, ids: list[str]) -> np.ndarray:
    """Return the pairs of a CSV file; its first line may name the columns."""
    place = {name: row for row, name in enumerate(ids)}
    try:
        with open(path, newline="", encoding="utf-8-sig", errors="surrogateescape") as stream:
            reader = csv.reader(stream)
            lines = [
                (reader.line_num, [cell.strip() for cell in cells[:2]])
                for cells in reader
                if any(cells)
            ]
    except OSError as error:
        raise UsageError(
            f"--pairs {path}: {error.strerror}; write a CSV file, same-class:K or all"
        ) from error
    if lines and not any(cell in place for cell in lines[0][1]):
        lines = lines[1:]
    for number, cells in lines:
        if len(cells) < 2 or cells[0] not in place or cells[1] not in place:
            unknown = next((cell for cell in cells if cell not in place), "")
            raise UsageError(
                f"--pairs {path}, line {number}: write two images by their path below the folder, as in {ids[0]},{ids[-1]}"
                + (f"; there is no {unknown}" if unknown else "")
            )
        if cells[0] == cells[1]:
            raise UsageError(
                f"--pairs {path}, line {number}: {cells[0]} is paired with itself: its cosine is "
                "always 1; write two images"
            )
    return np.array([[place[a], place[b]] for _, (a, b) in lines], dtype=int).reshape(-1, 2)


def forward(
    plan: Plan, x: torch.Tensor, tapped_at: Sequence[Tap] | None = None
) -> tuple[torch.Tensor, dict[str, torch.Tensor], torch.Tensor]:
    """Pass images a, b, a, b, ... through the network.

    Parameters
    ----------
    x : (2n, 3, H, W) tensor
    tapped_at : sequence of Tap, optional
        By default those of the plan's maps.

    Returns
    -------
    embedding : (2n, D) tensor
    tapped : dict of str to tensor
        The tensors of the maps' taps.
    output : (2n, K) tensor
    """
    job, head = plan.job, plan.job.model.head
    at_head = plan.job.options.embedding == "head-input" and head is not None
    tapped_at = plan.taps if tapped_at is None else tapped_at
    every = list(dict.fromkeys([*tapped_at, *([plan.embedding] if plan.embedding else [])]))
    with contextlib.ExitStack() as stack:
        read = []
        if head is not None and at_head:
            read = stack.enter_context(taps.head_inputs(job.network, head.name))
        output, tapped = taps.forward(job.network, x, every)
    if plan.embedding is not None:
        embedding = _vector(*taps.to_chw(tapped[plan.embedding.name], plan.embedding))
    else:
        embedding = read[-1] if at_head else output
    return embedding.flatten(1), {tap.name: tapped[tap.name] for tap in tapped_at}, output


def _vector(maps: torch.Tensor, token: torch.Tensor | None) -> torch.Tensor:
    """Return a tap as one vector an image: its class token, or its maps averaged."""
    return maps.mean((2, 3)) if token is None else token


def score(embedding: torch.Tensor, kind: str) -> torch.Tensor:
    """Return the scores of neighbouring rows, cosine or dot product: (2n, D) to (n,)."""
    a, b = embedding[0::2], embedding[1::2]
    return cosine(a, b) if kind == "cosine" else (a * b).sum(1)


def cosine(a: torch.Tensor, b: torch.Tensor) -> torch.Tensor:
    """
    Return the cosine of rows whose gradient does not cancel where they are nearly parallel.

    Parameters
    ----------
    a, b : (n, D) tensors

    Returns
    -------
    (n,) tensor of their type; 0 where a row is zero.

    References
    ----------
    mathematics#gradients-of-pairs: 1 - |u - v|^2 / 2 of unit rows. The gradient by u is then the difference v - u itself,
    where the products' form subtracts two numbers that agree in all digits of float32.
    """
    norms = [row.double().norm(dim=1, keepdim=True) for row in (a, b)]
    zero = (norms[0] == 0) | (norms[1] == 0)
    u, v = (row.double() / torch.where(zero, 1, norm) for row, norm in zip((a, b), norms))
    value = 1 - (u - v).square().sum(1) / 2
    return torch.where(zero[:, 0], 0, value).to(a.dtype)


def images_of(pairs: np.ndarray, listed: ImageList, digests: np.ndarray) -> ImageList:
    """Return the images of the pairs in turn, a, b, a, b, ..., each checked to be the one that was read before.

    Parameters
    ----------
    pairs : (P, 2) int array
    listed : images.ImageList
    digests : (N, 32) uint8 array

    Returns
    -------
    images.ImageList of 2 P images
    """
    rows = pairs.reshape(-1)
    return dataclasses.replace(
        listed,
        ids=[listed.ids[row] for row in rows],
        labels=listed.labels[rows],
        sizes=listed.sizes[rows],
        mtimes=listed.mtimes[rows],
        labels_many=None,
        boxes=None,
        digests=digests[rows],
    )
