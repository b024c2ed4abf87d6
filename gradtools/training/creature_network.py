"""
Train the classifier of creatures and write its weights into gradtools/bundled: `make weights`.

Every step sees fresh samples of the generator. A minute on one core. Seeded: the same machine makes the same weights,
another one slightly different ones.
"""

import argparse
import time

import torch
from torch import nn

from gradtools.bundled import creatures
from gradtools.network import training
from gradtools.training.bundled_networks import save

STEPS, BATCH = 600, 50


def batch_of(
    generator: torch.Generator, count: int, psi: float = 1.0
) -> tuple[torch.Tensor, torch.Tensor]:
    """
    Return samples of all classes in turn.

    Parameters
    ----------
    generator : torch.Generator
    count : int

    Returns
    -------
    images : (count, 3, 64, 64) float32 tensor, normalised
    labels : (count,) int64 tensor
    """
    source, labels = creatures.Creatures(), torch.arange(count) % len(creatures.CLASSES)
    z = torch.randn(count, len(creatures.LATENTS), generator=generator)
    return normalised(source.synth(source.to_w(z, labels, psi))), labels


def normalised(images: torch.Tensor) -> torch.Tensor:
    """Return what the classifier reads of a (N, 3, 64, 64) tensor in 0..1."""
    return (images - creatures.PREPROCESS["mean"][0]) / creatures.PREPROCESS["std"][0]


def train() -> nn.Module:
    """
    Train the classifier.

    Returns
    -------
    torch.nn.Module, in evaluation mode
    """
    torch.manual_seed(0)
    generator = torch.Generator().manual_seed(0)
    network = creatures.convnet()
    learner = training.learner(network, STEPS, learning_rate=4e-3)
    for _ in range(STEPS):
        training.step(learner, *batch_of(generator, BATCH))
    return network.eval()


def main() -> None:
    """Train, write the weights, print how well they do on fresh samples."""
    argparse.ArgumentParser(
        description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter
    ).parse_args()
    start = time.monotonic()
    save(train(), creatures.WEIGHTS)
    print(f"trained the network of creatures in {time.monotonic() - start:.0f} s")
    fresh = batch_of(torch.Generator().manual_seed(1), 1000)
    print(f"accuracy on fresh creatures: {training.accuracy(creatures.trained(), *fresh):.1%}")


if __name__ == "__main__":
    main()
