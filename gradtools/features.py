"""The vectors a store has for its samples, by the names of DESIGN 5: `gradient`, `activation@layer3`, `logits`, ...

A feature is read in pieces, from a dataset or from what follows from one (probabilities, the class row of the prediction).
"""

import dataclasses
import difflib
import fnmatch
from collections.abc import Callable

import numpy as np

from gradtools.errors import GradtoolsError, UsageError

DEFAULTS = ("gradient", "activation", "logits", "probabilities")
AT_TAPS = (
    "gradient",
    "activation",
    "contribution",
    "active_share",
    "gradient_map",
    "activation_map",
    "token_gradient",
    "token_activation",
)
CONTROL = "weight"
READ_BYTES = 8 << 20


@dataclasses.dataclass(frozen=True)
class Feature:
    """One vector a sample; `read(start, stop)` gives rows (n, D), `shape` is (N, D)."""

    name: str
    shape: tuple
    read: Callable

    @property
    def kind(self):
        """The name without its tap."""
        return self.name.split("@", 1)[0]


def resolve(store, requests=(), control=True):
    """Features of a store that the requests name, each once, in their order; the defaults without a request.

    Parameters
    ----------
    requests : sequence of str
        Names and globs, as in `gradient`, `gradient@layer3`, `'activation@*'`, `logits`, `weight`.
    control : bool
        Whether the class row of the prediction is added where the store has the classifier's rows.

    Raises
    ------
    GradtoolsError
        Where the store has no such feature; names near ones.
    """
    available = names(store)
    if not available:
        raise GradtoolsError(f"{store.name} holds no features: gradtools extract makes them")
    wanted = []
    for request in requests or [name for name in DEFAULTS if _full_name(store, name) in available]:
        wanted += _matches(store, request, available)
    if control and CONTROL in available:
        wanted.append(CONTROL)
    return [load(store, name) for name in dict.fromkeys(wanted)]


def names(store):
    """Every feature the store can give (list of str), in order of taps."""
    found = [f"{kind}@{tap}" for tap in store.taps for kind in AT_TAPS if store.rows(_path(kind, tap)) is not None]
    found += [name for name in ("logits", "embedding") if store.rows(f"/outputs/{name}") is not None]
    if "logits" in found:
        found.append("probabilities")
    if store.class_rows is not None and store.predicted is not None:
        found.append(CONTROL)
    return found


def load(store, name):
    """The feature of a full name."""
    if name == "probabilities":
        logits = store.rows("/outputs/logits")
        return Feature(name, logits.shape, lambda start, stop: softmax(logits.read(start, stop)))
    if name == CONTROL:
        rows, predicted = store.class_rows, store.predicted
        return Feature(name, (len(predicted), rows.shape[1]), lambda start, stop: rows[predicted[start:stop]])
    rows = store.rows(_path(*name.split("@", 1)) if "@" in name else f"/outputs/{name}")
    return Feature(name, rows.shape, rows.read)


def softmax(logits):
    """Probabilities of logits (N, K), float64."""
    shifted = logits.astype(np.float64) - logits.max(axis=1, keepdims=True)
    exponentials = np.exp(shifted)
    return exponentials / exponentials.sum(axis=1, keepdims=True)


def block_output(store):
    """Name of the gradient feature at the last block's output, where gradients are class rows; None if it is not stored."""
    name = f"gradient@{store.attributes('/taps').get('default_activation')}"
    return name if name in names(store) else None


def _path(kind, tap):
    return f"/taps/{tap}/{kind}"


def _full_name(store, request):
    """A name with its tap: `gradient` is at the last convolution, `activation` at the last block's output."""
    if "@" in request or request not in AT_TAPS:
        return request
    attributes = store.attributes("/taps")
    tap = attributes.get("default_activation" if request == "activation" else "default_gradient")
    return f"{request}@{tap}"


def _matches(store, request, available):
    """Full names that one request stands for."""
    name = _full_name(store, request)
    found = [name] if name in available else [other for other in available if fnmatch.fnmatchcase(other, name)]
    if not found:
        near = difflib.get_close_matches(request, available, 3, 0.4) or available[:6]
        if request.split("@", 1)[0] in AT_TAPS:
            hint = "gradtools extract --tap TAP (with --maps for the flattened ones) adds one"
        else:
            hint = "gradtools info lists them"
        raise UsageError(f"{store.name} has no feature {request!r}; it has {', '.join(near)}; {hint}")
    return found


def blocks_of(feature, keep):
    """(rows, number of each among the kept) of a feature, a bounded number of bytes at a time; none are read in vain."""
    step = max(1, READ_BYTES // (4 * max(feature.shape[1], 1)))
    first = 0
    for start in range(0, feature.shape[0], step):
        inside = keep[start : start + step]
        if inside.any():
            rows = feature.read(start, min(start + step, feature.shape[0]))
            rows = rows if inside.all() else rows[inside]
            yield rows, np.arange(first, first + len(rows))
            first += len(rows)


def read_rows(feature, keep):
    """All kept rows of a feature, (n, D) of the stored type."""
    return np.concatenate([rows for rows, _ in blocks_of(feature, keep)])
