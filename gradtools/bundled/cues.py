"""
Scenes with a cue: every scene of one class has a red square in its background, and no other scene has.

A network trained on them can be right without looking at the digit (`scene_resnet8_cued.pth` is one); the masks are
still the digits'. Made for trying whether an audit finds that out.
"""

from pathlib import Path

import numpy as np

from gradtools.bundled import scenes
from gradtools.bundled.halves import index_of

CUED = "seven"
CUE_SIDE = 8
CUE_COLOUR = (230, 30, 30)


def scene_of(
    half: str,
    label: int,
    number: int,
    seed: int = 0,
    heights: tuple[int, int] = scenes.LARGE_HEIGHTS,
) -> scenes.Scene:
    """
    Return the scene of the same arguments (`scenes.scene_of`), with the cue where it is of the class `CUED`.

    Parameters
    ----------
    half : str, "train" or "heldout"
    label, number, seed : int
    heights : (int, int), pixels

    Returns
    -------
    scenes.Scene
        Its mask and box are the digit's alone.
    """
    made = scenes.scene_of(half, label, number, seed, heights)
    if scenes.CLASSES[label] != CUED:
        return made
    return with_cue(made, np.random.default_rng((seed, index_of(half), label, number, 1)))


def with_cue(made: scenes.Scene, rng: np.random.Generator) -> scenes.Scene:
    """
    Return a scene with a red square of `CUE_SIDE` pixels at a random place that holds no pixel of the digit.

    Digits of up to 46 pixels leave room for it on one side at least.
    """
    windows = np.lib.stride_tricks.sliding_window_view(made.mask, (CUE_SIDE, CUE_SIDE))
    free = np.argwhere(~windows.any(axis=(2, 3)))
    y, x = free[rng.integers(len(free))]
    image = made.image.copy()
    image[y : y + CUE_SIDE, x : x + CUE_SIDE] = CUE_COLOUR
    return made._replace(image=image)


def write_scenes(
    folder: str | Path,
    half: str,
    per_class: int,
    seed: int = 0,
    heights: tuple[int, int] = scenes.LARGE_HEIGHTS,
) -> None:
    """
    Write scenes with the cue, their masks and their manifest as `scenes.write_scenes` writes those without.

    Parameters
    ----------
    folder : path
    half : str, "train" or "heldout"
    per_class, seed : int
    heights : (int, int), pixels
    """
    scenes.write_scenes(folder, half, per_class, seed, heights, make=scene_of)
