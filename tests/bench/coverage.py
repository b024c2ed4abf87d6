"""Print the coverage of the intervals of clusterings as a Markdown table: `make coverage`."""

import sys
from pathlib import Path

sys.path.insert(0, str(Path(__file__).parents[1] / "support"))

import cluster_trials  # noqa: E402

SETS = {60: 300, 300: 100, 1000: 30}
METHODS = ("kmeans", "gmm", "agglomerative")
HEAD = "method | classes | images | sets | index | covers | false differences | width / (3.92 sd)"


def main(seconds: float = 1800) -> None:
    """Run every trial, each for at most so many seconds, and print a row an index."""
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
