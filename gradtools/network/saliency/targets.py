"""What each row of maps is about: one class of an image, several, or all of its labels."""

from __future__ import annotations

from typing import TYPE_CHECKING

import numpy as np
import torch

from gradtools.network import scores

if TYPE_CHECKING:
    from gradtools.network.passes import Job


def slots(job: Job) -> np.ndarray | None:
    """Return the data classes that the rows of each image are about.

    Returns
    -------
    classes : (N, L) int array or None
        -1 in places without a row; None where the target is no label.
    """
    listed, kind = job.images, job.known_target.kind
    if kind not in ("label", "labels"):
        return None
    if kind == "label" or listed.labels_many is None:
        classes = listed.labels[:, None]
    else:
        classes = _in_front(listed.labels_many)
    met = np.append(job.member.any(axis=1), False)  # the last for -1
    return np.where(met[classes], classes, -1)


def _in_front(many: np.ndarray) -> np.ndarray:
    """Return (N, L) 0 and 1 as the columns of the ones in each row, (N, most), -1 behind them."""
    most = max(int(many.sum(axis=1).max()), 1)
    order = np.argsort(many == 0, axis=1, kind="stable")[:, :most]
    return np.where(np.take_along_axis(many, order, axis=1) != 0, order, -1)


def per_image(job: Job, classes: np.ndarray | None) -> int:
    """Return the rows of maps (int) an image has, unused ones counted in."""
    return job.known_target.count if classes is None else classes.shape[1]


def ranks(n_classes: int) -> tuple[int, int, int]:
    """Return the places, from 0, of the first, the second and the middle of so many classes by their logits."""
    return 0, 1, max(2, n_classes // 2 - 1)


def rows(
    job: Job, logits: torch.Tensor, cosine: torch.Tensor | None, classes: np.ndarray | None
) -> list[tuple[torch.Tensor, torch.Tensor]]:
    """Return the scores of a batch, and the classes they are about.

    Parameters
    ----------
    logits : (B, K) tensor
    cosine : (B, K) tensor or None
        For `--score cosine`.
    classes : (B, L) int array
        From `slots`, where the target is a label.

    Returns
    -------
    list of ((B,) tensor, (B,) int64 tensor)
        One pair for each row of an image.
    """
    target, form = job.known_target, job.options.score
    logits = logits / job.options.temperature
    if target.kind in ("top", "ranks"):
        ranked = logits.argsort(dim=1, descending=True, stable=True)
        places = range(target.count) if target.kind == "top" else ranks(logits.shape[1])
        every = scores.values(logits, form, cosine)
        return [(every.gather(1, ranked[:, [rank]])[:, 0], ranked[:, rank]) for rank in places]
    if target.kind in ("label", "labels") and classes is not None:
        some = int(np.argmax(job.member.any(axis=1)))  # stands in where there is no row
        return [
            scores.score(
                logits, scores.Target("label"), form, label=column, member=job.member, cosine=cosine
            )
            for column in np.where(classes < 0, some, classes).T
        ]
    return [scores.score(logits, target, form, cosine=cosine)]
