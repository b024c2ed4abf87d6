"""The pictures of the papers, from results to a PNG, SVG or PDF file; matplotlib is imported here and nowhere else.

A picture lies in a file of its own that is loaded when it is asked for: `figures.tree` loads the trees and no other picture.
"""

import importlib
from typing import Any

FILES = {  # the file of each function that draws
    "AuditRow": "audit",
    "audit_sheet": "audit",
    "change_fields": "fields",
    "channel_sheet": "channel_sheets",
    "channels": "histograms",
    "check": "page",
    "class_by_prediction": "heat",
    "compared": "comparisons",
    "cycled_pictures": "cycles",
    "deletion_curves": "deletion",
    "evaluated": "evaluation",
    "every_pair": "matrices",
    "map_sheet": "raw_maps",
    "label_heat": "populations",
    "label_planes": "populations",
    "least_moves": "counterfactuals",
    "linked_pictures": "linked",
    "in_memory": "page",
    "localized": "objects",
    "neighbours": "rankings",
    "part_masks": "masks",
    "projections": "planes",
    "trial_sheet": "trial",
    "sanity_curve": "sanity",
    "sanity_strip": "sanity",
    "sparsity_curves": "populations",
    "tree": "trees",
    "unit_strips": "strips",
}


def __getattr__(name: str) -> Any:
    """Load the file of a picture, and return the function that draws it; `overlays` is a file of several."""
    if name == "overlays":
        return importlib.import_module("gradtools.figures.overlays")
    if name not in FILES:
        raise AttributeError(f"gradtools.figures has no picture {name!r}")
    return getattr(importlib.import_module(f"gradtools.figures.{FILES[name]}"), name)
