"""Moves to other classes, in memory as they are stored, and what they come to for each pair of classes."""

import dataclasses
import json
from collections.abc import Iterator

import numpy as np

from gradtools.errors import GradtoolsError
from gradtools.math.links import regions
from gradtools.math.regions import means
from gradtools.selection.results import Columns, Facts, Result, Row
from gradtools.store import Store, paths

ALL = "all"


@dataclasses.dataclass(frozen=True)
class Moves:
    """Moves of samples to targets.

    Attributes
    ----------
    values : dict of str to array
        Datasets of /counterfactual by their names, a row a move.
    ids : list of str
        Of all samples.
    names : list of str
        Of the model's classes.
    predicted : (N,) int array
        Class of the head of all samples.
    parts : tuple of str
        Of the pictures, background first; empty where they were not measured.
    """

    values: dict[str, np.ndarray]
    ids: list[str]
    names: list[str]
    predicted: np.ndarray
    parts: tuple[str, ...] = ()

    @property
    def impossible(self) -> int:
        """Number of moves that do not exist."""
        return int(np.isnan(self.values["distance"]).sum())

    @property
    def drawn(self) -> bool:
        """True where pictures were drawn."""
        return "drawn_predicted" in self.values

    def top_units(self, move: int, count: int = 3) -> list[tuple[int, float]]:
        """Return the units that have most in the margin gained by a move, with their shares of it."""
        parts = self.values["ledger"][move]
        total = parts.sum()
        if not total > 0:
            return []
        order = np.argsort(-parts, kind="stable")[:count]
        return [(int(unit), float(parts[unit] / total)) for unit in order if parts[unit] > 0]


def class_names(source: Store, count: int) -> list[str]:
    """Return the names of the model's classes; their numbers where they have none."""
    for names in (source.model_class_names, source.class_names):
        if len(names) == count:
            return list(names)
    return [str(place) for place in range(count)]


def of_arrays(
    arrays: dict[str, np.ndarray],
    ids: list[str],
    names: list[str],
    predicted: np.ndarray,
    parts: tuple[str, ...] = (),
) -> Moves:
    """Return moves of their stored arrays, by path."""
    values = {path.rpartition("/")[2]: value for path, value in arrays.items()}
    return Moves(values, ids, names, predicted, parts)


def read(source: Store) -> Moves:
    """Read the moves of an open store.

    Raises
    ------
    GradtoolsError
        It holds none.
    """
    if source.values(paths.counterfactual("sample")) is None:
        raise GradtoolsError(f"{source.name} holds no moves: gradtools counterfactual makes them")
    group = paths.inside(paths.COUNTERFACTUAL, "")
    every = [path.removeprefix(group) for path, *_ in source.datasets() if path.startswith(group)]
    names = [name for name in every if "/" not in name]  # tables are below
    values = {name: source.needed(paths.counterfactual(name)) for name in names}
    predicted = source.needed(paths.PREDICTED)
    count = int(max(values["target"].max(), predicted.max())) + 1
    count = max(count, len(source.model_class_names))
    facts = source.attributes(paths.COUNTERFACTUAL)
    return Moves(
        values,
        list(source.ids),
        class_names(source, count),
        predicted,
        tuple(json.loads(facts["parts"])),
    )


def results(moves: Moves, margin: float, resamples: int, seed: int) -> list[Result]:
    """Return the tables of moves: pairs of classes, and where parts of pictures were measured what changes in them."""
    facts: Facts = {
        "moves": len(moves.values["sample"]),
        "impossible": moves.impossible,
        "margin": margin,
        "samples": len(np.unique(moves.values["sample"])),
        "resamples": resamples,
        "seed": seed,
    }
    made = [pairs(moves, facts)]
    if moves.parts:
        made.append(of_parts(moves, facts))
    return made


def _groups(moves: Moves) -> Iterator[tuple[int, int, np.ndarray]]:
    """Yield origin, target and moves that exist, (-1, -1) of all where there are several pairs."""
    keys = np.stack([moves.values["origin"], moves.values["target"]], 1)
    every = np.unique(keys, axis=0)
    if len(every) > 1:
        yield -1, -1, np.arange(len(keys))
    for origin, target in every:
        yield int(origin), int(target), np.flatnonzero((keys == (origin, target)).all(1))


def pairs(moves: Moves, facts: Facts) -> Result:
    """Return a row a pair of classes, and of all: distances, controls, and what is met at the end (mathematics#counterfactuals)."""
    rows = [_pair(moves, *group, facts) for group in _groups(moves)]
    title = "least moves of what the head reads to another class, by pair of classes"
    path = paths.counterfactual("pairs")
    return Result(path, "counterfactual", "", "pairs", _columns(rows), dict(facts), title)


def _columns(rows: list[dict]) -> Columns:
    """Return the columns of rows; texts as lists."""
    columns: Columns = {}
    for name in rows[0]:
        column = [row[name] for row in rows]
        texts = isinstance(column[0], str)
        columns[name] = list(map(str, column)) if texts else np.array(column)
    return columns


