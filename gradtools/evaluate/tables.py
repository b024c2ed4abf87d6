"""The tables: one row a model, controls beside, differences with paired intervals, and how many models agree in sign."""

import dataclasses

import numpy as np

from gradtools.evaluate.subjects import role
from gradtools.math import bootstrap

FIRST = ("gradient@last-conv", "activation@last-block", "logits", "probabilities", "weight")
AGAINST = ("activation@last-block", "logits", "probabilities", "weight")


@dataclasses.dataclass(frozen=True)
class Cell:
    """A value with what it rests on; `text` is what people read, the rest is for programs."""

    value: float
    low: float = np.nan
    high: float = np.nan
    spread: float = np.nan
    extra: str = ""
    digits: int = 3

    def __str__(self):
        if self.value != self.value:
            return "-"
        text = fixed(self.value, self.digits)
        if self.spread == self.spread:
            text += f" ±{fixed(self.spread, self.digits)}"
        if self.low == self.low:
            text += f" [{fixed(self.low, self.digits)}, {fixed(self.high, self.digits)}]"
        return f"{text} {self.extra}".rstrip()


def fixed(value, digits):
    """A number with so many digits; rounding noise below them has no sign."""
    return f"{round(value, digits) + 0.:.{digits}f}"


@dataclasses.dataclass(frozen=True)
class Table:
    """Title, columns, rows (dicts of Cell, str or number) and notes below."""

    title: str
    columns: list
    rows: list
    notes: tuple = ()


def similarity(subjects):
    """Pair AUC, label effect, means and the class x prediction table, a table a statistic and metric."""
    for metric in sorted({metric for subject in subjects for _, metric in subject.similarity}):
        found = [_by_role(subject, subject.similarity, metric) for subject in subjects]
        yield _statistic(
            subjects,
            found,
            "auc",
            f"pair AUC by {metric}: does similarity tell that two images are of one class?",
            notes=where_taps_are(subjects),
        )
        yield _statistic(subjects, found, "auc_same_prediction", f"pair AUC by {metric}, given the same prediction")
        yield _statistic(
            subjects,
            found,
            "label_effect",
            f"label effect given the same prediction ({metric}): same class minus other class",
            "p_label_effect",
        )
        yield _statistic(
            subjects, found, "within", f"mean {metric} within classes (a level: compare spaces by pair AUC)"
        )
        yield _differences(
            subjects, found, "auc", f"gradient@last-conv minus the others: pair AUC by {metric}, paired intervals"
        )
        if len(subjects) > 1:
            yield from _between_models(subjects, found, metric)
        yield _class_by_prediction(subjects, found, metric)


def _by_role(subject, results, method):
    """{role: Measured} of one metric or method."""
    return {role(subject, feature): measured for (feature, name), measured in results.items() if name == method}


def ordered(names):
    """Features in the order of the seed's columns, sweeps after them."""
    return [name for name in FIRST if name in names] + sorted(set(names) - set(FIRST))


def headline(found):
    """Features for the columns of a table of one row a model: the seed's; all of them where none is there."""
    names = {name for row in found for name in row}
    return [name for name in FIRST if name in names] or ordered(names)


def where_taps_are(subjects):
    """Which tap the columns' last-conv and last-block are, a line a model."""
    return [
        f"{subject.name}: last-conv is {subject.taps.get('default_gradient')}, last-block is {subject.taps.get('default_activation')}"
        for subject in subjects
        if subject.taps
    ]


def _statistic(subjects, found, statistic, title, test=None, notes=()):
    """One row a model, one column a feature."""
    names = headline(found)
    rows = []
    for subject, results in zip(subjects, found):
        row = {"model": subject.name}
        for name in names:
            row[name] = _cell(results.get(name), statistic, test)
        row["samples"] = max((measured.facts["rows"] for measured in results.values()), default=None)
        rows.append(row)
    return Table(title, ["model", *names, "samples"], rows, (*notes, *_left_out(subjects, found)))


def _cell(measured, statistic, test=None):
    if measured is None:
        return Cell(np.nan)
    value, low, high, _ = measured.get(statistic)
    p = measured.facts.get(test, np.nan) if test else np.nan
    return Cell(value, low, high, extra=f"p={p:.3f}" if p == p else "")


