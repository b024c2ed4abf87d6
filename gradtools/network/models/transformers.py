"""Networks of transformers (`hf:FOLDER`, `hf:CONFIGURATION`), with their image processor's preprocessing and class names."""

import contextlib
import re
from collections.abc import Callable, Mapping
from pathlib import Path
from typing import TYPE_CHECKING

import numpy as np
from torch import nn

from gradtools.errors import GradtoolsError, UsageError, suggest
from gradtools.network.models import preprocessing
from gradtools.network.models.sources import RANDOM, Source, first_line, library

if TYPE_CHECKING:
    from types import ModuleType

    from PIL import Image
    from transformers import AutoModelForImageClassification, BaseImageProcessor, PretrainedConfig

PLACEHOLDER = re.compile(r"LABEL_\d+")  # the library's names of classes for whoever gives none
SHOWN = 4
RESAMPLING = ("nearest", "lanczos", "bilinear", "bicubic")  # by Pillow's numbers
OTHER = {"do_flip_channel_order", "do_pad", "rescale_offset", "include_top"}  # what rules have not


def find(spec: str) -> Source:
    """Return the source of `hf:FOLDER`, or of a configuration's type (`hf:resnet`) or class (`hf:ResNetConfig`); nothing is downloaded.

    Raises
    ------
    UsageError, GradtoolsError
    """
    transformers = library("transformers", spec)
    transformers.logging.set_verbosity_error()
    transformers.logging.disable_progress_bar()
    name = spec.partition(":")[2]
    folder = Path(name) if Path(name).is_dir() else None
    config = (
        _named(transformers, spec, name) if folder is None else _stored(transformers, spec, folder)
    )
    processor = _processor(transformers, config, folder)
    notes: list[str] = []
    return Source(
        lambda kind: _build(transformers, spec, config, folder, kind, notes),
        None if processor is None else _processor_rules(processor),
        f"transformers' {type(processor).__name__}" + (f" in {name}" if folder else ""),
        _own_names(config.id2label),
        False,
        entry="logits",
        notes=notes,
    )


def _stored(transformers: "ModuleType", spec: str, folder: Path) -> "PretrainedConfig":
    """Return the configuration in a folder."""
    if not (folder / "config.json").is_file():
        raise UsageError(
            f"model {spec}: the folder has no config.json, as save_pretrained() writes it"
        )
    try:
        return transformers.AutoConfig.from_pretrained(folder)
    except Exception as error:  # whatever the library finds wrong
        raise GradtoolsError(
            f"model {spec}: its configuration cannot be read: {first_line(error)}"
        ) from error


def _named(transformers: "ModuleType", spec: str, name: str) -> "PretrainedConfig":
    """Return a new configuration of a type (`resnet`) or class (`ResNetConfig`)."""
    mapping = transformers.MODEL_FOR_IMAGE_CLASSIFICATION_MAPPING
    classes = {kind.model_type: kind for kind in mapping}
    classes |= {kind.__name__: kind for kind in mapping}
    if name not in classes:
        raise UsageError(
            f"model {spec}: no folder here (hf download NAME --local-dir FOLDER brings one of the hub), and no configuration of an "
            f"image classifier in transformers; {suggest(name, classes)}"
        )
    return classes[name]()


def _build(
    transformers: "ModuleType",
    spec: str,
    config: "PretrainedConfig",
    folder: Path | None,
    kind: str | None,
    notes: list[str],
) -> nn.Module:
    """Return the network; with random weights where its folder has none, or they are asked for."""
    config.return_dict = True
    auto = transformers.AutoModelForImageClassification
    if kind == "default" and folder is not None and _has_weights(folder):
        return _pretrained(auto, spec, config, folder, notes)
    if kind == "default":
        where = "a configuration alone" if folder is None else "the folder has no weights"
        notes.append(f"{spec}: {where}, so {RANDOM}; --weights PATH loads a checkpoint")
    try:
        return auto.from_config(config)
    except Exception as error:  # whatever the library finds wrong
        raise GradtoolsError(
            f"model {spec}: transformers makes no image classifier of its configuration: {first_line(error)}"
        ) from error


def _has_weights(folder: Path | None) -> bool:
    patterns = ("*.safetensors", "pytorch_model*.bin")
    return folder is not None and any(next(folder.glob(pattern), None) for pattern in patterns)


