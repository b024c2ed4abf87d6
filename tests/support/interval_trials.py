"""Trials of every interval that a command prints: many sets of one population, each through the command's own `--json`.

Covered is the expected value at the same number of images: the mean of the values over all sets.
"""

import dataclasses
import json
import time
from collections.abc import Callable
from pathlib import Path

import numpy as np
import planted
from click.testing import CliRunner

from gradtools import cli

SPREAD_95 = 1.96
OF_SAMPLES = ("moved",)  # tables whose rows are images: another image in every set
LEAST_SETS = 5  # that must have a value and an interval

# Commands over planted stores, {store} and {other} of the same images.
COMMANDS = {
    "similarity": ["similarity", "{store}", "--permutations", "0"],
    "neighbors": ["neighbors", "{store}", "-k", "5"],
    "compare": [
        "compare",
        "{store}::gradient@conv",
        "{other}::gradient@conv",
        "--permutations",
        "0",
    ],
}


@dataclasses.dataclass(frozen=True)
class Trial:
    """Of one cell: sets with an interval, share that covers, and mean width / (3.92 sd of the value)."""

    sets: int
    coverage: float
    width: float


def planted_sets(n: int, classes: int = 3) -> Callable[[int, Path], tuple[str, str]]:
    """Return what writes set `seed` of n images as two stores (of two networks) into a folder.

    One population: class rows are the same in all sets, 70 % of the predictions are right, features are the class row of the
    prediction, something of the class, and noise. Classes have the same number of images in every set, as in a resample.
    """
    width = max(6, classes)
    class_rows = np.random.default_rng(7).standard_normal((classes, width)).astype("f4")

    def draw(seed, folder):
        rng = np.random.default_rng([seed, n])
        data = planted.plant(n, classes, seed=seed)
        known = class_rows[data.predicted] + 0.6 * np.eye(classes, width)[data.labels]
        paths = []
        for name in ("a", "b"):
            taps = {
                "gradient@conv": known + 0.6 * rng.standard_normal((n, width)),
                "activation@block": np.abs(known + rng.standard_normal((n, width))),
                "gradient@block": class_rows[data.predicted] / 4,
            }
            taps = {key: rows.astype("f4") for key, rows in taps.items()}
            part = dataclasses.replace(data, taps=taps, class_rows=class_rows)
            paths.append(planted.write(folder / f"{name}.h5", part, classes))
        return tuple(paths)

    return draw


def trials(
    command: str,
    draw: Callable[[int, Path], tuple[str, str]],
    sets: int,
    folder: Path,
    seconds: float = np.inf,
) -> dict[tuple[str, str, str], Trial]:
    """
    Run a command of `COMMANDS` on many sets and count.

    Parameters
    ----------
    command : str
    draw : callable
        From `planted_sets`.
    sets : int
    folder : Path
        Where the stores are written, each over the last.
    seconds : float
        No further set is drawn after so many.

    Returns
    -------
    {(table, row, column): Trial} of every cell with an interval
    """
    seen: dict[tuple[str, str, str], list[tuple[float, float, float]]] = {}
    began = time.monotonic()
    for seed in range(sets):
        if time.monotonic() - began > seconds:
            break
        store, other = draw(seed, folder)
        arguments = [part.format(store=store, other=other) for part in COMMANDS[command]]
        run = CliRunner().invoke(cli.gradtools, [*arguments, "--json"], catch_exceptions=False)
        assert run.exit_code == 0, run.output
        for table in json.loads(run.stdout)["tables"]:
            if table["id"] in OF_SAMPLES:
                continue
            for row in table["rows"]:
                key = table["id"], row["row"], row["column"]
                numbers = [row.get(name) for name in ("value", "low", "high")]
                if None not in numbers:
                    seen.setdefault(key, []).append(tuple(map(float, numbers)))
    return {key: counted(np.array(rows)) for key, rows in seen.items() if len(rows) >= LEAST_SETS}


def counted(rows):
    """Trial of rows (S, 3): value, low, high."""
    value, low, high = rows.T
    truth, spread = value.mean(), value.std(ddof=1)
    width = np.nan if spread < 1e-9 else (high - low).mean() / (2 * SPREAD_95 * spread)
    return Trial(
        len(rows), float(((low - 1e-12 <= truth) & (truth <= high + 1e-12)).mean()), float(width)
    )
