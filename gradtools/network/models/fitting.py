"""A checkpoint's keys and shapes brought together with a network's, where exactly one way fits."""

import collections
import dataclasses
import re
from collections.abc import Collection, Iterable, Mapping, Sequence

import torch
from torch import nn

from gradtools.errors import GradtoolsError
from gradtools.network.models import heads

State = Mapping[str, "torch.Tensor"]

Shapes = Mapping[str, tuple[int, ...]]

# Names that torchvision has given up: its own files of DenseNet and ViT still have them.
OLD_NAMES = (
    (re.compile(r"(.*denselayer\d+\.(?:norm|relu|conv))\.([12]\..*)"), r"\1\2"),
    (re.compile(r"(.*\.mlp)\.linear_1\.(weight|bias)"), r"\1.0.\2"),
    (re.compile(r"(.*\.mlp)\.linear_2\.(weight|bias)"), r"\1.3.\2"),
)
# What training leaves in a state dict beside the network: buffers of losses and metrics, counts of a profiler.
OF_TRAINING = re.compile(
    r"(^|\.)(\w*loss\w*|\w*criterion\w*|\w*metrics?|total_ops|total_params|n_averaged)(\.|$)", re.I
)
TRAINING = "of training alone are ignored"
SHOWN = 4


@dataclasses.dataclass(frozen=True)
class Fit:
    """A mended state dict beside the network's: which keys are wrong, and what was done to mend it."""

    state: State
    missing: list
    unexpected: list
    reshaped: list
    done: tuple

    @property
    def complete(self) -> bool:
        """Whether every entry of the network is there in its shape, and no other."""
        return not (self.missing or self.unexpected or self.reshaped)


def fit(
    module: nn.Module, state: dict, head: str | None, path: str, without_head: bool = False
) -> list[str]:
    """Load a state dict into a network; its classifier is rebuilt where the checkpoint has another number of classes.

    Parameters
    ----------
    module : torch.nn.Module
        Changed in place.
    state : dict of str to tensor
    head : str or None
        Name of the classifier.
    path : str
        For messages.
    without_head : bool
        The classifier has been taken out: entries under its name are passed over.

    Returns
    -------
    notes : list of str

    Raises
    ------
    GradtoolsError
        Says which keys are missing, unexpected or of another shape, or that several mendings fit.
    """
    expected = {
        name: tuple(value.shape)
        for name, value in module.state_dict().items()
        if hasattr(value, "shape")
    }
    tries = [
        _compare(expected, candidate, head, done, without_head)
        for candidate, done in _candidates(state, expected)
    ]
    fits = tries[:1] if tries[0].complete else _different([fit for fit in tries if fit.complete])
    if not fits:
        closest = min(
            tries,
            key=lambda attempt: (
                len(attempt.missing) + len(attempt.unexpected) + len(attempt.reshaped)
            ),
        )
        raise GradtoolsError(f"{path} does not fit the network: {_complaint(closest)}")
    if len(fits) > 1:
        ways = "; or ".join(", ".join(attempt.done) for attempt in fits)
        raise GradtoolsError(
            f"{path} fits the network in {len(fits)} ways ({ways}): save the one that is meant"
        )
    notes = [f"{path}: {', '.join(fits[0].done)}"] if fits[0].done else []
    notes += _rebuild(module, fits[0].state, expected, head, path)
    module.load_state_dict(_with_metadata(module, fits[0].state, state), strict=False)
    return notes


def _different(fits: Sequence[Fit]) -> list[Fit]:
    """Return the first of the attempts that differ only in which entries of training are left out by name."""
    by_names: dict[tuple[str, ...], Fit] = {}
    for attempt in fits:
        names = tuple(text.partition(" (")[0] for text in attempt.done if TRAINING not in text)
        by_names.setdefault(names, attempt)
    return list(by_names.values())


def _with_metadata(
    module: nn.Module, mended: State, state: State
) -> collections.OrderedDict[str, torch.Tensor]:
    """Return the renamed entries with the file's versions of modules, renamed as the entries were."""
    entries = collections.OrderedDict(mended)
    versions = {
        name.replace("_orig_mod.", ""): version
        for name, version in getattr(state, "_metadata", {}).items()
    }
    if versions:
        first = next(iter(mended))
        before = next(key for key, value in state.items() if value is mended[first])
        before = before.replace("_orig_mod.", "")
        taken = before[: -len(first)] if before.endswith(first) else ""
        put = first[: -len(before)] if first.endswith(before) else ""
        names = [name for name, _ in module.named_modules()]
        keys = {name: (taken + name.removeprefix(put)).rstrip(".") for name in names}
        entries._metadata = collections.OrderedDict(  # type: ignore[attr-defined]
            (name, versions[key]) for name, key in keys.items() if key in versions
        )
    return entries


def _rebuild(
    module: nn.Module, state: State, expected: Shapes, head: str | None, path: str
) -> list[str]:
    if head is None or f"{head}.weight" not in state or f"{head}.weight" not in expected:
        return []
    n_classes, bias = len(state[f"{head}.weight"]), f"{head}.bias" in state
    if (n_classes, bias) == (expected[f"{head}.weight"][0], f"{head}.bias" in expected):
        return []
    heads.rebuild(module, head, n_classes, bias)
    before = expected[f"{head}.weight"][0]
    return [
        f"{path}: the classifier {head} is rebuilt for its {n_classes} classes (the network came with {before})"
    ]


