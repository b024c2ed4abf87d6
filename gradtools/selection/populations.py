"""The label vectors of a tuning: what every unit changes in each part, beside its decoy, by one metric."""

import dataclasses

import numpy as np

from gradtools.errors import GradtoolsError
from gradtools.math.links import directions, population, regions
from gradtools.selection.tunings import Tuning, mean


@dataclasses.dataclass(frozen=True)
class Population:
    """Units that have a value in every measured part, the background left out.

    Attributes
    ----------
    metric : str
    parts : list of L str
    number : (U,) int array
        Of the units.
    row, decoy_row : (U,) int arrays
        Of the units and their decoys among the directions of the tuning.
    change, decoy : (U, S, L) float64 arrays
        Of each unit, and of the random direction that goes as far in the latent; NaN where a part is too small in a sample.
    label : (S,) int array
        Class of each sample.
    left_out : int
        Units without a value in one of these parts.
    threshold : (L,) float64 array
        Effect of a part from which a unit exceeds decoys; infinite where none does.
    """

    metric: str
    parts: list[str]
    number: np.ndarray
    row: np.ndarray
    decoy_row: np.ndarray
    change: np.ndarray
    decoy: np.ndarray
    label: np.ndarray
    left_out: int
    threshold: np.ndarray

    @property
    def vectors(self) -> np.ndarray:
        """Label vectors of units, means over samples, (U, L)."""
        return mean(self.change, axis=1)

    @property
    def decoys(self) -> np.ndarray:
        """Label vectors of the units' decoys, (U, L)."""
        return mean(self.decoy, axis=1)

    @property
    def strongest(self) -> np.ndarray:
        """Part that each unit changes most, (U,) int."""
        return np.abs(self.vectors).argmax(1)

    @property
    def clear(self) -> np.ndarray:
        """Whether each unit exceeds decoys in the part that it changes most, (U,) bool."""
        sizes = np.abs(self.vectors)
        return sizes.max(1) >= self.threshold[sizes.argmax(1)]

    def of_class(self, label: int) -> "Population":
        """Return the same of the samples of one class."""
        keep = self.label == label
        change, decoy = self.change[:, keep], self.decoy[:, keep]
        return dataclasses.replace(self, change=change, decoy=decoy, label=self.label[keep])


def of_tuning(tuning: Tuning, metric: str, level: float = 0.05) -> Population:
    """Return the label vectors of a tuning.

    Raises
    ------
    GradtoolsError
        Fewer than two parts have values, or fewer than four units.
    """
    units, others = tuning.of("unit"), tuning.of("random")
    values = tuning.change[..., regions.METRICS.index(metric)]
    both = [mean(values[rows], axis=1) for rows in (units, others)]
    known = [np.isfinite(side).mean(0) for side in both]
    places = [
        place for place in range(1, len(tuning.parts)) if min(side[place] for side in known) >= 0.5
    ]
    if len(places) < 2:
        raise GradtoolsError(
            f"a population is of units over several parts, and {metric} was measured of {len(places)} beside the background: "
            "another --metric, or gradtools tune with a --segmenter of more parts"
        )
    keep = np.isfinite(both[0][:, places]).all(1) & np.isfinite(both[1][:, places]).all(1)
    if keep.sum() < 4:
        raise GradtoolsError(
            f"{int(keep.sum())} units have the {metric} of all parts, at least 4 are needed: tune more samples or units"
        )
    sizes = [np.abs(side[keep][:, places]) for side in both]
    limits = [
        directions.threshold(sizes[0][:, k], sizes[1][:, k], level) for k in range(len(places))
    ]
    return Population(
        metric,
        [tuning.parts[place] for place in places],
        tuning.number[units[keep]],
        units[keep],
        others[keep],
        values[units[keep]][:, :, places],
        values[others[keep]][:, :, places],
        tuning.label,
        int((~keep).sum()),
        np.array(limits),
    )


def sparsest(units: Population, count: int) -> tuple[np.ndarray, bool]:
    """Return places of the units of sparsest label vectors among those that exceed decoys, and whether any does; else among all."""
    clear = units.clear
    rows = np.flatnonzero(clear) if clear.any() else np.arange(len(clear))
    return _sparsest(units.vectors, rows)[:count], bool(clear.any())


def sparsest_decoys(units: Population, count: int) -> np.ndarray:
    """Return places of the units whose decoys have the sparsest label vectors."""
    return _sparsest(units.decoys, np.arange(len(units.number)))[:count]


def _sparsest(vectors: np.ndarray, rows: np.ndarray) -> np.ndarray:
    """Return the places in order, the sparsest first."""
    sparsity = np.nan_to_num(population.hoyer(vectors[rows]), nan=-1.0)
    return rows[np.argsort(-sparsity, kind="stable")]


def gallery(units: Population, places: np.ndarray, decoys: bool = False) -> list[dict]:
    """Return the rows of `figures.unit_strips` of units, or of their decoys: number, direction, and change of the strongest part."""
    vectors, row = (units.decoys, units.decoy_row) if decoys else (units.vectors, units.row)
    made = []
    for place in places:
        part = int(np.abs(vectors[place]).argmax())
        made.append(
            {
                "unit": "random" if decoys else int(units.number[place]),
                "row": int(row[place]),
                "effect": float(vectors[place, part]),
                "note": f" {units.parts[part]}",
            }
        )
    return made
