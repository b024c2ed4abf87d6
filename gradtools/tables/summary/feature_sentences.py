"""The sentences of a summary about features: which separates classes best, what is left given the prediction, what clusters are."""

from collections.abc import Iterator

import numpy as np

from gradtools.selection.feature_names import CONTROL
from gradtools.selection.results import Result
from gradtools.selection.subjects import Subject
from gradtools.tables import clustering, paired, per_model
from gradtools.tables.model import Cell, number, statistic_cell
from gradtools.tables.per_model import Results
from gradtools.tables.summary.blocks import across, clear_of
from gradtools.tables.wording import (
    feature_head,
)
from gradtools.tables.wording import summary as words

SAME = 1 - 1e-6  # cosine of rows that are one direction
IS_ARGMAX = 1 - 5e-4


def sentences(subjects: list[Subject]) -> Iterator[str]:
    """Yield the sentences about the features of labelled samples, the most important first."""
    by_subject = similarities(subjects)
    if any(subject.model.get("target") == "label" for subject in subjects):
        yield words.LEAKS
    yield from _best(by_subject)
    yield from _given_prediction(by_subject)
    yield from _class_rows(by_subject)
    yield from _clusters(subjects)
    yield from per_model.left_out(subjects, by_subject)


def similarities(subjects: list[Subject]) -> list[Results]:
    """Return the similarities by cosine, or by the first metric there is."""
    metrics = sorted({metric for subject in subjects for _, metric in subject.similarity})
    metric = "cosine" if "cosine" in metrics else (metrics or [""])[0]
    return [per_model.by_role(subject, subject.similarity, metric) for subject in subjects]


def _best(by_subject: list[Results]) -> Iterator[str]:
    """Yield which feature separates classes best, and by how much it is ahead of the gradient, else of the next."""
    names = [name for name in per_model.headline(by_subject) if name != CONTROL]
    means = {
        name: float(
            np.mean(
                [_auc(results.get(name)) for results in by_subject if name in results] or [np.nan]
            )
        )
        for name in names
    }
    known = (name for name in names if means[name] == means[name])
    ranked = sorted(known, key=lambda name: means[name])[::-1]
    if len(ranked) < 2:
        return
    best, second = ranked[:2]
    if per_model.OWN in ranked and best != per_model.OWN:
        second = per_model.OWN
    cells = [
        paired.difference(
            results[best], results[second], _auc, lambda result: result.replicate("auc")
        )
        for results in by_subject
        if best in results and second in results
    ]
    yield words.BEST.format(
        best=feature_head(best),
        value=across(_auc(results.get(best)) for results in by_subject),
        models=_in_models(best, by_subject, names),
        second=feature_head(second),
        behind=across(cell.number for cell in cells),
        clear=clear_of(cells),
    )


def _auc(result: Result | None) -> float:
    return float("nan") if result is None else result.get("auc").value


def _in_models(best: str, by_subject: list[Results], names: list[str]) -> str:
    """Say in how many models a feature is the best; empty for one model."""
    if len(by_subject) == 1:
        return ""
    wins = sum(
        _auc(results.get(best)) >= np.nanmax([_auc(results.get(name)) for name in names])
        for results in by_subject
        if best in results
    )
    return f", best in {wins} of {len(by_subject)} models"


