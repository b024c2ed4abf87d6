"""Networks: a name or a file, weights, preprocessing, class names and the classifier's rows, checked and ready.

model = models.load("resnet50")
model = models.load("net.py:resnet20", "checkpoint.pth")
"""

from gradtools.network.models.checking import check, check_gradient, first_not_finite
from gradtools.network.models.heads import Head
from gradtools.network.models.loading import Model, Reading, load
from gradtools.network.models.preprocessing import PRESETS
from gradtools.network.models.preprocessing import parse as parse_preprocess

__all__ = [
    "Head",
    "Model",
    "PRESETS",
    "Reading",
    "check",
    "check_gradient",
    "first_not_finite",
    "load",
    "parse_preprocess",
]
