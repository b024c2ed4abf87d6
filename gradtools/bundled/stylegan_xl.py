"""
An example: StyleGAN-XL as a generator, with your copy of its code and its weights; change it to fit other pickles.

Its weights are a pickle, which runs code when it is opened, so it is opened only with --trust-generator:

    export STYLEGAN_XL=~/stylegan-xl STYLEGAN_XL_PKL=~/imagenet256.pkl
    gradtools link --generator gradtools.bundled.stylegan_xl:StyleGANXL --trust-generator --psi 0.7 \
        --model resnet50 --weights IMAGENET1K_V1 --class 232 --class 254 --per-class 5000 --device cuda -o dogs.h5

STYLEGAN_XL is a checkout of autonomousvision/stylegan-xl (its folders torch_utils and dnnlib are imported by the
pickle), STYLEGAN_XL_PKL the file of weights. w is W, not W+: the mapping gives the same row for every layer, and the
first stands for all; --latent w+ links to the rows of all layers, --latent style to what each layer makes of its row. The classes are ImageNet's in torchvision's order, so they meet torchvision's networks by number.
"""

import os
import pickle
import sys
from collections.abc import Sequence
from pathlib import Path

import torch
from torch import Tensor

from gradtools.errors import UsageError


class StyleGANXL:
    """StyleGAN-XL of ImageNet: images in -1..1, noise constant, W truncated towards the mean of each class."""

    range = (-1, 1)
    latents = ("w+", "style")

    def __init__(self, trust: bool = False):
        folder, path = (os.environ.get(name, "") for name in ("STYLEGAN_XL", "STYLEGAN_XL_PKL"))
        if not os.path.isdir(folder) or not os.path.isfile(path):
            raise UsageError(
                "StyleGAN-XL: set STYLEGAN_XL to a checkout of its code and STYLEGAN_XL_PKL to its file of weights"
            )
        if not trust:
            raise UsageError(
                f"{path} is a pickle, which runs code of its own when it is opened: if you trust it, say so with --trust-generator"
            )
        sys.path.append(str(Path(folder)))
        with open(path, "rb") as file:
            self.network = pickle.load(file)["G_ema"].eval().requires_grad_(False)
        self.n_classes = self.network.c_dim
        side = self.network.img_resolution
        self.shape = (self.network.img_channels, side, side)

    def to(self, device: str) -> "StyleGANXL":
        """Move the network."""
        self.network = self.network.to(device)
        return self

    @property
    def device(self) -> torch.device:
        """Where the network is."""
        return next(self.network.parameters()).device

    def sample(self, n: int, seed: int, cls: Sequence[int] | None = None) -> Tensor:
        """Draw z (n, z_dim)."""
        generator = torch.Generator().manual_seed(seed)
        return torch.randn(n, self.network.z_dim, generator=generator)

    def to_w(self, z: Tensor, cls: Sequence[int] | None = None, psi: float = 1.0) -> Tensor:
        """Map z (n, z_dim) of classes (n,) to W (n, 512)."""
        rows = torch.as_tensor(cls, dtype=torch.int64, device=self.device)
        labels = torch.nn.functional.one_hot(rows, self.n_classes).float()
        return self.network.mapping(z.to(self.device), labels, truncation_psi=psi)[:, 0]

    def synth(self, w: Tensor) -> Tensor:
        """Draw images (n, 3, side, side) in about -1..1."""
        return self._drawn(self._repeated(w))

    def latent(self, w: Tensor, name: str) -> Tensor:
        """Return W+ (n, num_ws * 512), the same row for every layer, or the styles of all layers, in rows."""
        rows = self._repeated(w)
        if name == "w+":
            return rows.flatten(1)
        styles: list[Tensor] = []
        hooks = [
            layer.register_forward_hook(lambda layer, given, made: styles.append(made))
            for layer in self._affine()
        ]
        self._drawn(rows)
        for hook in hooks:
            hook.remove()
        return torch.cat(styles, dim=1)

    def synth_latent(self, x: Tensor, name: str) -> Tensor:
        """Draw images of rows of W+ or of styles, which stand in for what the layers make of w."""
        x = x.to(self.device)
        if name == "w+":
            return self._drawn(x.view(len(x), self.network.num_ws, -1))
        layers = self._affine()
        styles = iter(
            x.split([int(layer.get_parameter("weight").shape[0]) for layer in layers], dim=1)
        )
        hooks = [
            layer.register_forward_hook(lambda layer, given, made: next(styles)) for layer in layers
        ]
        drawn = self._drawn(self._repeated(x.new_zeros(len(x), self.network.w_dim)))
        for hook in hooks:
            hook.remove()
        return drawn

    def _affine(self) -> list[torch.nn.Module]:
        """Layers that make a style of w, in order of execution."""
        named = self.network.synthesis.named_modules()
        return [layer for name, layer in named if name.rpartition(".")[2] == "affine"]

    def _repeated(self, w: Tensor) -> Tensor:
        """Rows of W for every layer, (n, num_ws, 512)."""
        return w.to(self.device)[:, None].expand(-1, self.network.num_ws, -1)

    def _drawn(self, rows: Tensor) -> Tensor:
        """Images of (n, num_ws, 512)."""
        return self.network.synthesis(rows, noise_mode="const", force_fp32=True)
