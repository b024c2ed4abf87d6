"""What decides the values of `similarity`."""

import dataclasses

import numpy as np

from gradtools.math.maps import map_metrics
from gradtools.selection import maps

MAP_METRICS = ("CC", "SIM", "KLD", "AUC")


@dataclasses.dataclass(frozen=True)
class MapOptions:
    """What decides the values of maps beside the samples, the resamples and the seed."""

    metrics: tuple = MAP_METRICS
    reading: maps.Reading = maps.Reading()
    eps: float = map_metrics.MIT_EPS
    log_base: float = np.e
    top_share: float | None = None
    between: bool = True

    @property
    def settings(self):
        """The metrics' own settings (MapSettings); signed maps span twice the range."""
        return map_metrics.MapSettings(
            self.eps, self.log_base, self.top_share, 2.0 if self.reading.sign == "signed" else 1.0
        )


@dataclasses.dataclass(frozen=True)
class Options:
    """What decides the values of vectors, and of maps in `maps`."""

    features: tuple = ()
    metrics: tuple = ("cosine",)
    rows: str | None = (
        None  # how rows are normalised: post, raw, gauge; by default features.row_default
    )
    where: tuple = ()
    matrix: bool = False
    auc: bool = True
    resamples: int = 1000
    permutations: int = 1000
    seed: int = 0
    leaks: bool = False  # the gradients were taken for the true label: set by `similarity`
    maps: MapOptions = MapOptions()
