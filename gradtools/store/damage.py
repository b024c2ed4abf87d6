"""Damage named in one line: the store, the place in it, and what is wrong there."""

import contextlib
import dataclasses
from collections.abc import Iterator
from typing import NoReturn

from gradtools.errors import GradtoolsError, printable
from gradtools.store.disk import tells_of_full_disk

BROKEN = (OSError, RuntimeError, KeyError, ValueError, TypeError, MemoryError, OverflowError)


@dataclasses.dataclass
class Place:
    """Where a check is, for its message."""

    name: str
    path: str = "/"

    def refuse(self, what: str) -> NoReturn:
        """Raise the one line about this place."""
        raise GradtoolsError(
            f"{self.name}: {printable(self.path)} {what}: it is damaged, make it again"
        )


@contextlib.contextmanager
def damage(name: str, path: str) -> Iterator[None]:
    """Say in one line that something of a store cannot be read."""
    with located(Place(name, path)):
        yield


@contextlib.contextmanager
def located(place: Place) -> Iterator[None]:
    """Say the same of the place where a check is when something cannot be read."""
    try:
        yield
    except BROKEN as error:
        if tells_of_full_disk(error):
            raise
        reason = printable(str(error).splitlines()[0] if str(error) else type(error).__name__)
        raise GradtoolsError(
            f"{place.name}: {printable(place.path)} is damaged ({reason}): make the store again"
        ) from error
