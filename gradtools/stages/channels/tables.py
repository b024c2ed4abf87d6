"""What was measured of channels, as the tables and datasets of a store."""

from collections.abc import Sequence

import numpy as np

from gradtools.math.channels.channel_values import STATISTICS
from gradtools.selection.channels import TapChannels
from gradtools.selection.groups import Groups
from gradtools.selection.results import Facts, Result
from gradtools.store import paths
from gradtools.store.sink import Sink
from gradtools.tables.wording import RANKINGS_OF_CHANNELS


def write_values(sink: Sink, channels: TapChannels, groups: Groups) -> None:
    """Write the values that the channels of a tap are ranked by, and their histograms, for every group of images."""
    where = paths.channels(channels.tap)
    sink.put(paths.inside(where, "class"), groups.every_name)
    sink.put(paths.inside(where, "images"), channels.images.astype("i4"))
    for name, values in channels.values.items():
        sink.put(paths.inside(where, name), values.astype("f4"))
    for kind, (edges, counts) in channels.histograms.items():
        histogram = paths.channels(channels.tap, f"{kind}_histogram")
        sink.put(paths.inside(histogram, "count"), counts)
        sink.put(paths.inside(histogram, "low"), edges[:-1])
        sink.put(paths.inside(histogram, "high"), edges[1:])


def distribution(measured: Sequence[TapChannels], groups: Groups, facts: Facts) -> Result:
    """Return the table of distributions: a row a tap, group, kind and statistic."""
    rows = [
        (
            channels.tap,
            name,
            int(channels.images[number]),
            kind,
            statistic,
            means.value[number, place],
            *means.bounds[number, place],
        )
        for channels in measured
        for number, name in enumerate(groups.every_name)
        for kind, means in channels.distribution.items()
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


def agreement(measured: Sequence[TapChannels], groups: Groups, facts: Facts) -> Result:
    """Return the table of rankings: the agreement of each with the contribution, and the share of channels with equal values."""
    rows = [
        (
            channels.tap,
            name,
            int(channels.images[number]),
            ranking,
            channels.agreement.value[number, place],
            *channels.agreement.bounds[number, place],
            channels.tied[number, place],
        )
        for channels in measured
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


def table(
    name: str, title: str, names: Sequence[str], rows: Sequence[tuple], facts: Facts
) -> Result:
    """Return a table of rows under column names."""
    columns = {
        key: list(values) if isinstance(values[0], str) else np.array(values)
        for key, values in zip(names, zip(*rows))
    }
    return Result(paths.table(name), method=name, columns=columns, facts=facts, title=title)
