"""Tables of the nearest samples, of one sample or of all."""

from collections.abc import Iterator, Sequence
from typing import Protocol

import numpy as np

from gradtools.selection.neighbors import Near, Nearest
from gradtools.tables import text_tree
from gradtools.tables.model import Cell, Table, shown
from gradtools.tables.per_model import Row
from gradtools.tables.wording import ROWS, feature_head, units

CLOSEST = 20
ITSELF = "rank 0 is the sample itself, which -k counts."
NO_CLASS = "the image has no label"


class Samples(Protocol):
    """What is read of a store: the names of its samples, and what else is known of them."""

    @property
    def unit(self) -> str:
        """What a sample is: image, class or channel."""

    @property
    def ids(self) -> list[str]:
        """The samples' names."""

    @property
    def labels(self) -> np.ndarray:
        """Data class of each sample, (N,) int; -1 none."""

    @property
    def class_names(self) -> list[str]:
        """Names of the data's classes."""

    @property
    def model_class_names(self) -> list[str]:
        """Names of the model's classes."""

    @property
    def predicted(self) -> np.ndarray | None:
        """Predicted class of each sample, (N,) int, where there is one."""


def value_name(metric: str) -> str:
    """Return what the numbers of a metric are called."""
    return "distance" if metric == "euclidean" else "similarity"


def of_one(source: Samples, nearest: Sequence[Near], every: bool = False) -> Iterator[Table]:
    """Build the tables of `gradtools neighbors --of`, one a feature.

    Parameters
    ----------
    source : store.Store
    nearest : sequence of Near
    every : bool
        Give the floor in every row, as programs read it, and not as a line between rows.
    """
    for near in nearest:
        count = near.others + 1
        rows = [_near_row(source, near, rank, every) for rank in range(len(near.index))]
        columns = list(rows[0])
        if not every:
            _draw_floor(rows, near)
        how = ROWS.get(near.normalised, near.normalised)
        title = (
            f"nearest to {source.ids[near.sample]}: {near.metric} of {feature_head(near.feature)} "
            f"(rows {how}), {count} {units(source.unit, count)}"
        )
        table_id = "nearest" if len(nearest) == 1 else f"nearest-{near.feature}"
        heads = ("name",) if every else ("rank", "name")
        notes = (*(() if every else (ITSELF,)), *_about_floor(near))
        yield Table(table_id, title, columns, rows, notes, heads=heads)


def _near_row(source: Samples, near: Near, rank: int, every: bool) -> Row:
    """Return one neighbour's row."""
    row, name = int(near.index[rank]), value_name(near.metric)
    value = Cell(float(near.values[rank]), digits=4)
    floor = Cell(near.floor, digits=4, why="without --permutations")
    if every:
        return {
            "name": source.ids[row],
            "rank": rank,
            **_known(source, row),
            "index": _index(source, row),
            name: value,
            "floor": floor,
        }
    return {
        "rank": str(rank),
        "name": text_tree.shortened(source.ids[row]),
        name: value,
        **_known(source, row),
        "index": _index(source, row),
    }


def _draw_floor(rows: list[Row], near: Near) -> None:
    """Put a line where the floor is, after the sample itself."""
    if near.floor != near.floor:
        return
    below = (rank for rank in range(1, len(rows)) if not near.beyond(float(near.values[rank])))
    place = next(below, None)
    if place is not None:
        empty = dict.fromkeys(rows[0], "")
        floor = Cell(near.floor, digits=4)
        rows.insert(place, {**empty, "name": "-- floor --", value_name(near.metric): floor})


def _about_floor(near: Near) -> Iterator[str]:
    """Yield what the floor is, and how many are above it."""
    if near.floor != near.floor:
        return
    nearer, rest, most, share = (
        ("nearer than", "farther", "smallest", "5 %")
        if near.metric == "euclidean"
        else ("above", "below", "largest", "95 %")
    )
    made = (
        "this row's values were shuffled"
        if near.shuffled == "values"
        else "a row was made of other samples' values in each dimension"
    )
    times = "once" if near.permutations == 1 else f"{near.permutations:,} times"
    yield f"{near.above} of {near.others} are {nearer} the floor of {shown(float(near.floor))}: what is {rest} is no more alike than chance makes it."
    yield f"floor: {made} {times}; of the {most} {value_name(near.metric)} to any other row each time, the {share} quantile."


def _index(source: Samples, row: int) -> int:
    """Return the number a sample goes by: of a class the model's, else its row in the store."""
    if source.unit == "class" and source.predicted is not None:
        return int(source.predicted[row])
    return int(row)


def _known(source: Samples, row: int) -> Row:
    """Return what else is known of an image: its class and the network's answer."""
    known: Row = {}
    if source.unit == "image" and source.class_names:
        label = int(source.labels[row])
        known["class"] = source.class_names[label] if label >= 0 else Cell(why=NO_CLASS)
    if source.unit == "image" and source.predicted is not None:
        names, predicted = source.model_class_names, int(source.predicted[row])
        known["prediction"] = names[predicted] if names else predicted
    return known


def of_all(
    source: Samples,
    nearest: Sequence[Nearest],
    places: np.ndarray,
    metric: str,
    every: bool = False,
) -> Iterator[Table]:
    """Build the tables of `gradtools neighbors` of samples without labels: for people the closest of them.

    Parameters
    ----------
    places : (n,) int array
        Rows of the store of the samples that were compared.
    every : bool
        Show all neighbours of every sample, as programs read them.
    """
    if every:
        rows = [
            row for of_feature in nearest for row in _every_row(source, of_feature, places, metric)
        ]
        yield Table(
            "neighbors", "neighbors", list(rows[0]), rows, heads=("feature", "name", "neighbor")
        )
        return
    for of_feature in nearest:
        first = of_feature.values[:, 0].astype(float)
        ranked = np.argsort(first if metric == "euclidean" else -first, kind="stable")
        order = [i for i in ranked if of_feature.index[i, 0] >= 0][:CLOSEST]
        rows = [
            {
                "sample": source.ids[places[i]],
                "nearest": source.ids[places[of_feature.index[i, 0]]],
                value_name(metric): Cell(float(first[i]), digits=4),
            }
            for i in order
        ]
        title = f"{metric} of {feature_head(of_feature.feature)}: the nearest of each, the {len(rows)} closest of {len(first)}"
        notes = ("--of NAME shows one with its floor; --tsv all.",)
        table_id = "closest" if len(nearest) == 1 else f"closest-{of_feature.feature}"
        yield Table(table_id, title, list(rows[0]), rows, notes)


def _every_row(source: Samples, nearest: Nearest, places: np.ndarray, metric: str) -> Iterator[Row]:
    """Yield a row for every neighbour of every sample."""
    for i, (near, values) in enumerate(zip(nearest.index, nearest.values)):
        for rank, (j, value) in enumerate(zip(near, values), 1):
            if j >= 0:
                yield {
                    "feature": feature_head(nearest.feature),
                    "name": source.ids[places[i]],
                    "neighbor": source.ids[places[j]],
                    "index": _index(source, places[i]),
                    "rank": rank,
                    "neighbor index": _index(source, places[j]),
                    value_name(metric): float(value),
                }
