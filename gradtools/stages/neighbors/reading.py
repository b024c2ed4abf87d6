"""Rows of a feature as they are compared, prepared for a metric, a block at a time."""

from gradtools.math.rows import vectors
from gradtools.selection import features

HELD = 1 << 29  # bytes of prepared rows that are kept; more are read again each time


def value_name(metric):
    """Return what the numbers of a metric are called: similarity, or distance."""
    return "distance" if metric == "euclidean" else "similarity"


def pieces(feature, keep, metric, shares=1):
    """Return what gives, called again and again, an iterable of (prepared rows (m, D), their numbers among the kept, degenerate (m,)).

    Parameters
    ----------
    feature : features.Feature
    keep : (N,) bool array
    metric : str
    shares : int
        Features that share HELD.
    """

    def read():
        for rows, numbers in features.blocks_of(feature, keep):
            own, degenerate = vectors.prepared_rows(rows, metric)
            yield own, numbers, degenerate

    if 8 * int(keep.sum()) * feature.shape[1] > HELD // shares:
        return read
    held = []

    def kept():
        if not held:
            held.extend(read())
        return held

    return kept
