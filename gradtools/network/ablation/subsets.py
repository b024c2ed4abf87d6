"""Subsets of a tap's channels when only they stay and when they go, each beside a random one of its size (mathematics#subsets-that-stay-and-go)."""

from collections.abc import Sequence

import numpy as np
import torch

from gradtools.math.channels import channel_values
from gradtools.network.saliency import subset
from gradtools.network.saliency.subset import Subset

RANDOM = "random:"


def names(subsets: Sequence[Subset]) -> list[str]:
    """Return the names of the subsets as asked, then of their random ones."""
    texts = [group.text for group in subsets]
    return texts + [RANDOM + text for text in texts]


def choose(
    subsets: Sequence[Subset], maps: torch.Tensor, slopes: torch.Tensor, number: int, seed: int
) -> np.ndarray:
    """Choose the channels of every subset of one image, and as many random ones for each.

    Parameters
    ----------
    subsets : sequence of saliency.subset.Subset
    maps, slopes : (1, C, H, W) tensor
        Activation and gradient.
    number : int
        Of the image: its random channels are drawn by it.
    seed : int

    Returns
    -------
    (2 S, C) bool array, in the order of `names`
    """
    n_channels = maps.shape[1]
    if not subsets:
        return np.empty((0, n_channels), bool)
    masks = [subset.mask(group, maps, slopes) for group in subsets]
    members = np.stack(
        [np.ones(n_channels, bool) if mask is None else mask[0].cpu().numpy() for mask in masks]
    )
    shuffled = channel_values.order(
        channel_values.random_values(np.array([number]), n_channels, seed)
    )[0]
    control = np.zeros_like(members)
    for row, size in zip(control, members.sum(axis=1)):
        row[shuffled[:size]] = True
    return np.concatenate([members, control])


def measured(
    members: np.ndarray, contribution: np.ndarray, score: np.ndarray, answer: np.ndarray
) -> dict[str, np.ndarray]:
    """Return what the store keeps of the subsets of one image.

    Parameters
    ----------
    members : (S, C) bool array
    contribution : (C,) array
    score, answer : (1 + 2 S, ...) array
        Of all channels, then of each subset alone, then of all but each.

    Returns
    -------
    dict of str to array
        By dataset; the second axis of score and unchanged is stay, go.
    """
    if not len(members):
        return {}
    sides = slice(1, 1 + 2 * len(members))
    return {
        "subset_channels": members.sum(axis=1).astype("i4"),
        "subset_contribution": (members @ contribution.astype("f8")).astype("f4"),
        "subset_score": score[sides].reshape(2, -1).T.astype("f4"),
        "subset_unchanged": (answer[sides] == answer[0]).reshape(2, -1).T.astype("u1"),
    }
