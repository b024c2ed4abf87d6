"""Tables of maps: how alike they are within classes, beside maps of other classes, the class's mean map and the centre."""

from collections.abc import Iterable, Iterator

from gradtools.selection.results import Result
from gradtools.selection.subjects import Subject
from gradtools.tables import map_settings, paired, per_model
from gradtools.tables.model import Table, notes_on_few, statistic_cell
from gradtools.tables.wording import (
    CLASS_BY_PREDICTION,
    EFFECT,
    FILLED_BY,
    MAP_METRICS,
    MAP_STATISTICS,
    ON_MAPS,
    STATISTICS,
    on_files,
)

GRAD_CAM = "map:gradcam@"
Keyed = dict[tuple[str, str], Result]  # by feature and metric


def of_results(results: list[Result], unit: str) -> Iterator[Table]:
    """Build the tables of `gradtools similarity`, one row for the maps of a feature under a metric."""
    if not results:
        return
    facts = results[0].facts
    metrics = ", ".join(dict.fromkeys(result.metric for result in results))
    said = [(result.feature, result.metric, result.facts) for result in results]
    notes = (
        *ON_MAPS,
        *map_settings.settings_in_words(said),
        *per_model.intervals(results, unit),
    )
    title = f"{metrics} of maps, {facts['maps']} maps of {facts['samples']} samples"
    entries = per_model.unnamed(results)
    yield _means("maps", title, entries, notes)
    yield from _class_by_prediction("maps-class-by-prediction", "similarity", entries)


def build(subjects: list[Subject]) -> Iterator[Table]:
    """Build one table a metric, one row a model and kind of map; then paired differences between models."""
    for metric in MAP_METRICS:
        by_subject = [_of_metric(subject, metric) for subject in subjects]
        entries: list[per_model.Named] = [
            (subject.name, feature, result)
            for subject, results in zip(subjects, by_subject)
            for feature, result in results.items()
        ]
        if not entries:
            continue
        keyed: list[Keyed] = [
            {result.key: result for result in results.values()} for results in by_subject
        ]
        lacking = [
            f"{subject.name}: no {metric} of maps: {FILLED_BY['maps']} --map-metric {metric} computes it"
            for subject, results in zip(subjects, by_subject)
            if not results
        ]
        notes = (*lacking, *settings(subjects, keyed), *_left_out(subjects, by_subject))
        table_id = f"maps-{metric.lower()}"
        yield _means(table_id, f"{metric} of maps", entries, notes)
        yield from _class_by_prediction(f"{table_id}-class-by-prediction", metric, entries)
        yield from paired.between_models(
            subjects,
            by_subject,
            f"{table_id}-models",
            f"{metric} of maps, within classes",
            lambda result: result.get("within").value,
            lambda result: result.replicate("within"),
        )


def _of_metric(subject: Subject, metric: str) -> per_model.Results:
    return {feature: result for (feature, name), result in subject.maps.items() if name == metric}


def _row_heads(model: str | None, feature: str, metric: str) -> per_model.Row:
    """Return the cells that name a row; the command's, without a model, have the metric too."""
    heads = per_model.row_heads(model, feature.removeprefix("map:"), "maps")
    return heads | ({"metric": metric} if model is None else {})


def _means(
    table_id: str, title: str, entries: list[per_model.Named], notes: Iterable[str]
) -> Table:
    """Build the means over pairs beside their controls."""
    present = {name for *_, result in entries for name in result.columns["statistic"]}
    shown = {name: head for name, head in MAP_STATISTICS.items() if name in present}
    rows = []
    for model, feature, result in entries:
        pairs = result.get("within" if result.has("within") else "all").n
        rows.append(
            _row_heads(model, feature, result.metric)
            | {head: statistic_cell(result, name) for name, head in shown.items()}
            | {"pairs": pairs or result.get("all").n, "samples": int(result.facts["samples"])}
        )
    return Table(table_id, title, list(rows[0]), rows, (*notes, *notes_on_few(rows)))


def _class_by_prediction(
    table_id: str, what: str, entries: list[per_model.Named]
) -> Iterator[Table]:
    """Build the means of pairs of same or other class and same or other prediction, where predictions are known."""
    effect = STATISTICS["label_effect"]
    heads = CLASS_BY_PREDICTION | {"label_effect": effect}
    rows = [
        _row_heads(model, feature, result.metric)
        | {head: statistic_cell(result, name) for name, head in heads.items()}
        for model, feature, result in entries
        if result.has("label_effect")
    ]
    if rows:
        note = EFFECT.partition(";")[0]
        title = f"class x prediction: mean {what} of maps (pairs)"
        yield Table(table_id, title, list(rows[0]), rows, (f"{note}.",), counts=True)


def _left_out(subjects: list[Subject], by_subject: list[per_model.Results]) -> Iterator[str]:
    """Yield the images that the rows do not rest on; degenerate maps are counted by `settings`."""
    for subject, results in zip(subjects, by_subject):
        yield from on_files(subject.name, subject.skipped, subject.ended_early)
        left = max((result.facts["left_out"] for result in results.values()), default=0)
        if left:
            unlabelled = max(result.facts["unlabelled"] for result in results.values())
            yield f"{subject.name}: {left} samples are left out ({unlabelled} of them without one label)"


def settings(subjects: list[Subject], by_subject: list[Keyed]) -> list[str]:
    """Return what the values of maps depend on, and degenerate maps: a line each, of one model where the models differ."""
    lines = [
        map_settings.settings_in_words([(*key, result.facts) for key, result in results.items()])
        for results in by_subject
    ]
    sets = [set(of_subject) for of_subject in lines if of_subject]
    shared = set.intersection(*sets) if sets else set()
    common = [
        line
        for line in dict.fromkeys(line for of_subject in lines for line in of_subject)
        if line in shared
    ]
    return common + [
        f"{subject.name}: {line}"
        for subject, of_subject in zip(subjects, lines)
        for line in of_subject
        if line not in shared
    ]


def grad_cam(subject: Subject) -> Keyed:
    """Return Grad-CAM's similarities at the last convolution, else the last block's output, else the only tap; native size, for the target."""
    results = {
        key: result
        for key, result in subject.maps.items()
        if key[0].startswith(GRAD_CAM)
        and result.facts["native"]
        and result.facts["sign"] == "for"
        and "fuse" not in result.facts
    }
    names = {feature for feature, _ in results}
    wanted = [
        f"{GRAD_CAM}{subject.taps.get(key)}" for key in ("default_gradient", "default_activation")
    ]
    name_shown = next(
        (name for name in wanted if name in names), min(names) if len(names) == 1 else None
    )
    return {key: result for key, result in results.items() if key[0] == name_shown}
