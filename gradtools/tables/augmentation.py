"""Tables of how alike images and their own versions are: one row a model and kind, one column a feature."""

import json
from collections.abc import Iterator

from gradtools.selection.results import Result
from gradtools.selection.subjects import Subject
from gradtools.tables import paired, per_model
from gradtools.tables.model import Cell, Table, notes_on_few, statistic_cell
from gradtools.tables.wording import OF_VERSIONS, ON_VERSIONS, computed_by, feature_head

MEASURES = {
    "cosine": "mean cosine of an image and its own versions",
    "auc": "pair AUC: is an image more alike to its own version than to another image of its class?",
}
UNCHANGED = "prediction unchanged"
Model = tuple[str | None, per_model.Results]


def of_results(results: list[Result]) -> Iterator[Table]:
    """Build the tables of `gradtools similarity`."""
    if results:
        models: list[Model] = [(None, {result.feature: result for result in results})]
        for measure in MEASURES:
            yield _table(models, list(models[0][1]), measure, ())


def build(subjects: list[Subject]) -> Iterator[Table]:
    """Build mean cosine beside the levels of pairs, pair AUC, and gradient minus the others, paired."""
    shown = [subject for subject in subjects if subject.augmentation]
    by_subject = [per_model.by_role(subject, subject.augmentation, "cosine") for subject in shown]
    if not by_subject:
        return
    models: list[Model] = [(subject.name, results) for subject, results in zip(shown, by_subject)]
    notes = tuple(per_model.left_out(shown, by_subject))
    for measure in MEASURES:
        below = notes if measure == "cosine" else ()
        yield _table(models, per_model.headline(by_subject), measure, below)
    yield from _differences(shown, by_subject)


def _table(models: list[Model], names: list[str], measure: str, notes: tuple[str, ...]) -> Table:
    """Build one measure: a row a model and kind."""
    rows: list[per_model.Row] = []
    for model, results in models:
        first = next(iter(results.values()))
        images = int(first.facts["rows"])
        for kind in _kinds(first):
            rows.append(
                _row_heads(model, kind)
                | _cells(results, names, f"{kind}:{measure}")
                | {UNCHANGED: statistic_cell(first, f"{kind}:unchanged")}
                | {"images": images}
            )
        for statistic, head in OF_VERSIONS.items() if measure == "cosine" else ():
            rows.append(
                _row_heads(model, head)
                | _cells(results, names, statistic)
                | {UNCHANGED: Cell(note="of versions alone"), "images": images}
            )
    notes = (ON_VERSIONS[measure], *notes, *notes_on_few(rows))
    return Table(f"versions-{measure}", MEASURES[measure], list(rows[0]), rows, notes)


def _row_heads(model: str | None, version: str) -> per_model.Row:
    return {"version": version} if model is None else {"model": model, "version": version}


def _differences(subjects: list[Subject], by_subject: list[per_model.Results]) -> Iterator[Table]:
    """Build gradient minus each other feature in pair AUC, a row a model and kind."""
    gradient = per_model.OWN
    names = [
        name
        for name in per_model.AGAINST
        if any(name in results and gradient in results for results in by_subject)
    ]
    rows = [
        _row_heads(subject.name, kind) | _difference(results, names, f"{kind}:auc")
        for subject, results in zip(subjects, by_subject)
        for kind in _kinds(next(iter(results.values())))
    ]
    if names:
        title = f"{gradient} minus the others: pair AUC of own versions, paired intervals"
        yield Table("versions-auc-difference", title, list(rows[0]), rows)


def _difference(results: per_model.Results, names: list[str], statistic: str) -> per_model.Row:
    """Return gradient minus each of the other features."""
    return {
        feature_head(name): paired.difference(
            results.get(per_model.OWN),
            results.get(name),
            lambda result: result.get(statistic).value,
            lambda result: result.replicate(statistic),
        )
        for name in names
    }


def _kinds(result: Result) -> list[str]:
    """Return the kinds of versions in the order of --augment."""
    return json.loads(str(result.facts["kinds"]))


def _cells(results: per_model.Results, names: list[str], statistic: str) -> per_model.Row:
    """Return one statistic of every feature."""
    return {
        feature_head(name): statistic_cell(results[name], statistic)
        if name in results
        else Cell(note=computed_by("augmentation"))
        for name in names
    }
