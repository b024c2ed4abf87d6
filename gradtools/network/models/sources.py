"""Where a network comes from, and what the libraries that bring networks have in common."""

import dataclasses
import importlib
from collections.abc import Callable
from types import ModuleType

from gradtools.errors import GradtoolsError, UsageError

RANDOM = "random weights, whose numbers say nothing about a trained network"


@dataclasses.dataclass(frozen=True)
class Source:
    """Where a network comes from.

    `build(weights)` makes it, with weights 'default', 'random', one of `named`, or None (about to be loaded).  `constructed` says that
    the default weights are what the callable makes, `entry` which of several outputs are the logits. `notes` are what `build` adds to be
    said once.
    """

    build: Callable
    preprocess: dict | Callable | None
    preprocess_from: str
    class_names: list | None
    constructed: bool
    entry: str | None = None
    named: tuple = ()
    notes: list = dataclasses.field(default_factory=list)

    def kind(self, weights: str) -> str | None:
        """Return the name of weights if the source has them under it, in its own spelling."""
        spelling = {name.lower(): name for name in self.named}
        return spelling.get(weights.lower())


def library(name: str, spec: str) -> ModuleType:
    """Import an optional library, of the extra `zoo`.

    Raises
    ------
    UsageError
        Where it is not installed: names the extra.
    GradtoolsError
        Where it does not import.
    """
    try:
        return importlib.import_module(name)
    except ModuleNotFoundError as error:
        if error.name == name:
            raise UsageError(
                f"model {spec} needs the package {name}: pip install 'gradtools[zoo]'"
            ) from None
        raise GradtoolsError(
            f"model {spec}: {name} does not import: {first_line(error)}"
        ) from error


def not_fetched(spec: str, kind: str, error: Exception) -> GradtoolsError:
    """Return the error of weights that no download and no cache brings."""
    return GradtoolsError(
        f"{spec}: its {kind} weights cannot be fetched ({first_line(error)}); give --weights "
        "PATH, or --weights random for a trial"
    )


def first_line(error: Exception) -> str:
    """Return the first line of an error's text, or its type."""
    return (str(error).strip().splitlines() or [type(error).__name__])[0]
