"""Trees as Newick files."""

import os
import sys

from gradtools import store
from gradtools.errors import UsageError
from gradtools.math import trees
from gradtools.selection.trees import Tree


def check(path: str) -> None:
    """Refuse a file that could not be written, before the work for it is done.

    Raises
    ------
    UsageError
        The folder does not exist, or the path is one.
    """
    folder = os.path.dirname(path) or "."
    if path != "-" and (os.path.isdir(path) or not os.path.isdir(folder)):
        raise UsageError(
            f"--newick {path}: name a file in a folder that exists, or '-' for standard output"
        )


def write(tree: Tree, path: str) -> None:
    """Write a tree under its final name only when it is whole; replaced where it exists.

    Parameters
    ----------
    tree : Tree
    path : str
        Or '-', standard output.

    Raises
    ------
    GradtoolsError
        The file cannot be written.
    """
    text = trees.newick(tree.merges, tree.names)
    if path == "-":
        sys.stdout.write(text)
        return
    with (
        store.whole_file(path, "--newick") as part,
        open(part, "w", encoding="utf-8", errors="surrogateescape", newline="\n") as stream,
    ):
        stream.write(text)
