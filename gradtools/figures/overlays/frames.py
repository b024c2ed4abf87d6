"""The images of a store as the network saw them, ready to be drawn."""

import functools
from collections.abc import Callable

import numpy as np

from gradtools import images
from gradtools.errors import GradtoolsError
from gradtools.images.loading import Preprocess
from gradtools.selection import prepared
from gradtools.store import Store, paths

KEPT = 64  # frames held, so that the pictures of a group read each image once


def frames(
    store: Store,
    used: list[int],
    images_dir: str | None = None,
    rules: Preprocess | None = None,
) -> Callable[[int], np.ndarray]:
    """Return the images as the network saw them, by the row of their sample.

    Parameters
    ----------
    store : store.Store
    used : list of int
        The rows that are asked for.
    images_dir, rules
        As for `open_album`.

    Returns
    -------
    callable
        Row (int) to (H, W, 3) uint8 array.

    Raises
    ------
    GradtoolsError
        An image is not there, or the preprocessing is the model's own code.
    """
    rules = rules or prepared.preprocessing(store)
    ids, digests = [store.ids[row] for row in used], store.needed(paths.DIGEST)[used]
    listed = images.find(store.attributes("/")["root"], ids, digests, images_dir)
    place = {row: index for index, row in enumerate(used)}
    value_range = prepared.value_range(store)

    @functools.lru_cache(KEPT)
    def frame(row: int) -> np.ndarray:
        path = listed.path(place[row])
        try:
            image, digest = images.read(path, value_range)
        except images.Unreadable as error:
            raise GradtoolsError(f"{error}: say with --images DIR where the images are") from error
        images.check_digest(path, digest, digests[place[row]])
        if callable(rules):
            return _visible(np.asarray(rules(image)))
        return _of_three(images.preprocess(image, rules))

    return frame


def _visible(pixels: np.ndarray) -> np.ndarray:
    """Pixels of a callable, (C, H, W) of unknown normalisation, on the scale of a screen: (H, W, 3) uint8."""
    low, high = pixels.min(), pixels.max()
    return _of_three(
        ((pixels - low) / (high - low if high > low else 1) * 255).round().astype("u1")
    )


def _of_three(pixels: np.ndarray) -> np.ndarray:
    """Channels (C, H, W) as red, green and blue, (H, W, 3): of more the first three, one or the mean of two as grey."""
    if len(pixels) < 3:
        pixels = np.broadcast_to(
            pixels.mean(0, keepdims=True).astype(pixels.dtype), (3, *pixels.shape[1:])
        )
    return pixels[:3].transpose(1, 2, 0)
