"""A tuning: what units and decoys did to the parts of pictures, in memory or read from its store."""

import dataclasses
import json
from collections.abc import Sequence

import numpy as np

from gradtools.errors import GradtoolsError, UsageError, suggest
from gradtools.math.links import directions, regions
from gradtools.selection.results import Columns, Facts, Result
from gradtools.store import Store, joining, paths

MEASURED = ("metric", "fidelity", "selectivity", "probability", "stability")
OPTIONAL = ("picture", "mask", "coactivation")  # that a tuning may be without


@dataclasses.dataclass(frozen=True)
class Tuning:
    """What was measured of each direction.

    Attributes
    ----------
    kind : list of str, U
        unit, svd or random.
    number : (U,) int array
    parts : list of str
    change : (U, S, L, M) float64 array
        From the first to the last step, as `regions.changes`.
    fidelity, selectivity, probability : (U, S) arrays
    stability : (U,) array
    label : (S,) int array
        Class of each sample.
    picture : (U, P, T, C, H, W) u8 array or None
    mask : (U, P, T, H, W) u8 array or None
        Places among the parts.
    metric : (U, S, T, L, M) float64 array or None
        Of every step.
    coactivation : (2, units, units) float array or None
        Correlations of units over all samples of the link, and within its classes.
    """

    kind: list[str]
    number: np.ndarray
    parts: list[str]
    change: np.ndarray
    fidelity: np.ndarray
    selectivity: np.ndarray
    probability: np.ndarray
    stability: np.ndarray
    label: np.ndarray
    picture: np.ndarray | None = None
    mask: np.ndarray | None = None
    metric: np.ndarray | None = None
    coactivation: np.ndarray | None = None

    def of(self, kind: str) -> np.ndarray:
        """Return the rows of a kind of direction, in order."""
        return np.flatnonzero([name == kind for name in self.kind])

    def effect(self, part: str, metric: str) -> np.ndarray:
        """Return the mean change over samples of one metric of one part, (U,); NaN where the part is too small in all."""
        values = self.change[:, :, self.place(part), regions.METRICS.index(metric)]
        return mean(values, axis=1)

    def place(self, part: str) -> int:
        """Return the number of a part.

        Raises
        ------
        UsageError
            There is none of this name.
        """
        if part not in self.parts:
            raise UsageError(f"--of {part}: no such part; {suggest(part, self.parts)}")
        return self.parts.index(part)


def mean(values: np.ndarray, axis: int) -> np.ndarray:
    """Return the mean of what is no NaN, NaN where all is."""
    known = np.isfinite(values)
    count = known.sum(axis)
    total = np.where(known, values, 0).sum(axis)
    return np.divide(total, count, out=np.full(np.shape(total), np.nan), where=count > 0)


def of_arrays(
    arrays: dict[str, np.ndarray],
    kind: list[str],
    number: np.ndarray,
    parts: list[str],
    label: np.ndarray,
) -> Tuning:
    """Return a tuning of its stored arrays, by path."""
    metric, fidelity, selectivity, probability, stability = (
        arrays[paths.tuning(name)].astype(float) for name in MEASURED
    )
    return Tuning(
        kind,
        number,
        parts,
        regions.changes(metric[:, :, 0].copy(), metric[:, :, -1].copy()),
        fidelity,
        selectivity,
        probability,
        stability,
        label,
        arrays.get(paths.tuning("picture")),
        arrays.get(paths.tuning("mask")),
        metric,
        arrays.get(paths.tuning("coactivation")),
    )


def read(source: Store) -> Tuning:
    """Read the tuning of an open store.

    Raises
    ------
    GradtoolsError
        It holds none, or a share of one: units are compared with decoys, which are of another share.
    """
    if source.values(paths.tuning("metric")) is None:
        raise GradtoolsError(f"{source.name} holds no tuning: gradtools tune makes one")
    if joining.is_shard(source):
        raise GradtoolsError(
            f"{source.name} is a share of a tuning, without the decoys of its units: gradtools merge joins the shards"
        )
    return _joined([source], OPTIONAL)


def of_shards(stores: Sequence[Store]) -> Tuning:
    """Return the tuning of all shards (from `joining.ordered`) together, without pictures."""
    return _joined(stores, ["coactivation"])


