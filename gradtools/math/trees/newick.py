"""A tree in the Newick format, which programs for trees read (https://phylipweb.github.io/phylip/newick_doc.html)."""

from collections.abc import Sequence

import numpy as np


def newick(merges: np.ndarray, names: Sequence[str]) -> str:
    """
    Write a tree as one line of Newick.

    Parameters
    ----------
    merges : (N-1, 4) array
    names : sequence of str, N
        All are quoted, apostrophes doubled, so that blanks, brackets, commas and colons survive.

    Returns
    -------
    str
        The path from one leaf to another is as long as the height at which the two join, as in R's ape and in scikit-bio: a
        branch is half the difference of heights.

    References
    ----------
    mathematics#newick
    """
    n = len(merges) + 1
    heights = [0.0] * n + [float(height) for height in merges[:, 2]]
    parts: list[str] = []
    waiting: list[tuple[int | None, str]] = [(2 * n - 2, "")]
    while waiting:
        node, after = waiting.pop()
        if node is None:
            parts.append(after)
        elif node < n:
            parts.append(quoted(names[node]) + after)
        else:
            first, second = (int(child) for child in merges[node - n, :2])
            lengths = [f":{(heights[node] - heights[child]) / 2:.12g}" for child in (first, second)]
            parts.append("(")
            waiting += [(None, ")" + after), (second, lengths[1]), (None, ","), (first, lengths[0])]
    return "".join(parts) + ";\n"


def quoted(name: str) -> str:
    """Write a name as a quoted label; a line break, which no label may hold, becomes a blank.

    References
    ----------
    mathematics#newick
    """
    return "'" + " ".join(name.replace("'", "''").splitlines() or [""]) + "'"
