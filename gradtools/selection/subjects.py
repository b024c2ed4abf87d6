"""What several stores say of the same images and the same model, put together (architecture#what-several-stores-say)."""

import dataclasses
import hashlib
import json
import os
import re
from collections.abc import Sequence
from typing import NamedTuple

import numpy as np

from gradtools import store
from gradtools.selection import answers, features, joining, maps, results, samples, trees
from gradtools.selection.answers import Answers
from gradtools.selection.results import Result
from gradtools.selection.trees import Tree
from gradtools.store import paths

VERDICTS = ("spatially_constant", "input_independent", "parallel")


@dataclasses.dataclass
class Subject:
    """One model on one set of samples, and everything the stores hold of it.

    Attributes
    ----------
    name : str
        The model's short name, told apart by its weights where two would be equal.
    similarity : dict of (feature, metric) to Result
        Of vectors.
    maps : dict of (feature, metric) to Result
        Of maps.
    augmentation, decoding, retrieval : dict of (feature, 'cosine', 'logistic' or 'retrieval') to Result
    channels : dict of ('channels', table) to Result
    clusters : dict of (feature, method) to Result
    localization, faithfulness, sanity : dict of (map, method, fill or measure) to Result
    audit : dict of (fill, 'summary' or 'flagged') to Result
    trial : dict of (construction, 'methods' or 'measures') to Result
    link, tuning, counterfactual : dict of ("link", kind), ("tuning", "effects") or ("counterfactual", "pairs") to Result
    projections : dict of feature to ((n, 2) coordinates, (2,) shares of the variance)
    skipped : int
        Images that could not be read when the features were made.
    ended_early : int
        Images whose files end early, read as far as they go.
    unit : str
        What a sample is.
    answers : Answers or None
    trees : dict of feature to Tree
    comparison, moved : Result or None
        What `compare` measured.
    features : list of str
        Features of the samples that the stores hold.
    verdicts : dict of tap to dict
        What its gradients can know: `spatially_constant`, `input_independent`, `parallel`.
    map_names : list of str
        Maps that the stores hold, and `map_count` of each.
    row_length : int
        Numbers in a class's row, where the samples are classes.
    nearest : dict of feature to list of (name, value)
        Of one sample, itself first (`neighbors --of`).
    stores : list of str
    """

    name: str
    key: tuple
    model: dict
    taps: dict
    order: list
    labels: np.ndarray
    class_names: list
    predicted: np.ndarray | None
    similarity: dict = dataclasses.field(default_factory=dict)
    maps: dict = dataclasses.field(default_factory=dict)
    augmentation: dict = dataclasses.field(default_factory=dict)
    decoding: dict = dataclasses.field(default_factory=dict)
    retrieval: dict = dataclasses.field(default_factory=dict)
    channels: dict = dataclasses.field(default_factory=dict)
    clusters: dict = dataclasses.field(default_factory=dict)
    localization: dict = dataclasses.field(default_factory=dict)
    faithfulness: dict = dataclasses.field(default_factory=dict)
    sanity: dict = dataclasses.field(default_factory=dict)
    trial: dict = dataclasses.field(default_factory=dict)
    audit: dict = dataclasses.field(default_factory=dict)
    link: dict = dataclasses.field(default_factory=dict)
    tuning: dict = dataclasses.field(default_factory=dict)
    counterfactual: dict = dataclasses.field(default_factory=dict)
    projections: dict = dataclasses.field(default_factory=dict)
    skipped: int = 0
    ended_early: int = 0
    unit: str = "image"
    answers: Answers | None = None
    trees: dict[str, Tree] = dataclasses.field(default_factory=dict)
    comparison: Result | None = None
    moved: Result | None = None
    features: list[str] = dataclasses.field(default_factory=list)
    verdicts: dict[str, dict] = dataclasses.field(default_factory=dict)
    map_names: list[str] = dataclasses.field(default_factory=list)
    map_count: int = 0
    row_length: int = 0
    nearest: dict[str, list[tuple[str, float]]] = dataclasses.field(default_factory=dict)
    stores: list[str] = dataclasses.field(default_factory=list)

    def same_samples(self, other: "Subject") -> bool:
        """Whether two models saw the same images under the same labels."""
        return (self.key[0], self.key[2]) == (other.key[0], other.key[2])


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
            found = _subject(source)
            key = found.key if joined else (*found.key, path)
            subject = subjects.setdefault(key, found)
            if subject is not found:
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
                    joining.join(getattr(subject, part), getattr(found, part))
                joining.join_by_tap(subject.channels, found.channels)
                _complete(subject, found)
    named = list(subjects.values())
    _tell_apart(named)
    return in_natural_order(named)


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


