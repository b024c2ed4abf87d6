"""Classes of the data and classes of the model: how one meets the other (architecture#classes). Nothing is guessed."""

import collections
import csv
import dataclasses
from collections.abc import Iterator, Sequence

import numpy as np

from gradtools.errors import UsageError, some
from gradtools.images.labels.naming import WNID, class_index, named, normalise, wnids_of


@dataclasses.dataclass(frozen=True)
class Mapping:
    """Model classes of each data class: member (G, K) uint8, the data classes without any, and a line that says so."""

    member: np.ndarray
    unmapped: list
    note: str


def match(
    data_names: Sequence[str],
    model_names: Sequence[str],
    *,
    n_classes: int,
    wnids: Sequence[str] | None = None,
    label_map: str | None = None,
    in_order: bool = False,
) -> Mapping:
    """Find the model's classes of every data class.

    A label map is the whole mapping: a class that it does not list meets none, though its name be one of the model's
    (COCO's kite is a toy, ImageNet's a bird). Without one an equal name comes before a WordNet id (a folder `n01440764`
    or `n01440764_tench`).

    Parameters
    ----------
    data_names : sequence of str, G
    model_names : sequence of str, K
        Empty where they are not known.
    n_classes : int
        K.
    wnids : sequence of str, K, optional
        The model's WordNet ids; by default known where its names are ImageNet's in their order, or are ids.
    label_map : str, optional
        CSV file: data class, model class (name, index or WordNet id); several rows give a data class several model
        classes. Rows of classes that the data has not (a header, too) are passed over.
    in_order : bool
        The data's classes are the model's, one by one.

    Returns
    -------
    Mapping

    Raises
    ------
    UsageError
        Where a name could be several model classes, the map names what the model has not, or with `in_order` the
        counts differ.
    """
    if len(model_names) not in (0, n_classes):
        raise UsageError(
            f"the model has {n_classes} classes and {len(model_names)} class names: "
            "--class-names FILE gives one a line"
        )
    if in_order:
        return _in_order(data_names, model_names, n_classes, label_map)
    wnids = wnids or wnids_of(model_names)
    mapped = _read_map(label_map, data_names, model_names, wnids, n_classes) if label_map else {}
    member = np.zeros((len(data_names), n_classes), "u1")
    ways: collections.Counter[str] = collections.Counter()
    for row, name in zip(member, data_names):
        if label_map:
            indices, way = mapped.get(normalise(name), []), "label map"
        else:
            indices, way = _met(name, model_names, wnids)
        row[indices] = 1
        ways[way] += bool(indices)
    unmapped = [name for name, row in zip(data_names, member) if not row.any()]
    return Mapping(member, unmapped, _note(data_names, member, ways, unmapped))


def correct(predicted: np.ndarray, labels: np.ndarray, member: np.ndarray) -> np.ndarray:
    """Return 1 where the argmax is one of the label's model classes, else 0; -1 where the label has none.

    Parameters
    ----------
    predicted : (N,) int array
    labels : (N,) int array
        -1 for none.
    member : (G, K) uint8 array

    Returns
    -------
    (N,) int8 array
        1 right, 0 wrong, -1 where the image has no label, or it matches no model class.
    """
    right = np.full(len(labels), -1, "i1")
    if len(member):
        mapped = np.asarray(member.any(axis=1))
        known = (labels >= 0) & mapped[labels]
        right[known] = member[labels[known], predicted[known]] != 0
    return right


def _met(
    name: str, model_names: Sequence[str], wnids: Sequence[str] | None
) -> tuple[list[int], str]:
    """Return the model classes of a data class by equal name or WordNet id: a list of at most one index, and which of the two."""
    places = named(name, model_names)
    if len(places) > 1:
        several = ", ".join(f"{model_names[index]!r} ({index})" for index in places)
        raise UsageError(
            f"the data's class {name!r} could be any of the model's {several}: "
            "say which with --label-map CSV"
        )
    parts = WNID.fullmatch(name)
    if not places and wnids and parts and parts[1] in wnids:
        return [list(wnids).index(parts[1])], "WordNet id"
    return places, "name"


def _in_order(
    data_names: Sequence[str], model_names: Sequence[str], n_classes: int, label_map: str | None
) -> Mapping:
    """Match data class i with model class i."""
    if label_map:
        raise UsageError("--labels-in-order and --label-map exclude each other: give one")
    if len(data_names) != n_classes:
        raise UsageError(
            f"--labels-in-order: the data has {len(data_names)} classes and the model {n_classes}; "
            "give --label-map CSV"
        )
    pairs = [
        f"{name} = {model_names[index] if model_names else index}"
        for index, name in enumerate(data_names)
    ]
    return Mapping(np.eye(n_classes, dtype="u1"), [], f"labels in order: {some(pairs)}")


def _read_map(
    path: str,
    data_names: Sequence[str],
    model_names: Sequence[str],
    wnids: Sequence[str] | None,
    n_classes: int,
) -> dict[str, list[int]]:
    """Return {normalised data class: model class indices} of a label map."""
    places: dict[str, list[int]] = {}
    known = set(map(normalise, data_names))
    for line, cells in _rows(path):
        if normalise(cells[0]) not in known:
            continue
        if len(cells) < 2 or not cells[1]:
            raise UsageError(f"{path}, line {line}: write data class,model class")
        try:
            index = class_index(cells[1], model_names, wnids, n_classes=n_classes)
        except UsageError as error:
            raise UsageError(f"{path}, line {line}: {error}") from None
        places.setdefault(normalise(cells[0]), []).append(index)
    if not places:
        raise UsageError(
            f"--label-map {path}: its first column has none of the data's classes {some(data_names)}"
        )
    return places


def _rows(path: str) -> Iterator[tuple[int, list[str]]]:
    """Yield (line number, stripped cells) of every row that is not empty."""
    try:
        with open(path, newline="", encoding="utf-8-sig", errors="surrogateescape") as stream:
            reader = csv.reader(stream)
            for cells in reader:
                if any(cells):
                    yield reader.line_num, [cell.strip() for cell in cells]
    except OSError as error:
        raise UsageError(f"--label-map {path}: {error.strerror}") from error
    except csv.Error as error:
        raise UsageError(f"--label-map {path} is not a CSV file: {error}") from error


def _note(
    data_names: Sequence[str],
    member: np.ndarray,
    ways: collections.Counter[str],
    unmapped: list[str],
) -> str:
    """Return one line: how many classes were matched and how, which have several model classes, which none."""
    met = ", ".join(f"{count} by {way}" for way, count in ways.items() if count)
    note = f"{len(data_names) - len(unmapped)} of {len(data_names)} data classes match the model's"
    note += f" ({met})" if met else ""
    many = [
        f"{name} {row.sum()}" for name, row in zip(data_names, member.astype(int)) if row.sum() > 1
    ]
    if many:
        note += f"; several model classes: {some(many)} (any is right, the score is the log-sum-exp of their logits)"
    return note + (
        f"; no model class for {some(unmapped)} (--label-map CSV says which they are)"
        if unmapped
        else ""
    )
