"""A network ready for use: built, loaded, frozen, with its preprocessing, class names, classifier and digest."""

import contextlib
import dataclasses
import sys
from collections.abc import Callable, Mapping
from pathlib import Path
from typing import TYPE_CHECKING, TypedDict

import torch

from gradtools.errors import GradtoolsError, UsageError
from gradtools.images.preprocessing import Rules
from gradtools.network import taps
from gradtools.network.models import (
    checkpoints,
    fitting,
    heads,
    inputs,
    outputs,
    preprocessing,
    specs,
    wrapping,
)
from gradtools.network.models.sources import Source

if TYPE_CHECKING:
    from torch import nn

    from gradtools.network.models.heads import Head
    from gradtools.network.models.outputs import Form


class Reading(TypedDict, total=False):
    """How a network is read: parameters of `load` that commands hand on as they are."""

    weights: str
    weights_entry: str | None
    trust: bool
    no_head: bool
    head: str | None
    output_entry: str | None
    reduce: str | None


@dataclasses.dataclass(frozen=True)
class Model:
    """A network in eval mode, its parameters frozen, and what is known of it.

    `weights` is as asked, `weights_sha256` the digest of their values. `preprocess` is a dict (`preprocessing`) or the
    module's own callable, image to tensor. `head` is None where no classifier was found; `has_classes` is false with
    `--head none`. `form` says how the network's output became logits, `shape` at which (C, H, W) it was tried, None where it ran at
    none. `notes` are facts to be said once.
    """

    module: torch.nn.Module
    spec: str
    weights: str
    weights_sha256: str
    preprocess: Rules | Callable
    class_names: list | None
    head: heads.Head | None
    has_classes: bool
    notes: list
    form: outputs.Form = outputs.Form()
    shape: tuple[int, int, int] | None = None

    @property
    def classifier(self) -> heads.Head:
        """Return the head of a network that has one.

        Raises
        ------
        GradtoolsError
        """
        if self.head is None:
            raise GradtoolsError(f"{self.spec}: no layer with a row for each class (--head NAME)")
        return self.head

    @property
    def rules(self) -> Rules:
        """Return the preprocessing of a network that has none of its own code.

        Raises
        ------
        GradtoolsError
        """
        if not isinstance(self.preprocess, dict):
            raise GradtoolsError(f"{self.spec}: its own preprocess(image) gives no pixels in 0..1")
        return self.preprocess


def load(
    spec: str,
    weights: str = "default",
    *,
    preprocess: str | None = None,
    no_head: bool = False,
    class_names: str | None = None,
    trust: bool = False,
    seed: int = 0,
    without_images: bool = False,
    head: str | None = None,
    output_entry: str | None = None,
    reduce: str | None = None,
    weights_entry: str | None = None,
    sample: Callable | None = None,
    size: tuple[int, int] | None = None,
    source: Source | None = None,
) -> Model:
    """Build a network and give it its weights.

    Parameters
    ----------
    spec : str
        `resnet50`, `torchvision:NAME`, `timm:NAME`, `hf:FOLDER` or `hf:CONFIGURATION`, `file.py:callable`, `package.module:callable`.
    weights : str
        `default`, `random`, torchvision's name of weights, or the path of a checkpoint.
    preprocess : str, optional
        `--preprocess`: a preset or `resize=..,crop=..`; over what the model brings.
    no_head : bool
        Take the classifier of a torchvision or timm network out; of another network, take the output as it is for an embedding.
    class_names : str, optional
        File with one name a line.
    trust : bool
        Run the code in a pickled checkpoint.
    seed : int
        Of random weights.
    without_images : bool
        The network will see none: it may come without a preprocessing, and none is said.
    head : str, optional
        Name of the layer whose rows are the classes', where it is not found.
    output_entry : str, optional
        Key or index of one of several outputs.
    reduce : str, optional
        How maps of logits become one number a class: mean, max, predicted, or Y,X.
    weights_entry : str, optional
        Which entry of a checkpoint holds the weights, as in `state_dict_ema` or `model.state_dict`.
    sample : callable, optional
        Gives the first image of the data, preprocessed by the rules it takes, (C, H, W).
    size : (int, int), optional
        Height and width of the images, over what the preprocessing says.
    source : Source, optional
        Where the network comes from, instead of what `spec` names.

    Returns
    -------
    Model

    Raises
    ------
    UsageError, GradtoolsError
    """
    source = source or specs.find(spec, weights)
    rules, origin = _preprocess(source, spec, preprocess, without_images)
    from_file = weights not in ("default", "random") and source.kind(weights) is None
    state, read_notes = checkpoints.read(weights, trust, weights_entry) if from_file else (None, [])
    if weights_entry is not None and not from_file:
        raise UsageError("--weights-entry is about a checkpoint: give one with --weights PATH")
    module = _build(source, spec, None if from_file else source.kind(weights) or weights, seed)
    no_head = no_head or _is_headless(module)
    shape = inputs.find(module, rules, sample, size)
    asked = {
        "entry": output_entry or source.entry,
        "reduce": reduce,
        "classes": not no_head or not source.constructed,
    }
    form, name = _look(module, shape, asked, head)
    removed = no_head and name is not None and not source.constructed
    if removed and name is not None:
        heads.remove(module, name)
    notes = list(read_notes)
    if state is not None:
        notes += fitting.fit(module, state, name, weights, removed)
        notes += _half_note(state, weights)
    notes += source.notes + _weights_notes(source, spec, weights, seed)
    module.float().eval().requires_grad_(False)
    form, _ = _look(module, shape, asked | {"classes": not no_head}, head)
    outputs.adapt(module, form)
    head_found = None if no_head else heads.read(module, name, form.binary)
    names, names_notes = (None, []) if no_head else _class_names(source, class_names, head_found)
    if shape is not None and not without_images:
        rules, grey_notes = inputs.fitting(rules, shape[0], spec)
        notes = grey_notes + notes
    notes += form.notes + names_notes + _head_notes(head_found, no_head, shape)
    if not without_images:
        notes.insert(0, f"preprocessing of {origin}: {preprocessing.describe(rules)}")
    sha256 = checkpoints.sha256(module)
    return Model(
        module, spec, weights, sha256, rules, names, head_found, not no_head, notes, form, shape
    )


