"""The tables that stand beside the similarities: own versions of images, and linear probes."""

import json

from gradtools.tables.rows import number, with_interval, write_table

MEASURES = {
    "cosine": (
        "own versions: mean cosine",
        "another image, of the same class and of another one, in the last rows: the levels to compare with.",
    ),
    "auc": (
        "own version or another image of the class: pair AUC",
        "share of (image, version, other image) in which the version is more alike to the image; 0.5: no more than any image of the class.",
    ),
}
LEVELS = {"within": "same class", "between": "other class"}
PROBES = {
    "all": "",
    "all:without-row": " without W_c",
    "same-prediction": " | same pred",
    "same-prediction:without-row": " without W_c | same pred",
}
PROBE_COLUMNS = {
    "balanced": "balanced",
    "chance": "shuffled_balanced",
    "accuracy": "accuracy",
    "its chance": "shuffled_accuracy",
}
PROBE_NOTES = (
    "balanced accuracy of a logistic regression on standardised rows, mean ± sd over the folds; chance: the same on shuffled labels.",
    "without W_c: less the projection on the class row of the prediction. | same pred: images of predictions with two labels or more,",
    "shuffled among images of equal prediction: what the prediction alone would reach. weight: the class row itself, the control.",
)


def program_rows(versions, probes):
    """All of it as rows feature, metric, statistic, value, low, high, pairs (iterator of dicts)."""
    for found in versions:
        for name, value, low, high, count in zip(
            *(found.columns[key] for key in ("statistic", "value", "low", "high", "pairs"))
        ):
            yield {
                "feature": found.feature,
                "metric": "versions",
                "statistic": name,
                "value": float(value),
                "low": float(low),
                "high": float(high),
                "pairs": int(count),
            }
    for found in probes:
        for place, scope in enumerate(found.columns["statistic"]):
            for key in found.columns:
                if key not in ("statistic", "images", "labels"):
                    value = float(found.columns[key][place])
                    yield {
                        "feature": found.feature,
                        "metric": "probe",
                        "statistic": f"{scope}:{key}",
                        "value": value,
                        "pairs": int(found.columns["images"][place]),
                    }


def show(versions, probes, stream):
    """Tables for people."""
    if versions:
        _show_versions(versions, stream)
    if probes:
        rows = [row for found in probes for row in _probe_rows(found)]
        write_table(
            rows, list(rows[0]), "text", "does a linear probe read the label?", PROBE_NOTES, stream
        )


def _show_versions(found, stream):
    """One row a kind, one column a feature; a table for each measure."""
    kinds = json.loads(found[0].facts["kinds"])
    for measure, (title, note) in MEASURES.items():
        rows = [
            {"version": kind} | {one.feature: _cell(one, f"{kind}:{measure}") for one in found}
            for kind in kinds
        ]
        for row, kind in zip(rows, kinds):
            row["prediction unchanged"] = _cell(found[0], f"{kind}:unchanged")
        if measure == "cosine":
            rows += [
                {"version": head} | {one.feature: _cell(one, name) for one in found}
                for name, head in LEVELS.items()
            ]
        write_table(
            rows,
            list(rows[0]),
            "text",
            f"{title}, {found[0].facts['rows']} images",
            (note,),
            stream,
        )


def _cell(found, statistic):
    """A value with its interval."""
    at = found.columns["statistic"].index(statistic)
    return with_interval(*(float(found.columns[key][at]) for key in ("value", "low", "high")))


def _probe_rows(found):
    """One row for each form of a feature and each choice of images."""
    columns = found.columns
    for at, scope in enumerate(columns["statistic"]):
        yield (
            {"rows": found.feature + PROBES[scope]}
            | {
                head: f"{number(float(columns[key][at]), 3)} ±{number(float(columns[key + '_sd'][at]), 3)}"
                for head, key in PROBE_COLUMNS.items()
            }
            | {
                "p": number(float(columns["p"][at]), 3),
                "images": int(columns["images"][at]),
                "labels": int(columns["labels"][at]),
            }
        )
