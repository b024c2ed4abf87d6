"""Networks of timm (`timm:NAME`, `timm:NAME.TAG`), with the preprocessing and the class names that it has for them."""

import math
from collections.abc import Callable, Mapping
from typing import TYPE_CHECKING

import torch

from gradtools.errors import UsageError, suggest
from gradtools.images import labels
from gradtools.network.models import preprocessing
from gradtools.network.models.sources import Source, library, not_fetched

if TYPE_CHECKING:
    from types import ModuleType

    from PIL import Image
    from timm.data import ImageNetInfo
    from torch import nn


def find(spec: str, asked: str) -> Source:
    """Return the source of `timm:NAME` or `timm:NAME.TAG`; other tags are its names of weights.

    Parameters
    ----------
    spec : str
    asked : str
        As of `--weights`.

    Raises
    ------
    UsageError
        For a name that timm has not, with near ones.
    """
    timm = library("timm", spec)
    name = spec.partition(":")[2]
    architecture, _, tag = name.partition(".")
    if not timm.is_model(architecture):
        raise UsageError(
            f"model {spec}: timm has no such network; {suggest(architecture, timm.list_models())}"
        )
    known = timm.models.get_arch_pretrained_cfgs(architecture)
    tags = tuple(key.partition(".")[2] for key in known if "." in key)
    if tag and tag not in tags:
        raise UsageError(
            f"model {spec}: timm has no such weights of {architecture}; {suggest(tag, tags)}"
        )
    weights = {key.lower(): key for key in tags}.get(asked.lower(), tag)
    rules, names = _known(timm, f"{architecture}.{weights}" if weights else name, known)
    return Source(
        lambda kind: _build(timm, architecture, tag, kind),
        rules,
        "timm's " + (f"{architecture}.{weights}" if weights else name),
        names,
        False,
        named=tags,
    )


def _build(timm: "ModuleType", architecture: str, tag: str | None, kind: str) -> "nn.Module":
    """Return the network; `kind` is as of `Source.build`, where a name of weights is a tag."""
    trained = kind not in (None, "random")
    tag = kind if trained and kind != "default" else tag
    name = f"{architecture}.{tag}" if tag else architecture
    try:
        return timm.create_model(name, pretrained=trained)
    except Exception as error:
        if not trained:
            raise
        raise not_fetched(f"timm:{name}", kind, error) from error


def _known(
    timm: "ModuleType", name: str, known: bool
) -> tuple[dict | Callable | None, list[str] | None]:
    """Return (preprocessing, class names) of timm's entry, each None where it has none."""
    entry = timm.models.get_pretrained_cfg(name)
    if not known or entry is None:
        return None, None
    entry = entry.to_dict()
    return _rules(timm, entry), _names(timm, entry)


def _rules(timm: "ModuleType", entry: Mapping) -> dict | Callable:
    """Return timm's transforms as rules; unchanged where no rules are equivalent."""
    config = timm.data.resolve_data_config(pretrained_cfg=entry)
    channels, *sides = config["input_size"]
    resize = [math.floor(side / config["crop_pct"]) for side in sides]
    plain = config["crop_mode"] in ("center", "squash") and sides[0] == sides[1]
    if not plain or config["interpolation"] not in preprocessing.INTERPOLATIONS:
        transform = timm.data.create_transform(**config, is_training=False)

        def timm_transform(image: "Image.Image") -> torch.Tensor:
            return transform(image).numpy()

        return timm_transform
    rules = {
        "resize": resize if config["crop_mode"] == "squash" else resize[0],
        "crop": sides[0],
        "mean": list(config["mean"]),
        "std": list(config["std"]),
        "interpolation": config["interpolation"],
        "channels": channels,
    }
    return preprocessing.normalise(rules, "timm's preprocessing")


def _names(timm: "ModuleType", entry: Mapping) -> list[str] | None:
    """Return the class names: ImageNet's 1,000 as torchvision's networks have them, other subsets by timm's descriptions."""
    if entry.get("label_names"):
        return list(entry["label_names"])
    subset = timm.data.infer_imagenet_subset(entry)
    if subset == "imagenet-1k":
        return list(labels.imagenet_classes().name)
    return _distinct(timm.data.ImageNetInfo(subset)) if subset else None


def _distinct(info: "ImageNetInfo") -> list[str]:
    """Return the descriptions of classes, with the WordNet id where several are alike."""
    texts, ids = info.label_descriptions(), info.label_names()
    return [
        text if texts.count(text) == 1 else f"{text} ({wnid})" for text, wnid in zip(texts, ids)
    ]
