"""What was measured of channels, as the tables and datasets of a store."""

import dataclasses

import numpy as np

from gradtools.math.channels.channel_values import STATISTICS
from gradtools.selection.results import Result
from gradtools.store import paths
from gradtools.tables.wording import RANKINGS_OF_CHANNELS


@dataclasses.dataclass(frozen=True)
class Values:
    """The values that the channels of a tap are ranked by, and their histograms, for every group of images."""

    measured: object
    groups: object

    @property
    def path(self):
        """Its group in the store."""
        return paths.channels(self.measured.tap)

    def write(self, sink):
        """Write it into an open store."""
        sink.put(f"{self.path}/class", self.groups.every_name)
        sink.put(f"{self.path}/images", self.measured.images.astype("i4"))
        for name, values in self.measured.values.items():
            sink.put(f"{self.path}/{name}", values.astype("f4"))
        for kind, (edges, counts) in self.measured.histograms.items():
            where = paths.channels(self.measured.tap, f"{kind}_histogram")
            sink.put(f"{where}/count", counts)
            sink.put(f"{where}/low", edges[:-1])
            sink.put(f"{where}/high", edges[1:])


def distribution(found, groups, facts):
    """The table of distributions: a row a tap, group, kind and statistic.

    Parameters
    ----------
    found : list of measuring.Measured
    groups : groups.Groups
    facts : dict

    Returns
    -------
    Outcome
    """
    rows = [
        (
            one.tap,
            name,
            int(one.images[number]),
            kind,
            statistic,
            means.value[number, place],
            *means.bounds[number, place],
        )
        for one in found
        for number, name in enumerate(groups.every_name)
        for kind, means in one.distribution.items()
        for place, statistic in enumerate(STATISTICS)
    ]
    names = ("tap", "class", "images", "feature", "statistic", "value", "low", "high")
    return table(
        "channel_distribution",
        "distribution over an image's channels, mean over images",
        names,
        rows,
        facts,
    )


def agreement(found, groups, facts):
    """The table of rankings: how each agrees with the contribution, and how many channels it cannot tell apart; an `Result`."""
    rows = [
        (
            one.tap,
            name,
            int(one.images[number]),
            ranking,
            one.agreement.value[number, place],
            *one.agreement.bounds[number, place],
            one.tied[number, place],
        )
        for one in found
        for number, name in enumerate(groups.every_name)
        for place, ranking in enumerate(RANKINGS_OF_CHANNELS)
    ]
    names = ("tap", "class", "images", "ranking", "value", "low", "high", "tied")
    return table(
        "channel_agreement",
        "Spearman with the contribution over an image's channels, mean over images",
        names,
        rows,
        facts,
    )


def table(name, title, names, rows, facts):
    """An `Result` of rows (tuples) under column names."""
    columns = {
        key: list(values) if isinstance(values[0], str) else np.array(values)
        for key, values in zip(names, zip(*rows))
    }
    return Result(paths.table(name), method=name, columns=columns, facts=facts, title=title)