def _pair(moves: Moves, origin: int, target: int, group: np.ndarray, facts: Facts) -> Row:
    """Return what the moves of one pair of classes come to; NaN where there are none, or no pictures."""
    values = moves.values
    rows = group[np.isfinite(values["distance"][group])]
    ledger = values["ledger"][rows]
    total = ledger.sum(1, keepdims=True)
    shares = (ledger / np.where(total > 0, total, np.nan)).mean(0) if len(rows) else np.array([])
    unit = int(np.nanargmax(shares)) if np.isfinite(shares).any() else -1
    distance = values["distance"][rows]
    made: Row = {
        "origin": moves.names[origin] if origin >= 0 else ALL,
        "target": moves.names[target] if target >= 0 else ALL,
        "moves": len(rows),
        "impossible": len(group) - len(rows),
        "distance_sd": float(distance.std(ddof=1)) if len(rows) > 1 else np.nan,
        "unit": unit,
        "share": float(shares[unit]) if unit >= 0 else np.nan,
    }
    measured = _measured(moves, rows)
    table = np.stack(list(measured.values()), axis=1)
    mean, replicates = means.over_images(
        table, values["sample"][rows], int(facts["resamples"]), int(facts["seed"])
    )
    limits = means.bounds(replicates)
    for place, name in enumerate(measured):
        made[name] = float(mean[place])
        made[f"{name}_low"], made[f"{name}_high"] = map(float, limits[place])
    return made


def _measured(moves: Moves, rows: np.ndarray) -> dict[str, np.ndarray]:
    """Return every figure of the moves of rows, (n,) float arrays by name; NaN without pictures."""
    values = {name: value[rows] for name, value in moves.values.items() if name != "picture"}
    nothing = np.full(len(rows), np.nan)
    target = values["target"]
    made = {
        "distance": values["distance"],
        "alone": values["alone"],
        "active": values["active"],
        "moved": values["moved"],
        "head": values["predicted"][:, -1] == target,
        "random": values["random_predicted"] == target,
        "nearest": moves.predicted[values["nearest"][:, -1]] == target,
        "random_nearest": moves.predicted[values["random_nearest"]] == target,
        "start": nothing,
        "drawn": nothing,
        "random_drawn": nothing,
    }
    if moves.drawn:
        made["start"] = values["drawn_predicted"][:, 0] == values["origin"]
        made["drawn"] = values["drawn_predicted"][:, -1] == target
        made["random_drawn"] = values["random_drawn"] == target
    if "descent_steps" in values:
        taken = values["descent_steps"]
        made["descent_reached"] = taken >= 0
        made["descent_head"] = values["descent_predicted"] == target
        for name, value in (("steps", taken), ("distance", values["descent_distance"])):
            made[f"descent_{name}"] = np.where(taken >= 0, value, np.nan)
        made["descent_ratio"] = made["descent_distance"] / values["distance"]
    return {name: np.asarray(value, float) for name, value in made.items()}


def of_parts(moves: Moves, facts: Facts) -> Result:
    """Return the mean change of each metric of each part from the first to the last picture, beside random moves (mathematics#counterfactual-pictures)."""
    rows = [row for group in _groups(moves) for row in _parts(moves, *group, facts)]
    title = "what least moves change in the parts of pictures"
    path = paths.counterfactual("parts")
    return Result(path, "counterfactual", "", "parts", _columns(rows), dict(facts), title)


def _parts(
    moves: Moves, origin: int, target: int, group: np.ndarray, facts: Facts
) -> Iterator[Row]:
    """Yield the rows of one pair of classes."""
    rows = group[np.isfinite(moves.values["distance"][group])]
    metric = moves.values["metric"][rows].astype(float)
    ends = (metric[:, -1], moves.values["random_metric"][rows].astype(float))
    change, control = (regions.changes(metric[:, 0].copy(), end.copy()) for end in ends)
    shape = (len(rows), -1)
    both = np.concatenate(
        [side.reshape(shape) for side in (change, control, change - control)], axis=1
    )
    mean, replicates = means.over_images(
        both, moves.values["sample"][rows], int(facts["resamples"]), int(facts["seed"])
    )
    limits = means.bounds(replicates)
    count = change[0].size if len(rows) else 0
    for place in range(count):
        part, measure = divmod(place, len(regions.METRICS))
        known = np.isfinite(both[:, place])
        if not known.any():
            continue
        gap = 2 * count + place
        yield {
            "origin": moves.names[origin] if origin >= 0 else ALL,
            "target": moves.names[target] if target >= 0 else ALL,
            "part": moves.parts[part],
            "metric": regions.METRICS[measure],
            "moves": int(known.sum()),
            "change": mean[place],
            "low": limits[place, 0],
            "high": limits[place, 1],
            "random": mean[count + place],
            "difference": mean[gap],
            "difference_low": limits[gap, 0],
            "difference_high": limits[gap, 1],
        }
