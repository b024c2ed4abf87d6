"""What a pass over the images needs, made and checked before the first block: network, taps, target, verdicts."""

import dataclasses

import numpy as np
import torch

from gradtools import images, labels, models, scores, taps
from gradtools.errors import GradtoolsError, UsageError

DEFAULT_TAPS = ("auto:blocks", "auto:last-conv")


@dataclasses.dataclass(frozen=True)
class Options:
    """What decides the values: every field is part of the command that may go on after a kill."""

    tap: tuple = DEFAULT_TAPS
    target: str = "argmax"
    score: str = "logit"
    temperature: float = 1.0
    maps: tuple = ()  # "gradient", "activation": stored whole
    map_dtype: str = "float32"  # of activation maps
    label_map: str | None = None
    labels_in_order: bool = False
    unmapped: str = "stop"
    batch_size: int = 32
    device: str = "cpu"
    dtype: str = "float32"
    fold: bool = True
    compress: bool = False


@dataclasses.dataclass(frozen=True)
class Job:
    """Everything the pass over the images needs; made once, before the first image is read."""

    images: images.ImageList
    model: models.Model
    network: torch.nn.Module
    taps: list
    trace: object
    target: scores.Target
    member: np.ndarray
    verdicts: dict
    options: Options
    width: int  # of the network's output


def prepare(image_list, model, options, say=print):
    """Trace the network, find its taps and probe them; everything that can be wrong is found here."""
    device = _device(options.device)
    network = model.module.to(device=device, dtype=getattr(torch, options.dtype))
    example = inputs(np.array(images.first_readable(image_list, model.preprocess))[None], model).to(
        device=device, dtype=getattr(torch, options.dtype)
    )
    trace = taps.trace(network, example)
    chosen = taps.resolve(trace, list(options.tap))
    n_classes = trace.output_shape[-1]
    target, member = _classes(image_list, model, n_classes, options, say)
    verdicts = {}
    if target is not None:
        verdicts = taps.probe(network, chosen, example.shape[1:], head=model.head)
        for tap in chosen:
            if verdicts[tap.name].sentence:
                say(f"{tap.name}: {verdicts[tap.name].sentence}")
    if options.fold:
        network = taps.fold_batchnorm(network, example, chosen)
    network = network.to(memory_format=torch.channels_last)
    return Job(image_list, model, network, chosen, trace, target, member, verdicts, options, n_classes)


def _device(name):
    """The device of that name, tried once."""
    try:
        device = torch.device(name)
        torch.zeros(1, device=device)
    except (RuntimeError, AssertionError) as error:
        reason = str(error).splitlines()[0]
        raise GradtoolsError(f"--device {name} cannot be used here ({reason}): choose cpu or one that is here") from error
    return device


def inputs(pixels, model):
    """Pixels (B, 3, H, W), u8 or float, as normalised float32 in channels-last order."""
    x = torch.from_numpy(pixels)
    if x.dtype != torch.uint8:
        return x
    scale, shift = images.normalisation(model.preprocess)
    x = x.to(torch.float32, memory_format=torch.channels_last)
    return x.mul_(torch.from_numpy(scale)[:, None, None]).add_(torch.from_numpy(shift)[:, None, None])


def _classes(image_list, model, n_classes, options, say):
    """The target and which model classes each data class has; stops where the target cannot be met."""
    member = np.zeros((len(image_list.label_names), n_classes), "u1")
    if not model.has_classes:
        if options.target != "argmax":
            raise UsageError(f"--target {options.target}: {model.spec} has no class head")
        return None, member
    target = scores.parse_target(options.target, model.class_names or [], n_classes)
    if image_list.label_names:
        mapping = labels.match(
            image_list.label_names,
            model.class_names or [],
            n_classes=n_classes,
            label_map=options.label_map,
            in_order=options.labels_in_order,
        )
        member = mapping.member
        _say_mapping(mapping, say)
    if target.kind == "label":
        _check_label_target(image_list, member, options)
    return target, member


def _say_mapping(mapping, say):
    """Say once how the data's classes meet the model's."""
    if mapping.note:
        say(mapping.note)


def _check_label_target(image_list, member, options):
    """`--target label` needs a model class for every label; nothing is guessed."""
    unmet = [name for name, row in zip(image_list.label_names, member) if not row.any()]
    ways = "--label-map CSV, --labels-in-order or --class-names FILE"
    if not image_list.label_names:
        raise UsageError("--target label: the images have no labels; give a folder of class folders or a CSV manifest")
    if unmet and (options.unmapped != "skip" or len(unmet) == len(image_list.label_names)):
        raise UsageError(
            f"--target label: {len(unmet)} of {len(image_list.label_names)} data classes meet no class of the model "
            f"({', '.join(unmet[:5])}); say how with {ways}, or leave them out with --unmapped skip"
        )
