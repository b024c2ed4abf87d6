"""The images of sanity, all read before the first network: what cannot be read is skipped in every comparison alike."""

from collections.abc import Callable
from typing import NamedTuple

import numpy as np

from gradtools import images
from gradtools.images import ImageList
from gradtools.network import passes
from gradtools.network.models import Model
from gradtools.stages import run


class Allowed(NamedTuple):
    """Images that may be skipped, a number or a percentage, and whether none may end early."""

    max_skipped: str = "1%"
    strict: bool = False


class Read(NamedTuple):
    """Images as the preprocessing gives them, (N, C, H, W), and of those listed which were skipped, which end early, (L,) bool each."""

    pixels: np.ndarray
    skipped: np.ndarray
    ended_early: np.ndarray


def read(listed: ImageList, model: Model, say: Callable[[str], None], allowed: Allowed) -> Read:
    """Read all images; those that cannot be read, or in part, are said.

    Raises
    ------
    TooManySkipped, GradtoolsError
    """
    parts, total = [], len(listed.ids)
    skipped, ended_early = np.zeros((2, total), bool)
    for batch in images.batches(listed, model.preprocess, 64):
        for place, reason in batch.reasons.items():
            skipped[place] = True
            say(f"skipped {reason}")
        for place, path in batch.ending_early.items():
            ended_early[place] = True
            say(passes.ENDS_EARLY.format(path=path))
        parts.append(batch.pixels[~batch.unreadable])
    passes.judge_ended_early(int(ended_early.sum()), total, allowed.strict)
    count = run.allowance(allowed.max_skipped, total)
    passes.judge_unreadable(int(skipped.sum()), total, count)
    return Read(np.concatenate(parts), skipped, ended_early)
