"""Tables of clusterings: agreement with the classes and with the argmax, the argmax itself and random labels beside."""

import numpy as np

from gradtools.math.clusters import half_samples
from gradtools.tables import per_model as model
from gradtools.tables.model import Cell

METHODS = ("kmeans", "gmm", "agglomerative")
INDICES = {
    "ari": "ARI with the classes",
    "nmi": "NMI with the classes",
    "silhouette": "silhouette of the clusters",
    "silhouette_true": "silhouette of the true classes",
    "ari_argmax": "ARI with the argmax",
}


def make(subjects):
    """One table a method and index, one row a model; then the paired differences of ARI."""
    for method in sorted(
        {method for subject in subjects for _, method in subject.clusters}, key=METHODS.index
    ):
        found = [model.by_role(subject, subject.clusters, method) for subject in subjects]
        settings = _settings(found)
        notes = (*model.where_taps_are(subjects), *model.left_out(subjects, found))
        for index, title in INDICES.items():
            controls = _controls(index) if index in ("ari", "nmi") else None
            yield model.one_row_a_model(
                subjects,
                found,
                f"{method}-{index.replace('_', '-')}",
                f"{method}: {title} ({settings})",
                _index(index),
                "clustering",
                notes if index == "ari" else (),
                controls,
            )
        values, replicates = (
            (lambda measured: float(measured.columns["ari"].mean())),
            _ari_replicates,
        )
        yield from model.differences(
            subjects,
            found,
            f"{method}-ari-difference",
            f"{method}: ARI, {model.OWN} minus the others, paired intervals",
            values,
            replicates,
        )
        yield from model.between_models(
            subjects, found, f"{method}-ari-models", f"{method}: ARI", values, replicates
        )


def _settings(found):
    """What the clusterings of a table were made with."""
    return " or ".join(
        dict.fromkeys(_setting(measured) for results in found for measured in results.values())
    )


def _setting(measured):
    """What one of them was made with."""
    facts, repeats = measured.facts, len(measured.columns["seed"])
    space = f"PCA {facts['pca']}" if facts["pca"] else "full space"
    rows = "unit rows" if facts["normalize"] == "unit" else "raw rows"
    return f"k = {facts['k']}, {rows}, {space}, {repeats} seed{'s, mean ± spread' if repeats > 1 else ''}"


def _index(name):
    """Result to the Cell of one index: mean and spread over the repeats, and the interval of half samples."""

    def cell(measured):
        values = measured.columns[name]
        low, high = (measured.facts.get(f"{name}_{end}", np.nan) for end in ("low", "high"))
        return Cell(
            float(values.mean()), low, high, float(values.std()) if len(values) > 1 else np.nan
        )

    return cell


def _ari_replicates(measured):
    """ARI of every resample, (B,); older stores hold that of bootstrapped images alone."""
    replicates = measured.replicates
    return replicates if replicates.ndim == 1 else replicates[:, half_samples.INDICES.index("ari")]


def _controls(index):
    """{role: Result} to the control columns of an index."""

    def columns(results):
        facts = next((measured.facts for measured in results.values()), {})
        return {
            "argmax itself": Cell(facts.get(f"argmax_{index}", np.nan)),
            "random labels": Cell(
                facts.get(f"random_{index}", np.nan), spread=facts.get(f"random_{index}_sd", np.nan)
            ),
        }

    return columns
