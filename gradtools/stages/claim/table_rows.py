"""Tables whose rows are pairs of spaces, or rankings of channels, as one result a row: what sentences compare."""

import dataclasses

import numpy as np

from gradtools.selection.results import Columns, Result
from gradtools.selection.subjects import Subject


def pairs(subject: Subject, statistic: str) -> dict[str, Result]:
    """Return a statistic of every pair of spaces that `compare` measured, by `a~b` and `b~a`."""
    named: dict[str, Result] = {}
    if subject.comparison is None:
        return named
    columns = subject.comparison.columns
    for place, (a, b, name) in enumerate(zip(columns["a"], columns["b"], columns["statistic"])):
        if name == statistic:
            images = int(subject.comparison.facts["samples"])
            row = _row(subject.comparison, place, statistic, images)
            named |= {f"{a}~{b}": row, f"{b}~{a}": row}
    return named


def rankings(subject: Subject, fill: str) -> dict[str, Result]:
    """Return how each ranking of channels agrees with the measured effect, by `ranking@tap`, and by `ranking` where there is one tap."""
    named: dict[str, Result] = {}
    table = subject.channels.get(("channels", "channel_ablation"))
    if table is None:
        return named
    columns = table.columns
    alone = len(set(columns["tap"])) == 1
    for place, (tap, of, ranking) in enumerate(
        zip(columns["tap"], columns["fill"], columns["ranking"])
    ):
        if of == fill:
            row = _row(table, place, "value", int(columns["images"][place]))
            named[f"{ranking}@{tap}"] = row
            if alone:
                named[ranking] = row
    return named


def _row(table: Result, place: int, statistic: str, images: int) -> Result:
    """Return one row of a table as a result of one statistic."""
    replicates = None
    if table.replicates is not None:
        drawn = table.replicates[:, place]
        count = (
            np.flatnonzero(~np.isnan(drawn)).max(initial=-1) + 1
        )  # fewer, but the same resamples
        replicates = drawn[:count, None]
    columns: Columns = {
        "statistic": [statistic],
        **{name: np.array([table.columns[name][place]]) for name in ("value", "low", "high")},
        "images": np.array([images]),
    }
    return dataclasses.replace(
        table, columns=columns, facts=table.facts | {"images": images}, replicates=replicates
    )
