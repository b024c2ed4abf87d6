"""The package's modules as syntax trees, each parsed once."""

import ast
import functools


@functools.cache
def tree(path):
    """The tree of a file; not to be changed."""
    return ast.parse(path.read_text())
