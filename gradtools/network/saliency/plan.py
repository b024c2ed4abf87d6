"""What a job's maps are: which methods on which channels at which taps, for which targets or pairs."""

import dataclasses

import numpy as np

from gradtools.network.passes import Job
from gradtools.network.saliency import subset
from gradtools.network.taps import Tap
from gradtools.store import paths


@dataclasses.dataclass(frozen=True)
class Map:
    """One stored map an image: a method on a subset of a tap's channels."""

    method: str
    subset: subset.Subset
    tap: Tap

    @property
    def name(self) -> str:
        """Return its name in the store, as in gradcam-positive@layer4."""
        return f"{self.method}{self.subset.suffix}@{self.tap.name}"

    @property
    def path(self) -> str:
        """Return its group in the store."""
        return paths.map_group(self.name)


@dataclasses.dataclass(frozen=True)
class Plan:
    """Everything the pass needs. `slots` (N, L) are the labels that rows are about, `pairs` (P, 2) rows of images; None without."""

    job: Job
    maps: tuple[Map, ...]
    guided: Map | None  # needs a pass of its own
    taps: tuple[Tap, ...]  # of the maps
    rows: int  # of maps an image, or a pair
    slots: np.ndarray | None = None
    pairs: np.ndarray | None = None
    embedding: Tap | None = None

    @property
    def every_map(self) -> tuple[Map, ...]:
        """Return the maps and the guided one."""
        return (*self.maps, self.guided) if self.guided else self.maps
