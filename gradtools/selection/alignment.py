"""Which samples several inputs have in common, and where each has them.

Images meet by the digest of their file, classes by name (`references.canonical`), channels by digest. A name that one input
has more often than another meets nothing: which one is meant is not known.
"""

import collections
from collections.abc import Callable, Collection, Hashable, Sequence

import numpy as np

from gradtools.errors import GradtoolsError
from gradtools.selection import references
from gradtools.selection.words import units
from gradtools.store import Store, paths

Key = tuple  # a name, its turn, and how many have it
Places = dict[Key, int]  # of the samples, by their keys

LEAST = 4  # samples that a comparison takes: the unbiased HSIC is a mean over quadruples


def store_keys(source: Store, by_name: Collection[str] = ()) -> list[Key]:
    """Return what each sample of a store is known by, each key once.

    Parameters
    ----------
    source : store.Store
    by_name : collection of str
        Names of the references, `references.canonical`: images then meet by id, and classes of equal names by theirs.
    """
    if source.unit == "class":
        return counted(_class_names(source, by_name))
    digests = source.values(paths.DIGEST)
    if digests is None or source.unit == "image" and by_name:
        return counted(source.ids)
    return counted([row.tobytes() for row in digests])


def _class_names(source: Store, by_name: Collection[str]) -> list[str]:
    """Return the canonical name of each sample, or what it is called among classes of one name where a reference calls it so; the index without names."""
    names = source.model_class_names
    if not names:
        count = len(source.needed(paths.WEIGHT))
        return [f"class {index} of {count}" for index in source.needed(paths.PREDICTED)]
    names_of_rows = [references.canonical(names[index]) for index in source.needed(paths.PREDICTED)]
    ids = [references.canonical(name) for name in source.ids]
    return [
        name if name in by_name or identity not in by_name else identity
        for name, identity in zip(names_of_rows, ids)
    ]


def counted(names: Sequence[Hashable]) -> list[Key]:
    """Return each name with its turn among the equal ones and their number: (name, i, how many), so that keys are unique."""
    times = collections.Counter(names)
    turn: collections.Counter[Hashable] = collections.Counter()
    keys: list[Key] = []
    for name in names:
        keys.append((name, turn[name], times[name]))
        turn[name] += 1
    return keys


def common(
    inputs: Sequence[tuple],
    unit: str,
    say: Callable[[str], None] = print,
    references: dict[str, bool] | None = None,
) -> list[np.ndarray]:
    """Return the places of the common samples in each input, in the order of the first.

    Parameters
    ----------
    inputs : list of (name, keys, candidates)
        candidates: (n,) int array, the places that may be taken, or None for all; a reference has no need to be met whole.
    unit : str
    references : dict of name to bool, optional
        The inputs that are references, and whether each is a taxonomy, whose groups are no samples and are not missed.

    Returns
    -------
    list of (n,) int arrays

    Raises
    ------
    GradtoolsError
        Fewer than LEAST samples are everywhere.
    """
    references = references or {}
    places_of = [{keys[place]: place for place in candidates} for _, keys, candidates in inputs]
    shared = [key for key in places_of[0] if all(key in other for other in places_of[1:])]
    if len(shared) < LEAST:
        raise GradtoolsError(_refusal(inputs, places_of, shared, unit, references))
    places = [np.array([of_input[key] for key in shared]) for of_input in places_of]
    for (name, _, _), of_input, order in zip(inputs, places_of, places):
        if len(of_input) > len(shared) and not references.get(name):
            say(
                f"{name}: {len(of_input) - len(shared)} of {len(of_input)} {units(unit)} are not in every input and are left out"
            )
        if (np.diff(order) < 0).any():
            say(
                f"{name}: its {units(unit)} are in another order than in {inputs[0][0]} and were reordered"
            )
    _say_ambiguous(places_of, unit, say)
    return places


def _refusal(
    inputs: Sequence[tuple],
    places_of: Sequence[Places],
    shared: Sequence[Key],
    unit: str,
    references: dict[str, bool],
) -> str:
    """Return why nothing can be compared, and what to do."""
    names = list(dict.fromkeys(name for name, _, _ in inputs))
    if len(names) == 1 or all(len(of_input) < LEAST for of_input in places_of):
        return f"{' and '.join(names)}: need at least {LEAST} {units(unit)} to compare, got {len(shared)}"
    what = {
        "image": "extract both from the same files",
        "class": "name the classes alike: gradtools classes --class-names FILE",
        "channel": "channels match only those of the same network and tap",
    }[unit]
    if references and unit != "class":
        what = f"{', '.join(references)} names {units(unit)} by their ids: gradtools info --ids prints them"
    return f"{' and '.join(names)} have {len(shared)} {units(unit)} in common, and a comparison needs at least {LEAST}: {what}"


def _say_ambiguous(places_of: Sequence[Places], unit: str, say: Callable[[str], None]) -> None:
    """Name what is left out because one input has it more often than another."""
    if unit == "image":
        return
    times = [{key[0]: key[2] for key in of_input} for of_input in places_of]
    odd = sorted(
        name
        for name in times[0]
        if all(name in other for other in times) and len({other[name] for other in times}) > 1
    )
    if odd:
        say(
            f"{len(odd)} names stand for several {units(unit)} in one input only and are left out, such as {odd[0]!r}: "
            "tell them apart as gradtools info --ids does"
        )
