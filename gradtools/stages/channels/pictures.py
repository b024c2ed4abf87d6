"""What the pictures of pytorch-cnn-visualizations show, measured on stored maps of all, positive and negative channels."""

from collections.abc import Sequence
from typing import TYPE_CHECKING

import numpy as np

from gradtools.math.maps import ones
from gradtools.selection import maps, names
from gradtools.selection.channels import Pictures
from gradtools.selection.results import Facts, Result
from gradtools.stages.channels.distribution import means_over_images
from gradtools.stages.channels.tables import table
from gradtools.store import paths

if TYPE_CHECKING:
    from gradtools.stages.channels import Options

METHODS = ("gradcam", "gradcam-positive", "gradcam-negative")


def describe(source: maps.Store, keep: np.ndarray, options: "Options") -> list[Pictures]:
    """Compare the pictures of every tap that has all three maps.

    Parameters
    ----------
    source : store.Store
    keep : (N,) bool array
    options : channels.Options
        Its tap, resamples and seed.

    Returns
    -------
    list of Pictures
    """
    pictures = []
    for tap in taps_of(source, options.tap):
        sample = source.needed(paths.MAP_SAMPLE)
        rows = np.flatnonzero(keep[sample])
        raw = [
            maps.Maps(
                source, maps.Feature(f"map:{name}@{tap}", name, (tap,)), rows, maps.Reading()
            ).raw[0]
            for name in METHODS
        ]
        values = _over_images(ones.compare(*raw), sample[rows])
        pictures.append(
            Pictures(tap, len(values), means_over_images(values, [np.arange(len(values))], options))
        )
    return pictures


def as_table(measured: Sequence[Pictures], facts: Facts) -> Result:
    """Return the table of pictures: a row a tap and statistic."""
    rows = [
        (
            pictures.tap,
            pictures.images,
            name,
            pictures.means.value[0, place],
            *pictures.means.bounds[0, place],
        )
        for pictures in measured
        for place, name in enumerate(ones.STATISTICS)
    ]
    names = ("tap", "images", "statistic", "value", "low", "high")
    return table(
        "channel_pictures", "pictures of ReLU(1 + map), mean over images", names, rows, facts
    )


def taps_of(source: maps.Store, requests: tuple[str, ...]) -> list[str]:
    """Return the taps (list of str) of a store with maps of all three kinds, of these the ones that names and globs ask for."""
    taps = [
        name.removeprefix(f"{METHODS[0]}@")
        for name in source.maps
        if name.startswith(f"{METHODS[0]}@")
    ]
    return [
        tap
        for tap in taps
        if all(f"{method}@{tap}" in source.maps for method in METHODS)
        and (not requests or any(names.match(request, [tap]) for request in requests))
    ]


def _over_images(values: np.ndarray, sample: np.ndarray) -> np.ndarray:
    """Values of maps (M, S) as means of each image's own, (n, S): an image may have maps of several targets."""
    images = np.unique(sample)
    return (
        values
        if len(images) == len(sample)
        else np.stack([np.nanmean(values[sample == image], axis=0) for image in images])
    )
