"""Put together what several stores say of the same samples and the same model (architecture#what-several-stores-say)."""

import re
from collections.abc import Sequence

from gradtools import store
from gradtools.selection import joining, stored_subject
from gradtools.selection.subjects import Subject


def gather(paths: Sequence[str], joined: bool = True) -> list[Subject]:
    """Read every store and put those of one subject together.

    Parameters
    ----------
    joined : bool
        False: every store is a subject, as stores of one network that were made with different options are.

    Raises
    ------
    GradtoolsError
        Where two stores of one subject hold different values for the same thing; names both.
    """
    subjects: dict[tuple, Subject] = {}
    for path in paths:
        with store.read(path) as source:
            part_of_store = stored_subject.read(source)
            key = part_of_store.key if joined else (*part_of_store.key, path)
            subject = subjects.setdefault(key, part_of_store)
            if subject is not part_of_store:
                for part in (
                    "similarity",
                    "maps",
                    "augmentation",
                    "decoding",
                    "retrieval",
                    "clusters",
                    "localization",
                    "faithfulness",
                    "sanity",
                    "trial",
                    "audit",
                    "link",
                    "tuning",
                    "counterfactual",
                    "projections",
                    "verdicts",
                    "nearest",
                    "trees",
                ):
                    joining.join(getattr(subject, part), getattr(part_of_store, part))
                joining.join_by_tap(subject.channels, part_of_store.channels)
                _complete(subject, part_of_store)
    named = list(subjects.values())
    ordered = in_natural_order(named)
    _tell_apart(ordered)
    return ordered


def _complete(subject: Subject, other: Subject) -> None:
    """Take over what a subject lacks and another store of it has."""
    for part in ("taps", "order", "comparison", "moved", "map_count", "row_length"):
        setattr(subject, part, getattr(subject, part) or getattr(other, part))
    for part in ("features", "map_names", "stores"):
        known = getattr(subject, part)
        known += [name for name in getattr(other, part) if name not in known]
    ours, theirs = subject.answers, other.answers
    if theirs is not None and (ours is None or ours.right_of_five is None):
        subject.answers = theirs


def _tell_apart(subjects: list[Subject]) -> None:
    """Give subjects of equal names as much as separates them; a target that leaks is always said."""
    base = {id(subject): subject.name for subject in subjects}
    for subject in subjects:
        twins = [
            other
            for other in subjects
            if base[id(other)] == base[id(subject)] and other is not subject
        ]
        words = ("samples", "weights", "labels", "", "target", "score", "temperature", "preprocess")
        for place, word in enumerate(words):
            value = subject.key[place]
            others = [other for other in twins if other.key[place] != value]
            if word and others:
                short = value[:6] if place < 3 or word == "preprocess" else value
                count = len(subject.labels)
                counted = word == "samples" and all(len(other.labels) != count for other in others)
                subject.name += f" {count} {word}" if counted else f" {word} {short}"
                twins = [other for other in twins if other.key[place] == value]
        if subject.model.get("target") == "label":
            subject.name += " target=label (leaks)"


def in_natural_order(subjects: list[Subject]) -> list[Subject]:
    """Return subjects in their order, but those whose names differ in numbers alone by these: resnet8 before resnet14."""
    numbers = [re.findall(r"\d+", subject.name) for subject in subjects]
    stems = [re.sub(r"\d+", "0", subject.name) for subject in subjects]
    ordered = list(subjects)
    for stem in set(stems):
        places = [place for place, other in enumerate(stems) if other == stem]
        ranked = sorted(places, key=lambda place: [int(number) for number in numbers[place]])
        for place, source in zip(places, ranked):
            ordered[place] = subjects[source]
    return ordered
