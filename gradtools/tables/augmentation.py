"""Tables of how alike images and their own versions are: one row a model and kind, one column a feature."""

import functools
import json

from gradtools.tables import per_model as model
from gradtools.tables.model import Cell, Table
from gradtools.tables.wording import computed_by

MEASURES = {
    "cosine": "mean cosine of an image and its own versions",
    "auc": "pair AUC: is an image more alike to its own version than to another image of its class?",
}
LEVELS = {"within": "another image, same class", "between": "another image, other class"}


def make(subjects):
    """Mean cosine beside the levels of pairs, pair AUC, and gradient minus the others, paired."""
    shown = [subject for subject in subjects if subject.augmentation]
    found = [model.by_role(subject, subject.augmentation, "cosine") for subject in shown]
    if not found:
        return
    notes = model.left_out(shown, found)
    for measure, title in MEASURES.items():
        yield _table(shown, found, measure, title, tuple(notes) if measure == "cosine" else ())
    yield from _differences(shown, found)


def _table(subjects, found, measure, title, notes):
    """One measure: a row a model and kind."""
    names, rows = model.headline(found), []
    for subject, results in zip(subjects, found):
        first = next(iter(results.values()))
        for kind in _kinds(first):
            rows.append(
                {"model": subject.name, "version": kind}
                | _cells(results, names, f"{kind}:{measure}")
                | {
                    "prediction unchanged": _cell(first, f"{kind}:unchanged"),
                    "images": first.facts["rows"],
                }
            )
        for statistic, head in LEVELS.items() if measure == "cosine" else ():
            rows.append(
                {"model": subject.name, "version": head}
                | _cells(results, names, statistic)
                | {"images": first.facts["rows"]}
            )
    return Table(
        f"versions-{measure}",
        title,
        ["model", "version", *names, "prediction unchanged", "images"],
        rows,
        notes,
    )


def _differences(subjects, found):
    """Gradient minus each other feature in pair AUC, a row a model and kind."""
    names = [
        name
        for name in model.AGAINST
        if any(name in results and model.OWN in results for results in found)
    ]
    rows = []
    for subject, results in zip(subjects, found):
        for kind in _kinds(next(iter(results.values()))):
            value, replicates = (
                functools.partial(_value, f"{kind}:auc"),
                functools.partial(_replicate, f"{kind}:auc"),
            )
            rows.append(
                {"model": subject.name, "version": kind}
                | {
                    name: model.paired(results.get(model.OWN), results.get(name), value, replicates)
                    for name in names
                }
            )
    if names:
        yield Table(
            "versions-auc-difference",
            f"{model.OWN} minus the others: pair AUC of own versions, paired intervals",
            ["model", "version", *names],
            rows,
        )


def _kinds(measured):
    """The kinds of a table, in the order in which they were asked for."""
    return json.loads(measured.facts["kinds"])


def _value(statistic, measured):
    return measured.get(statistic)[0]


def _replicate(statistic, measured):
    return measured.replicate(statistic)


def _cell(measured, statistic):
    return Cell(*measured.get(statistic)[:3])


def _cells(results, names, statistic):
    """One statistic of every feature."""
    return {
        name: _cell(results[name], statistic)
        if name in results
        else Cell(note=computed_by("augmentation"))
        for name in names
    }
