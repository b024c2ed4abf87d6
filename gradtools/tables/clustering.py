"""Tables of clusterings: agreement with the classes and with the argmax, the argmax itself and random labels beside."""

from collections.abc import Callable, Iterator

import numpy as np

from gradtools.math.clusters import half_samples
from gradtools.selection.results import Result
from gradtools.selection.subjects import Subject
from gradtools.tables import paired, per_model
from gradtools.tables.model import Cell, Table, number
from gradtools.tables.wording import (
    CONTROLS_OF_CLUSTERS,
    DRAWN_SILHOUETTES,
    INDICES,
    NEEDS_LABELS,
    NEEDS_PREDICTIONS,
    OF_CLUSTERS_ALONE,
    ON_CLUSTERS,
)

METHODS = ("kmeans", "gmm", "agglomerative")
SHOWN = ("ari", "nmi", "silhouette", "silhouette_true", "ari_argmax")
WITHOUT_CLASSES = {
    "silhouette": "needs two clusters at least",
    "inertia": "only k-means has one",
    "log_likelihood": "only a mixture has one",
}
OF_ARGMAX = ("ari_argmax", "nmi_argmax")


def of_results(results: list[Result], every: bool = False) -> Iterator[Table]:
    """Build the tables of `gradtools cluster`: one row a feature and method, the controls below.

    Parameters
    ----------
    every : bool
        Show every repeat as well, as programs read them.
    """
    rows: list[per_model.Row] = []
    for result in results:
        heads = per_model.row_heads(None, result.feature) | {"method": result.method}
        rows.append(heads | {INDICES[name]: index_cell(result, name) for name in SHOWN})
    for control, head in CONTROLS_OF_CLUSTERS.items():
        if f"{control}_ari" in results[0].facts:
            cells = {INDICES[name]: _control_or_none(results[0], control, name) for name in SHOWN}
            rows.append({"feature": head, "method": "control", **cells})
    samples = max(int(result.facts["rows"]) for result in results)
    title = f"{results[0].facts['k']} clusters of {samples} samples"
    notes = (
        *per_model.zero_rows_of(results),
        *_likelihoods(results),
        *_drawn_silhouettes(results),
        *ON_CLUSTERS,
    )
    yield Table("clusters", title, list(rows[0]), rows, notes, "higher")
    if every:
        yield _repeats(results)


def _likelihoods(results: list[Result]) -> Iterator[str]:
    """Yield how well each mixture fits a row."""
    for result in results:
        if "log_likelihood" not in result.columns:
            continue
        values = result.column("log_likelihood")
        if values[0] == values[0]:
            spread = f" ±{values.std():.2f}" if len(values) > 1 else ""
            name = per_model.feature_head(result.feature)
            yield f"{name}: {result.method}'s mean log-likelihood of a row {values.mean():.2f}{spread}"


def _drawn_silhouettes(results: list[Result]) -> Iterator[str]:
    """Yield of how many drawn rows silhouettes are, with their error."""
    for result in results:
        drawn, error = (number(result.facts, f"silhouette_{name}") for name in ("rows", "error"))
        if drawn is not None and error is not None:
            name = per_model.feature_head(result.feature)
            yield DRAWN_SILHOUETTES.format(name=name, drawn=int(drawn), error=error)


def _repeats(results: list[Result]) -> Table:
    """Build one row a repeat."""
    names = [name for name in INDICES if any(name in result.columns for result in results)]
    rows: list[per_model.Row] = [
        {
            **per_model.row_heads(None, result.feature),
            "method": result.method,
            "repeat": str(repeat),
            **{
                INDICES[name]: Cell(
                    result.columns[name][repeat] if name in result.columns else None,
                    why=_missing(name),
                )
                for name in names
            },
        }
        for result in results
        for repeat in range(len(result.columns["ari"]))
    ]
    return Table("cluster-repeats", "every repeat", list(rows[0]), rows)


