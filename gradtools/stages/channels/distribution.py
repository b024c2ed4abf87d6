"""What the channels of one tap are like: in two passes over the stored rows, for every group of images at once."""

from collections.abc import Iterator
from typing import TYPE_CHECKING

import numpy as np

from gradtools.errors import GradtoolsError
from gradtools.math.channels import channel_values
from gradtools.math.pairs import bootstrap
from gradtools.selection import features
from gradtools.selection.channels import Means, TapChannels
from gradtools.store import paths
from gradtools.tables.wording import RANKINGS_OF_CHANNELS

if TYPE_CHECKING:
    from gradtools.selection.groups import Groups
    from gradtools.stages.channels import Options

INPUTS = ("gradient", "activation", "contribution")
DESCRIBED = ("gradient", "contribution")


def measure(source: features.Store, tap: str, groups: "Groups", options: "Options") -> TapChannels:
    """Measure the channels of a tap.

    Parameters
    ----------
    source : store.Store
    tap : str
    groups : groups.Groups
    options : channels.Options
        Its bins, resamples and seed.

    Returns
    -------
    TapChannels

    Raises
    ------
    GradtoolsError
        The tap has no gradients, or a row holds NaN or infinity; names its image.
    """
    edges = {
        kind: channel_values.bin_edges(
            _largest(source, _feature(source, kind, tap), groups.keep), options.bins
        )
        for kind in DESCRIBED
    }
    members = list(groups.members())
    images = np.array([len(chosen) for chosen in members])
    sums, counts, of_images = _summed(source, tap, groups, edges, options.seed)
    return TapChannels(
        tap,
        images,
        {name: total / images[:, None] for name, total in sums.items()},
        {kind: means_over_images(of_images[kind], members, options) for kind in DESCRIBED},
        {kind: (edges[kind], counts[kind]) for kind in DESCRIBED},
        means_over_images(of_images["agreement"], members, options),
        np.stack([of_images["tied"][chosen].mean(axis=0) for chosen in members]),
    )


def _summed(
    source: features.Store, tap: str, groups: "Groups", edges: dict[str, np.ndarray], seed: int
) -> tuple[dict[str, np.ndarray], dict[str, np.ndarray], dict[str, np.ndarray]]:
    """One pass: values summed over each group's images, histogram counts of each group, and statistics of every image."""
    n_channels, n_groups = _feature(source, "gradient", tap).shape[1], len(groups.every_name)
    sums = {name: np.zeros((n_groups, n_channels)) for name in RANKINGS_OF_CHANNELS}
    counts = {kind: np.zeros((n_groups, len(edges[kind]) - 1), np.int64) for kind in DESCRIBED}
    of_images = []
    for numbers, rows in _blocks(source, tap, groups.keep):
        ranked = _ranked(rows, np.flatnonzero(groups.keep)[numbers], seed)
        for name, values in ranked.items():
            _add(sums[name], values, groups.code[numbers])
        for kind in DESCRIBED:
            _add(
                counts[kind],
                np.stack([channel_values.histogram(row, edges[kind]) for row in rows[kind]]),
                groups.code[numbers],
            )
        of_images.append(
            {kind: channel_values.describe(rows[kind]) for kind in DESCRIBED}
            | _ranking_statistics(ranked)
        )
    return (
        sums,
        counts,
        {name: np.concatenate([part[name] for part in of_images]) for name in of_images[0]},
    )


def _ranking_statistics(ranked: dict[str, np.ndarray]) -> dict[str, np.ndarray]:
    """Of every image: Spearman of each ranking with the contribution and its share of tied channels, (n, R) each."""
    first = channel_values.ranks(ranked["contribution"])
    return {
        "agreement": np.stack(
            [
                channel_values.correlation(channel_values.ranks(values), first)
                for values in ranked.values()
            ],
            axis=1,
        ),
        "tied": np.stack([channel_values.tied(values) for values in ranked.values()], axis=1),
    }


def _feature(source: features.Store, kind: str, tap: str) -> features.Feature:
    """A stored feature of a tap."""
    if source.rows(paths.tap(tap, kind)) is None:
        raise GradtoolsError(
            f"{source.name} has no {kind} at {tap}: gradtools extract --tap {tap} of a network with classes makes it"
        )
    return features.load(source, f"{kind}@{tap}")


def _largest(source: features.Store, feature: features.Feature, keep: np.ndarray) -> float:
    """The largest size among the chosen rows of a feature (float)."""
    largest = 0.0
    for rows, numbers in features.blocks_of(feature, keep):
        bad = np.flatnonzero(~np.isfinite(rows).all(axis=1))
        if len(bad):
            name = source.ids[np.flatnonzero(keep)[numbers[bad[0]]]]
            raise GradtoolsError(
                f"{source.name}: {feature.name} of {name} holds NaN or infinity: "
                "leave that sample out (--where list=FILE), or extract it again"
            )
        largest = max(largest, float(np.abs(rows).max(initial=0)))
    return largest


def _blocks(
    source: features.Store, tap: str, keep: np.ndarray
) -> Iterator[tuple[np.ndarray, dict[str, np.ndarray]]]:
    """(numbers among the chosen images, {kind: rows (n, C) float64}) of a tap, a bounded number of bytes at a time."""
    streams = [features.blocks_of(_feature(source, kind, tap), keep) for kind in INPUTS]
    for parts in zip(*streams):
        yield parts[0][1], {kind: rows.astype(np.float64) for kind, (rows, _) in zip(INPUTS, parts)}


def _ranked(rows: dict[str, np.ndarray], places: np.ndarray, seed: int) -> dict[str, np.ndarray]:
    """What every ranking goes by, {name: (n, C)}."""
    ranked = {name: rule(**rows) for name, rule in channel_values.RANKINGS.items()}
    return ranked | {
        "random": channel_values.random_values(places, rows["gradient"].shape[1], seed)
    }


def _add(totals: np.ndarray, values: np.ndarray, code: np.ndarray) -> None:
    """Add the rows of a block to the group of all and to those of their classes."""
    totals[0] += values.sum(axis=0)
    np.add.at(totals, 1 + code[code >= 0], values[code >= 0])


def means_over_images(values: np.ndarray, members: list[np.ndarray], options: "Options") -> Means:
    """Return `Means` of values (n, S) over the images of each group, whose numbers are `members`; NaN entries are left out."""
    bounds = np.full((len(members), values.shape[1], 2), np.nan)
    means = np.full(bounds.shape[:2], np.nan)
    for number, chosen in enumerate(members):
        part = values[chosen]
        known = ~np.isnan(part).all(axis=0)
        means[number, known] = np.nanmean(part[:, known], axis=0)
        if len(chosen) > 1 and options.resamples:
            bounds[number] = bootstrap.interval(
                bootstrap.bootstrap_means(part, options.resamples, options.seed)
            )
    return Means(means, bounds)
