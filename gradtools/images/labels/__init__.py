"""Classes of the data and of the model: their names, and how one meets the other (architecture#classes)."""

from gradtools.images.labels.mapping import Mapping, correct, match
from gradtools.images.labels.naming import (
    WNID,
    Classes,
    class_index,
    imagenet_classes,
    normalise,
)

__all__ = [
    "WNID",
    "Classes",
    "Mapping",
    "class_index",
    "correct",
    "imagenet_classes",
    "match",
    "normalise",
]
