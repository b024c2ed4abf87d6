"""Names of classes: when two are equal, ImageNet's, and which class a text names.

Names are equal without regard to case, space, hyphen and underscore.
"""

import dataclasses
import functools
import importlib.resources
import re
from collections.abc import Sequence

import numpy as np

from gradtools.errors import UsageError, suggest

WNID = re.compile(r"(n\d{8})(?:[ _-].*)?")


@dataclasses.dataclass(frozen=True)
class Classes:
    """ImageNet's 1,000 classes in the order of torchvision's networks: index (1000,) int32, WordNet ids and names."""

    index: np.ndarray
    wnid: list[str]
    name: list[str]


@functools.lru_cache
def imagenet_classes() -> Classes:
    """Return the table of ImageNet's classes that ships with the package.

    Returns
    -------
    Classes
    """
    text = (
        importlib.resources.files("gradtools.bundled")
        .joinpath("imagenet_classes.tsv")
        .read_text("utf-8")
    )
    index, wnid, name = zip(*(line.split("\t") for line in text.splitlines()[1:]))
    return Classes(np.array(index, "i4"), list(wnid), list(name))


def normalise(name: str) -> str:
    """Return a name as it is compared: without case, space, hyphen and underscore."""
    return re.sub(r"[\s_-]", "", name).casefold()


def class_index(
    text: str,
    names: Sequence[str],
    wnids: Sequence[str | None] | None = None,
    *,
    n_classes: int | None = None,
) -> int:
    """Return the index of a model class given by name, index or WordNet id; a name comes before an index.

    Parameters
    ----------
    text : str
    names : sequence of str
        The model's class names, empty where unknown.
    wnids : sequence of str, optional
        As for `match`.
    n_classes : int, optional
        By default the number of names.

    Raises
    ------
    UsageError
        Where there is none (near names are given), or several (they are listed).
    """
    n_classes, wnids = n_classes or len(names), wnids or wnids_of(names)
    places = named(text, names)
    if len(places) > 1:
        several = ", ".join(
            f"{index} ({wnids[index]})" if wnids else str(index) for index in places
        )
        raise UsageError(f"{text!r} names several classes: give one of the indices {several}")
    if places:
        return places[0]
    if re.fullmatch(r"[0-9]+", text):
        if int(text) < n_classes:
            return int(text)
        raise UsageError(f"no class {text}: the model's are 0 to {n_classes - 1}")
    if text in (wnids or ()):
        return list(wnids or ()).index(text)
    raise UsageError(f"no class {text!r} in the model; {_nearest(text, names, n_classes)}")


def wnids_of(model_names: Sequence[str]) -> list[str] | None:
    """Return the WordNet ids (list of str) that the model's names stand for, None where they stand for none."""
    if model_names and all(re.fullmatch(r"n\d{8}", name) for name in model_names):
        return list(model_names)
    table = imagenet_classes() if len(model_names) == 1000 else None
    if table and all(_begins(name, known) for name, known in zip(model_names, table.name)):
        return table.wnid
    return None


def _begins(name: str, known: str) -> bool:
    """Return True if a name, or the first of its synonyms, is how ImageNet's begins: many label files say crane for crane bird."""
    first = normalise(name.split(",")[0])
    return bool(first) and normalise(known).startswith(first)


def named(text: str, names: Sequence[str]) -> list[int]:
    """Return the indices (list of int) of the classes, of so many names, that a text names."""
    return _places(tuple(names)).get(normalise(text), [])


@functools.lru_cache(maxsize=4)
def _places(names: Sequence[str]) -> dict[str, list[int]]:
    """Return {normalised name: indices}; cached, since a label map of 1,000 rows asks 1,000 times."""
    places: dict[str, list[int]] = {}
    for index, name in enumerate(names):
        places.setdefault(normalise(name), []).append(index)
    return places


def _nearest(text: str, names: Sequence[str], n_classes: int | None) -> str:
    """Return what the caller may have meant."""
    if not names:
        return (
            f"its class names are not known: give an index from 0 to {(n_classes or 0) - 1}, "
            "or the names with --class-names FILE"
        )
    return suggest(text, names)
