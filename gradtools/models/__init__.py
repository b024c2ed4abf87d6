"""Networks: a name or a file, weights, preprocessing, class names and the classifier's rows, checked and ready.

    model = models.load("resnet50")
    model = models.load("net.py:resnet20", "checkpoint.pth")
"""

from gradtools.models.heads import Head
from gradtools.models.loading import Model, load
from gradtools.models.preprocessing import PRESETS, parse as parse_preprocess

__all__ = ["Head", "Model", "PRESETS", "load", "parse_preprocess"]
