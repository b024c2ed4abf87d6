"""What a shell offers to complete: models, taps and features, read without loading a network."""

import importlib.util
import os
import re
from collections.abc import Iterable, Iterator
from typing import TYPE_CHECKING

import click

if TYPE_CHECKING:
    from gradtools.store import Store

BUNDLED = (
    *(f"gradtools.bundled.scene_resnet:resnet{depth}" for depth in (8, 14, 20)),
    "gradtools.bundled.lenet:digits",
)
AUTOMATIC = tuple(
    f"auto:{name}" for name in ("blocks", "last-conv", "last-block", "convs", "relus")
)
REGISTERED = re.compile(r"^@register_model\([^)]*\)\n(?:@.*\n)*def (\w+)", re.M)


def models(_context: click.Context, _parameter: click.Parameter, incomplete: str) -> list[str]:
    """Return names of networks: the bundled ones, and torchvision's classifiers, read from its source."""
    return _beginning(incomplete, [*BUNDLED, *_torchvision()])


def taps(context: click.Context, _parameter: click.Parameter, incomplete: str) -> list[str]:
    """Return the automatic taps, and those of the stores on the command line."""
    held = [tap for source in _stores(context) for tap in source.taps]
    return _beginning(incomplete, [*AUTOMATIC, "input", *held])


def features(context: click.Context, _parameter: click.Parameter, incomplete: str) -> list[str]:
    """Return the features and maps of the stores on the command line; without one those that most stores have."""
    from gradtools.selection import feature_names as stored

    names: list[str] = []
    for source in _stores(context):
        names += [*stored.names(source), *stored.map_names(source)]
    return _beginning(incomplete, [*stored.DEFAULTS, stored.CONTROL, *names])


def _beginning(incomplete: str, names: Iterable[str]) -> list[str]:
    return [name for name in dict.fromkeys(names) if name.startswith(incomplete)]


def _torchvision() -> list[str]:
    """Names of torchvision's classifiers; empty where it is not installed."""
    package = importlib.util.find_spec("torchvision")
    if package is None or package.origin is None:
        return []
    folder = os.path.join(os.path.dirname(package.origin), "models")
    names: list[str] = []
    for entry in sorted(os.scandir(folder), key=lambda entry: entry.name):
        if entry.name.endswith(".py"):
            with open(entry.path, encoding="utf-8") as source:
                names += REGISTERED.findall(source.read())
    return sorted(names)


def _stores(context: click.Context) -> "Iterator[Store]":
    """Yield the stores among the arguments that stand already, open."""
    from gradtools import store
    from gradtools.errors import GradtoolsError

    for value in (
        *context.params.values(),
        context.args,
    ):  # args: where the last option waits for its value
        for text in value if isinstance(value, (tuple, list)) else (value,):
            if isinstance(text, str) and text != "-" and os.path.isfile(text.partition("::")[0]):
                try:
                    with store.read(text.partition("::")[0]) as source:
                        yield source
                except GradtoolsError:
                    continue
