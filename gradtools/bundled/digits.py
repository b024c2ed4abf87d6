"""Handwritten digits as an image folder: what --randomise labels trains on where no other images are given."""

import os

from gradtools.bundled.halves import digits

COUNT = 500  # images: a small network learns as many permuted labels by heart in seconds


def write_digits(folder: str, count: int = COUNT) -> None:
    """Write the first digits of the training half as PNG files of 8 x 8 pixels, a folder a class.

    Parameters
    ----------
    folder : str
        Exists.
    count : int
        Of images, at most 898.
    """
    from PIL import Image

    half = digits("train")
    for pixels, label, index in zip(half.images[:count], half.labels, half.indices):
        below = os.path.join(folder, str(label))
        os.makedirs(below, exist_ok=True)
        Image.fromarray(pixels).save(os.path.join(below, f"{index:04}.png"))
