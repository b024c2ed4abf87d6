"""What a pass over the images needs, made and checked before the first block: network, taps, target, verdicts."""

import dataclasses
import math
from collections.abc import Callable
from typing import TYPE_CHECKING, Generic, TypeVar

import numpy as np
import torch

from gradtools import images
from gradtools.errors import GradtoolsError, UsageError
from gradtools.images import ImageList, labels
from gradtools.network import models, scores, taps
from gradtools.network.models import Model
from gradtools.network.taps import Tap, Trace, Verdict
from gradtools.store import allocator

if TYPE_CHECKING:
    from gradtools.network.scores import Target


@dataclasses.dataclass(frozen=True)
class Options:
    """What every pass is asked; a command adds its own. Every field is part of the command that may go on after a kill."""

    target: str = "argmax"
    score: str = "logit"
    temperature: float = 1.0
    label_map: str | None = None
    labels_in_order: bool = False
    unmapped: str = "stop"
    batch_size: int = 32
    device: str = "cpu"
    dtype: str = "float32"
    fold: bool = True
    compress: bool = False
    value_range: tuple[float, float] | None = None  # of the image files, black and white


Chosen = TypeVar("Chosen", bound=Options)


@dataclasses.dataclass(frozen=True)
class Job(Generic[Chosen]):
    """Everything the pass over the images needs; made once, before the first image is read."""

    images: images.ImageList
    model: models.Model
    network: torch.nn.Module
    taps: list[Tap]
    trace: Trace
    target: scores.Target | None  # None: the network has no classes
    member: np.ndarray
    verdicts: dict[str, Verdict]
    options: Chosen  # the command's own
    width: int  # of the network's output

    @property
    def known_target(self) -> scores.Target:
        """Return the target of a network with classes.

        Raises
        ------
        GradtoolsError
        """
        if self.target is None:
            raise GradtoolsError(f"{self.model.spec} has no class head, so no score")
        return self.target


def prepare(
    image_list: ImageList,
    model: Model,
    options: Chosen,
    say: Callable[[str], None] = print,
    choose: Callable[[Trace], list[Tap]] | None = None,
    probed: bool = True,
    member: np.ndarray | None = None,
) -> Job[Chosen]:
    """Trace the network, find its taps and probe them; everything that can be wrong is found here.

    Parameters
    ----------
    options : Options
        Of the command; with tap, where there is no `choose`.
    choose : callable
        Takes the trace, gives the taps; by default those that `options.tap` names.
    probed : bool
        Whether what gradients at the taps can know is found out and said.
    member : (G, K) u8 array, optional
        Model classes of each data class, where a store has them; by default they are found by name.
    """
    allocator.keep_freed_memory()
    options = _settled(model, options, say)
    if options.value_range is None:  # a store's images are read as they were
        options = dataclasses.replace(options, value_range=image_list.value_range)
    image_list = dataclasses.replace(image_list, value_range=options.value_range)
    _check_score(model, options)
    placed = {"device": options.device, "dtype": getattr(torch, options.dtype)}
    network = model.module.to(**placed)
    first = np.array(images.first_readable(image_list, model.preprocess))[None]
    for note in images.range_notes(image_list):
        say(note)
    example = _beside_noise(normalised(first, model)).to(**placed)
    models.check(
        network, example, model.spec, classes=model.has_classes, head=model.head is not None
    )
    trace = taps.trace(network, example, model.head.name if model.head else None)
    tapped = choose(trace) if choose else taps.resolve(trace, list(getattr(options, "tap", ())))
    for note in taps.late_notes(trace, {tap.module for tap in tapped}):
        say(note)
    n_classes = trace.output_shape[-1]
    target, member = _classes(image_list, model, n_classes, options, say, member)
    if target is not None:
        models.check_gradient(network, example[:1], model.spec)
    image_list = _with_targets(image_list, member, target, options, say)
    verdicts = {}
    if probed and target is not None and options.score == "logit" and target.kind != "diff":
        verdicts = taps.probe(
            network, tapped, example.shape[1:], head=model.head
        )  # what it finds holds of logits alone
    for tap in tapped:
        if tap.name in verdicts and verdicts[tap.name].sentence:
            say(f"{tap.name}: {verdicts[tap.name].sentence}")
    if options.fold:
        network = taps.fold_batchnorm(network, example, tapped)
    network = network.to(memory_format=torch.channels_last)
    return Job(
        image_list, model, network, tapped, trace, target, member, verdicts, options, n_classes
    )


def _settled(model: Model, options: Chosen, say: Callable[[str], None]) -> Chosen:
    """Return the options with what they leave to the machine and the network."""
    device = options.device
    if device == "auto":
        device = _accelerator(options.dtype)
        if device != "cpu":
            say(f"computing on {device} (--device cpu computes on the processor)")
    _try_device(device)
    score = options.score
    if score == "sigmoid" and model.form.binary:
        score = "prob"
        say("--score sigmoid of a network with one logit is --score prob: the sigmoid of its logit")
    return dataclasses.replace(options, device=device, score=score)


def settled_device(name: str, dtype: str = "float32") -> str:
    """Return the device of a name, the accelerator that is here for `auto`.

    Raises
    ------
    UsageError
        It is not here.
    """
    device = _accelerator(dtype) if name == "auto" else name
    _try_device(device)
    return device


