"""What a trained image classifier has learned about its classes: `import gradtools as gt`, or from the command line.

gt.open(path)                     a store: its samples, features, maps and tables by name
gt.extract(images, model)         images -> features, in a store
gt.saliency(images, model)        images or a store -> maps, in a store
gt.similarity(rows, labels)       a store or arrays -> a table
gt.gradient_similarity(...)       a term of a training loss

Importing this loads nothing else: what is behind a name is loaded when the name is used.
"""

import importlib
from collections.abc import Callable

__version__ = "0.1.0"

LIBRARY = {  # the module of each public name
    "open": "gradtools.stages.python",
    "extract": "gradtools.stages.python",
    "saliency": "gradtools.stages.python",
    "similarity": "gradtools.stages.python",
    "gradient_similarity": "gradtools.network.gradient_similarity",
}


def __getattr__(name: str) -> Callable:
    """Load what a public name stands for."""
    if name not in LIBRARY:
        raise AttributeError(f"module 'gradtools' has no attribute {name!r}")
    return getattr(importlib.import_module(LIBRARY[name]), name)


def __dir__() -> list[str]:
    """Return the public names."""
    return [*LIBRARY, "__version__"]
