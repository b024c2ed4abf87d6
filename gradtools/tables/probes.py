"""Tables of linear probes: one row a model and feature, whole and without the class row, all images and given the prediction."""

from gradtools.tables import per_model as tables
from gradtools.tables.model import Cell, Table

NO_CLASS_ROW = "the feature has no class row to be taken away"
SCOPES = {
    "all": "all images",
    "all:without-row": "all images, without W_c",
    "same-prediction": "given the prediction",
    "same-prediction:without-row": "given the prediction, without W_c",
}
MEASURES = {"balanced": "balanced accuracy", "accuracy": "accuracy"}


def make(subjects):
    """Balanced and plain accuracy, each beside the same probe's on shuffled labels."""
    shown = [subject for subject in subjects if subject.decoding]
    found = [tables.by_role(subject, subject.decoding, "logistic") for subject in shown]
    for measure, title in MEASURES.items() if found else ():
        rows = [
            _row(subject.name, name, results[name], measure)
            for subject, results in zip(shown, found)
            for name in tables.ordered(results)
        ]
        facts = next(iter(found[0].values())).facts
        notes = (
            f"{facts['folds']} folds, mean ± sd; chance: mean ± sd of {facts['shuffles']} shuffles of the labels, given the prediction "
            "among images of equal prediction",
            *tables.left_out(shown, found),
        )
        heads = [head for scope in SCOPES.values() for head in (scope, f"chance, {scope}")]
        heads = [head for head in heads if any(head in row for row in rows)]
        rows = [{head: Cell(note=NO_CLASS_ROW) for head in heads} | row for row in rows]
        yield Table(
            f"probe-{measure}",
            f"does a linear probe read the label? {title}",
            ["model", "feature", *heads, "images"],
            rows,
            notes if measure == "balanced" else (),
        )


def _row(model, name, measured, measure):
    """One feature of one model."""
    row = {"model": model, "feature": name}
    for at, scope in enumerate(measured.columns["statistic"]):

        def cell(key):
            return Cell(
                float(measured.columns[key][at]), spread=float(measured.columns[f"{key}_sd"][at])
            )

        row |= {
            SCOPES[scope]: cell(measure),
            f"chance, {SCOPES[scope]}": cell(f"shuffled_{measure}"),
        }
    return row | {"images": int(max(measured.columns["images"]))}
