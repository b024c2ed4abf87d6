"""Tables of leave-one-out retrieval: one row a model and feature, each measure beside its chance level."""

from gradtools.tables import per_model as tables
from gradtools.tables.model import Cell, Table
from gradtools.tables.wording import GIVEN_PREDICTION, RETRIEVAL

SCOPES = {"": "", GIVEN_PREDICTION: ", given the same prediction"}
NOTES = (
    "chance: candidates in random order; ties count as broken by chance, so weight, the class row of the prediction, scores it given the prediction.",
    "given the same prediction: only images of the query's own prediction are candidates, where these have two classes or more.",
)


def make(subjects):
    """Recall, mean average precision and the vote's accuracy, among all images and among those of the same prediction."""
    shown = [subject for subject in subjects if subject.retrieval]
    found = [tables.by_role(subject, subject.retrieval, "retrieval") for subject in shown]
    for scope, words in SCOPES.items() if found else ():
        measured = [
            (subject.name, name, results[name])
            for subject, results in zip(shown, found)
            for name in tables.ordered(results)
        ]
        rows = [
            _row(*one, scope)
            for one in measured
            if "recall_1" + scope in one[-1].columns["statistic"]
        ]
        if rows:
            facts = next(iter(found[0].values())).facts
            title = f"leave-one-out retrieval by {facts['metric']}{words} (a vote of {facts['k']})"
            yield Table(
                "retrieval" + scope.replace("_", "-"),
                title,
                list(rows[0]),
                rows,
                NOTES if scope else tuple(tables.left_out(shown, found)),
            )


def _row(model, name, measured, scope):
    """One feature of one model."""
    row, columns = {"model": model, "feature": name}, measured.columns
    for measure, head in RETRIEVAL.items():
        at = columns["statistic"].index(measure + scope)
        row[head] = Cell(*(float(columns[key][at]) for key in ("value", "low", "high")))
        row[f"chance, {head}"] = Cell(float(columns["chance"][at]))
    return row | {"queries": int(columns["queries"][at])}
