"""This working tree against another revision: the same work by both packages, each in a process of its own, in turns."""

import contextlib
import subprocess
import tempfile
from pathlib import Path

import numpy as np
import sides
from measure import ROOT, size, turns


@contextlib.contextmanager
def worktree(revision):
    """Check a revision out into a temporary folder, and take it away again."""
    with tempfile.TemporaryDirectory() as folder:
        path = Path(folder) / "revision"
        _git("worktree", "add", "--detach", str(path), revision)
        try:
            yield str(path)
        finally:
            _git("worktree", "remove", "--force", str(path))


def _git(*words):
    subprocess.run(["git", "-C", str(ROOT), *words], check=True, capture_output=True)


def lines(name, revision):
    """Yield the line of a side: the time of the revision whose checkout is at a path / ours."""
    with sides.apart(name) as own, sides.apart(name, revision) as other:
        yield f"{name}: the revision's time / this working tree's", turns(own, other), None


def help_pages():
    """The list of commands, as a process."""
    import os
    import sys

    package = os.environ["PYTHONPATH"]

    def run():
        subprocess.run(
            [sys.executable, "-m", "gradtools", "--help"],
            check=True,
            capture_output=True,
            env={**os.environ, "PYTHONPATH": package},
        )

    return run


def pairs_of_maps():
    """CC, SIM, KLD and AUC of all pairs."""
    import map_lines

    from gradtools.math.maps.reading import read_maps

    rng = np.random.default_rng(0)
    maps, _ = read_maps([rng.normal(size=(size(1000, 40), 7, 7))])
    return lambda: map_lines.all_pairs(maps)


def kmeans():
    """Ten starts of 60 rows of 512."""
    from gradtools.math.clusters import clustering

    x = np.random.default_rng(0).standard_normal((60, 512))
    return lambda: clustering.kmeans(x, 10)


def linkage():
    """A tree of 1,000 rows to optimal leaf order."""
    from gradtools.math import trees

    rows = np.random.default_rng(0).standard_normal((size(1000, 50), 512))
    return lambda: trees.linkage(trees.distances(rows))


def cluster_command():
    """The whole of `cluster` on 60 rows of 512, intervals included."""
    return _command("cluster", 60, 512)


def similarity_command():
    """The whole of `similarity` on 1,000 rows of 512."""
    return _command("similarity", size(1000, 60), 512)


def _command(name, count, width):
    """A command of a store of rows in ten classes, as a process."""
    import atexit
    import os
    import shutil
    import sys

    folder = tempfile.mkdtemp()
    atexit.register(shutil.rmtree, folder, ignore_errors=True)
    rng = np.random.default_rng(0)
    label = np.arange(count) % 10
    rows = rng.standard_normal((10, width))[label] + 2 * rng.standard_normal((count, width))
    np.savez(
        f"{folder}/rows.npz",
        features=rows.astype("f4"),
        label=label,
        predicted=np.roll(label, 1),
        class_name=np.array([str(place) for place in range(10)]),
    )
    program = [sys.executable, "-m", "gradtools"]

    def run(*arguments):
        subprocess.run(
            [*program, *arguments], check=True, capture_output=True, env=dict(os.environ)
        )

    run("import", f"{folder}/rows.npz", "-o", f"{folder}/rows.h5", "--force")
    return lambda: run(name, f"{folder}/rows.h5", "--tsv")


SIDES = {name: sides.SIDES[name] for name in ("last", "blocks", "grad-cam")} | {
    function.__name__: function
    for function in (
        help_pages,
        pairs_of_maps,
        kmeans,
        linkage,
        cluster_command,
        similarity_command,
    )
}
