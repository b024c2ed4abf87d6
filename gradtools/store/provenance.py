"""What a step leaves behind about itself: one JSON-able record a command, kept in every store it writes."""

import datetime
import shlex
import sys
import time
from collections.abc import Iterable, Mapping, Sequence
from typing import TYPE_CHECKING

from gradtools import __version__

if TYPE_CHECKING:
    from gradtools.store.reading import Store

Fact = str | float | None | Sequence["Fact"] | Mapping[str, "Fact"]  # as JSON has it


def begin() -> tuple[str, float]:
    """Return the start of a step: date and time, and seconds of the clock."""
    return datetime.datetime.now(datetime.timezone.utc).isoformat(
        timespec="seconds"
    ), time.monotonic()


def step(
    begun: tuple[str, float], inputs: "Iterable[Store]" = (), /, **facts: Fact
) -> dict[str, Fact]:
    """Return the record of a step that ends now.

    Parameters
    ----------
    begun : tuple
        What `begin` returned.
    inputs : iterable of Store
    facts : JSON-able values
        seed, images read and skipped, the weights' digest, ...
    """
    versions: dict[str, Fact] = {
        name: sys.modules[name].__version__
        for name in ("torch", "torchvision", "numpy", "h5py", "sklearn")
        if name in sys.modules
    }
    return {
        "command": shlex.join(sys.argv),
        "version": __version__,
        **versions,
        "started": begun[0],
        "seconds": round(time.monotonic() - begun[1], 3),
        "inputs": [store.uuid for store in inputs],
        **facts,
    }
