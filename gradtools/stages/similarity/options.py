"""What decides the values of `similarity`."""

import dataclasses

import numpy as np

from gradtools.math.maps import map_metrics
from gradtools.math.maps.map_metrics import MapSettings
from gradtools.selection import maps

MAP_METRICS = ("CC", "SIM", "KLD", "AUC")


@dataclasses.dataclass(frozen=True)
class MapOptions:
    """Options about maps, by their names on the command line."""

    map_metric: tuple[str, ...] = MAP_METRICS
    sign: str = "for"
    size: tuple[int, int] | None = None
    layers: tuple[int, ...] | None = None
    fuse: str | None = None
    eps: float = map_metrics.MIT_EPS
    log_base: float = np.e
    top_share: float | None = None
    between: bool = True

    @property
    def reading(self) -> maps.Reading:
        """What makes maps of raw ones."""
        return maps.Reading(self.sign, self.size, self.fuse, self.layers)

    @property
    def settings(self) -> MapSettings:
        """The metrics' own settings (MapSettings); signed maps span twice the range."""
        return map_metrics.MapSettings(
            self.eps, self.log_base, self.top_share, 2.0 if self.sign == "signed" else 1.0
        )


@dataclasses.dataclass(frozen=True)
class Options:
    """Options that decide the values, by their names on the command line; those of maps in `maps`."""

    feature: tuple[str, ...] = ()
    metric: tuple[str, ...] = ("cosine",)
    rows: str | None = None  # a key of wording.ROWS; by default features.row_default
    where: tuple[str, ...] = ()
    matrix: bool = False
    auc: bool = True
    resamples: int = 1000
    permutations: int = 1000
    seed: int = 0
    leaks: bool = False  # the gradients were taken for the true label: set by `similarity`
    maps: MapOptions = MapOptions()