def _build(source: Source, spec: str, kind: str | None, seed: int) -> "nn.Module":
    """Return the network, made with a seed of its own so that random parts are the same every time."""
    with torch.random.fork_rng(devices=[]):
        torch.manual_seed(seed)
        with contextlib.redirect_stdout(
            sys.stderr
        ):  # a download says so on stdout, which belongs to the store
            module = wrapping.unwrapped(source.build(kind))
            wrapping.refuse_quantised(module, spec)
            wrapping.without_checkpointing(module)
            return module.float().eval().requires_grad_(False)


def _is_headless(module: "nn.Module") -> bool:
    """Return True if a network of timm or transformers was made without classes."""
    config = getattr(module, "config", None)
    known = getattr(config, "id2label", None)
    if known is not None:
        return len(known) == 0
    return getattr(module, "num_classes", None) == 0 and hasattr(module, "pretrained_cfg")


def _look(
    module: "nn.Module", shape: tuple[int, ...] | None, asked: Mapping, head: str | None
) -> "tuple[Form, str | None]":
    """Return the form of the output and the name of the classifier: the one asked for, or the one found."""
    if head is not None:
        heads.check_name(module, head)
    if shape is None:
        return outputs.Form(), head
    form, name = outputs.look(module, taps.blank(module, shape), **asked)
    return form, head or name


def _preprocess(
    source: Source, spec: str, option: str | None, without_images: bool
) -> tuple[dict | Callable, str]:
    """Return the preprocessing and where it comes from."""
    if option is not None:
        return preprocessing.parse(option), "--preprocess"
    if source.preprocess is not None:
        return source.preprocess, source.preprocess_from
    if without_images:
        return preprocessing.NONE, ""
    raise UsageError(
        f"model {spec} declares no preprocessing, and a guessed one gives wrong numbers: write "
        f"PREPROCESS into its file or give --preprocess {', '.join(preprocessing.PRESETS)} or "
        "resize=256,crop=224,mean=a/b/c,std=a/b/c"
    )


def _half_note(state: Mapping[str, torch.Tensor], weights: str) -> list[str]:
    half = any(value.dtype in (torch.float16, torch.bfloat16) for value in state.values())
    return [f"{weights}: half-precision weights, computed in float32"] if half else []


def _weights_notes(source: Source, spec: str, weights: str, seed: int) -> list[str]:
    if weights == "random":
        return [f"random weights (seed {seed}): the numbers say nothing about a trained network"]
    if weights == "default" and source.constructed:
        return [
            f"weights as {spec.rpartition(':')[2]}() makes them; --weights PATH loads a checkpoint"
        ]
    return []


def _head_notes(head: "Head | None", no_head: bool, shape: tuple[int, ...] | None) -> list[str]:
    """Return what to say where the network has no rows of classes."""
    if no_head or head is not None:
        return []
    if shape is None:
        return [
            "the network ran at no size that was tried, so its classifier was not looked for: --head NAME names it"
        ]
    return [
        "no linear layer or 1x1 convolution gives the output, so classes have no rows and the control is missing: --head NAME names "
        "the layer, --head none takes the output for an embedding"
    ]


def _class_names(
    source: Source, path: str | None, head: "Head | None"
) -> tuple[list[str] | None, list[str]]:
    """Return the model's class names if there are as many as classes, and what to say where they are not used."""
    n_classes = None if head is None else len(head.weight)
    if path is not None:
        names = _names_in_file(path)
        if n_classes not in (None, len(names)):
            raise UsageError(
                f"--class-names {path} has {len(names)} names, the network has {n_classes} classes"
            )
        return names, []
    if source.class_names is None or n_classes is None or len(source.class_names) == n_classes:
        return source.class_names, []
    return None, [
        f"the model's {len(source.class_names)} class names are not used for its {n_classes} classes; "
        "--class-names FILE gives theirs"
    ]


def _names_in_file(path: str) -> list[str]:
    try:
        lines = Path(path).read_text(encoding="utf-8").splitlines()
    except (OSError, UnicodeDecodeError) as error:
        raise UsageError(
            f"--class-names {path} cannot be read: {getattr(error, 'strerror', None) or error}"
        ) from error
    return [line.strip() for line in lines if line.strip()]
