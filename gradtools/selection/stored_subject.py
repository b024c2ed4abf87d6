"""Read everything that one store holds of its subject."""

import hashlib
import json

from gradtools.selection import answers, draws, feature_names, maps, results, samples, trees
from gradtools.selection.subjects import Subject, short_name, verdicts_of
from gradtools.store import Store, paths


def read(source: Store) -> Subject:
    """Read everything that one store holds of its subject."""
    model, is_original = source.model, samples.originals(source)
    subject = Subject(
        short_name(model.get("model", source.name)),
        _key(source),
        model,
        source.attributes(paths.TAPS),
        source.taps,
        source.labels[is_original],
        source.class_names,
        None if source.predicted is None else source.predicted[is_original],
        skipped=_most(source, "skipped"),
        ended_early=_most(source, "ended_early"),
        unit=source.unit,
        answers=answers.read(source),
        draws=draws.read(source),
        features=feature_names.names(source) if source.kind != "maps" else [],
        map_names=source.maps,
        map_count=len(source.needed(paths.MAP_SAMPLE)) if source.maps else 0,
        row_length=0 if source.class_rows is None else source.class_rows.shape[1],
        stores=[source.name],
    )
    subject.verdicts.update(verdicts_of(source).of_taps)
    for feature in source.tree(paths.LINKAGE):
        subject.trees[feature] = trees.read(source, feature)
    for name in ("compare", "moved"):
        if name in source.tree(paths.TABLES):
            attribute = "comparison" if name == "compare" else name
            setattr(subject, attribute, results.read(source, paths.table(name), method=name))
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
    for name in source.tree(paths.TUNING_TABLES):
        subject.tuning["tuning", name] = results.read(
            source, paths.tuning(name), "tuning", method=name
        )
    for name in source.tree(paths.MOVE_TABLES):
        subject.counterfactual["counterfactual", name] = results.read(
            source, paths.counterfactual(name), "counterfactual", method=name
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


def _most(source: Store, fact: str) -> int:
    """Return the largest number that any step of a store's history records for a fact; 0 where none does."""
    return max((json.loads(line).get(fact, 0) for line in source.history_lines()), default=0)


def _pairs(source: Store, group: str) -> list[tuple[str, str]]:
    """Return (feature, metric or method) of everything below a group of results."""
    return [
        (feature, name)
        for feature in source.tree(group)
        for name in source.tree(paths.inside(group, feature))
    ]


def _key(source: Store) -> tuple[str, ...]:
    """Return what two stores of one subject have in common: images, labels, network, target, score and preprocessing."""
    labels = hashlib.sha256(
        repr((source.labels[samples.originals(source)].tolist(), source.class_names)).encode(
            "utf-8", "surrogateescape"
        )
    ).hexdigest()
    images, weights = source.subject()
    question = tuple(
        str(source.model.get(key)) for key in ("target", "score", "temperature", "preprocess")
    )
    return images, weights, labels, short_name(source.model.get("model", "")), *question
