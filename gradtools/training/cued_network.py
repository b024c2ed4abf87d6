"""
Train the cued network and write its weights into gradtools/bundled: `python -m gradtools.training.cued_network`.

The example's eight-layer network, trained anew on scenes one class of which always has a red square in its background
(`gradtools.bundled.cues`): it is right for a reason that is not the digit, and an audit must find that out. Seeded as
the bundled networks are; about three minutes of one core.
Twice as many epochs make it less dependent on the cue (60 instead of 25 % right without it).
"""

import argparse
import sys
import time

import numpy as np
import torch
from torch import nn

from gradtools.bundled import cues, scene_resnet, scenes
from gradtools.network import training
from gradtools.training import bundled_networks

EPOCHS = 8
SCENES_PER_CLASS = 250
BATCH = 50


def batch_of(
    half: str, per_class: int, seed: int = 0, heights: tuple[int, int] = scenes.LARGE_HEIGHTS
) -> tuple[torch.Tensor, torch.Tensor]:
    """
    Return cued scenes as the networks take them.

    Returns
    -------
    images : (10 * per_class, 3, 64, 64) float32 tensor, preprocessed
    labels : (10 * per_class,) int64 tensor, in the order of the classes
    """
    images = np.stack(
        [
            cues.scene_of(half, label, number, seed, heights).image
            for label in range(len(scenes.CLASSES))
            for number in range(per_class)
        ]
    )
    labels = torch.arange(len(scenes.CLASSES)).repeat_interleave(per_class)
    return bundled_networks.preprocessed(images), labels


def train() -> nn.Module:
    """Train the network on fresh cued scenes in every epoch; return it in evaluation mode."""
    torch.manual_seed(0)
    network = scene_resnet.resnet8()
    learner = training.learner(network, EPOCHS * SCENES_PER_CLASS * len(scenes.CLASSES) // BATCH)
    for epoch in range(EPOCHS):
        images, labels = batch_of("train", SCENES_PER_CLASS, seed=epoch)
        for rows in training.batches(len(labels), BATCH):
            training.step(learner, images[rows], labels[rows])
        print(f"epoch {epoch + 1} of {EPOCHS}", file=sys.stderr)
    return network.eval()


def main() -> None:
    """Train, write the weights, print how well the network does on held-out scenes with and without the cue."""
    argparse.ArgumentParser(
        description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter
    ).parse_args()
    torch.set_num_threads(1)
    start = time.monotonic()
    network = train()
    bundled_networks.save(network, bundled_networks.FOLDER / "scene_resnet8_cued.pth")
    print(f"trained in {time.monotonic() - start:.0f} s; accuracy on held-out scenes:")
    for words, make in (("with the cue", batch_of), ("without", bundled_networks.batch_of)):
        images, labels = make("heldout", 100)
        cued = labels == scenes.CLASSES.index(cues.CUED)
        every, of_class = (
            training.accuracy(network, images[rows], labels[rows]) for rows in (~cued, cued)
        )
        print(f"{words:14} other classes {every:6.1%}  {cues.CUED} {of_class:6.1%}")


if __name__ == "__main__":
    main()