def _given_prediction(by_subject: list[Results]) -> Iterator[str]:
    """Yield what the gradient, and the best other feature, hold beyond the answer."""
    given = "auc_same_prediction"
    names = [name for name in per_model.headline(by_subject) if name != CONTROL]
    cells = {
        name: [statistic_cell(results[name], given) for results in by_subject if name in results]
        for name in names
    }
    present = [name for name in names if any(cell.value is not None for cell in cells[name])]
    if not present:
        reasons = {cell.note for name in names for cell in cells[name] if "share" in cell.note}
        if reasons:
            yield words.NO_SHARED.format(reason=sorted(reasons)[0])
        return
    mean = {
        name: float(np.mean([c.number for c in cells[name] if c.number is not None]))
        for name in present
    }
    best = max(present, key=lambda name: mean[name])
    gradient = [name for name in present if name == per_model.OWN]
    alone = [name for name in gradient if _at_chance(cells[name])]
    if alone:
        yield words.NOTHING_LEFT.format(feature=feature_head(alone[0]))
    beyond = [name for name in dict.fromkeys([*gradient, best]) if name not in alone]
    parts = [
        f"{feature_head(name)} {across(cell.number for cell in cells[name])}"
        f"{clear_of(cells[name], 0.5)}"
        for name in beyond
    ]
    if parts:
        yield words.LEFT.format(features="; ".join(parts))


def _at_chance(cells: list[Cell]) -> bool:
    return all(abs(cell.number - 0.5) < 1e-9 for cell in cells if cell.number is not None)


def _class_rows(by_subject: list[Results]) -> Iterator[str]:
    """Yield the features that are one direction among images of one prediction."""
    kinds = ("same_class_same_prediction", "other_class_same_prediction")
    names = list(
        dict.fromkeys(name for results in by_subject for name in results if name != CONTROL)
    )
    rows = [
        name
        for name in per_model.ordered(names)
        if all(_one_direction(results[name], kinds) for results in by_subject if name in results)
    ]
    if rows:
        yield words.IS_CLASS_ROW.format(features=", ".join(rows))


def _one_direction(result: Result, kinds: tuple[str, str]) -> bool:
    values = [result.get(kind).value for kind in kinds if result.get(kind).n]
    return result.metric == "cosine" and bool(values) and min(values) >= SAME


def _clusters(subjects: list[Subject]) -> Iterator[str]:
    """Yield which clusters are the predictions, else which agree best with the classes."""
    for method in clustering.METHODS:
        by_subject = [per_model.by_role(subject, subject.clusters, method) for subject in subjects]
        if not any(by_subject):
            continue
        name = words.METHODS[method]
        features = [feature for feature in per_model.headline(by_subject) if feature != CONTROL]
        ari = {
            feature: [
                clustering.index_cell(results[feature], "ari").number
                for results in by_subject
                if feature in results
            ]
            for feature in features
        }
        argmax = [feature for feature in features if _are_predictions(by_subject, feature)]
        if argmax:
            values = across(value for feature in argmax for value in ari[feature])
            heads = ", ".join(map(feature_head, argmax))
            yield words.IS_ARGMAX.format(method=name, features=heads, value=values)
        known = {f: [v for v in ari[f] if v is not None] for f in features}
        means = {f: float(np.mean(values)) for f, values in known.items() if values}
        best = max(means, key=lambda f: means[f], default=None)
        if best is not None and best not in argmax:
            facts = [next(iter(results.values())).facts for results in by_subject if results]
            control = across(number(fact, "argmax_ari") for fact in facts) or "none"
            values = across(known[best])
            yield words.BEST_CLUSTERS.format(
                method=name, feature=feature_head(best), value=values, argmax=control
            )
        return


def _are_predictions(by_subject: list[Results], feature: str) -> bool:
    values = [
        clustering.index_cell(results[feature], "ari_argmax").number
        for results in by_subject
        if feature in results
    ]
    return bool(values) and all(value is not None and value >= IS_ARGMAX for value in values)


def most_alike(by_subject: list[Results]) -> Iterator[str]:
    """Yield the two samples that are most alike, beside what chance gives."""
    for results in by_subject:
        for result in results.values():
            names = [
                str(result.facts.get(f"most_alike_{place}", "")) for place in ("first", "second")
            ]
            if all(names):
                yield words.MOST_ALIKE.format(
                    first=names[0],
                    second=names[1],
                    value=across([result.get("most_alike").value]),
                    chance=across([result.get("shuffled_most_alike").value]) or "-",
                )
