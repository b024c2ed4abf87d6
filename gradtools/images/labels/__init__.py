"""Classes of the data and of the model: their names, and how one meets the other (architecture#classes)."""

from gradtools.images.labels.mapping import Mapping, correct, match
from gradtools.images.labels.naming import (
    SHOWN,
    WNID,
    Classes,
    class_index,
    imagenet_classes,
    near,
    normalise,
)

__all__ = [
    "SHOWN",
    "WNID",
    "Classes",
    "Mapping",
    "class_index",
    "correct",
    "imagenet_classes",
    "match",
    "near",
    "normalise",
]