def _most(source, fact):
    """The largest number that a step of a store's history says of a fact."""
    return max((json.loads(line).get(fact, 0) for line in source.history_lines()), default=0)


def _subject(source):
    """What one store holds."""
    model, own = source.model, samples.originals(source)
    subject = Subject(
        short_name(model.get("model", source.name)),
        _key(source),
        model,
        source.attributes(paths.TAPS),
        source.taps,
        source.labels[own],
        source.class_names,
        None if source.predicted is None else source.predicted[own],
        skipped=_most(source, "skipped"),
        ended_early=_most(source, "ended_early"),
        unit=source.unit,
        answers=answers.read(source),
        features=features.names(source) if source.kind != "maps" else [],
        map_names=source.maps,
        map_count=len(source.values(paths.MAP_SAMPLE)) if source.maps else 0,
        row_length=0 if source.class_rows is None else source.class_rows.shape[1],
        stores=[source.name],
    )
    subject.verdicts.update(verdicts_of(source).of_taps)
    for feature in source.tree(paths.LINKAGE):
        subject.trees[feature] = trees.read(source, feature)
    for name in ("compare", "moved"):
        if name in source.tree(paths.TABLES):
            part = "comparison" if name == "compare" else name
            setattr(subject, part, results.read(source, paths.table(name), method=name))
    for feature, metric in _pairs(source, paths.SIMILARITY):
        part = subject.maps if maps.is_map(feature) else subject.similarity
        part[feature, metric] = results.read(
            source, paths.similarity(feature, metric), feature, metric=metric
        )
    for feature, metric in _pairs(source, paths.AUGMENTATION):
        subject.augmentation[feature, metric] = results.read(
            source, paths.augmentation(feature), feature, metric=metric
        )
    for feature, probe in _pairs(source, paths.DECODING):
        subject.decoding[feature, probe] = results.read(
            source, paths.decoding(feature), feature, method=probe
        )
    for feature, name in _pairs(source, paths.NEIGHBORS):
        if name == "of":
            columns, _ = source.table(paths.nearest_of(feature))
            value = next(columns[key] for key in ("similarity", "distance") if key in columns)
            near = [source.ids[int(row)] for row in columns["index"]]
            subject.nearest[feature] = list(zip(near, map(float, value)))
        if name == "retrieval":
            subject.retrieval[feature, name] = results.read(
                source, paths.retrieval(feature), feature, method=name
            )
    for name in source.tree(paths.TABLES):
        if name.startswith("channel_"):
            subject.channels["channels", name] = results.read(
                source, paths.table(name), method=name
            )
    for feature, method in _pairs(source, paths.CLUSTERS):
        subject.clusters[feature, method] = results.read(
            source, paths.clusters(feature, method), feature, method=method
        )
    for kind in source.tree(paths.LOCALIZATION):
        subject.localization[kind, "localization"] = results.read(
            source, paths.localization(kind), kind, method="localization"
        )
    for kind, fill in _pairs(source, paths.FAITHFULNESS):
        subject.faithfulness[kind, fill] = results.read(
            source, paths.faithfulness(kind, fill), kind, method=fill
        )
    for kind, table in _pairs(source, paths.SANITY):
        if not table.endswith("_table"):
            continue
        measure = table.removesuffix("_table")
        subject.sanity[kind, measure] = results.read(
            source, paths.sanity(kind, table), f"{maps.PREFIX}{kind}", metric=measure
        )
    for fill, name in _pairs(source, paths.AUDIT):
        if name in ("summary", "flagged"):
            subject.audit[fill, name] = results.read(
                source, paths.audit(fill, name), fill, method=name
            )
    for construction in source.tree(paths.TRIAL):
        for name in ("methods", "measures"):
            subject.trial[construction, name] = results.read(
                source, paths.trial(construction, name), construction, method=name
            )
    if source.tree(paths.inside(paths.TUNING, "statistics")):
        subject.tuning["tuning", "effects"] = results.read(
            source, paths.tuning("effects"), "tuning", method="effects"
        )
    if source.tree(paths.inside(paths.COUNTERFACTUAL, "statistics")):
        subject.counterfactual["counterfactual", "pairs"] = results.read(
            source, paths.counterfactual("pairs"), "counterfactual", method="pairs"
        )
    for kind in source.tree(paths.LINK_TABLES):
        subject.link["link", kind] = results.read(source, paths.link(kind), "link", method=kind)
    for feature in source.tree(paths.PROJECTION):
        where = paths.projection(feature)
        subject.projections[feature] = (
            source.values(paths.inside(where, "pca")),
            source.values(paths.inside(where, "explained")),
        )
    return subject


