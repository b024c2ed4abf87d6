"""Images: where they are, what a photographer would see in them, what a network is given, and batches of them.

listed = images.list_images(["photos/"])
for batch in images.batches(listed, rules, 32):
    ...
"""

from gradtools.images.decoding import Unreadable, check_digest, decode, read
from gradtools.images.listing import ImageList, find, list_images, of_kept, subset
from gradtools.images.loading import Batch, batches, first_readable, range_notes
from gradtools.images.pixels import write_pixels
from gradtools.images.preprocessing import (
    frame_size,
    normalisation,
    preprocess,
    transform_box,
    transform_mask,
)
from gradtools.images.sources import SUFFIXES
from gradtools.images.versions import Augmentation, with_versions

__all__ = [
    "Augmentation",
    "Batch",
    "ImageList",
    "SUFFIXES",
    "Unreadable",
    "batches",
    "check_digest",
    "decode",
    "find",
    "first_readable",
    "frame_size",
    "list_images",
    "normalisation",
    "of_kept",
    "preprocess",
    "range_notes",
    "read",
    "subset",
    "transform_box",
    "transform_mask",
    "with_versions",
    "write_pixels",
]
