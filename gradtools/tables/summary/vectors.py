"""The summary of features: pair AUC, what is left given the same prediction, clusters; the class row, their control, last."""

from collections.abc import Callable, Iterator, Mapping

import numpy as np

from gradtools.selection.results import Result
from gradtools.selection.subjects import Subject
from gradtools.tables import clustering, pair_distribution, per_model
from gradtools.tables.model import Cell, Entry, number, statistic_cell
from gradtools.tables.per_model import Results
from gradtools.tables.summary.blocks import Block, Rows, across, clear_of, of_rows
from gradtools.tables.wording import (
    LABEL_EFFECT,
    NO_QUERIES,
    RETRIEVAL,
    computed_by,
    feature_head,
)
from gradtools.tables.wording import summary as words

CONTROL = "weight"
SAME = 1 - 1e-6  # cosine of rows that are one direction
IS_ARGMAX = 1 - 5e-4
Statistic = tuple[str, str, Callable[[Result], Cell], list[Results]]  # name, layout, cell, results


def blocks(subjects: list[Subject]) -> Iterator[Block]:
    """Yield the block of the features of labelled samples, and that of samples without labels."""
    unlabelled = [
        subject
        for subject in subjects
        if pair_distribution.is_unlabelled(subject.similarity.values())
    ]
    labelled = [subject for subject in subjects if subject not in unlabelled]
    if any(subject.similarity or subject.clusters or subject.retrieval for subject in labelled):
        yield _labelled(labelled)
    if unlabelled:
        yield _unlabelled(unlabelled)


def _labelled(subjects: list[Subject]) -> Block:
    statistics = list(_statistics(subjects))
    names = per_model.headline([results for *_, found in statistics for results in found])
    names = [name for name in names if name != CONTROL] + [CONTROL] * (CONTROL in names)
    rows = [
        {"statistic": head, "model": subject.name}
        | {feature_head(name): _cell(results.get(name), cell, layout) for name in names}
        for head, layout, cell, found in statistics
        for subject, results in zip(subjects, found)
    ]
    rows = [row for row in rows if row["statistic"] in words.ALWAYS or _has_value(rows, row)]
    table = of_rows("summary", words.HEADLINE, [*map(feature_head, names)], rows, "higher")
    return Block(table, tuple(_sentences(subjects)))


def _has_value(rows: Rows, row: Mapping[str, Entry]) -> bool:
    """Return True if a row, or another of its statistic, has a value."""
    return any(
        isinstance(cell, Cell) and cell.value is not None
        for other in rows
        if other["statistic"] == row["statistic"]
        for cell in other.values()
    )


def _cell(result: Result | None, cell: Callable[[Result], Cell], layout: str) -> Cell:
    return Cell(note=computed_by(layout)) if result is None else cell(result)


def _statistics(subjects: list[Subject]) -> Iterator[Statistic]:
    """Yield the headline statistics that the stores hold, the most important first."""
    compared = _similarities(subjects)
    clustered = {
        method: [per_model.by_role(subject, subject.clusters, method) for subject in subjects]
        for method in clustering.METHODS
    }
    retrieved = [per_model.by_role(subject, subject.retrieval, "retrieval") for subject in subjects]

    def ari(result: Result) -> Cell:
        return clustering.index_cell(result, "ari")

    if any(compared):
        yield words.PAIR_AUC, "similarity", _statistic("auc"), compared
        yield words.GIVEN, "similarity", _statistic("auc_same_prediction"), compared
    for method, found in clustered.items():
        if any(found):
            yield f"ARI, {words.METHODS[method]}", "clustering", ari, found
    if any(compared):
        yield LABEL_EFFECT, "similarity", _statistic("label_effect"), compared
    if any(retrieved):
        for name in ("average_precision", "recall_1"):
            yield RETRIEVAL[name], "retrieval", _retrieval(name), retrieved


def _statistic(name: str) -> Callable[[Result], Cell]:
    return lambda result: statistic_cell(result, name)


def _retrieval(name: str) -> Callable[[Result], Cell]:
    def cell(result: Result) -> Cell:
        value, low, high, n = result.get(name)
        return Cell(value, low, high, n=n, why=NO_QUERIES)

    return cell


def _similarities(subjects: list[Subject]) -> list[Results]:
    """Return the similarities by cosine, or by the first metric there is."""
    metrics = sorted({metric for subject in subjects for _, metric in subject.similarity})
    metric = "cosine" if "cosine" in metrics else (metrics or [""])[0]
    return [per_model.by_role(subject, subject.similarity, metric) for subject in subjects]


def _sentences(subjects: list[Subject]) -> Iterator[str]:
    found = _similarities(subjects)
    if any(subject.model.get("target") == "label" for subject in subjects):
        yield words.LEAKS
    yield from _best(found)
    yield from _given_prediction(found)
    yield from _class_rows(found)
    yield from _clusters(subjects)
    yield from per_model.left_out(subjects, found)


def _auc(result: Result | None) -> float:
    return float("nan") if result is None else result.get("auc").value


