"""
A class-conditional generator of handwritten digits, one channel, 32 x 32.

The decoder of a convolutional variational autoencoder whose prior is one Gaussian a class: w = mu_c + psi * sigma_c * z
in 16 dimensions, so psi draws a sample towards the centre of its class as StyleGAN's truncation does. Weights:
`digit_generator.pth` beside this file (float16, made by `python -m gradtools.training.digit_networks`).

    gradtools extract --generator gradtools.bundled.digit_generator:Digits --per-class 50 \
        --model gradtools.bundled.lenet:digits -o digits.h5
"""

from collections.abc import Sequence
from pathlib import Path

import torch
from torch import Tensor, nn

from gradtools.bundled.scenes import CLASSES

__all__ = ["CLASSES", "Decoder", "Digits"]

WEIGHTS = Path(__file__).with_name("digit_generator.pth")
LATENT, WIDTHS = 16, (64, 32, 16)


class Decoder(nn.Module):
    """Centre and width of each class, and from w to the image: 4 x 4, 8 x 8, 16 x 16, 32 x 32."""

    def __init__(self, num_classes: int = len(CLASSES)):
        super().__init__()
        self.mean = nn.Parameter(torch.randn(num_classes, LATENT))
        self.log_sd = nn.Parameter(torch.zeros(num_classes, LATENT))
        self.linear = nn.Linear(LATENT, WIDTHS[0] * 16)
        self.up1 = nn.ConvTranspose2d(WIDTHS[0], WIDTHS[1], 4, 2, 1)
        self.up2 = nn.ConvTranspose2d(WIDTHS[1], WIDTHS[2], 4, 2, 1)
        self.up3 = nn.ConvTranspose2d(WIDTHS[2], 1, 4, 2, 1)

    def layers(self, w: Tensor) -> list[Tensor]:
        """Return the maps (N, C, H, W) of each layer, the last of them the logits of the pixels."""
        return self.after(torch.relu(self.linear(w)).view(len(w), WIDTHS[0], 4, 4), 0)

    def after(self, maps: Tensor, layer: int) -> list[Tensor]:
        """Return a layer's maps (N, C, H, W) and those of each layer behind it."""
        every = [maps]
        for up in (self.up1, self.up2)[layer:]:
            every.append(torch.relu(up(every[-1])))
        return [*every, self.up3(every[-1])]

    def forward(self, w: Tensor) -> Tensor:
        """Return images (N, 1, 32, 32) in 0..1 of latents (N, 16)."""
        return torch.sigmoid(self.layers(w)[-1])


class Digits:
    """The generator as gradtools takes it (`gradtools help mathematics`, section generators)."""

    n_classes, classes, shape = len(CLASSES), CLASSES, (1, 32, 32)
    latents = ("layer1", "layer2")

    def __init__(self) -> None:
        self.decoder = Decoder()
        self.decoder.load_state_dict(torch.load(WEIGHTS, weights_only=True), strict=True)
        self.decoder.float().eval().requires_grad_(False)

    def sample(self, n: int, seed: int, cls: Sequence[int] | None = None) -> Tensor:
        """Draw z (n, 16)."""
        return torch.randn(n, LATENT, generator=torch.Generator().manual_seed(seed))

    def to_w(self, z: Tensor, cls: Sequence[int] | None = None, psi: float = 1.0) -> Tensor:
        """Place z (n, 16) in the Gaussians of the classes (n,)."""
        rows = torch.as_tensor(cls, dtype=torch.int64)
        return self.decoder.mean[rows] + psi * self.decoder.log_sd[rows].exp() * z

    def synth(self, w: Tensor) -> Tensor:
        """Draw the images (n, 1, 32, 32) in 0..1."""
        return self.decoder(w)

    def features(self, w: Tensor) -> list[Tensor]:
        """Return the maps of the decoder's layers."""
        return self.decoder.layers(w)[:-1]

    def latent(self, w: Tensor, name: str) -> Tensor:
        """Return the maps of a layer in rows, (n, 1024) or (n, 2048)."""
        return self.decoder.layers(w)[self.latents.index(name)].flatten(1)

    def synth_latent(self, x: Tensor, name: str) -> Tensor:
        """Draw the images (n, 1, 32, 32) of a layer's maps in rows."""
        layer = self.latents.index(name)
        maps = x.view(len(x), WIDTHS[layer], 4 * 2**layer, 4 * 2**layer)
        return torch.sigmoid(self.decoder.after(maps, layer)[-1])
