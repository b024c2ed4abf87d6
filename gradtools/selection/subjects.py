"""What several stores say of the same images and the same model, put together (architecture#what-several-stores-say)."""

import dataclasses
import hashlib
import json
import os
from collections.abc import Sequence

import numpy as np

from gradtools import store
from gradtools.errors import GradtoolsError
from gradtools.selection import features, maps, results, samples
from gradtools.selection.results import Result
from gradtools.store import paths


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
    projections : dict of feature to ((n, 2) coordinates, (2,) shares of the variance)
    skipped : int
        Images that could not be read when the features were made.
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
    projections: dict = dataclasses.field(default_factory=dict)
    skipped: int = 0

    def same_samples(self, other: "Subject") -> bool:
        """Whether two models saw the same images under the same labels."""
        return (self.key[0], self.key[2]) == (other.key[0], other.key[2])


def gather(paths: Sequence[str]) -> list[Subject]:
    """Read every store and put those of one subject together.

    Raises
    ------
    GradtoolsError
        Where two stores of one subject hold different values for the same thing; names both.
    """
    subjects: dict[tuple, Subject] = {}
    for path in paths:
        with store.read(path) as source:
            found = _subject(source)
            subject = subjects.setdefault(found.key, found)
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
                    "projections",
                ):
                    _join(getattr(subject, part), getattr(found, part))
                _join_by_tap(subject.channels, found.channels)
                subject.taps, subject.order = (
                    subject.taps or found.taps,
                    subject.order or found.order,
                )
    named = list(subjects.values())
    _tell_apart(named)
    return named


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
        skipped=max(
            (json.loads(line).get("skipped", 0) for line in source.history_lines()), default=0
        ),
    )
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
        measure = table.removesuffix("_table")
        subject.sanity[kind, measure] = results.read(
            source, paths.sanity(kind, table), f"{maps.PREFIX}{kind}", metric=measure
        )
    for feature in source.tree(paths.PROJECTION):
        where = paths.projection(feature)
        subject.projections[feature] = (
            source.values(f"{where}/pca"),
            source.values(f"{where}/explained"),
        )
    return subject


def _pairs(source, group):
    """(feature, metric or method) of everything below a group of results."""
    return [
        (feature, name)
        for feature in source.tree(group)
        for name in source.tree(f"{group}/{feature}")
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


def _join(kept, new):
    """Take over what is new; the same thing twice must have the same values."""
    for key, value in new.items():
        if (
            key in kept
            and isinstance(value, Result)
            and not _equal(_values(kept[key]), _values(value))
        ):
            raise _different(kept[key], value, key)
        kept.setdefault(key, value)


def _different(one, other, key):
    return GradtoolsError(
        f"{one.source} and {other.source} have different values for {' '.join(key)}: made with other options; give one of them"
    )


def _join_by_tap(kept, new):
    """The same of tables whose rows are of a tap, and of a fill where there is one: those of others are added."""
    for key, value in new.items():
        if key not in kept:
            kept[key] = value
            continue
        before, now = _parts(kept[key].columns), _parts(value.columns)
        for part in before.keys() & now.keys():
            if not _equal(_rows(kept[key].columns, before[part]), _rows(value.columns, now[part])):
                raise _different(kept[key], value, key)
        added = _rows(
            value.columns, [row for part, rows in now.items() if part not in before for row in rows]
        )
        if added.keys() != kept[key].columns.keys():
            raise _different(kept[key], value, key)
        kept[key] = dataclasses.replace(
            kept[key],
            columns={
                name: [*column, *added[name]]
                if isinstance(column, list)
                else np.concatenate([column, added[name]])
                for name, column in kept[key].columns.items()
            },
        )


def _parts(columns):
    """Rows of each tap and fill (dict of tuple to list of int)."""
    found = {}
    for row, part in enumerate(
        zip(*(columns[name] for name in ("tap", "fill") if name in columns))
    ):
        found.setdefault(part, []).append(row)
    return found


def _rows(columns, rows):
    """Some rows of a table's columns."""
    return {
        name: [column[row] for row in rows] if isinstance(column, list) else column[rows]
        for name, column in columns.items()
    }


def _values(measured):
    """What a result says: its columns and the p of its tests."""
    return measured.columns | {
        name: fact for name, fact in measured.facts.items() if name.startswith("p_")
    }


def _equal(a, b):
    return a.keys() == b.keys() and all(
        np.array_equal(
            np.asarray(a[key]), np.asarray(b[key]), equal_nan=np.asarray(a[key]).dtype.kind == "f"
        )
        for key in a
    )


def short_name(spec: str) -> str:
    """The part of a model's name that tells it apart: a callable's or an architecture's."""
    return os.path.basename(str(spec)).rsplit(":", 1)[-1]


def _tell_apart(subjects):
    """Give subjects of equal names what differs between them; a target that leaks is always said."""
    base = {id(subject): subject.name for subject in subjects}
    for subject in subjects:
        twins = [
            other
            for other in subjects
            if base[id(other)] == base[id(subject)] and other is not subject
        ]
        words = ("samples", "weights", "labels", "", "target", "score", "temperature", "preprocess")
        for place, word in enumerate(words):
            if word and any(other.key[place] != subject.key[place] for other in twins):
                value = subject.key[place]
                subject.name += (
                    f" {word} {value[:6] if place < 3 or word == 'preprocess' else value}"
                )
        if subject.model.get("target") == "label":
            subject.name += " target=label (leaks)"


def role(subject: Subject, feature: str) -> str:
    """A feature's name that means the same in every model (`features.role`)."""
    return features.role(subject.taps, feature)
