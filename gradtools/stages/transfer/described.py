"""What arrays of other programs say of the samples: ids, labels, predictions, logits."""

import dataclasses
import hashlib
import os

import numpy as np

from gradtools.errors import GradtoolsError, some
from gradtools.images import labels
from gradtools.selection import features
from gradtools.stages.run import Say
from gradtools.stages.transfer.arrays import KNOWN, Arrays
from gradtools.stages.transfer.options import Options

DIGEST_BYTES = 32  # of a SHA-256
TINIEST = 1.2e-38  # what a probability of 0 counts as: its logarithm is a logit
ROUNDING = 1e-3  # within which probabilities must sum to 1

Field = np.ndarray | list[str]
Fields = dict[str, Field]  # what is known of the samples, in memory


@dataclasses.dataclass
class Samples:
    """What is known of the samples: ids, labels (N,) int32 with -1 for none, predicted (N,) or None, logits (N, K) or None."""

    ids: list[str]
    labels: np.ndarray
    class_names: list[str]
    predicted: np.ndarray | None = None
    logits: np.ndarray | None = None
    model_class_names: list[str] = dataclasses.field(default_factory=list)
    weight: np.ndarray | None = None
    bias: np.ndarray | None = None
    digest: np.ndarray | None = None
    member: np.ndarray | None = None


def read(values: Arrays, count: int, options: Options, say: Say) -> Samples:
    """Read ids, classes and answers, and check them against each other.

    Parameters
    ----------
    values : dict of str to array or list of str
    count : int
        Number of samples.
    options : Options
    say : callable
        Takes one line for the user.

    Raises
    ------
    GradtoolsError
        Names the array that contradicts another.
    """
    fields: Fields = {
        name: column if isinstance(column, list) else np.asarray(column)
        for name, column in values.items()
        if name in KNOWN
    }
    ids = [str(name) for name in fields.get("id", [f"{row:06}" for row in range(count)])]
    if len(set(ids)) < len(ids):
        twice = next(name for row, name in enumerate(ids) if name in ids[:row])
        raise GradtoolsError(f"id {twice!r} stands twice: every sample has one of its own")
    codes, names = _classes(fields.get("label"), count, fields.get("class_name"), "label")
    known = Samples(ids, codes, names)
    known.logits = _logits(fields)
    for name, shape in (("weight", (-1, -1)), ("bias", (-1,)), ("digest", (count, DIGEST_BYTES))):
        setattr(known, name, _numbers_of_shape(fields.get(name), name, shape))
    known.model_class_names = [str(name) for name in fields.get("model_class_name", [])]
    if options.unit == "class":
        known.model_class_names = known.model_class_names or ids
        known.predicted = np.arange(count, dtype="i4")
        return known
    _read_predictions(known, fields.get("predicted"), say)
    if known.predicted is not None and names:
        _meet(known, options, say)
    if options.images is not None:
        known.digest = _digests(options.images, ids)
    return known


def _finite(values: np.ndarray) -> bool:
    """Return True if numbers are finite as they are stored, float32."""
    with np.errstate(over="ignore", invalid="ignore"):
        return bool(values.dtype.kind in "fiub" and np.isfinite(values.astype("f4")).all())


def _numbers_of_shape(column: Field | None, name: str, shape: tuple[int, ...]) -> np.ndarray | None:
    """A column as numbers of so many dimensions and lengths, -1 for any."""
    if column is None:
        return None
    values = np.asarray(column)
    fits = values.ndim == len(shape) and all(
        length in (-1, had) for length, had in zip(shape, values.shape)
    )
    if not fits or not _finite(values):
        wanted = " x ".join("any" if length < 0 else str(length) for length in shape)
        raise GradtoolsError(
            f"{name} must be {wanted} finite numbers, got {values.dtype} {' x '.join(map(str, values.shape))}"
        )
    return values


def _classes(
    column: Field | None, count: int, names: Field | None, what: str
) -> tuple[np.ndarray, list[str]]:
    """Class number of every sample, (N,) int32 with -1 for none, and the names."""
    given = [str(name) for name in names] if names is not None else []
    if what == "label" and len(set(given)) < len(given):
        twice = next(name for row, name in enumerate(given) if name in given[:row])
        raise GradtoolsError(
            f"class_name {twice!r} stands twice: every class has a name of its own"
        )
    if column is None:
        return np.full(count, -1, "i4"), given
    if isinstance(column, list):
        present = given or sorted(set(column) - {""})
        place = {name: index for index, name in enumerate(present)} | {"": -1}
        unknown = next((name for name in column if name not in place), None)
        if unknown is not None:
            raise GradtoolsError(f"{what} {unknown!r} is not one of class_name: {some(present)}")
        return np.array([place[name] for name in column], "i4"), present
    codes = _whole(column, what)
    most = int(codes.max(initial=-1))
    if given and most >= len(given):
        raise GradtoolsError(f"{what} {most} has no name: class_name has {len(given)}")
    return codes, given or [str(index) for index in range(most + 1)]