def _joined(stores: Sequence[Store], optional: Sequence[str]) -> Tuning:
    """Return the tuning of which each store has some directions, in order; what does not grow is the first's."""
    first, arrays = stores[0], {}
    for path in map(paths.tuning, (*MEASURED, *optional)):
        parts = stores[:1] if path == paths.tuning("coactivation") else stores
        if first.values(path) is not None:
            values = [source.needed(path) for source in parts]
            arrays[path] = values[0] if len(values) == 1 else np.concatenate(values)
    return of_arrays(
        arrays,
        [kind for source in stores for kind in source.texts(paths.tuning("kind")) or []],
        np.concatenate([source.needed(paths.tuning("number")) for source in stores]),
        json.loads(first.attributes(paths.TUNING)["parts"]),
        first.labels[first.needed(paths.tuning("sample"))],
    )


def effects(tuning: Tuning, level: float) -> Result:
    """Return a row a part and metric: the strongest unit, its decoys, and how many units exceed them (mathematics#decoys)."""
    units, others = tuning.of("unit"), tuning.of("random")
    rows = []
    for part in tuning.parts:
        for metric in regions.METRICS:
            effect = np.abs(tuning.effect(part, metric))
            of_units, decoys = effect[units], effect[others]
            if not np.isfinite(of_units).any() or not np.isfinite(decoys).any():
                continue
            limit = directions.threshold(of_units, decoys, level)
            best = int(np.nanargmax(of_units))
            rows.append(
                {
                    "part": part,
                    "metric": metric,
                    "unit": int(tuning.number[units[best]]),
                    "effect": float(of_units[best]),
                    "decoy": float(np.nanmax(decoys)),
                    "threshold": limit if np.isfinite(limit) else np.nan,
                    "selected": int(np.count_nonzero(of_units >= limit)),
                    "units": int(np.isfinite(of_units).sum()),
                    "measured": int(
                        np.isfinite(
                            tuning.change[units][
                                :, :, tuning.place(part), regions.METRICS.index(metric)
                            ]
                        ).sum()
                    ),
                }
            )
    names = (
        "part",
        "metric",
        "unit",
        "effect",
        "decoy",
        "threshold",
        "selected",
        "units",
        "measured",
    )
    columns: Columns = {}
    for name in names:
        values = [row[name] for row in rows]
        columns[name] = list(map(str, values)) if name in ("part", "metric") else np.array(values)
    facts: Facts = {
        "tuned_samples": tuning.change.shape[1],
        "level": level,
        "fidelity_units": float(np.nanmedian(tuning.fidelity[units])),
        "fidelity_decoys": float(np.nanmedian(tuning.fidelity[others])),
        "stability_units": float(mean(tuning.stability[units], 0)),
        "stability_decoys": float(mean(tuning.stability[others], 0)),
    }
    title = "what units change in the parts of pictures, beside random directions"
    return Result(paths.tuning("effects"), "tuning", "", "effects", columns, facts, title)


def top(tuning: Tuning, part: str, metric: str, count: int) -> list[dict[str, float]]:
    """Return the units of the largest mean change of one metric of one part, the largest first.

    Returns
    -------
    list of dict
        unit, row (among the directions), effect, spread (standard error over samples), fidelity, selectivity, stability, probability.
    """
    units = tuning.of("unit")
    effect = tuning.effect(part, metric)
    order = units[np.argsort(-np.nan_to_num(np.abs(effect[units]), nan=-1.0), kind="stable")]
    values = tuning.change[:, :, tuning.place(part), regions.METRICS.index(metric)]
    rows = []
    for row in order[:count]:
        known = values[row][np.isfinite(values[row])]
        spread = known.std(ddof=1) / np.sqrt(len(known)) if len(known) > 1 else np.nan
        rows.append(
            {
                "unit": int(tuning.number[row]),
                "row": int(row),
                "effect": float(effect[row]),
                "spread": float(spread),
                "samples": len(known),
                "fidelity": float(np.nanmedian(tuning.fidelity[row])),
                "selectivity": float(np.nanmedian(tuning.selectivity[row])),
                "stability": float(tuning.stability[row]),
                "probability": float(tuning.probability[row].mean()),
            }
        )
    return rows
