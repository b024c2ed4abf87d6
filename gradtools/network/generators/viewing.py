"""Float images in 0..1 through a classifier's preprocessing: channels, resize, crop, normalisation."""

from collections.abc import Callable, Mapping

import numpy as np
import torch
from PIL import Image
from torch.nn import functional

from gradtools import images
from gradtools.images import preprocessing

GREY = (0.299, 0.587, 0.114)  # ITU-R 601, as PIL's mode L
MODES = {
    "nearest": "nearest-exact",
    "bilinear": "bilinear",
    "bicubic": "bicubic",
    "lanczos": "bicubic",
}


def as_read(pictures: torch.Tensor, channels: int) -> torch.Tensor:
    """Return images (N, C, H, W) with the channels that are read: grey by ITU-R 601, or grey three times."""
    if pictures.shape[1] == channels:
        return pictures
    if channels == 1:
        weights = torch.tensor(GREY, dtype=pictures.dtype, device=pictures.device)
        return (pictures * weights.view(1, 3, 1, 1)).sum(1, keepdim=True)
    return pictures.expand(-1, channels, -1, -1)


def view(pictures: torch.Tensor, rules: dict | Callable) -> torch.Tensor:
    """Return images (N, C, H, W) float32 in 0..1 as the classifier reads them (mathematics#generators).

    They stay float all the way; resizing is antialiased as PIL's. A model's own preprocess(image) takes 8-bit pictures.

    Parameters
    ----------
    pictures : (N, C, H, W) float32 tensor
    rules : dict or callable
        The model's preprocessing.

    Returns
    -------
    (N, channels, height, width) float32 tensor, normalised
    """
    if callable(rules):
        return torch.stack([torch.as_tensor(rules(picture)).float() for picture in pil(pictures)])
    x = as_read(pictures, rules.get("channels", 3))
    x = _cropped(_resized(x, rules), rules["crop"])
    scale, shift = (
        torch.from_numpy(part).to(x).view(1, -1, 1, 1) for part in images.normalisation(rules)
    )
    return x * 255 * scale + shift


def pil(pictures: torch.Tensor) -> list[Image.Image]:
    """Return images (N, C, H, W) in 0..1 as 8-bit RGB pictures."""
    values = as_read(pictures, 3).mul(255).round().to(torch.uint8).permute(0, 2, 3, 1)
    return [Image.fromarray(np.ascontiguousarray(picture)) for picture in values.cpu().numpy()]


def _resized(x: torch.Tensor, rules: Mapping) -> torch.Tensor:
    """Return the images at the size of `resize`."""
    size = preprocessing.resized(x.shape[2], x.shape[3], rules["resize"])
    if tuple(x.shape[2:]) == tuple(size):
        return x
    mode = MODES[rules["interpolation"]]
    if mode == "nearest-exact":
        return functional.interpolate(x, size, mode=mode)
    resized = functional.interpolate(x, size, mode=mode, align_corners=False, antialias=True)
    return resized.clamp(0, 1)


def _cropped(x: torch.Tensor, crop: int | None) -> torch.Tensor:
    """Return the centre crop, with zeros around what is smaller."""
    if crop is None:
        return x
    top, left = (preprocessing.crop_start(side, crop) for side in x.shape[2:])
    low = [max(0, -start) for start in (top, left)]
    padded = functional.pad(
        x,
        (low[1], max(0, crop + left - x.shape[3]), low[0], max(0, crop + top - x.shape[2])),
    )
    top, left = max(top, 0), max(left, 0)
    return padded[:, :, top : top + crop, left : left + crop]
