"""Tables of maps: how alike they are within classes, beside maps of other classes, the class's mean map and the centre."""

from gradtools.tables import map_settings
from gradtools.tables import per_model as model
from gradtools.tables.model import Cell, Table
from gradtools.tables.wording import CLASS_BY_PREDICTION, FILLED_BY, MAP_METRICS, MAP_STATISTICS

EFFECT = "label effect | pred"
GRAD_CAM = "map:gradcam@"


def make(subjects):
    """One table a metric, one row a model and kind of map; then paired differences between models."""
    for metric in MAP_METRICS:
        found = [
            {
                feature: measured
                for (feature, name), measured in subject.maps.items()
                if name == metric
            }
            for subject in subjects
        ]
        rows = [
            _row(subject, feature, measured)
            for subject, results in zip(subjects, found)
            for feature, measured in results.items()
        ]
        if rows:
            heads = [head for head in MAP_STATISTICS.values() if any(head in row for row in rows)]
            keyed = [
                {(feature, metric): measured for feature, measured in results.items()}
                for results in found
            ]
            notes = (*settings(subjects, keyed), *_left_out(subjects, found))
            lacking = [
                f"{subject.name}: -: {FILLED_BY['maps']} --map-metric {metric} computes it"
                for subject, results in zip(subjects, found)
                if not results
            ]
            yield Table(
                f"maps-{metric.lower()}",
                f"{metric} of maps",
                ["model", "maps", *heads, "pairs", "samples"],
                rows,
                (*lacking, *notes),
            )
            yield from _class_by_prediction(subjects, found, metric)
            yield from model.between_models(
                subjects,
                found,
                f"maps-{metric.lower()}-models",
                f"{metric} of maps, within classes",
                _value,
                _replicates,
            )


def _row(subject, feature, measured):
    """One model's maps beside their controls."""
    cells = {
        head: Cell(*measured.get(name)[:3])
        for name, head in MAP_STATISTICS.items()
        if name in measured.columns["statistic"]
    }
    pairs = measured.get("within")[3] or measured.get("all")[3]
    return {
        "model": subject.name,
        "maps": feature.removeprefix("map:"),
        **cells,
        "pairs": pairs,
        "samples": measured.facts["samples"],
    }


def _class_by_prediction(subjects, found, metric):
    """Mean of the pairs of same or other class and same or other prediction, with their numbers; where predictions are known."""
    rows = []
    for subject, results in zip(subjects, found):
        for feature, measured in results.items():
            if "label_effect" in measured.columns["statistic"]:
                cells = {head: measured.get(name) for name, head in CLASS_BY_PREDICTION.items()}
                rows.append(
                    {"model": subject.name, "maps": feature.removeprefix("map:")}
                    | {head: Cell(*cell[:3], n=cell[3]) for head, cell in cells.items()}
                    | {EFFECT: Cell(*measured.get("label_effect")[:3])}
                )
    if rows:
        yield Table(
            f"maps-{metric.lower()}-class-by-prediction",
            f"class x prediction: mean {metric} of maps (pairs)",
            ["model", "maps", *CLASS_BY_PREDICTION.values(), EFFECT],
            rows,
            (f"{EFFECT}: same class minus other class among pairs of equal prediction",),
            counts=True,
        )


def _value(measured):
    return measured.get("within")[0]


def _replicates(measured):
    return measured.replicate("within")


def _left_out(subjects, found):
    """Images that the rows do not rest on; degenerate maps are counted by `settings`."""
    for subject, results in zip(subjects, found):
        if subject.skipped:
            yield f"{subject.name}: {subject.skipped} images could not be read and are in no row"
        left = max((measured.facts["left_out"] for measured in results.values()), default=0)
        if left:
            unlabelled = max(measured.facts["unlabelled"] for measured in results.values())
            yield f"{subject.name}: {left} samples are left out ({unlabelled} of them without one label)"


def settings(subjects, found):
    """What the values of maps depend on, and degenerate maps: a line each, of one model where the models differ.

    Parameters
    ----------
    subjects : list of Subject
    found : list of {(feature, metric): Result}
        One a subject.
    """
    lines = [
        map_settings.settings_in_words(
            [(*key, measured.facts) for key, measured in results.items()]
        )
        for results in found
    ]
    told = [set(own) for own in lines if own]
    shared = set.intersection(*told) if told else set()
    common = [
        line for line in dict.fromkeys(line for own in lines for line in own) if line in shared
    ]
    return common + [
        f"{subject.name}: {line}"
        for subject, own in zip(subjects, lines)
        for line in own
        if line not in shared
    ]


def grad_cam(subject):
    """Grad-CAM as the seed has it: at the last convolution, else the last block's output, else the only tap; native size, for the target.

    Returns
    -------
    dict of (feature, metric) to Result
    """
    found = {
        (feature, metric): measured
        for (feature, metric), measured in subject.maps.items()
        if feature.startswith(GRAD_CAM)
        and measured.facts["native"]
        and measured.facts["sign"] == "for"
        and "fuse" not in measured.facts
    }
    names = {feature for feature, _ in found}
    wanted = [
        f"{GRAD_CAM}{subject.taps.get(key)}" for key in ("default_gradient", "default_activation")
    ]
    chosen = next(
        (name for name in wanted if name in names), min(names) if len(names) == 1 else None
    )
    return {
        (feature, metric): measured
        for (feature, metric), measured in found.items()
        if feature == chosen
    }
