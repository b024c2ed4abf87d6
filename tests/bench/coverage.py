"""Print the coverage of the intervals of clusterings and of every other table as Markdown: `make coverage`.

`python tests/bench/coverage.py SECONDS STORE...` also draws halves of the samples of stores of features.
"""

import sys
import tempfile
from pathlib import Path

sys.path.insert(0, str(Path(__file__).parents[1] / "support"))

import cluster_trials  # noqa: E402
import interval_trials  # noqa: E402
import numpy as np  # noqa: E402
import statistic_trials  # noqa: E402

from gradtools import store  # noqa: E402
from gradtools.selection import features  # noqa: E402

SETS = {60: 300, 300: 100, 1000: 30}
CLASSES = (3, 10)  # of 60 images
METHODS = ("kmeans", "gmm", "agglomerative")
OBJECTS = (20, 60, 200)  # images
HEAD = "method | classes | images | sets | index | covers | false differences | width / (3.92 sd)"


def main(seconds: float = 1800, *stores: str) -> None:
    """Run every trial, each for at most so many seconds, and print a row an index or a cell."""
    of_clusterings(seconds)
    for path in stores:
        of_stored(path, seconds)
    of_tables(seconds)
    of_statistics()


def of_stored(path: str, seconds: float, sets: int = 100) -> None:
    """Print rows of half-size subsets of a store's features, by every method of clustering."""
    with store.read(path) as source:
        labels, every = np.asarray(source.labels), np.ones(source.n_samples, bool)
        rows = {
            feature.name: features.read_rows(feature, every).astype(float)
            for feature in features.resolve(source, ("gradient", "activation", "logits"))
        }
    for name, x in rows.items():
        draw = cluster_trials.subsets(labels, x / np.linalg.norm(x, axis=1, keepdims=True))
        for method in METHODS:
            trials = cluster_trials.trials(method, draw, sets, seconds=seconds, drawn=0.5)
            for index, trial in trials.items():
                print(
                    f"| {method} | {name} of {path} | {len(labels) // 2} | {trial.sets} | {index} "
                    f"| {trial.coverage:.3f} | - | {trial.width:.2f} |",
                    flush=True,
                )


def of_statistics(sets: int = 400) -> None:
    """Print rows of what rests on objects, channels, versions and maps (`statistic_trials`)."""
    print("\n| what | statistic | images | sets | covers | width |\n|" + "---|" * 6)
    makers = {
        "objects": statistic_trials.of_objects,
        "ablation": statistic_trials.of_ablation,
        "versions": statistic_trials.of_versions,
        "maps": statistic_trials.of_maps,
    }
    for name, make in makers.items():
        for images in OBJECTS:
            for statistic, trial in statistic_trials.trials(make(images), sets).items():
                print(
                    f"| {name} | {statistic} | {images} | {trial.sets} | {trial.coverage:.3f} "
                    f"| {trial.width:.2f} |",
                    flush=True,
                )


def of_tables(seconds: float) -> None:
    """Print a row for every cell with an interval of `interval_trials.COMMANDS`."""
    print("\n| table | row | column | classes | sets | covers | width |\n|" + "---|" * 7)
    for classes in CLASSES:
        for command in interval_trials.COMMANDS:
            with tempfile.TemporaryDirectory() as folder:
                cells = interval_trials.trials(
                    command,
                    interval_trials.planted_sets(60, classes),
                    SETS[60],
                    Path(folder),
                    seconds,
                )
            for (table, row, column), trial in cells.items():
                print(
                    f"| {table} | {row} | {column} | {classes} | {trial.sets} "
                    f"| {trial.coverage:.3f} | {trial.width:.2f} |",
                    flush=True,
                )


def of_clusterings(seconds: float) -> None:
    """Print a row for every method, population, number of images and index."""
    print(f"| {HEAD} |\n|{'---|' * 8}")
    for n, sets in SETS.items():
        for method in METHODS:
            for apart in cluster_trials.APART:
                draw = cluster_trials.gaussian_classes(n, apart)
                for index, trial in cluster_trials.trials(
                    method, draw, sets, seconds=seconds
                ).items():
                    print(
                        f"| {method} | {apart} | {n} | {trial.sets} | {index} | {trial.coverage:.3f} "
                        f"| {trial.false_differences:.3f} | {trial.width:.2f} |",
                        flush=True,
                    )


if __name__ == "__main__":
    main(*map(float, sys.argv[1:2]), *sys.argv[2:])
