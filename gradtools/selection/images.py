"""The images of a feature store, found again for another pass."""

import dataclasses
from collections.abc import Callable, Sequence
from typing import Protocol

import numpy as np

from gradtools import images
from gradtools.images import ImageList
from gradtools.selection import samples
from gradtools.selection.prepared import value_range
from gradtools.store import Store, paths


class HasWeights(Protocol):
    """A loaded model, as far as its identity goes."""

    @property
    def weights_sha256(self) -> str:
        """The SHA-256 (hex) of the weights."""


def find(
    source: Store, images_dir: str | None = None, where: Sequence[str] = ()
) -> tuple[ImageList, np.ndarray]:
    """Return the images of a store that meet every condition, with their labels and boxes.

    Parameters
    ----------
    source : store.Store
    images_dir : str, optional
        Where they are now; by default where they were.
    where : sequence of str
        As for `samples.select`.

    Returns
    -------
    listed : images.ImageList
        Each image's digest is checked when it is read.
    keep : (N,) bool array
        Which of the store's samples they are.
    """
    keep = samples.select(source, where)
    return found_again(source, keep, images_dir), keep


def found_again(source: Store, keep: np.ndarray, images_dir: str | None = None) -> ImageList:
    """Return the images of some samples (N,) bool of a store, with their labels and boxes; as for `find`."""
    rows = np.flatnonzero(keep)
    ids, digests = [source.ids[row] for row in rows], source.needed(paths.DIGEST)[keep]
    listed = images.find(source.attributes("/")["root"], ids, digests, images_dir)
    many = source.values(paths.LABELS)
    return dataclasses.replace(
        listed,
        labels=source.labels[keep],
        label_names=source.class_names,
        labels_many=None if many is None else many[keep],
        boxes=_boxes(source, keep),
        masks=_masks(source, keep),
        value_range=value_range(source),
    )


def still_kept(keep: np.ndarray | None, images: ImageList, left: ImageList) -> np.ndarray | None:
    """Return which samples of the store have images that still take part (a target can leave some out)."""
    if keep is None or len(left.ids) == len(images.ids):
        return keep
    keep = keep.copy()
    keep[keep] = np.isin(np.array(images.ids, dtype=object), np.array(left.ids, dtype=object))
    return keep


def same_network(source: Store, model: HasWeights, say: Callable[[str], None]) -> bool:
    """Return True if the store's features were computed with this model."""
    same = source.model.get("weights_sha256") == model.weights_sha256
    if not same:
        say(f"{source.name}: its features are not copied (computed with another network)")
    return same


def _boxes(source: Store, keep: np.ndarray) -> dict[str, np.ndarray] | None:
    """Return the boxes of the kept samples, as columns."""
    if source.values(paths.box("sample")) is None:
        return None
    return images.of_kept(source.table(paths.BOXES)[0], keep)


def _masks(source: Store, keep: np.ndarray) -> dict[str, np.ndarray] | None:
    """Return the masks of the kept samples, as columns and run lengths."""
    if source.values(paths.mask("sample")) is None:
        return None
    columns = source.table(paths.MASKS)[0] | {"counts": source.values(paths.MASK_COUNTS)}
    return images.of_kept(columns, keep)