def _pretrained(
    auto: "type[AutoModelForImageClassification]",
    spec: str,
    config: "PretrainedConfig",
    folder: Path,
    notes: list[str],
) -> nn.Module:
    try:
        module, info = auto.from_pretrained(folder, config=config, output_loading_info=True)
    except Exception as error:  # whatever the library finds wrong
        raise GradtoolsError(
            f"model {spec}: its weights cannot be read: {first_line(error)}"
        ) from error
    missing = sorted(info["missing_keys"])
    if missing:
        some = ", ".join(missing[:SHOWN]) + (" ..." if len(missing) > SHOWN else "")
        notes.append(f"{spec}: its file has no {some}: those are {RANDOM}")
    return module


def _own_names(id2label: Mapping) -> list[str] | None:
    """Return the classes' names in order; None where transformers made them up."""
    names = [str(id2label[index]) for index in sorted(id2label)]
    return None if not names or all(map(PLACEHOLDER.fullmatch, names)) else names


def _processor(
    transformers: "ModuleType", config: "PretrainedConfig", folder: Path | None
) -> "BaseImageProcessor | None":
    """Return the image processor in a folder; without one, unless the folder has trained weights, its type's with the type's defaults."""
    if folder is not None:
        with contextlib.suppress(OSError, ValueError, KeyError):
            return transformers.AutoImageProcessor.from_pretrained(folder)
    if _has_weights(folder):
        return None
    mapping = transformers.models.auto.image_processing_auto.IMAGE_PROCESSOR_MAPPING
    try:
        kinds = mapping[type(config)]
        return kinds["pil"]() if "pil" in kinds else next(iter(kinds.values()))()
    except (KeyError, TypeError):  # none of its type, or one without defaults
        return None


def _processor_rules(processor: "BaseImageProcessor") -> dict | Callable:
    """Return an image processor as rules; as a function of an image where no rules are equivalent."""
    known = {key: value for key, value in processor.to_dict().items() if value is not None}
    rules = _plain_rules(known, type(processor).__name__)
    if rules is not None:
        return rules

    def image_processor(image: "Image.Image") -> np.ndarray:
        return processor(images=image, return_tensors="np")["pixel_values"][0]

    return image_processor


def _plain_rules(known: Mapping, kind: str) -> dict | None:
    """Return the rules of a processor that resizes, crops, scales to 0..1 and normalises; None of another."""
    if any(known.get(key) for key in OTHER) or not known.get("do_rescale", True):
        return None
    if abs(known.get("rescale_factor", 1 / 255) * 255 - 1) > 1e-6 or "size_divisor" in known:
        return None
    resize = _resize(known, kind)
    crop = _crop(known, kind, resize)
    if resize is False or crop is False:
        return None
    normal = known.get("do_normalize", False)
    rules = {
        "resize": resize,
        "crop": crop,
        "mean": list(known["image_mean"]) if normal else [0.0] * 3,
        "std": list(known["image_std"]) if normal else [1.0] * 3,
        "interpolation": _interpolation(known.get("resample", 2)),
    }
    return None if rules["interpolation"] is None else preprocessing.normalise(rules, kind)


def _interpolation(number: int | str) -> str | None:
    number = int(number)
    return RESAMPLING[number] if number < len(RESAMPLING) else None


def _resize(known: Mapping, kind: str) -> int | list[int] | bool | None:
    """Return `resize` of the rules, False where they have no such thing."""
    size = dict(known.get("size") or {})
    if not known.get("do_resize", False):
        return None
    if set(size) == {"height", "width"}:
        return [size["height"], size["width"]]
    if set(size) != {"shortest_edge"}:
        return False
    side = size["shortest_edge"]
    if kind.startswith("ConvNext"):  # 384 and more: the square itself, no crop
        return [side, side] if side >= 384 else int(side / known["crop_pct"])
    return False if "crop_pct" in known or kind.startswith("Levit") else side


def _crop(
    known: Mapping, kind: str, resize: int | list[int] | bool | None
) -> int | list[int] | bool | None:
    """Return `crop` of the rules, False where they have no such thing."""
    if kind.startswith("ConvNext"):
        return known["size"]["shortest_edge"] if isinstance(resize, int) else None
    size = dict(known.get("crop_size") or {})
    if not known.get("do_center_crop", False):
        return None
    return size["height"] if size.get("height") == size.get("width") else False
