"""Moves to other classes, in memory as they are stored, and what they come to for each pair of classes."""

import dataclasses

import numpy as np

from gradtools.selection.results import Columns, Facts, Result
from gradtools.store import Store, paths


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
    """

    values: dict[str, np.ndarray]
    ids: list[str]
    names: list[str]
    predicted: np.ndarray

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
    arrays: dict[str, np.ndarray], ids: list[str], names: list[str], predicted: np.ndarray
) -> Moves:
    """Return moves of their stored arrays, by path."""
    values = {path.rpartition("/")[2]: value for path, value in arrays.items()}
    return Moves(values, ids, names, predicted)


def pairs(moves: Moves, margin: float) -> Result:
    """Return a row a pair of classes: distances, controls, and what is met at the end (mathematics#counterfactuals)."""
    values = moves.values
    keys = np.stack([values["origin"], values["target"]], 1)
    rows = []
    for origin, target in np.unique(keys, axis=0):
        of_pair = (keys == (origin, target)).all(1)
        real = np.flatnonzero(of_pair & np.isfinite(values["distance"]))
        rows.append(_pair(moves, int(origin), int(target), real, int(of_pair.sum()) - len(real)))
    columns: Columns = {}
    for name in rows[0]:
        column = [row[name] for row in rows]
        columns[name] = list(map(str, column)) if name in ("origin", "target") else np.array(column)
    facts: Facts = {
        "moves": len(keys),
        "impossible": moves.impossible,
        "margin": margin,
        "samples": len(np.unique(values["sample"])),
    }
    title = "least moves of what the head reads to another class, by pair of classes"
    return Result(
        paths.counterfactual("pairs"), "counterfactual", "", "pairs", columns, facts, title
    )


def _pair(moves, origin, target, rows, impossible):
    """Return one row of the table of class pairs; NaN where there are no moves, or no pictures."""
    values = moves.values
    ledger = values["ledger"][rows]
    total = ledger.sum(1, keepdims=True)
    shares = (ledger / np.where(total > 0, total, np.nan)).mean(0) if len(rows) else np.array([])
    unit = int(np.nanargmax(shares)) if np.isfinite(shares).any() else -1
    distance = values["distance"][rows]

    def mean(numbers):
        return float(np.mean(numbers)) if len(rows) else np.nan

    def share(name, end=True):
        if name not in values:
            return np.nan
        return mean((values[name][rows, -1] if end else values[name][rows]) == target)

    return {
        "origin": moves.names[origin],
        "target": moves.names[target],
        "moves": len(rows),
        "impossible": impossible,
        "distance": mean(distance),
        "distance_sd": float(distance.std(ddof=1)) if len(rows) > 1 else np.nan,
        "alone": mean(values["alone"][rows]),
        "active": mean(values["active"][rows]),
        "moved": mean(values["moved"][rows]),
        "head": share("predicted"),
        "random": share("random_predicted", False),
        "nearest": mean(moves.predicted[values["nearest"][rows, -1]] == target),
        "random_nearest": mean(moves.predicted[values["random_nearest"][rows]] == target),
        "start": mean(values["drawn_predicted"][rows, 0] == origin) if moves.drawn else np.nan,
        "drawn": share("drawn_predicted"),
        "random_drawn": share("random_drawn", False),
        "unit": unit,
        "share": float(shares[unit]) if unit >= 0 else np.nan,
    }
