"""Which samples of a store a command works on: `--where`, joined by and (architecture#samples); and what their pairs are grouped by."""

import csv
import dataclasses
import re
from collections.abc import Callable, Sequence

import numpy as np

from gradtools.errors import SHOWN, GradtoolsError, UsageError, suggest
from gradtools.images import labels
from gradtools.selection.names import unquoted
from gradtools.store import Store, paths


@dataclasses.dataclass(frozen=True)
class Groups:
    """The samples that a command compares, and what their pairs are grouped by.

    Attributes
    ----------
    keep : (N,) bool array
        Which of the store's N samples they are; n of them are.
    classes : (n,) int64 array
        Each one's label, an index of the data's classes; all -1 where no sample has one.
    predictions : (n,) int64 array
        Each one's predicted class of the model; all 0 where `predicted` is False.
    predicted : bool
        False where the network has no classes, and for samples that are classes themselves.
    labelled : bool
        False where no chosen sample has a label.
    unlabelled : int
        Samples left out because they have no single label, where others have one.
    left_out : int
        Images of the store that are not kept, for whatever reason.
    """

    keep: np.ndarray
    classes: np.ndarray
    predictions: np.ndarray
    predicted: bool
    labelled: bool
    unlabelled: int
    left_out: int


def originals(store: Store) -> np.ndarray:
    """Samples that are images themselves and no changed versions of one (`extract --augment`), (N,) bool."""
    known = store.values(paths.ORIGINAL)
    return np.ones(store.n_samples, dtype=bool) if known is None else known < 0


def select(store: Store, conditions: Sequence[str] = ()) -> np.ndarray:
    """Samples that meet every condition; versions of images never do.

    Parameters
    ----------
    conditions : sequence of str
        `correct`, `wrong`, `class=A,B` (names with commas in double quotes), `list=FILE` (ids, one a line), and
        `smallest=P%`: of the samples that the others leave, those one of whose objects is among the smallest,
        by (image, label) and its share of the frame that the network sees.

    Returns
    -------
    keep : (N,) bool array
    """
    keep = originals(store)
    for condition in conditions:
        if not _is_smallest(condition):
            keep &= _meets(store, condition)
    for condition in filter(_is_smallest, conditions):
        keep &= _smallest(store, condition.partition("=")[2], keep)
    if conditions and not keep.any():
        raise GradtoolsError(f"{store.name}: no sample meets --where {' and '.join(conditions)}")
    return keep


def _meets(store, condition):
    """Samples that meet one condition, (N,) bool."""
    name, _, value = condition.partition("=")
    if condition in ("correct", "wrong"):
        return correct(store) == (condition == "correct")
    if name == "class" and value:
        return _of_classes(store, value)
    if name == "list" and value:
        return _listed(store, value)
    raise UsageError(
        f"--where {condition}: write correct, wrong, class=A,B, smallest=25% or list=FILE; repeat the option for several"
    )


def correct(store: Store) -> np.ndarray:
    """Whether the argmax is one of the label's model classes, int (N,); -1 where no label meets the model's classes."""
    if store.predicted is None or store.member is None or not store.member.any():
        raise GradtoolsError(
            f"{store.name}: its labels meet none of the model's classes, so right and wrong are not known; "
            "extract with --label-map or --labels-in-order"
        )
    return labels.correct(store.predicted, store.labels, store.member)


def _of_classes(store, text):
    """Samples of the classes that a text lists; where the samples are classes, these themselves."""
    if store.unit == "class":
        return np.isin(
            np.arange(store.n_samples), [find(store, name) for name in class_list(text, store.ids)]
        )
    known = {labels.normalise(name): index for index, name in enumerate(store.class_names)}
    wanted = class_list(text, store.class_names)
    missing = [name for name in wanted if labels.normalise(name) not in known]
    if missing:
        raise UsageError(
            f"--where class={missing[0]}: no such class in the data; {suggest(missing[0], store.class_names)}"
        )
    wanted = [known[labels.normalise(name)] for name in wanted]
    many = store.values(paths.LABELS)
    return (
        np.isin(store.labels, wanted) | (many[:, wanted] != 0).any(axis=1)
        if many is not None
        else np.isin(store.labels, wanted)
    )


