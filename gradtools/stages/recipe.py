"""Ready Makefiles that come with the package: `gradtools/bundled/recipes/NAME.mk`, whose first line is `# NAME: what it makes`."""

import importlib.resources
from typing import TYPE_CHECKING

from gradtools.errors import UsageError, suggest

if TYPE_CHECKING:
    from importlib.resources.abc import Traversable


def names() -> list[str]:
    """Return the names of the recipes (list of str), in order."""
    return sorted(
        item.name.removesuffix(".mk") for item in _folder().iterdir() if item.name.endswith(".mk")
    )


def text(name: str) -> str:
    """Return the Makefile of a recipe (str).

    Raises
    ------
    UsageError
        There is no such recipe; names those there are.
    """
    known = names()
    if name not in known:
        raise UsageError(f"no recipe {name!r}; {suggest(name, known)}")
    return (_folder() / f"{name}.mk").read_text("utf-8")


def summary(name: str) -> str:
    """Return what a recipe makes, one line (str)."""
    return text(name).splitlines()[0].removeprefix(f"# {name}: ")


def _folder() -> "Traversable":
    return importlib.resources.files("gradtools.bundled").joinpath("recipes")
