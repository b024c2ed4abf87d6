"""
Train the classifier and the generator of handwritten digits and write their weights into gradtools/bundled: `make weights`.

LeNet-5 sees the training half of scikit-learn's digits (898 images of 8 x 8, enlarged to 32 x 32), every time shifted,
turned, scaled and made thinner or bolder at random; the held-out half is only ever measured on, with the float16
weights as they are shipped. The generator is a variational autoencoder (Kingma and Welling 2014) of the same images,
changed less, whose prior is one Gaussian a class with trained centre and width, so that the classes lie apart. Three
minutes on one core. Seeded: the same machine makes the same weights, another one
slightly different ones.
"""

import argparse
import sys
import time

import numpy as np
import torch
from torch import nn
from torch.nn import functional

from gradtools.bundled import digit_generator, halves, lenet
from gradtools.network import training
from gradtools.training.bundled_networks import save

EPOCHS, BATCH, SIDE = 120, 50, 32
TURN, SHIFT, SCALE = 0.2, 0.12, (0.8, 1.15)  # radians, half sides, times
BEND = (-0.35, 0.35)  # logarithms of the exponent that thins or thickens strokes
GENERATOR_EPOCHS, KEPT_CHANGE = (
    150,
    0.4,
)  # the share of those changes that the generator's images get


def images_of(half: str) -> tuple[torch.Tensor, torch.Tensor]:
    """
    Return one half of the digits at the classifier's size.

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


def normalised(images: torch.Tensor) -> torch.Tensor:
    """Return what the classifier reads of a (N, 1, 32, 32) tensor in 0..1."""
    return (images - lenet.PREPROCESS["mean"][0]) / lenet.PREPROCESS["std"][0]


def changed(images: torch.Tensor, generator: torch.Generator, share: float = 1.0) -> torch.Tensor:
    """Change the turn, scale, place and values of each image (N, 1, 32, 32) at random, by a share of the most."""
    count = len(images)
    angle, *move = (share * (2 * torch.rand(3, count, generator=generator) - 1)).unbind()
    scale = SCALE[0] + (SCALE[1] - SCALE[0]) * torch.rand(count, generator=generator)
    scale = 1 + share * (scale - 1)
    cosine, sine = torch.cos(TURN * angle) / scale, torch.sin(TURN * angle) / scale
    rows = [cosine, -sine, SHIFT * move[0], sine, cosine, SHIFT * move[1]]
    grid = functional.affine_grid(
        torch.stack(rows, 1).view(count, 2, 3), images.shape, align_corners=False
    )
    moved = functional.grid_sample(images, grid, align_corners=False)
    bend = BEND[0] + (BEND[1] - BEND[0]) * torch.rand(count, generator=generator)
    return moved.clamp(0, 1) ** torch.exp(share * bend).view(-1, 1, 1, 1)


def train_classifier() -> nn.Module:
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


class Encoder(nn.Module):
    """Mean and logarithm of the variance (N, 16) of an image's latent; used in training alone."""

    def __init__(self):
        super().__init__()
        self.trunk = nn.Sequential(
            nn.Conv2d(1, 16, 4, 2, 1), nn.ReLU(),
            nn.Conv2d(16, 32, 4, 2, 1), nn.ReLU(),
            nn.Conv2d(32, 64, 4, 2, 1), nn.ReLU(), nn.Flatten(),
        )  # fmt: skip
        self.linear = nn.Linear(1024, 2 * digit_generator.LATENT)

    def forward(self, x: torch.Tensor) -> tuple[torch.Tensor, ...]:
        """Images (N, 1, 32, 32) in 0..1 to two (N, 16) tensors."""
        return self.linear(self.trunk(x)).chunk(2, dim=1)


def evidence_loss(
    encoder: "Encoder", decoder: digit_generator.Decoder, images: torch.Tensor, labels: torch.Tensor
) -> torch.Tensor:
    """Return the cross-entropy of the pixels and divergence from the Gaussian of the class, nats an image (Kingma and Welling 2014, equation 3)."""
    mean, log_var = encoder(images)
    w = mean + torch.exp(log_var / 2) * torch.randn_like(mean)
    pixels = functional.binary_cross_entropy_with_logits(
        decoder.layers(w)[-1], images, reduction="sum"
    )
    centre, log_sd = decoder.mean[labels], decoder.log_sd[labels]
    spread = (log_var.exp() + (mean - centre) ** 2) / torch.exp(2 * log_sd)
    return (pixels + 0.5 * (2 * log_sd - log_var + spread - 1).sum()) / len(images)


def train_generator() -> digit_generator.Decoder:
    """
    Train the autoencoder.

    Returns
    -------
    digit_generator.Decoder, in evaluation mode
    """
    torch.manual_seed(0)
    generator = torch.Generator().manual_seed(0)
    images, labels = images_of("train")
    encoder, decoder = Encoder(), digit_generator.Decoder()
    steps = GENERATOR_EPOCHS * -(-len(images) // BATCH)
    learner = training.learner(nn.ModuleList([encoder, decoder]), steps, 3e-3, weight_decay=0.0)
    for _ in range(GENERATOR_EPOCHS):
        for rows in training.batches(len(images), BATCH, generator):
            learner.optimizer.zero_grad()
            seen = changed(images[rows], generator, KEPT_CHANGE)
            evidence_loss(encoder, decoder, seen, labels[rows]).backward()
            learner.optimizer.step()
            learner.schedule.step()
    return decoder.eval()


@torch.inference_mode()
def recognised(psi: float, per_class: int = 100) -> float:
    """Return the share of the generator's samples, 0..1, that the classifier gives their class."""
    made, network = digit_generator.Digits(), lenet.digits()
    labels = torch.arange(10).repeat_interleave(per_class)
    images = made.synth(made.to_w(made.sample(len(labels), 0), labels, psi))
    return training.accuracy(network, normalised(images), labels)


def main() -> None:
    """Train, write the weights, print how well they do on held-out digits."""
    argparse.ArgumentParser(
        description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter
    ).parse_args()
    start = time.monotonic()
    save(train_classifier(), lenet.WEIGHTS)
    save(train_generator(), digit_generator.WEIGHTS)
    images, labels = images_of("heldout")
    accuracy = training.accuracy(lenet.digits(), normalised(images), labels)
    print(f"trained both in {time.monotonic() - start:.0f} s", file=sys.stderr)
    print(f"accuracy on held-out digits: {accuracy:.1%}")
    print(f"samples recognised: {recognised(0.7):.1%} at psi .7, {recognised(1.0):.1%} at psi 1")


if __name__ == "__main__":
    main()