def _left_out(subjects, found):
    """What the rows do not rest on, and why."""
    for subject, results in zip(subjects, found):
        for name, measured in results.items():
            facts = measured.facts
            if facts.get("degenerate"):
                yield f"{subject.name}, {name}: {facts['degenerate']} rows without a direction are left out"
            if facts.get("left_out"):
                yield f"{subject.name}, {name}: {facts['left_out']} samples are left out ({facts.get('unlabelled', 0)} of them have no label)"


def _differences(subjects, found, statistic, title):
    """Gradient minus each other feature, with the paired interval, and the agreement in sign over models."""
    own = "gradient@last-conv"
    names = [name for name in AGAINST if any(name in results and own in results for results in found)]
    rows = [
        {"model": subject.name, **{name: _paired(results.get(own), results.get(name), statistic) for name in names}}
        for subject, results in zip(subjects, found)
    ]
    if len(subjects) > 1:
        rows.append({"model": "models that agree", **{name: agreement([row[name] for row in rows]) for name in names}})
    return Table(title, ["model", *names], rows)


def _paired(a, b, statistic):
    """a minus b, with the interval of the same resamples."""
    if a is None or b is None:
        return Cell(np.nan)
    value = a.get(statistic)[0] - b.get(statistic)[0]
    first, second = a.replicate(statistic), b.replicate(statistic)
    n = min(len(first), len(second))
    low, high = (
        bootstrap.interval(first[:n] - second[:n]) if n and a.facts["seed"] == b.facts["seed"] else (np.nan, np.nan)
    )
    return Cell(value, float(low), float(high))


def agreement(cells):
    """How many values share the commoner sign, and how many intervals leave 0 out on that side."""
    values = np.array([cell.value for cell in cells if cell.value == cell.value])
    sign = 1 if (values > 0).sum() >= (values < 0).sum() else -1
    clear = sum(1 for cell in cells if (cell.low > 0 if sign > 0 else cell.high < 0))
    return f"{int((values * sign > 0).sum())} of {len(values)} {'+' if sign > 0 else '-'}, {clear} clear of 0"


def _between_models(subjects, found, metric):
    """Each model minus the first of the same samples, pair AUC with paired intervals."""
    names, first = headline(found), subjects[0]
    rows = [
        {"model": subject.name, **{name: _paired(results.get(name), found[0].get(name), "auc") for name in names}}
        for subject, results in zip(subjects[1:], found[1:])
        if subject.key[0] == first.key[0]
    ]
    if rows:
        yield Table(f"pair AUC by {metric}: difference to {first.name}, paired intervals", ["model", *names], rows)


def _class_by_prediction(subjects, found, metric):
    """Mean similarity in the four cells of same or other class, same or other prediction, with the number of pairs."""
    heads = {
        "same_class_same_prediction": "same class, same pred",
        "same_class_other_prediction": "same class, other pred",
        "other_class_same_prediction": "other class, same pred",
        "other_class_other_prediction": "other class, other pred",
    }
    rows = []
    for subject, results in zip(subjects, found):
        for name in ordered(results):
            cells = {head: results[name].get(statistic) for statistic, head in heads.items()}
            rows.append(
                {
                    "model": subject.name,
                    "feature": name,
                    **{head: Cell(cell[0], extra=f"({cell[3]})") for head, cell in cells.items()},
                }
            )
    return Table(f"class x prediction: mean {metric} (pairs)", ["model", "feature", *heads.values()], rows)


def clustering(subjects):
    """Agreement with the classes, a table a method: ARI, NMI, silhouette, with the argmax and random labels as columns."""
    for method in sorted(
        {method for subject in subjects for _, method in subject.clusters}, key=("kmeans", "gmm", "agglomerative").index
    ):
        found = [_by_role(subject, subject.clusters, method) for subject in subjects]
        settings = _settings(found)
        for statistic, title in (
            ("ari", "ARI with the classes"),
            ("nmi", "NMI with the classes"),
            ("silhouette", "silhouette of the clusters"),
            ("silhouette_true", "silhouette of the true classes"),
            ("ari_argmax", "ARI with the argmax"),
        ):
            yield _indices(subjects, found, method, statistic, f"{method}: {title} ({settings})")
        yield _cluster_differences(
            subjects, found, f"{method}: ARI, gradient@last-conv minus the others, paired intervals"
        )


