"""A network ready for use: built, loaded, frozen, with its preprocessing, class names, classifier and digest."""

import contextlib
import dataclasses
import sys
from collections.abc import Callable
from pathlib import Path

import torch

from gradtools.errors import UsageError
from gradtools.network.models import checkpoints, fitting, heads, preprocessing, specs


@dataclasses.dataclass(frozen=True)
class Model:
    """A network in eval mode, its parameters frozen, and what is known of it.

    `weights` is as asked, `weights_sha256` the digest of their values. `preprocess` is a dict (`preprocessing`) or the
    module's own callable, image to tensor. `head` is None where no classifier was found; `has_classes` is false with
    `--head none`. `notes` are facts to be said once.
    """

    module: torch.nn.Module
    spec: str
    weights: str
    weights_sha256: str
    preprocess: dict | Callable
    class_names: list | None
    head: heads.Head | None
    has_classes: bool
    notes: list


def load(spec, weights="default", *, preprocess=None, no_head=False, class_names=None, trust=False, seed=0, without_images=False):
    """Build a network and give it its weights.

    Parameters
    ----------
    spec : str
        `resnet50`, `torchvision:resnet50`, `file.py:callable`, `package.module:callable`.
    weights : str
        `default`, `random`, or the path of a checkpoint.
    preprocess : str, optional
        `--preprocess`: a preset or `resize=..,crop=..`; over what the model brings.
    no_head : bool
        Take a torchvision classifier out; of another network, take the output as it is for an embedding.
    class_names : str, optional
        File with one name a line.
    trust : bool
        Run the code in a pickled checkpoint.
    seed : int
        Of random weights.
    without_images : bool
        The network will see none: it may come without a preprocessing, and none is said.

    Returns
    -------
    Model

    Raises
    ------
    UsageError, GradtoolsError
    """
    source = specs.find(spec)
    rules, notes = (source.preprocess or preprocessing.NONE, []) if without_images else _preprocess(source, spec, preprocess)
    from_file = weights not in ("default", "random")
    state, read_notes = checkpoints.read(weights, trust) if from_file else (None, [])
    notes += read_notes
    module = _build(source, None if from_file else weights, seed)
    half = from_file and any(value.dtype in (torch.float16, torch.bfloat16) for value in state.values())
    name = heads.find(module, preprocessing.side(rules))
    removed = no_head and name is not None and not source.constructed
    if removed:
        heads.remove(module, name)
    if from_file:
        notes += fitting.fit(module, state, name, weights, removed)
        notes += [f"{weights}: half-precision weights, computed in float32"] if half else []
    notes += _weights_notes(source, spec, weights, seed)
    module.float().eval().requires_grad_(False)
    head = None if no_head else heads.read(module, name)
    names, names_notes = (None, []) if no_head else _class_names(source, class_names, head)
    notes += names_notes
    return Model(module, spec, weights, checkpoints.sha256(module), rules, names, head, not no_head, notes)


def _build(source, kind, seed):
    """The network, made with a seed of its own so that random parts are the same every time."""
    with torch.random.fork_rng(devices=[]):
        torch.manual_seed(seed)
        with contextlib.redirect_stdout(sys.stderr):  # a download says so on stdout, which belongs to the store
            return source.build(kind).float().eval().requires_grad_(False)


def _preprocess(source, spec, option):
    """The preprocessing and the line that says which."""
    if option is not None:
        rules, origin = preprocessing.parse(option), "--preprocess"
    elif source.preprocess is not None:
        rules, origin = source.preprocess, source.preprocess_from
    else:
        raise UsageError(f"model {spec} declares no preprocessing, and a guessed one gives wrong numbers: write "
                         f"PREPROCESS into its file or give --preprocess {', '.join(preprocessing.PRESETS)} or "
                         "resize=256,crop=224,mean=a/b/c,std=a/b/c")
    return rules, [f"preprocessing of {origin}: {preprocessing.describe(rules)}"]


def _weights_notes(source, spec, weights, seed):
    if weights == "random":
        return [f"random weights (seed {seed}): the numbers say nothing of a trained network"]
    if weights == "default" and source.constructed:
        return [f"weights as {spec.rpartition(':')[2]}() makes them; --weights PATH loads a checkpoint"]
    return []


def _class_names(source, path, head):
    """The model's class names if there are as many as classes, and what to say where they are not used."""
    n_classes = None if head is None else len(head.weight)
    if path is not None:
        names = _names_in_file(path)
        if n_classes not in (None, len(names)):
            raise UsageError(f"--class-names {path} has {len(names)} names, the network has {n_classes} classes")
        return names, []
    if source.class_names is None or n_classes is None or len(source.class_names) == n_classes:
        return source.class_names, []
    return None, [f"the model's {len(source.class_names)} class names are not used for its {n_classes} classes; "
                  "--class-names FILE gives theirs"]


def _names_in_file(path):
    try:
        lines = Path(path).read_text(encoding="utf-8").splitlines()
    except (OSError, UnicodeDecodeError) as error:
        raise UsageError(f"--class-names {path} cannot be read: {getattr(error, 'strerror', None) or error}") from error
    return [line.strip() for line in lines if line.strip()]
