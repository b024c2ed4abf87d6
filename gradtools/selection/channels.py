"""What `gradtools channels` computes of the channels of a network's taps, as its tables and pictures take it."""

import dataclasses

import numpy as np

from gradtools.selection.groups import Groups
from gradtools.selection.results import Result


@dataclasses.dataclass(frozen=True)
class Means:
    """Means over the images of every group, (G, S), and their intervals (G, S, 2), NaN where one image has no spread."""

    value: np.ndarray
    bounds: np.ndarray


@dataclasses.dataclass(frozen=True)
class TapChannels:
    """The channels of a tap.

    Attributes
    ----------
    tap : str
    images : (G,) int array
        Of each group.
    values : dict of str to (G, C) float64 array
        By ranking: what channels are ranked by, in the mean over the images of each group.
    distribution : dict of str to Means
        By kind (gradient, contribution): `math.channels.channel_values.STATISTICS` of the channels of an image.
    histograms : dict of str to (edges (bins + 1,), counts (G, bins))
        Of all channels of all images of a group.
    agreement : Means
        Spearman of each ranking with the contribution, image by image.
    tied : (G, R) float64 array
        Share of the channels that have a value in common with another, by ranking.
    """

    tap: str
    images: np.ndarray
    values: dict[str, np.ndarray]
    distribution: dict[str, Means]
    histograms: dict[str, tuple[np.ndarray, np.ndarray]]
    agreement: Means
    tied: np.ndarray


@dataclasses.dataclass(frozen=True)
class Pictures:
    """What the pictures of one tap show: the means of `math.maps.ones.STATISTICS` over so many images."""

    tap: str
    images: int
    means: Means


@dataclasses.dataclass(frozen=True)
class ChannelResults:
    """The channels of every tap over groups of images.

    Attributes
    ----------
    pictures
        Of the taps that the store has maps of.
    tables
        By name (channel_distribution, channel_agreement, channel_pictures): the tables as a store has them.
    warnings
        What the values do not mean, a sentence each.
    """

    groups: Groups
    taps: list[TapChannels]
    pictures: list[Pictures]
    tables: dict[str, Result]
    warnings: tuple[str, ...] = ()


@dataclasses.dataclass(frozen=True)
class Top:
    """The first channels of a tap by one ranking, for one class or image.

    Attributes
    ----------
    tap, name, ranking : str
        `name` is the class, the image, or all.
    images : int
    channels : (K,) int array
    values : dict of str to (K,) array
        By ranking, the mean over the images.
    ranks : dict of str to (K,) array
        By ranking, 1 for the first of all channels of the tap; equal ones share the mean of their ranks.
    tied : dict of str to (K,) bool array
        Whether another channel of the tap has the same value.
    bounds : (K, 2) array
        Interval of the mean of what they are ranked by, NaN of one image and where it is no mean over images.
    n_channels : int
    total : float
        Sum of the contributions of all channels.
    """

    tap: str
    name: str
    ranking: str
    images: int
    channels: np.ndarray
    values: dict[str, np.ndarray]
    ranks: dict[str, np.ndarray]
    tied: dict[str, np.ndarray]
    bounds: np.ndarray
    n_channels: int
    total: float


@dataclasses.dataclass(frozen=True)
class TopImages:
    """For each of K channels the images that activate it most: rows of the store (K, n), mean activations (K, n), maps (K, n, h, w)."""

    rows: np.ndarray
    activation: np.ndarray
    maps: np.ndarray
