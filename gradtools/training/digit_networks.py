"""
Train the classifier of handwritten digits and write its weights into gradtools/bundled: `make weights`.

LeNet-5 sees the training half of scikit-learn's digits (898 images of 8 x 8, enlarged to 32 x 32), every time shifted,
turned, scaled and made thinner or bolder at random; the held-out half is only ever measured on, with the float16
weights as they are shipped. Two minutes on one core. Seeded: the same machine makes the same weights, another one
slightly different ones.
"""

import argparse
import sys
import time

import numpy as np
import torch
from torch.nn import functional

from gradtools.bundled import halves, lenet
from gradtools.network import training
from gradtools.training.bundled_networks import save

EPOCHS, BATCH, SIDE = 120, 50, 32
TURN, SHIFT, SCALE = 0.2, 0.12, (0.8, 1.15)  # radians, half sides, times
BEND = (-0.35, 0.35)  # logarithms of the exponent that thins or thickens strokes


def images_of(half):
    """
    One half of the digits at the classifier's size.

    Parameters
    ----------
    half : str, "train" or "heldout"

    Returns
    -------
    images : (N, 1, 32, 32) float32 tensor in 0..1
    labels : (N,) int64 tensor
    """
    digits = halves.digits(half)
    small = torch.from_numpy(digits.images.astype(np.float32) / 255)[:, None]
    large = functional.interpolate(small, (SIDE, SIDE), mode="bicubic", align_corners=False)
    return large.clamp(0, 1), torch.from_numpy(digits.labels.astype(np.int64))


def normalised(images):
    """(N, 1, 32, 32) tensor in 0..1 -> what the classifier reads."""
    return (images - lenet.PREPROCESS["mean"][0]) / lenet.PREPROCESS["std"][0]


def changed(images, generator):
    """Turn, scale, shift and bend the values of each image (N, 1, 32, 32) at random."""
    count = len(images)
    angle, *move = (2 * torch.rand(3, count, generator=generator) - 1).unbind()
    scale = SCALE[0] + (SCALE[1] - SCALE[0]) * torch.rand(count, generator=generator)
    cosine, sine = torch.cos(TURN * angle) / scale, torch.sin(TURN * angle) / scale
    rows = [cosine, -sine, SHIFT * move[0], sine, cosine, SHIFT * move[1]]
    grid = functional.affine_grid(
        torch.stack(rows, 1).view(count, 2, 3), images.shape, align_corners=False
    )
    moved = functional.grid_sample(images, grid, align_corners=False)
    bend = BEND[0] + (BEND[1] - BEND[0]) * torch.rand(count, generator=generator)
    return moved.clamp(0, 1) ** torch.exp(bend).view(-1, 1, 1, 1)


def train_classifier():
    """
    Train LeNet-5.

    Returns
    -------
    torch.nn.Module, in evaluation mode
    """
    torch.manual_seed(0)
    generator = torch.Generator().manual_seed(0)
    images, labels = images_of("train")
    network = lenet.lenet5()
    learner = training.learner(network, EPOCHS * -(-len(images) // BATCH), learning_rate=3e-3)
    for _ in range(EPOCHS):
        for rows in training.batches(len(images), BATCH, generator):
            training.step(learner, normalised(changed(images[rows], generator)), labels[rows])
    return network.eval()


def main():
    """Train, write the weights, print how well they do on held-out digits."""
    argparse.ArgumentParser(
        description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter
    ).parse_args()
    start = time.monotonic()
    save(train_classifier(), lenet.WEIGHTS)
    images, labels = images_of("heldout")
    accuracy = training.accuracy(lenet.digits(), normalised(images), labels)
    print(f"trained lenet5 in {time.monotonic() - start:.0f} s", file=sys.stderr)
    print(f"accuracy on held-out digits: {accuracy:.1%}")


if __name__ == "__main__":
    main()
