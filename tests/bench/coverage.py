"""Print the coverage of the intervals of clusterings and of every other table as Markdown: `make coverage`."""

import sys
import tempfile
from pathlib import Path

sys.path.insert(0, str(Path(__file__).parents[1] / "support"))

import cluster_trials  # noqa: E402
import interval_trials  # noqa: E402

SETS = {60: 300, 300: 100, 1000: 30}
CLASSES = (3, 10)  # of 60 images
METHODS = ("kmeans", "gmm", "agglomerative")
HEAD = "method | classes | images | sets | index | covers | false differences | width / (3.92 sd)"


def main(seconds: float = 1800) -> None:
    """Run every trial, each for at most so many seconds, and print a row an index or a cell."""
    of_clusterings(seconds)
    of_tables(seconds)


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
    main(*map(float, sys.argv[1:]))
