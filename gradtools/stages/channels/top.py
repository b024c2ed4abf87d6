"""The channels of a tap that matter most for one class or image, by one ranking, with what the others make of them."""

from typing import TYPE_CHECKING

import numpy as np

from gradtools.math.channels import channel_values
from gradtools.math.pairs import bootstrap
from gradtools.selection import features
from gradtools.selection.channels import Top

if TYPE_CHECKING:
    from gradtools.selection.channels import TapChannels
    from gradtools.selection.groups import Groups
    from gradtools.stages.channels import Options


def top(
    source: features.Store,
    measured: "TapChannels",
    groups: "Groups",
    ranking: str,
    count: int,
    options: "Options",
) -> Top:
    """Return the first channels of the first group.

    Parameters
    ----------
    source : store.Store
    measured : measuring.Measured
    groups : groups.Groups
    ranking : key of RANKINGS_OF_CHANNELS
    count : int
    options : channels.Options

    Returns
    -------
    Top
    """
    values = {name: rows[:1] for name, rows in measured.values.items()}
    chosen = channel_values.order(values[ranking])[0, :count]
    ranks = {name: channel_values.ranks(row)[0, chosen] for name, row in values.items()}
    tied = {name: (row[0, chosen, None] == row[0]).sum(axis=1) > 1 for name, row in values.items()}
    return Top(
        measured.tap,
        groups.first,
        ranking,
        int(measured.images[0]),
        chosen,
        {name: row[0, chosen] for name, row in values.items()},
        ranks,
        tied,
        _bounds(source, measured, groups, ranking, chosen, options),
        values[ranking].shape[1],
        float(values["contribution"].sum()),
    )


def _bounds(
    source: features.Store,
    measured: "TapChannels",
    groups: "Groups",
    ranking: str,
    chosen: np.ndarray,
    options: "Options",
) -> np.ndarray:
    """Intervals of the means of the chosen channels, (K, 2)."""
    if measured.images[0] < 2 or not options.resamples or ranking == "random":
        return np.full((len(chosen), 2), np.nan)
    rows = {
        kind: np.concatenate(
            [
                part[:, chosen]
                for part, _ in features.blocks_of(
                    features.load(source, f"{kind}@{measured.tap}"), groups.keep
                )
            ]
        )
        for kind in ("gradient", "activation", "contribution")
    }
    values = channel_values.RANKINGS[ranking](
        **{kind: part.astype(np.float64) for kind, part in rows.items()}
    )
    return bootstrap.interval(bootstrap.bootstrap_means(values, options.resamples, options.seed))