def class_list(text: str, names: Sequence[str]) -> list[str]:
    """Names of `--where class=A,B`: one name that has commas itself, or a line of CSV, where such a name stands in double quotes.

    Parameters
    ----------
    text : str
    names : sequence of str
        What there is.

    Returns
    -------
    list of str
    """
    if labels.normalise(text) in map(labels.normalise, names):
        return [text]
    return next(csv.reader([text], skipinitialspace=True), [])


def _listed(store, path):
    """Samples of a list of ids, one a line; every one must be there."""
    try:
        with open(path, encoding="utf-8", errors="surrogateescape", newline="\n") as lines:
            known = set(store.ids)
            wanted = {
                name if name in known else unquoted(name)
                for name in (line.strip() for line in lines)
                if name
            }
    except OSError as error:
        raise UsageError(
            f"--where list={path}: {error.strerror}: name a file of sample ids, one a line (gradtools info --ids)"
        ) from error
    unknown = sorted(wanted - known)
    if unknown:
        raise UsageError(
            f"--where list={path}: {store.name} has no sample {unknown[0]!r} ({len(unknown)} such ids)"
        )
    return np.array([name in wanted for name in store.ids])


def _is_smallest(condition):
    """Whether a condition is about the size of objects (bool)."""
    return condition.startswith("smallest=") and condition.endswith("%")


def _smallest(store, value, keep):
    """Samples among those kept with an object among the smallest, at most the given percentile of all (image, label)."""
    percent = _percent(value)
    if not _annotated(store):
        raise GradtoolsError(
            f"{store.name} has no boxes for --where smallest={value}: make it with --annotations, "
            "or from a manifest with x0,y0,x1,y1"
        )
    from gradtools.selection import regions

    sample, share = regions.shares_of_samples(store, keep)
    chosen = np.zeros(store.n_samples, bool)
    if len(share):
        chosen[sample[share <= np.percentile(share, percent)]] = True
    return chosen


def _annotated(store):
    """Whether a store has a box or a mask (bool)."""
    return any(
        values is not None and len(values)
        for values in (store.values(paths.box("sample")), store.values(paths.mask("sample")))
    )


def select_maps(store: Store, conditions: Sequence[str] = ()) -> np.ndarray:
    """Return the rows of the maps that meet every condition, (M,) int; a pair where both images do.

    Of maps that are about a label, `smallest=P%` goes by the map's own object: one small object does not
    keep the other maps of its image. Of `--target ranks` only the maps of the first class are taken.
    """
    from gradtools.selection import regions

    others = [condition for condition in conditions if not _is_smallest(condition)]
    sample, partner = store.needed(paths.MAP_SAMPLE), store.needed(paths.MAP_PARTNER)
    pairs = bool(len(partner) and partner[0] >= 0)
    keep = select(store, conditions if pairs else others)
    rows = np.flatnonzero(keep[sample] & ((partner < 0) | keep[partner]))
    if str(store.attributes(paths.MAPS).get("target", "")) == "ranks":
        rows = rows[np.unique(sample[rows], return_index=True)[1]]
    for condition in filter(_is_smallest, () if pairs else conditions):
        percent = _percent(condition.partition("=")[2])
        found = regions.of_maps(store, rows)
        share, _ = found.shares
        small = share <= np.percentile(share, percent) if len(share) else np.zeros(0, bool)
        rows = np.array([one.row for one, is_small in zip(found.regions, small) if is_small], int)
    if not len(rows):
        raise GradtoolsError(f"{store.name}: no map meets --where {' and '.join(conditions)}")
    return rows


def _percent(value):
    """A percentage as a number (float)."""
    try:
        percent = float(value[:-1])
    except ValueError:
        percent = -1
    if not 0 <= percent <= 100:
        raise UsageError(
            f"--where smallest={value}: write a percentage from 0 to 100, as in smallest=25%"
        )
    return percent


