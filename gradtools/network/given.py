"""A network that is given as a module, not by name, made ready like any other."""

import copy

from torch import nn

from gradtools.errors import UsageError
from gradtools.images.preprocessing import Rules
from gradtools.network.models import Model, load, preprocessing
from gradtools.network.models.sources import Source

Network = nn.Module


def model(
    network: str | Network,
    weights: str = "default",
    preprocess: Rules | str | None = None,
    class_names: list[str] | None = None,
    name: str | None = None,
) -> Model:
    """Return a network ready for a pass over images.

    Parameters
    ----------
    network : str or module
        As `--model` has it, or a module, which is copied and stays as it is.
    weights : str
        As `--weights`; of a name alone.
    preprocess : dict or str, optional
        {"resize": .., "crop": .., "mean": .., "std": ..}, or as `--preprocess`; a module needs it, unless it has
        PREPROCESS itself.
    class_names : list of str, optional
        Of a module.
    name : str, optional
        What tables call a module; by default its type's name.

    Raises
    ------
    UsageError, GradtoolsError
    """
    if isinstance(network, str):
        if isinstance(preprocess, dict):
            raise UsageError("preprocess of a model by name is a text, as in resize=256,crop=224")
        return load(network, weights, preprocess=preprocess)
    name = name or type(network).__name__
    rules = preprocess or getattr(network, "PREPROCESS", None)
    if isinstance(rules, str):
        rules = preprocessing.parse(rules)
    elif rules is not None:
        rules = preprocessing.normalise(rules, f"preprocess of {name}")
    source = Source(
        lambda kind: copy.deepcopy(network), rules, "the caller", class_names, constructed=True
    )
    return load(name, source=source)