def _accelerator(dtype: str) -> str:
    """Return the device that computes fastest here."""
    if torch.cuda.is_available():
        return "cuda"
    if dtype == "float32" and torch.backends.mps.is_available():
        return "mps"
    return "cpu"


def _try_device(name: str) -> None:
    """Refuse a device that is not here."""
    try:
        torch.zeros(1, device=torch.device(name))
    except (RuntimeError, AssertionError) as error:
        reason = str(error).splitlines()[0]
        raise UsageError(
            f"--device {name} cannot be used here ({reason}): choose cpu or one that is here"
        ) from error


def _beside_noise(image: torch.Tensor) -> torch.Tensor:
    """Return an image (1, C, H, W) and one of noise in its range."""
    low, high = float(image.min()), float(image.max())
    noise = torch.rand(image.shape, generator=torch.Generator().manual_seed(0))
    return torch.cat([image, low + noise * ((high - low) or 1)])


def _check_score(model: Model, options: Options) -> None:
    """Refuse what can give no gradient, or none that means anything."""
    if not math.isfinite(options.temperature) or not 1e-6 <= options.temperature <= 1e6:
        raise UsageError(f"--temperature {options.temperature}: give a number between 1e-6 and 1e6")
    if options.score == "cosine" and model.head is None:
        raise UsageError(
            f"--score cosine: no classifier with a row for each class was found in {model.spec}"
        )


def normalised(pixels: np.ndarray, model: models.Model) -> torch.Tensor:
    """Return the pixels (B, C, H, W), u8 or float, as normalised float32 in channels-last order."""
    x = torch.from_numpy(pixels)
    if x.dtype != torch.uint8:
        return x
    scale, shift = images.normalisation(model.rules)
    x = x.to(torch.float32, memory_format=torch.channels_last)
    return x.mul_(torch.from_numpy(scale)[:, None, None]).add_(
        torch.from_numpy(shift)[:, None, None]
    )


def _classes(
    image_list: ImageList,
    model: Model,
    n_classes: int,
    options: Options,
    say: Callable[[str], None],
    known: np.ndarray | None = None,
) -> "tuple[Target | None, np.ndarray]":
    """Return the target and which model classes each data class has; stops where the target cannot be met."""
    member = np.zeros((len(image_list.label_names), n_classes), "u1")
    if not model.has_classes:
        if options.target not in ("argmax", *scores.PAIR_KINDS):
            raise UsageError(f"--target {options.target}: {model.spec} has no class head")
        return None, member
    target = scores.parse_target(options.target, model.class_names or [], n_classes)
    if (
        known is not None
        and known.shape == member.shape
        and options.label_map is None
        and not options.labels_in_order
    ):
        member = known
    elif image_list.label_names:
        mapping = labels.match(
            image_list.label_names,
            model.class_names or [],
            n_classes=n_classes,
            label_map=options.label_map,
            in_order=options.labels_in_order,
        )
        member = mapping.member
        _say_mapping(mapping, say)
    if target.kind in ("label", "labels"):
        _check_label_target(image_list, member, options)
    return target, member


def _with_targets(
    image_list: ImageList,
    member: np.ndarray,
    target: "Target | None",
    options: Options,
    say: Callable[[str], None],
) -> ImageList:
    """Return the images that have the target: with `--target label` one label that matches a model class (`--unmapped skip` counts the others)."""
    if target is None or target.kind != "label":
        return image_list
    has = (image_list.labels >= 0) & np.asarray(member.any(axis=1))[
        np.maximum(image_list.labels, 0)
    ]
    missing = int((~has).sum())
    if missing and options.unmapped != "skip":
        raise UsageError(
            f"--target label: {missing} of {len(has)} images have no single label that matches a model class, the first "
            f"{image_list.ids[int(np.argmin(has))]}; leave them out with --unmapped skip{_every_label(image_list)}"
        )
    if missing:
        say(
            f"{missing} of {len(has)} images have no single label that matches a model class: left out{_every_label(image_list)}"
        )
    return images.subset(image_list, has) if missing else image_list


def _every_label(image_list: ImageList) -> str:
    """Return how images of several labels are taken, where there are some."""
    several = image_list.label_names and (image_list.labels < 0).any()
    return "; saliency --target labels makes a map of each label of an image" if several else ""


def _say_mapping(mapping: labels.Mapping, say: Callable[[str], None]) -> None:
    """Say once how the data's classes meet the model's."""
    if mapping.note:
        say(mapping.note)


def _check_label_target(image_list: ImageList, member: np.ndarray, options: Options) -> None:
    """Refuse `--target label` and `labels` where a label has no model class; nothing is guessed."""
    unmet = [name for name, row in zip(image_list.label_names, member) if not row.any()]
    ways = "--label-map CSV, --labels-in-order or --class-names FILE"
    if not image_list.label_names:
        raise UsageError(
            f"--target {options.target}: the images have no labels; give a folder of class folders or a CSV manifest"
        )
    if unmet and (options.unmapped != "skip" or len(unmet) == len(image_list.label_names)):
        raise UsageError(
            f"--target {options.target}: {len(unmet)} of {len(image_list.label_names)} data classes match no class of the "
            f"model ({', '.join(unmet[:5])}); say how with {ways}, or leave them out with --unmapped skip"
        )
