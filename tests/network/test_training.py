"""The training loop against AdamW's first step written out, counts by hand, and a task that can be learned."""

import numpy as np
import pytest
import torch
from torch import nn

from gradtools.network import training


def planted(count=120, seed=0):
    """Images (count, 1, 4, 4) whose class is the brightest of their four quarters, and the classes."""
    random = np.random.default_rng(seed)
    labels = random.integers(4, size=count)
    images = random.normal(0, 0.3, (count, 1, 4, 4))
    for image, label in zip(images, labels):
        image[
            0, 2 * (label // 2) : 2 * (label // 2) + 2, 2 * (label % 2) : 2 * (label % 2) + 2
        ] += 1
    return torch.tensor(images, dtype=torch.float64), torch.tensor(labels)


def linear(seed=0):
    torch.manual_seed(seed)
    return nn.Sequential(nn.Flatten(), nn.Linear(16, 4)).double()


def test_the_first_step_is_adamws():
    """Adam's first step is the learning rate along the sign of the gradient; the decay is taken off apart (Loshchilov 2019)."""
    images, labels = planted()
    network = linear()
    before = network[1].weight.detach().numpy().copy()
    x = images.flatten(1).numpy()
    logits = x @ before.T + network[1].bias.detach().numpy()
    shares = np.exp(logits - logits.max(1, keepdims=True))
    shares /= shares.sum(1, keepdims=True)
    slopes = (shares - np.eye(4)[labels.numpy()]).T @ x / len(x)
    loss = -np.log(shares[np.arange(len(x)), labels.numpy()]).mean()
    rate = 0.02 / 25  # where a one-cycle schedule begins
    expected = before * (1 - rate * 0.1) - rate * slopes / (abs(slopes) + 1e-8)
    learner = training.learner(network, 10, learning_rate=0.02, weight_decay=0.1)
    assert training.step(learner, images, labels) == pytest.approx(loss)
    assert network[1].weight.detach().numpy() == pytest.approx(expected, abs=1e-12)


def test_batches_hold_every_image_once():
    generator = torch.Generator().manual_seed(3)
    parts = list(training.batches(23, 5, generator))
    assert [len(part) for part in parts] == [5, 5, 5, 5, 3]
    together = torch.cat(parts).tolist()
    assert sorted(together) == list(range(23)) and together != list(range(23))
    again = training.batches(23, 5, torch.Generator().manual_seed(3))
    assert together == torch.cat(list(again)).tolist()


def test_accuracy_counts_the_largest_logits(monkeypatch):
    images, labels = planted()
    network = linear()
    logits = network(images).detach().numpy()
    monkeypatch.setattr(training, "MEASURED_AT_ONCE", 7)
    by_hand = np.mean([row.argmax() == label for row, label in zip(logits, labels.numpy())])
    assert training.accuracy(network, images, labels) == pytest.approx(by_hand)


def test_a_separable_task_is_learned():
    images, labels = planted()
    network = linear()
    learner = training.learner(network, 30 * 6, learning_rate=0.05)
    for _ in range(30):
        for rows in training.batches(len(labels), 20):
            training.step(learner, images[rows], labels[rows])
    assert training.accuracy(network, *planted(seed=1)) > 0.95
