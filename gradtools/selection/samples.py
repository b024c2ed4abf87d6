"""Which samples of a store a command works on: `--where`, joined by and (architecture#samples); and what their pairs are grouped by."""

import csv
import re
from collections.abc import Sequence

import numpy as np

from gradtools.errors import SHOWN, GradtoolsError, UsageError, suggest
from gradtools.images import labels
from gradtools.selection.names import unquoted
from gradtools.store import Store, paths


def originals(store: Store) -> np.ndarray:
    """Return which samples are images themselves, not augmented ones (`extract --augment`), (N,) bool."""
    known = store.values(paths.ORIGINAL)
    return np.ones(store.n_samples, dtype=bool) if known is None else known < 0


def select(store: Store, conditions: Sequence[str] = ()) -> np.ndarray:
    """Select the samples that meet every condition; augmented images never do.

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


def _meets(store: Store, condition: str) -> np.ndarray:
    """Return the samples that meet one condition, (N,) bool."""
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
    """Return 1 where the argmax is one of the label's model classes, 0 where not, -1 where no label matches the model's classes, (N,) int."""
    if store.predicted is None or store.member is None or not store.member.any():
        raise GradtoolsError(
            f"{store.name}: its labels match none of the model's classes, so correct and wrong are undefined; "
            "extract with --label-map or --labels-in-order"
        )
    return labels.correct(store.predicted, store.labels, store.member)


def _of_classes(store: Store, text: str) -> np.ndarray:
    """Return the samples of the classes that a text lists; where the samples are classes, these themselves."""
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
    indices = [known[labels.normalise(name)] for name in wanted]
    many = store.values(paths.LABELS)
    return (
        np.isin(store.labels, indices) | (many[:, indices] != 0).any(axis=1)
        if many is not None
        else np.isin(store.labels, indices)
    )


def class_list(text: str, names: Sequence[str]) -> list[str]:
    """Return the names of `--where class=A,B`: one name that has commas itself, or a line of CSV, where such a name stands in double quotes.

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


def _listed(store: Store, path: str) -> np.ndarray:
    """Return the samples of a list of ids, one a line; every one must be there."""
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


def _is_smallest(condition: str) -> bool:
    """Return True if a condition is about the size of objects."""
    return condition.startswith("smallest=") and condition.endswith("%")


def _smallest(store: Store, value: str, keep: np.ndarray) -> np.ndarray:
    """Return the samples among those kept with an object among the smallest, at most the given percentile of all (image, label)."""
    percent = _percent(value)
    if not _annotated(store):
        raise GradtoolsError(
            f"{store.name} has no boxes for --where smallest={value}: make it with --annotations, "
            "or from a manifest with x0,y0,x1,y1"
        )
    from gradtools.selection import regions

    sample, share = regions.shares_of_samples(store, keep)
    is_small = np.zeros(store.n_samples, bool)
    if len(share):
        is_small[sample[share <= np.percentile(share, percent)]] = True
    return is_small


def _annotated(store: Store) -> bool:
    """Return True if a store has a box or a mask."""
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
        of_rows = regions.of_maps(store, rows)
        share, _ = of_rows.shares
        small = share <= np.percentile(share, percent) if len(share) else np.zeros(0, bool)
        rows = np.array(
            [region.row for region, is_small in zip(of_rows.regions, small) if is_small], int
        )
    if not len(rows):
        raise GradtoolsError(f"{store.name}: no map meets --where {' and '.join(conditions)}")
    return rows


def _percent(value: str) -> float:
    """Return a percentage as a number (float); refuse one outside 0 to 100."""
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
    """Return the row of the sample that a text names: `--of`, `--find`.

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
    candidates = np.flatnonzero(originals(store))
    matches = [row for row in candidates if store.ids[row] == text]
    matches = matches or [
        row for row in candidates if store.unit == "image" and store.ids[row].endswith(f"/{text}")
    ]
    if len(matches) > 1:
        several = ", ".join(f"{store.ids[row]} ({row})" for row in matches[:SHOWN])
        raise UsageError(
            f"{store.name}: {text!r} names {len(matches)} samples: give the index or the whole id of one: {several}"
        )
    if matches:
        return int(matches[0])
    if store.unit == "class":
        return _class_row(store, text)
    if re.fullmatch(r"[0-9]+", text) and int(text) in candidates:
        return int(text)
    raise UsageError(
        f"{store.name} has no sample {text!r} (gradtools info --ids lists them); {suggest(text, store.ids)}"
    )


def _class_row(store: Store, text: str) -> int:
    """Return the row of a class among the samples, which may be some of the model's classes only."""
    names = store.model_class_names
    index = labels.class_index(
        text, names, n_classes=len(names) or int(store.needed(paths.PREDICTED).max()) + 1
    )
    rows = np.flatnonzero(store.predicted == index)
    if not len(rows):
        raise UsageError(
            f"{store.name} has no row of class {index} ({text}): it was left out of this store"
        )
    return int(rows[0])