def find(store: Store, text: str) -> int:
    """Row of the sample that a text names: `--of`, `--find`.

    Parameters
    ----------
    store : store.Store
    text : str
        A sample's id, or the end of a path that no other sample's id has; its index (of a class: the model's); of a class
        also its name or WordNet id.

    Returns
    -------
    int

    Raises
    ------
    UsageError
        Where it names none (near names are given), or several (they are listed with their indices).
    """
    known = np.flatnonzero(originals(store))
    found = [row for row in known if store.ids[row] == text]
    found = found or [
        row for row in known if store.unit == "image" and store.ids[row].endswith(f"/{text}")
    ]
    if len(found) > 1:
        several = ", ".join(f"{store.ids[row]} ({row})" for row in found[:SHOWN])
        raise UsageError(
            f"{store.name}: {text!r} names {len(found)} samples: give the index or the whole id of one: {several}"
        )
    if found:
        return int(found[0])
    if store.unit == "class":
        return _class_row(store, text)
    if re.fullmatch(r"[0-9]+", text) and int(text) in known:
        return int(text)
    raise UsageError(
        f"{store.name} has no sample {text!r} (gradtools info --ids lists them); {suggest(text, store.ids)}"
    )


def _class_row(store, text):
    """Row of a class among the samples, which may be some of the model's classes only."""
    names = store.model_class_names
    index = labels.class_index(text, names, n_classes=len(names) or int(store.predicted.max()) + 1)
    rows = np.flatnonzero(store.predicted == index)
    if not len(rows):
        raise UsageError(
            f"{store.name} has no row of class {index} ({text}): it was left out of this store"
        )
    return int(rows[0])


def group(source: Store, where: Sequence[str], say: Callable[[str], None] = print) -> Groups:
    """The samples that are compared and their classes and predictions."""
    keep, unlabelled, own = select(source, where), 0, source.labels
    versions = int((~originals(source)).sum())
    if versions:
        say(
            f"{source.name}: {versions} changed versions of images are no samples of their own and are left out here"
        )
    labelled = bool((own[keep] >= 0).any())
    if labelled:
        unlabelled = int((own[keep] < 0).sum())
        keep &= own >= 0
        if unlabelled:
            say(f"{unlabelled} samples without one label of their own are left out")
    elif source.unit == "image":
        say(f"{source.name}: no sample has a label: means are over all pairs, and by prediction")
    if keep.sum() < 2:
        raise GradtoolsError(
            f"{source.name}: {int(keep.sum())} sample to compare, and a pair takes two"
        )
    classes = own[keep].astype(np.int64)
    if labelled and len(np.unique(classes)) == 1:
        say(f"{source.name}: all samples are of one class: nothing lies between classes")
    predicted = (
        source.predicted is not None and source.unit == "image"
    )  # a class is its own prediction, and no pair shares one
    predictions = np.zeros(len(classes), np.int64)
    if predicted:
        predictions = source.needed(paths.PREDICTED)[keep].astype(np.int64)
    left_out = int((originals(source) & ~keep).sum())
    return Groups(keep, classes, predictions, predicted, labelled, unlabelled, left_out)


def target_leaks(source: Store) -> bool:
    """Whether gradients were taken for the true label."""
    return source.model.get("target") == "label"


BY_CLASS = {"within", "within_macro", "between", "label_effect", "prediction_effect", "auc"}
BY_PREDICTION = {"same_prediction", "label_effect", "prediction_effect"}


def knows(statistic: str, labelled: bool, predicted: bool) -> bool:
    """Return True if a statistic over pairs needs no labels, or predictions, that the samples do not have."""
    auc = statistic.startswith("auc_")
    by_class = statistic in BY_CLASS or auc or "_class_" in statistic
    by_prediction = statistic in BY_PREDICTION or auc or statistic.endswith("_prediction")
    return (labelled or not by_class) and (predicted or not by_prediction)