def _whole(column: np.ndarray, what: str) -> np.ndarray:
    """A column of whole numbers from -1, (N,) int32."""
    column = np.asarray(column)
    with np.errstate(invalid="ignore"):  # NaN and huge numbers are refused below
        codes = column.astype("i4")
    if column.ndim != 1 or not np.array_equal(codes, column) or codes.min(initial=0) < -1:
        raise GradtoolsError(
            f"{what} must be whole numbers from 0, -1 for none, or names; got {column.dtype} such as {column.ravel()[:1]}"
        )
    return codes


def _logits(values: Fields) -> np.ndarray | None:
    """Logits (N, K) float32; of probabilities their logarithms, which have the same softmax."""
    logits, probabilities = (
        None if values.get(name) is None else np.asarray(values[name])
        for name in ("logits", "probabilities")
    )
    if probabilities is not None:
        if probabilities.dtype.kind not in "fiub":
            raise GradtoolsError("probabilities must be (N, K) numbers")
        # not <=: NaN is refused, too
        if probabilities.ndim != 2 or not np.abs(probabilities.sum(axis=1) - 1).max() <= ROUNDING:
            raise GradtoolsError("probabilities must be (N, K), each row with the sum 1")
        if probabilities.min() < 0:
            raise GradtoolsError("probabilities must not be negative")
    if logits is None:
        if probabilities is None:
            return None
        return np.log(np.maximum(probabilities, TINIEST)).astype("f4")
    if logits.ndim != 2 or not _finite(logits):
        raise GradtoolsError("logits must be (N, K) and finite as 32-bit floats")
    if (
        probabilities is not None
        and np.abs(features.softmax(logits) - probabilities).max() > ROUNDING
    ):
        raise GradtoolsError("probabilities are not the softmax of logits: leave one of them out")
    return logits.astype("f4")


def _read_predictions(known: Samples, column: Field | None, say: Say) -> None:
    """The predicted classes, their number and names: given, or the argmax of the logits."""
    n_classes = None if known.logits is None else known.logits.shape[1]
    if column is None and n_classes is None:
        return
    if isinstance(column, list):
        known.model_class_names = known.model_class_names or sorted(
            {*column, *known.class_names} - {""}
        )
        known.predicted, _ = _classes(column, len(column), known.model_class_names, "predicted")
    elif column is not None:
        known.predicted = _whole(column, "predicted")
    elif known.logits is not None:
        known.predicted = known.logits.argmax(axis=1).astype("i4")
    if known.predicted is None or known.predicted.min() < 0:
        raise GradtoolsError("predicted must be a class of the model in every row")
    if known.logits is not None and not np.array_equal(
        known.logits.argmax(axis=1), known.predicted
    ):
        raise GradtoolsError("predicted is not the argmax of the logits: leave one of them out")
    n_classes = n_classes or max(len(known.model_class_names), int(known.predicted.max()) + 1)
    if not known.model_class_names and len(known.class_names) >= n_classes:
        if known.logits is None or len(known.class_names) == n_classes:
            known.model_class_names = known.class_names
            say("the model's classes are taken to be the labels', in their order")


def _meet(known: Samples, options: Options, say: Say) -> None:
    """Which classes of the model each label is."""
    if known.predicted is None:
        return
    names = known.model_class_names
    sizes = [len(names)] if names else []
    sizes += [] if known.logits is None else [known.logits.shape[1]]
    matched = labels.match(
        known.class_names,
        names,
        n_classes=max([*sizes, int(known.predicted.max()) + 1]),
        label_map=options.label_map,
        in_order=options.labels_in_order,
    )
    known.member = matched.member
    if matched.note:
        say(matched.note)


def _digests(folder: str, ids: list[str]) -> np.ndarray:
    """SHA-256 of every image file, (N, 32) u8: what the samples of other stores are met by."""
    made = []
    for name in ids:
        try:
            with open(os.path.join(folder, name), "rb") as handle:
                made.append(hashlib.sha256(handle.read()).digest())
        except OSError as error:
            raise GradtoolsError(
                f"--images {folder}: {name} cannot be read ({error.strerror}): ids are paths below it"
            ) from error
    return np.frombuffer(b"".join(made), "u1").reshape(len(ids), 32)