def _candidates(state: State, expected: Shapes) -> list[tuple[State, tuple[str, ...]]]:
    """Return [(state dict, what was done)]: as it is, with old names made new, each with a prefix taken away or put before."""
    renamed = {_renamed(key): value for key, value in state.items()}
    candidates: list[tuple[State, tuple[str, ...]]] = [(state, ())]
    uncompiled = {key.replace("_orig_mod.", ""): value for key, value in state.items()}
    inside = any("._orig_mod." in key for key in state)
    if inside:
        candidates.append(
            (uncompiled, ("the marks '_orig_mod.' of its compiled parts are taken away",))
        )
    extra = [key for key in state if OF_TRAINING.search(key) and key not in expected]
    if extra:
        kept = {
            key: value
            for key, value in (uncompiled if inside else state).items()
            if key not in extra
        }
        some = ", ".join(extra[:SHOWN]) + (", ..." if len(extra) > SHOWN else "")
        candidates.append((kept, (f"{len(extra)} {TRAINING} ({some})",)))
    if list(renamed) != list(state):
        candidates.append((renamed, ("torchvision's old names are made new",)))
    for names, done in list(candidates):
        for prefix in _prefixes(names, expected):
            kept = {
                key[len(prefix) :]: value for key, value in names.items() if key.startswith(prefix)
            }
            ignored = (
                f" ({len(names) - len(kept)} others are ignored)" if len(names) > len(kept) else ""
            )
            candidates.append(
                (kept, done + (f"the prefix {prefix!r} of its keys is taken away{ignored}",))
            )
        for prefix in _prefixes(expected, names):
            added = {prefix + key: value for key, value in names.items()}
            candidates.append((added, done + (f"the prefix {prefix!r} is put before its keys",)))
    return candidates


def _renamed(key: str) -> str:
    for pattern, new in OLD_NAMES:
        key = pattern.sub(new, key)
    return key


def _prefixes(longer: Collection[str], shorter: Collection[str]) -> list[str]:
    """Return what stands before one of the shorter names in the longer ones: 'module.', 'model.backbone.'."""
    anchors = [name for name in shorter if not _unread(name)][:1]
    return sorted(
        {
            name[: -len(anchor)]
            for anchor in anchors
            for name in longer
            if name.endswith("." + anchor)
        }
    )


def _compare(
    expected: Shapes, state: State, head: str | None, done: tuple[str, ...], without_head: bool
) -> Fit:
    prefix = f"{head}." if head else None
    if without_head and prefix:
        state = {key: value for key, value in state.items() if not key.startswith(prefix)}
    elif prefix and head:
        state, moved = _head_in_place(expected, state, head)
        done += moved
    missing, unexpected = _lacking(expected, state), _lacking(state, expected)
    if prefix and f"{prefix}weight" in state:  # a bias comes and goes with the rebuilt classifier
        missing = [name for name in missing if name != f"{prefix}bias"]
        unexpected = [name for name in unexpected if name != f"{prefix}bias"]
    reshaped = [
        (name, tuple(state[name].shape), shape)
        for name, shape in expected.items()
        if name in state
        and tuple(state[name].shape) != shape
        and not _other_classes(name, prefix, state[name].shape, shape)
    ]
    return Fit(state, missing, unexpected, reshaped, done)


def _lacking(names: Iterable[str], others: Collection[str]) -> list[str]:
    """Return the names that are not among the others."""
    return [name for name in names if name not in others and not _unread(name)]


def _unread(name: str) -> bool:
    """Return True if an entry is read in training only: BatchNorm's counters, auxiliary classifiers."""
    return name.endswith("num_batches_tracked") or name.startswith(("aux1.", "aux2.", "AuxLogits."))


def _other_classes(
    name: str, prefix: str | None, got: tuple[int, ...], shape: tuple[int, ...]
) -> bool:
    """Return True if an entry is the classifier's, of another number of classes."""
    return (
        prefix is not None
        and name in (f"{prefix}weight", f"{prefix}bias")
        and tuple(got[1:]) == shape[1:]
    )


def _head_in_place(expected: Shapes, state: State, head: str) -> tuple[State, tuple[str, ...]]:
    """Return a classifier saved under another name (`fc.1`, `head.fc`), where it is all that is over and all that lacks."""
    lacking, over = _lacking(expected, state), _lacking(state, expected)
    parents = {name.rpartition(".")[0] for name in over}
    weight = state.get(f"{next(iter(parents), '')}.weight")
    if (
        not lacking
        or any(not name.startswith(f"{head}.") for name in lacking)
        or len(parents) != 1
        or weight is None
        or tuple(weight.shape[1:]) != expected[f"{head}.weight"][1:]
        or any(name.rpartition(".")[2] not in ("weight", "bias") for name in over)
    ):
        return state, ()
    old = parents.pop()
    moved = {head + key[len(old) :] if key in over else key: value for key, value in state.items()}
    return moved, (f"its classifier {old} is {head} here",)


def _complaint(attempt: Fit) -> str:
    """Return which keys are wrong: a few of each kind, then their number."""
    reshaped = [f"{name} {got} where {shape} is needed" for name, got, shape in attempt.reshaped]
    kinds = {
        "missing": attempt.missing,
        "unexpected": attempt.unexpected,
        "of another shape": reshaped,
    }
    return "; ".join(_some(what, names) for what, names in kinds.items() if names)


def _some(what: str, names: Sequence[str]) -> str:
    more = f" and {len(names) - SHOWN} more" if len(names) > SHOWN else ""
    return f"{len(names)} key{'s' * (len(names) > 1)} {what}: {', '.join(names[:SHOWN])}{more}"
