"""Train a classifier: AdamW under a one-cycle schedule, a batch at a time, and how many images it gets right."""

from collections.abc import Iterator
from typing import NamedTuple

import torch
from torch import nn
from torch.nn import functional

LEARNING_RATE = 6e-3
WEIGHT_DECAY = 0.05
MEASURED_AT_ONCE = 250  # images


class Learner(NamedTuple):
    """A network and what changes its weights."""

    network: nn.Module
    optimizer: torch.optim.Optimizer
    schedule: torch.optim.lr_scheduler.LRScheduler


def learner(
    network: nn.Module,
    steps: int,
    learning_rate: float = LEARNING_RATE,
    weight_decay: float = WEIGHT_DECAY,
) -> Learner:
    """Give a network AdamW and a one-cycle schedule of its learning rate.

    Parameters
    ----------
    steps : int
        Of the whole training: the rate rises to `learning_rate` in the first 30 % and then falls to almost 0.

    References
    ----------
    Loshchilov and Hutter 2019 (AdamW); Smith and Topin 2018 (one cycle).
    """
    optimizer = torch.optim.AdamW(network.parameters(), lr=learning_rate, weight_decay=weight_decay)
    schedule = torch.optim.lr_scheduler.OneCycleLR(optimizer, learning_rate, total_steps=steps)
    return Learner(network, optimizer, schedule)


def step(learner: Learner, images: torch.Tensor, labels: torch.Tensor) -> float:
    """Take one step down the cross-entropy of a batch; return the loss before it.

    Parameters
    ----------
    images : (B, C, H, W) tensor, preprocessed
    labels : (B,) int64 tensor
    """
    learner.optimizer.zero_grad()
    loss = functional.cross_entropy(learner.network(images), labels)
    loss.backward()
    learner.optimizer.step()
    learner.schedule.step()
    return loss.item()


def batches(
    count: int, size: int, generator: torch.Generator | None = None
) -> Iterator[torch.Tensor]:
    """Yield the numbers 0..count-1 once each, shuffled, as (size,) int64 tensors; the last may be shorter."""
    yield from torch.randperm(count, generator=generator).split(size)


@torch.inference_mode()
def accuracy(network: nn.Module, images: torch.Tensor, labels: torch.Tensor) -> float:
    """Return the share of images, 0..1, whose largest logit is their label's.

    Parameters
    ----------
    network : module
        In evaluation mode.
    images : (N, C, H, W) tensor, preprocessed
    labels : (N,) int64 tensor
    """
    predictions = torch.cat([network(part).argmax(1) for part in images.split(MEASURED_AT_ONCE)])
    return (predictions == labels).float().mean().item()
