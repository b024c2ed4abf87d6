"""Tables of similarities: pair AUC, label effect, means, class x prediction, and the sweep over taps."""

import functools

from gradtools.tables import pair_distribution
from gradtools.tables import per_model as model
from gradtools.tables.model import Cell, Table
from gradtools.tables.wording import CLASS_BY_PREDICTION, computed_by

OVER_TAPS = {
    "within": "within",
    "same_class_same_prediction": "same class, same pred",
    "label_effect": "label effect",
    "auc": "pair AUC",
    "auc_same_prediction": "AUC | same pred",
}


def make(subjects):
    """Pair AUC, label effect, means, differences and the class x prediction table, for every metric there is.

    Samples without labels have a table of their own.
    """
    yield from pair_distribution.make(
        [subject for subject in subjects if pair_distribution.is_unlabelled(subject)]
    )
    subjects = [subject for subject in subjects if not pair_distribution.is_unlabelled(subject)]
    for metric in _metrics(subjects):
        found = [model.by_role(subject, subject.similarity, metric) for subject in subjects]
        notes = (
            *model.where_taps_are(subjects),
            *_about_auc(subjects, found),
            *model.left_out(subjects, found),
        )
        table = functools.partial(model.one_row_a_model, subjects, found, layout="similarity")
        yield table(
            _id("pair-auc", metric),
            f"pair AUC by {metric}: does similarity tell that two images are of one class?",
            _cell("auc"),
            notes=notes,
        )
        yield table(
            _id("pair-auc-same-prediction", metric),
            f"pair AUC by {metric}, given the same prediction",
            _cell("auc_same_prediction"),
        )
        yield table(
            _id("label-effect", metric),
            f"label effect given the same prediction ({metric}): same class minus other class",
            _with_p,
            notes=tuple(_movable(subjects, found)),
        )
        yield table(
            _id("within", metric),
            f"mean {metric} within classes (a level: compare spaces by pair AUC)",
            _cell("within"),
        )
        values, replicates = (
            (lambda measured: measured.get("auc")[0]),
            (lambda measured: measured.replicate("auc")),
        )
        yield from model.differences(
            subjects,
            found,
            _id("pair-auc-difference", metric),
            f"{model.OWN} minus the others: pair AUC by {metric}, paired intervals",
            values,
            replicates,
        )
        yield from model.between_models(
            subjects,
            found,
            _id("pair-auc-models", metric),
            f"pair AUC by {metric}",
            values,
            replicates,
        )
        yield _class_by_prediction(subjects, found, metric)


def layers(subjects):
    """The sweep over taps: one row a model and tap, gradient and activation side by side."""
    subjects = [subject for subject in subjects if not pair_distribution.is_unlabelled(subject)]
    for metric in _metrics(subjects):
        rows = [
            _tap_row(subject, tap, metric)
            for subject in subjects
            for tap in subject.order
            if any(
                (f"{kind}@{tap}", metric) in subject.similarity
                for kind in ("gradient", "activation")
            )
        ]
        heads = [
            f"{kind}: {head}" for kind in ("gradient", "activation") for head in OVER_TAPS.values()
        ]
        if rows:
            yield Table(
                _id("layers", metric),
                f"over taps, {metric}",
                ["model", "tap", *heads, "samples"],
                rows,
                (
                    "gradient: same class, same pred = 1 where the gradient is the class row: it knows the argmax and nothing else.",
                ),
            )


def _metrics(subjects):
    return sorted({metric for subject in subjects for _, metric in subject.similarity})


def _cell(statistic):
    """Result to the Cell of one statistic."""

    def cell(measured):
        value, low, high, _ = measured.get(statistic)
        return Cell(value, low, high)

    return cell


def _with_p(measured):
    """The label effect with its permutation p."""
    value, low, high, _ = measured.get("label_effect")
    p = measured.facts.get("p_label_effect")
    return Cell(value, low, high, p=p)


def _movable(subjects, found):
    """How many samples a shuffle within predictions can move."""
    for subject, results in zip(subjects, found):
        facts = next(
            (measured.facts for measured in results.values() if "movable" in measured.facts), None
        )
        if facts:
            yield f"{subject.name}: p shuffles labels among images of equal prediction, which can move {facts['movable']} of {facts['rows']} samples"


def _about_auc(subjects, found):
    """The tie rule, and where a pair AUC rests on a draw of the images."""
    steps = {
        measured.facts.get("score_step") for results in found for measured in results.values()
    } - {None, 0.0}
    if steps:
        yield f"pairs whose similarity is equal to {max(steps):g} are ties and count half"
    for subject, results in zip(subjects, found):
        drawn = {
            measured.facts["auc_rows"]
            for measured in results.values()
            if "auc_rows" in measured.facts
        }
        if drawn:
            yield f"{subject.name}: pair AUC of {max(drawn)} images drawn with the seed"


def _class_by_prediction(subjects, found, metric):
    """Mean similarity in the four cells of same or other class, same or other prediction, with the number of pairs."""
    rows = []
    for subject, results in zip(subjects, found):
        for name in model.ordered(results):
            cells = {
                head: results[name].get(statistic)
                for statistic, head in CLASS_BY_PREDICTION.items()
            }
            rows.append(
                {"model": subject.name, "feature": name}
                | {head: Cell(cell[0], n=cell[3]) for head, cell in cells.items()}
            )
    return Table(
        _id("class-by-prediction", metric),
        f"class x prediction: mean {metric} (pairs)",
        ["model", "feature", *CLASS_BY_PREDICTION.values()],
        rows,
        counts=True,
    )


def _id(name, metric):
    """The table's id: that of cosines has no metric in it."""
    return name if metric == "cosine" else f"{name}-{metric}"


def _tap_row(subject, tap, metric):
    """One tap of one model."""
    row = {"model": subject.name, "tap": tap}
    for kind in ("gradient", "activation"):
        measured = subject.similarity.get((f"{kind}@{tap}", metric))
        for statistic, head in OVER_TAPS.items():
            row[f"{kind}: {head}"] = Cell(
                measured.get(statistic)[0] if measured else None,
                note="" if measured else computed_by("layers"),
            )
        row["samples"] = measured.facts["rows"] if measured else row.get("samples")
    return row