def _pairs(source, group):
    """(feature, metric or method) of everything below a group of results."""
    return [
        (feature, name)
        for feature in source.tree(group)
        for name in source.tree(paths.inside(group, feature))
    ]


def _key(source):
    """What makes two stores speak of one subject: images, labels, network, and how it was asked."""
    told = hashlib.sha256(
        repr((source.labels[samples.originals(source)].tolist(), source.class_names)).encode(
            "utf-8", "surrogateescape"
        )
    ).hexdigest()
    images, weights = source.subject()
    asked = tuple(
        str(source.model.get(key)) for key in ("target", "score", "temperature", "preprocess")
    )
    return images, weights, told, short_name(source.model.get("model", "")), *asked


def short_name(spec: str) -> str:
    """The part of a model's name that tells it apart: a callable's or an architecture's."""
    return os.path.basename(str(spec)).rsplit(":", 1)[-1]


def in_natural_order(subjects: list[Subject]) -> list[Subject]:
    """Return subjects in their order, but those whose names differ in numbers alone by these: resnet8 before resnet14."""
    numbers = [re.findall(r"\d+", subject.name) for subject in subjects]
    stems = [re.sub(r"\d+", "0", subject.name) for subject in subjects]
    ordered = list(subjects)
    for stem in set(stems):
        places = [place for place, other in enumerate(stems) if other == stem]
        ranked = sorted(places, key=lambda place: [int(number) for number in numbers[place]])
        for place, chosen in zip(places, ranked):
            ordered[place] = subjects[chosen]
    return ordered


def _tell_apart(subjects):
    """Give subjects of equal names as much as tells them apart; a target that leaks is always said."""
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


def role(subject: Subject, feature: str) -> str:
    """A feature's name that means the same in every model (`features.role`)."""
    return features.role(subject.taps, feature)


class Verdicts(NamedTuple):
    """What the gradients at each tap can know, by the names of `VERDICTS`, and the tap of `gradient` without one."""

    of_taps: dict[str, dict]
    default: str


def verdicts_of(source: store.Store) -> Verdicts:
    """Return what the gradients of a store can know."""
    facts = {tap: source.attributes(paths.tap(tap)) for tap in source.taps}
    of_taps = {
        tap: {name: known[name] for name in VERDICTS if name in known}
        for tap, known in facts.items()
    }
    return Verdicts(of_taps, str(source.attributes(paths.TAPS).get("default_gradient", "")))