def _settings(found):
    """What the clusterings of a table were made with."""
    facts = next(measured.facts for results in found for measured in results.values())
    repeats = max(len(measured.columns["seed"]) for results in found for measured in results.values())
    space = f"PCA {facts['pca']}" if facts["pca"] else "full space"
    rows = "unit rows" if facts["normalize"] == "unit" else "raw rows"
    return f"k = {facts['k']}, {rows}, {space}, {repeats} seeds, mean ± spread"


def _indices(subjects, found, method, statistic, title):
    """One row a model, one column a feature, then the controls."""
    names = headline(found)
    controls = statistic in ("ari", "nmi")
    rows = []
    for subject, results in zip(subjects, found):
        row = {"model": subject.name, **{name: _index(results.get(name), statistic) for name in names}}
        facts = next((measured.facts for measured in results.values()), {})
        if controls:
            row["argmax itself"] = Cell(facts.get(f"argmax_{statistic}", np.nan))
            row["random labels"] = Cell(
                facts.get(f"random_{statistic}", np.nan), spread=facts.get(f"random_{statistic}_sd", np.nan)
            )
        rows.append(row)
    return Table(title, ["model", *names, *(["argmax itself", "random labels"] if controls else [])], rows)


def _index(measured, statistic):
    if measured is None:
        return Cell(np.nan)
    values = measured.columns[statistic]
    interval = (measured.facts["ari_low"], measured.facts["ari_high"]) if statistic == "ari" else (np.nan, np.nan)
    return Cell(float(values.mean()), *interval, spread=float(values.std()) if len(values) > 1 else np.nan)


def _cluster_differences(subjects, found, title):
    """ARI of the gradient's clusters minus that of the others."""
    own = "gradient@last-conv"
    names = [name for name in AGAINST if any(name in results and own in results for results in found)]
    rows = []
    for subject, results in zip(subjects, found):
        rows.append(
            {"model": subject.name, **{name: _ari_difference(results.get(own), results.get(name)) for name in names}}
        )
    if len(subjects) > 1:
        rows.append({"model": "models that agree", **{name: agreement([row[name] for row in rows]) for name in names}})
    return Table(title, ["model", *names], rows)


def _ari_difference(a, b):
    if a is None or b is None:
        return Cell(np.nan)
    value = float(a.columns["ari"].mean() - b.columns["ari"].mean())
    low, high = (
        bootstrap.interval(a.replicates - b.replicates)
        if len(a.replicates) == len(b.replicates) > 0
        else (np.nan, np.nan)
    )
    return Cell(value, float(low), float(high))


def layers(subjects):
    """The sweep over taps: one row a model and tap, gradient and activation side by side."""
    for metric in sorted({metric for subject in subjects for _, metric in subject.similarity}):
        rows = [
            _tap_row(subject, tap, metric)
            for subject in subjects
            for tap in subject.order
            if any((f"{kind}@{tap}", metric) in subject.similarity for kind in ("gradient", "activation"))
        ]
        heads = [f"{kind}: {head}" for kind in ("gradient", "activation") for head in TAP_HEADS.values()]
        if rows:
            yield Table(
                f"over taps, {metric}",
                ["model", "tap", *heads],
                rows,
                (
                    "gradient: same class, same pred = 1 where the gradient is the class row: it knows the argmax and nothing else.",
                ),
            )


TAP_HEADS = {
    "within": "within",
    "same_class_same_prediction": "same class, same pred",
    "label_effect": "label effect",
    "auc": "pair AUC",
    "auc_same_prediction": "AUC | same pred",
}


def _tap_row(subject, tap, metric):
    row = {"model": subject.name, "tap": tap}
    for kind in ("gradient", "activation"):
        measured = subject.similarity.get((f"{kind}@{tap}", metric))
        for statistic, head in TAP_HEADS.items():
            row[f"{kind}: {head}"] = Cell(measured.get(statistic)[0] if measured else np.nan)
    return row
