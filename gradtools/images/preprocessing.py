"""What a network is given of an image: resized, cropped, and the affine of its normalisation.

The rules are a dict {"resize", "crop", "mean", "std", "interpolation"}: the short side in pixels or [height, width] or
None; the centre crop's side or None; means and deviations of red, green and blue, or with "channels": 1 of grey, in 0..1. Sizes, offsets and rounding
are those of torchvision's Resize and CenterCrop on PIL images.
"""

from collections.abc import Sequence
from typing import TYPE_CHECKING, Any

import numpy as np

if TYPE_CHECKING:
    from PIL import Image

Rules = dict[str, Any]  # as above

LARGEST = 1 << 28  # pixels; a strip of 10,000 x 1 with its short side at 224 has more


def preprocess(image: "Image.Image", rules: Rules) -> np.ndarray:
    """Convert an image to the pixels that the network sees, before normalisation.

    Parameters
    ----------
    image : PIL.Image.Image, mode RGB
    rules : dict

    Returns
    -------
    (3, H, W) uint8 array, or (1, H, W) where the rules read grey
        Channels-last in memory.

    Raises
    ------
    ValueError
        Where resizing would make it enormous.
    """
    if rules.get("channels", 3) == 1:
        image = image.convert("L")
    height, width = resized(image.height, image.width, rules["resize"])
    if height * width > LARGEST:
        raise ValueError(
            f"{image.height} x {image.width} pixels would become {height} x {width}: too long and narrow"
        )
    if (width, height) != image.size:
        image = image.resize((width, height), _filter(rules["interpolation"]))
    if rules["crop"] is not None:
        left, top = crop_start(width, rules["crop"]), crop_start(height, rules["crop"])
        image = image.crop((left, top, left + rules["crop"], top + rules["crop"]))
    pixels = np.asarray(image)
    return pixels[None] if pixels.ndim == 2 else pixels.transpose(2, 0, 1)


def normalisation(rules: Rules) -> tuple[np.ndarray, np.ndarray]:
    """Return the scale and shift of each channel, so that pixels (0..255) * scale + shift = (pixels / 255 - mean) / std.

    Returns
    -------
    scale, shift : (C,) float32 arrays
    """
    mean, std = np.array(rules["mean"]), np.array(rules["std"])
    return (1 / (255 * std)).astype("f4"), (-mean / std).astype("f4")


def transform_box(box: np.ndarray, rules: Rules, height: int, width: int) -> np.ndarray:
    """Return where boxes of the original image lie in the preprocessed one.

    Parameters
    ----------
    box : (..., 4) array
        x0, y0, x1, y1 in pixels, half-open.
    height, width : int
        Of the original image.

    Returns
    -------
    (..., 4) float64 array
        Cut to the frame: a box outside it has no area.
    """
    tall, wide = resized(height, width, rules["resize"])
    box = np.asarray(box, dtype=float) * np.array([wide / width, tall / height] * 2)
    crop = rules["crop"]
    if crop is None:
        return np.clip(box, 0, [wide, tall] * 2)
    return np.clip(box - [crop_start(wide, crop), crop_start(tall, crop)] * 2, 0, crop)


def frame_size(rules: Rules, height: int, width: int) -> tuple[int, int]:
    """Return height and width of the preprocessed form of an image of height x width pixels."""
    crop = rules["crop"]
    return (crop, crop) if crop is not None else resized(height, width, rules["resize"])


def transform_mask(mask: np.ndarray, rules: Rules) -> np.ndarray:
    """Return where a mask of the original image lies in the preprocessed one.

    A pixel of the frame has the value of the original pixel that its centre falls into; what zeros
    were laid around the image is outside of every mask.

    Parameters
    ----------
    mask : (H, W) bool array
    rules : dict

    Returns
    -------
    (height, width) bool array
    """
    height, width = mask.shape
    tall, wide = resized(height, width, rules["resize"])
    rows, columns = frame_size(rules, height, width)
    crop = rules["crop"]
    top, left = (0, 0) if crop is None else (crop_start(tall, crop), crop_start(wide, crop))
    y, x = (
        (np.arange(rows) + 0.5 + top) * height / tall,
        (np.arange(columns) + 0.5 + left) * width / wide,
    )
    inside = ((y >= 0) & (y < height))[:, None] & ((x >= 0) & (x < width))
    y, x = (np.clip(values.astype(int), 0, side - 1) for values, side in ((y, height), (x, width)))
    return mask[np.ix_(y, x)] & inside


def resized(height: int, width: int, resize: int | Sequence[int] | None) -> tuple[int, int]:
    """Return the height and width after `resize`; of the short side alone, the long one follows and is cut to a whole number."""
    if resize is None:
        return height, width
    if not isinstance(resize, int):
        tall, wide = resize
        return tall, wide
    return (
        (int(resize * height / width), resize)
        if width <= height
        else (resize, int(resize * width / height))
    )


def crop_start(side: int, crop: int) -> int:
    """Return the first pixel of a centre crop; negative where the image is smaller and zeros are laid around it."""
    return round((side - crop) / 2) if side >= crop else -((crop - side) // 2)


def _filter(name: str) -> "Image.Resampling":
    from PIL.Image import Resampling

    return Resampling[name.upper()]
