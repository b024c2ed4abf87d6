"""Rows of a feature as they are compared, prepared for a metric, a block at a time."""

from collections.abc import Callable, Iterable, Iterator
from typing import TYPE_CHECKING

import numpy as np

from gradtools.math.rows import vectors
from gradtools.selection import features, samples
from gradtools.store import Store

if TYPE_CHECKING:
    from gradtools.stages.neighbors import Options

Pieces = Callable[[], Iterable[tuple[np.ndarray, np.ndarray, np.ndarray]]]

HELD = 1 << 29  # bytes of prepared rows that are kept; more are read again each time


def chosen(source: Store, options: "Options", one: bool = False) -> list[features.Feature]:
    """Return the features whose rows are compared: what is asked for, else the defaults and the control.

    Parameters
    ----------
    one : bool
        For one sample's neighbours: activation alone by default.
    """
    if one and not options.feature:
        defaults = features.resolve(source, control=source.unit == "class", with_maps=True)
        activations = [feature for feature in defaults if feature.kind == "activation"]
        wanted = activations[:1] or defaults[:1]
    else:
        wanted = features.resolve(source, options.feature, control=not one, with_maps=True)
    keep = samples.select(source, options.where) if options.where else None
    return [features.normalised(source, feature, options.rows, keep) for feature in wanted]


def value_name(metric: str) -> str:
    """Return what the numbers of a metric are called: similarity, or distance."""
    return "distance" if metric == "euclidean" else "similarity"


def pieces(feature: features.Feature, keep: np.ndarray, metric: str, shares: int = 1) -> Pieces:
    """Return what gives, called again and again, an iterable of (prepared rows (m, D), their numbers among the kept, degenerate (m,)).

    Parameters
    ----------
    feature : features.Feature
    keep : (N,) bool array
    metric : str
    shares : int
        Features that share HELD.
    """

    def read() -> Iterator[tuple[np.ndarray, np.ndarray, np.ndarray]]:
        for rows, numbers in features.blocks_of(feature, keep):
            prepared, degenerate = vectors.prepared_rows(rows, metric)
            yield prepared, numbers, degenerate

    if 8 * int(keep.sum()) * feature.shape[1] > HELD // shares:
        return read
    held: list[tuple[np.ndarray, np.ndarray, np.ndarray]] = []

    def kept() -> list[tuple[np.ndarray, np.ndarray, np.ndarray]]:
        if not held:
            held.extend(read())
        return held

    return kept
