"""Networks trained at run time on true and on permuted labels of the same images.

Adebayo et al. (NeurIPS 2018), section 3.2: a network that has learned labels without meaning by heart has
nothing to show, and a map that looks the same as before does not depend on what was learned.
"""

import copy
import dataclasses
import hashlib

import numpy as np
import torch
from torch import nn
from torch.nn import functional

from gradtools import images
from gradtools.errors import GradtoolsError
from gradtools.network import training
from gradtools.network.models import Model
from gradtools.network.randomise import Variant, reset

REACHED = 0.98  # share of the training images that must be answered right
EPOCHS, BATCH, LEARNING_RATE = 400, 32, 2e-3
TRUE, PERMUTED = "true labels, another start", "permuted labels"


def variants(seeds: int) -> list[Variant]:
    """Return the networks that are held against the one of true labels: other starts, and permuted labels."""
    return [
        Variant("labels", step, (group,), seed)
        for step, group in enumerate((TRUE, PERMUTED))
        for seed in range(seeds)
    ]


def of_variant(
    model: Model, variant: Variant, pixels: np.ndarray, labels: np.ndarray
) -> tuple[Model, float]:
    """Train the network of a variant; see `train`."""
    seed = 1 + 2 * variant.seed + variant.step  # 0 is the first network's
    if variant.groups == (PERMUTED,):
        labels = np.random.default_rng(seed).permutation(labels)
    return train(model, pixels, labels, seed)


def train(model: Model, pixels: np.ndarray, labels: np.ndarray, seed: int) -> tuple[Model, float]:
    """Train a model's architecture from new parameters until it answers its images without error.

    Parameters
    ----------
    pixels : (N, C, H, W) u8 or float array
    labels : (N,) int array
        Below the network's number of classes.

    Returns
    -------
    model : Model
        In evaluation mode, with its own digest.
    accuracy : float
        On these images, at least REACHED.

    Raises
    ------
    GradtoolsError
        The network has too few classes, or does not learn the labels.

    References
    ----------
    mathematics#sanity
    """
    x, y = _normalised(model, pixels), torch.from_numpy(np.asarray(labels, np.int64))
    module = copy.deepcopy(model.module)
    with torch.random.fork_rng(devices=[]):
        torch.manual_seed(seed)
        with torch.no_grad():
            for part in module.modules():
                reset(part)
        accuracy = _learn(module.requires_grad_(True), x, y, model.spec, seed)
    digest = hashlib.sha256(model.weights_sha256.encode())
    for value in module.state_dict().values():
        digest.update(value.numpy().tobytes())
    trained = dataclasses.replace(
        model,
        module=module.eval().requires_grad_(False),
        weights=f"trained here, seed {seed}",
        weights_sha256=digest.hexdigest(),
        notes=[],
    )
    return trained, accuracy


def _normalised(model: Model, pixels: np.ndarray) -> torch.Tensor:
    """Return what the network reads, (N, C, H, W) float32."""
    x = torch.from_numpy(np.ascontiguousarray(pixels)).float()
    if pixels.dtype != np.uint8:
        return x
    scale, shift = (
        torch.from_numpy(values)[:, None, None] for values in images.normalisation(model.rules)
    )
    return x * scale + shift


def _learn(module: nn.Module, x: torch.Tensor, y: torch.Tensor, spec: str, seed: int) -> float:
    """Train until the images are known by heart, and return the share that is."""
    optimizer = torch.optim.Adam(module.parameters(), lr=LEARNING_RATE)
    accuracy, generator = 0.0, torch.Generator().manual_seed(seed)
    for epoch in range(EPOCHS):
        module.train()
        for rows in training.batches(len(x), BATCH, generator):
            optimizer.zero_grad()
            logits = module(x[rows])
            if logits.shape[1] <= int(y.max()):
                raise GradtoolsError(
                    f"{spec} has {logits.shape[1]} classes, and the images have labels up to {int(y.max())}"
                )
            functional.cross_entropy(logits, y[rows]).backward()
            optimizer.step()
        if epoch % 5 == 4:
            accuracy = training.accuracy(module.eval(), x, y)
            if accuracy >= REACHED:
                return accuracy
    raise GradtoolsError(
        f"{spec} answers {accuracy:.1%} of its training images right after {EPOCHS} epochs, and {REACHED:.0%} are needed: "
        "take fewer images, or a larger network"
    )