def build(subjects: list[Subject]) -> Iterator[Table]:
    """Build one table a method and index, one row a model; then the paired differences of ARI."""
    methods = {method for subject in subjects for _, method in subject.clusters}
    for method in sorted(methods, key=METHODS.index):
        by_subject = [per_model.by_role(subject, subject.clusters, method) for subject in subjects]
        settings = " or ".join(
            dict.fromkeys(_setting(result) for results in by_subject for result in results.values())
        )
        notes = (
            *per_model.where_taps_are(subjects),
            *per_model.left_out(subjects, by_subject),
            *ON_CLUSTERS,
        )
        for index in SHOWN:
            yield per_model.one_row_a_model(
                subjects,
                by_subject,
                f"{method}-{index.replace('_', '-')}",
                f"{method}: {INDICES[index]} ({settings})",
                _index(index),
                "clustering",
                notes=notes if index == "ari" else (),
                more=_controls(index) if index in ("ari", "nmi") else None,
                better="" if index == "ari_argmax" else "higher",
            )
        yield from _pairs(subjects, by_subject, method)


def _pairs(
    subjects: list[Subject], by_subject: list[per_model.Results], method: str
) -> Iterator[Table]:
    """Build the paired differences of ARI, between features and between models."""
    pair = (lambda result: float(result.columns["ari"].mean())), replicates
    words = f"{method}: ARI, {per_model.OWN} minus the others, paired intervals"
    yield from paired.differences(subjects, by_subject, f"{method}-ari-difference", words, *pair)
    words = f"{method}: ARI"
    yield from paired.between_models(subjects, by_subject, f"{method}-ari-models", words, *pair)


def replicates(result: Result) -> np.ndarray:
    """Return ARI of every resample, (B,); older stores hold that of bootstrapped images alone."""
    replicates = result.replicates
    if replicates is None:
        return np.empty(0)
    return replicates if replicates.ndim == 1 else replicates[:, half_samples.INDICES.index("ari")]


def _setting(result: Result) -> str:
    """Return what a clustering was made with."""
    facts, repeats = result.facts, len(result.columns["seed"])
    space = f"PCA {facts['pca']}" if facts["pca"] else "full space"
    rows = "unit rows" if facts["normalize"] == "unit" else "raw rows"
    return f"k = {facts['k']}, {rows}, {space}, {repeats} seed{'s, mean ± spread' if repeats > 1 else ''}"


def index_cell(result: Result, name: str) -> Cell:
    """Return an index: mean and spread over the repeats, and the interval of half samples."""
    values, facts = result.column(name), result.facts
    low, high = (number(facts, f"{name}_{end}") for end in ("low", "high"))
    return Cell(
        float(values.mean()),
        low,
        high,
        float(values.std()) if len(values) > 1 else None,
        n=int(facts["rows"]),
        left_out=int(facts.get("left_out", 0)) + int(facts.get("degenerate", 0)),
        why=_missing(name),
    )


def _index(name: str) -> Callable[[Result], Cell]:
    return lambda result: index_cell(result, name)


def _missing(name: str) -> str:
    """Return why an index has no value."""
    if name in WITHOUT_CLASSES:
        return WITHOUT_CLASSES[name]
    return NEEDS_PREDICTIONS if name in OF_ARGMAX else f"{NEEDS_LABELS} of two classes"


def _control(facts: dict, control: str, index: str) -> Cell:
    """Return the agreement of a control with the classes."""
    why = NEEDS_PREDICTIONS if control == "argmax" else f"{NEEDS_LABELS} of two classes"
    value = facts.get(f"{control}_{index}")
    return Cell(value, spread=facts.get(f"{control}_{index}_sd"), why=why)


def _control_or_none(result: Result, control: str, index: str) -> Cell:
    return (
        _control(result.facts, control, index)
        if index in ("ari", "nmi")
        else Cell(note=OF_CLUSTERS_ALONE)
    )


def _controls(index: str) -> Callable[[per_model.Results], per_model.Row]:
    """Return what makes the control columns of an index."""

    def columns(results: per_model.Results) -> per_model.Row:
        facts = next((result.facts for result in results.values()), {})
        return {
            head: _control(facts, control, index) for control, head in CONTROLS_OF_CLUSTERS.items()
        }

    return columns
