"""The pictures of the papers, from results to a PNG, SVG or PDF file; matplotlib is imported here and nowhere else."""

from gradtools.figures import overlays
from gradtools.figures.activating import channel_sheet
from gradtools.figures.comparisons import compared
from gradtools.figures.deletion import deletion_curves
from gradtools.figures.evaluation import PICTURES, evaluated
from gradtools.figures.heat import class_by_prediction
from gradtools.figures.histograms import channels
from gradtools.figures.matrices import every_pair
from gradtools.figures.page import check
from gradtools.figures.planes import projections
from gradtools.figures.rankings import neighbours
from gradtools.figures.trees import tree

__all__ = [
    "PICTURES",
    "channel_sheet",
    "channels",
    "check",
    "class_by_prediction",
    "compared",
    "deletion_curves",
    "evaluated",
    "every_pair",
    "neighbours",
    "overlays",
    "projections",
    "tree",
]