def _best(found: list[Results]) -> Iterator[str]:
    """Yield which feature tells classes best, and by how much it is ahead of the gradient, else of the next."""
    names = [name for name in per_model.headline(found) if name != CONTROL]
    means = {
        name: float(
            np.mean([_auc(results.get(name)) for results in found if name in results] or [np.nan])
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
        per_model.paired(
            results[best], results[second], _auc, lambda result: result.replicate("auc")
        )
        for results in found
        if best in results and second in results
    ]
    yield words.BEST.format(
        best=feature_head(best),
        value=across(_auc(results.get(best)) for results in found),
        models=_in_models(best, found, names),
        second=feature_head(second),
        behind=across(cell.number for cell in cells),
        clear=clear_of(cells),
    )


def _in_models(best: str, found: list[Results], names: list[str]) -> str:
    """Say in how many models a feature is the best; empty for one model."""
    if len(found) == 1:
        return ""
    wins = sum(
        _auc(results.get(best)) >= np.nanmax([_auc(results.get(name)) for name in names])
        for results in found
        if best in results
    )
    return f", best in {wins} of {len(found)} models"


def _given_prediction(found: list[Results]) -> Iterator[str]:
    """Yield what the gradient, and the best other feature, tell beyond the answer."""
    given = "auc_same_prediction"
    names = [name for name in per_model.headline(found) if name != CONTROL]
    cells = {
        name: [statistic_cell(results[name], given) for results in found if name in results]
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
    own = [name for name in present if name == per_model.OWN]
    alone = [name for name in own if _at_chance(cells[name])]
    if alone:
        yield words.NOTHING_LEFT.format(feature=feature_head(alone[0]))
    beyond = [name for name in dict.fromkeys([*own, best]) if name not in alone]
    parts = [
        f"{feature_head(name)} {across(cell.number for cell in cells[name])}"
        f"{clear_of(cells[name], 0.5)}"
        for name in beyond
    ]
    if parts:
        yield words.LEFT.format(features="; ".join(parts))


def _at_chance(cells: list[Cell]) -> bool:
    return all(abs(cell.number - 0.5) < 1e-9 for cell in cells if cell.number is not None)


def _class_rows(found: list[Results]) -> Iterator[str]:
    """Yield the features that are one direction among images of one prediction."""
    kinds = ("same_class_same_prediction", "other_class_same_prediction")
    names = list(dict.fromkeys(name for results in found for name in results if name != CONTROL))
    rows = [
        name
        for name in per_model.ordered(names)
        if all(_one_direction(results[name], kinds) for results in found if name in results)
    ]
    if rows:
        yield words.IS_CLASS_ROW.format(features=", ".join(rows))


def _one_direction(result: Result, kinds: tuple[str, str]) -> bool:
    values = [result.get(kind).value for kind in kinds if result.get(kind).n]
    return result.metric == "cosine" and bool(values) and min(values) >= SAME


def _clusters(subjects: list[Subject]) -> Iterator[str]:
    """Yield which clusters are the predictions, else which agree best with the classes."""
    for method in clustering.METHODS:
        found = [per_model.by_role(subject, subject.clusters, method) for subject in subjects]
        if not any(found):
            continue
        name = words.METHODS[method]
        features = [feature for feature in per_model.headline(found) if feature != CONTROL]
        ari = {
            feature: [
                clustering.index_cell(results[feature], "ari").number
                for results in found
                if feature in results
            ]
            for feature in features
        }
        argmax = [feature for feature in features if _are_predictions(found, feature)]
        if argmax:
            values = across(value for feature in argmax for value in ari[feature])
            heads = ", ".join(map(feature_head, argmax))
            yield words.IS_ARGMAX.format(method=name, features=heads, value=values)
        known = {f: [v for v in ari[f] if v is not None] for f in features}
        means = {f: float(np.mean(values)) for f, values in known.items() if values}
        best = max(means, key=lambda f: means[f], default=None)
        if best is not None and best not in argmax:
            facts = [next(iter(results.values())).facts for results in found if results]
            control = across(number(fact, "argmax_ari") for fact in facts) or "none"
            values = across(known[best])
            yield words.BEST_CLUSTERS.format(
                method=name, feature=feature_head(best), value=values, argmax=control
            )
        return


def _are_predictions(found: list[Results], feature: str) -> bool:
    values = [
        clustering.index_cell(results[feature], "ari_argmax").number
        for results in found
        if feature in results
    ]
    return bool(values) and all(value is not None and value >= IS_ARGMAX for value in values)


def _unlabelled(subjects: list[Subject]) -> Block:
    """The similarities of all pairs of samples without labels, each beside what shuffled values give."""
    found = _similarities(subjects)
    names = per_model.headline(found)
    rows: Rows = [
        {"statistic": head, "model": subject.name}
        | {
            feature_head(name): _cell(results.get(name), _statistic(key), "similarity")
            for name in names
        }
        for key, head in words.OF_ALL_PAIRS.items()
        for subject, results in zip(subjects, found)
    ]
    table = of_rows("summary-pairs", words.PAIRS, [*map(feature_head, names)], rows)
    return Block(table, tuple(_most_alike(found)))


def _most_alike(found: list[Results]) -> Iterator[str]:
    """Yield the two samples that are most alike, beside what chance gives."""
    for results in found:
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
