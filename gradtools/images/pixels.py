"""Pixels that are given as an array, as image files without loss."""

import csv
import os
from collections.abc import Sequence

import numpy as np


def write_pixels(pixels: np.ndarray, labels: Sequence[str] | None, folder: str) -> str:
    """Write images as PNG files with a manifest; returns what `list_images` takes.

    Parameters
    ----------
    pixels : (N, H, W) or (N, H, W, 3) uint8 array
    labels : sequence of str, optional
        Class of each.
    folder : str
        An empty folder.

    Returns
    -------
    str
        The manifest; without labels the folder.
    """
    from PIL import Image

    names = [f"{place:06}.png" for place in range(len(pixels))]
    for name, image in zip(names, pixels):
        Image.fromarray(np.ascontiguousarray(image)).save(os.path.join(folder, name))
    if labels is None:
        return folder
    manifest = os.path.join(folder, "manifest.csv")
    with open(manifest, "w", newline="", encoding="utf-8") as handle:
        lines = csv.writer(handle)
        lines.writerow(["path", "label"])
        lines.writerows(zip(names, map(str, labels)))
    return manifest
