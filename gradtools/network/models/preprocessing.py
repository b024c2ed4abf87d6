"""What is done to an image before the network sees it: presets, the option's grammar, what torchvision declares.

A preprocessing is a dict {"resize", "crop", "mean", "std", "interpolation"}: the short side in pixels, [height, width]
or None; the centre crop's side or None; means and deviations of the channels in 0..1. With "channels": 1 images are read as grey.
"""

import enum
from collections.abc import Callable, Sequence
from typing import Protocol

from gradtools.errors import UsageError
from gradtools.images.preprocessing import Rules

MEAN, STD = [0.485, 0.456, 0.406], [0.229, 0.224, 0.225]
NONE: Rules = {
    "resize": None,
    "crop": None,
    "mean": [0.0] * 3,
    "std": [1.0] * 3,
    "interpolation": "bilinear",
}
PRESETS: dict[str, Rules] = {
    "imagenet": {**NONE, "resize": 256, "crop": 224, "mean": MEAN, "std": STD},
    "imagenet-norm": {**NONE, "mean": MEAN, "std": STD},
    "none": NONE,
}


class Transforms(Protocol):
    """What torchvision's weights declare of the preprocessing."""

    resize_size: Sequence[int]
    crop_size: Sequence[int]
    mean: Sequence[float]
    std: Sequence[float]
    interpolation: enum.Enum


INTERPOLATIONS = ("nearest", "bilinear", "bicubic", "lanczos")


def parse(text: str) -> Rules:
    """Read `--preprocess`: a preset, or some of `resize=256,crop=224,mean=a/b/c,std=a/b/c,interpolation=bilinear`.

    Raises
    ------
    UsageError
    """
    if text in PRESETS:
        return dict(PRESETS[text])
    pairs = [part.partition("=") for part in text.split(",")]
    if not all(equals for _, equals, _ in pairs):
        raise UsageError(
            f"--preprocess {text}: write {', '.join(PRESETS)}, or "
            "resize=256,crop=224,mean=a/b/c,std=a/b/c,interpolation=bilinear"
        )
    return normalise(
        {key.strip(): _value(text, value.strip()) for key, _, value in pairs},
        f"--preprocess {text}",
    )


def normalise(declared: Rules | str, where: str) -> Rules:
    """Return a complete, checked dict from a declared one or a preset's name.

    Parameters
    ----------
    declared : dict or str
    where : str
        Begins the error's line.
    """
    if isinstance(declared, str) and declared in PRESETS:
        return dict(PRESETS[declared])
    if not isinstance(declared, dict) or set(declared) - {*NONE, "channels"}:
        raise UsageError(
            f"{where}: write {', '.join(PRESETS)}, or a dict of some of {', '.join(NONE)}, channels"
        )
    full = {**NONE, **declared}
    channels = full.pop("channels", 3)
    if channels not in (1, 3):
        raise UsageError(
            f"{where}: channels is 1 (images are read as grey) or 3; for others write preprocess(image) in the model's file, "
            f"which returns a ({channels}, height, width) tensor"
        )
    if channels == 1:
        full = {"channels": 1, **full}
    full["resize"], full["crop"] = (
        _pixels(full["resize"], where, "resize"),
        _pixels(full["crop"], where, "crop"),
    )
    full["mean"], full["std"] = (
        _values(full["mean"], where, "mean", channels),
        _values(full["std"], where, "std", channels),
    )
    if min(full["std"]) <= 0:
        raise UsageError(f"{where}: std must be above 0")
    if full["interpolation"] not in INTERPOLATIONS:
        raise UsageError(f"{where}: interpolation is one of {', '.join(INTERPOLATIONS)}")
    return full


def grey(rules: Rules) -> Rules:
    """Return the rules for images read as grey: means and deviations of three channels become their mean."""
    return normalise({**rules, "channels": 1}, "preprocessing")


def channels(rules: Rules) -> int:
    """Return the channels that images are read with, 3 or 1."""
    return rules.get("channels", 3)


def from_torchvision(transforms: Transforms) -> dict:
    """Return the dict of a torchvision weight's transforms."""
    resize = list(transforms.resize_size)
    return {
        "resize": resize[0] if len(resize) == 1 else resize,
        "crop": transforms.crop_size[0],
        "mean": list(transforms.mean),
        "std": list(transforms.std),
        "interpolation": transforms.interpolation.value,
    }


def describe(rules: Rules | Callable) -> str:
    """Return the preprocessing in a few words."""
    if not isinstance(rules, dict):
        return f"the module's own {getattr(rules, '__name__', 'preprocess')}()"
    parts = [f"{key} {rules[key]}" for key in ("resize", "crop") if rules[key]]
    if rules["resize"]:
        parts.append(rules["interpolation"])
    plain = not any(rules["mean"]) and set(rules["std"]) == {1.0}
    parts.append(
        "0..1" if plain else "mean " + _slashed(rules["mean"]) + ", std " + _slashed(rules["std"])
    )
    return ", ".join(parts + (["grey"] if channels(rules) == 1 else []))


def size(rules: Rules | Callable) -> tuple[int, int] | None:
    """Return (height, width) of the images, of a short side alone that of a square one; None where the rules leave it open."""
    if not isinstance(rules, dict):
        return None
    if rules["crop"]:
        return rules["crop"], rules["crop"]
    resize = rules["resize"]
    return (resize, resize) if isinstance(resize, int) else resize and tuple(resize)


def _slashed(values: Sequence[float]) -> str:
    return "/".join(f"{value:g}" for value in values)


def _value(text: str, value: str) -> str | float | list | None:
    """Return a number, a list of numbers, None or a word, as written."""
    if value.lower() == "none":
        return None
    if "/" in value:
        return [_value(text, part) for part in value.split("/")]
    for kind in (int, float):
        try:
            return kind(value)
        except ValueError:
            continue
    return value


def _pixels(
    value: int | Sequence[int] | str | None, where: str, key: str
) -> int | list[int] | None:
    """Return a side in pixels, [height, width] for resize, or None."""
    if value is None:
        return None
    sides: list = list(value) if isinstance(value, (list, tuple)) else [value]
    if not all(isinstance(side, int) and side > 0 for side in sides) or len(sides) > (
        2 if key == "resize" else 1
    ):
        raise UsageError(
            f"{where}: {key} is a number of pixels"
            + (" or height/width" if key == "resize" else "")
        )
    return sides[0] if len(sides) == 1 else sides


def _values(values: float | Sequence[float], where: str, key: str, channels: int) -> list[float]:
    """Return a number of each channel; of grey images the mean of three that were given."""
    values = [values] * channels if isinstance(values, (int, float)) else values
    try:
        numbers = [float(value) for value in values]
    except (TypeError, ValueError):
        numbers = []
    if channels == 1 and len(numbers) == 3:
        return [sum(numbers) / 3]
    if len(numbers) != channels:
        what = "three numbers, of red, green and blue" if channels == 3 else "one number, of grey"
        raise UsageError(f"{where}: {key} is {what} in 0..1")
    return numbers
