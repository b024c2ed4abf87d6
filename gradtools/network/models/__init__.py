"""Networks: a name or a file, weights, preprocessing, class names and the classifier's rows, checked and ready.

    model = models.load("resnet50")
    model = models.load("net.py:resnet20", "checkpoint.pth")
"""

from gradtools.network.models.heads import Head
from gradtools.network.models.loading import Model, load
from gradtools.network.models.preprocessing import PRESETS, parse as parse_preprocess

__all__ = ["Head", "Model", "PRESETS", "load", "parse_preprocess"]
