"""The tables of `similarity`: one row a feature for people, one row a statistic for programs."""

from gradtools.tables.rows import left_out, number, with_interval, write_table
from gradtools.tables.wording import CLASS_BY_PREDICTION, MAP_METRICS, MAP_STATISTICS, SPREAD, units

SHOWN = {
    "within": "within class",
    "same_class_same_prediction": "same class, same pred",
    "same_class_other_prediction": "same class, other pred",
    "between": "between",
    "label_effect": "label effect | pred",
    "auc": "pair AUC",
    "auc_same_prediction": "AUC | same pred",
    "auc_other_prediction": "AUC | other pred",
}
NOTES_UNLABELLED = (
    "no labels, so all pairs together. shuffled: the values of every row are shuffled first, the mean of {shuffles} times; it is what chance gives.",
    "mean row: the length of the mean of all rows over the mean of their lengths, as stored; --rows gauge takes the mean row away.",
)
NOTES_OF_MAPS = (
    "between: pairs of maps of two classes, the control of within class; class's mean map: each map against that of the other images.",
    "centred Gaussian: what a map that knows only where photographs have their subject would reach.",
)
WITHIN = "within class: mean over all pairs of one class; it ignores the level between classes, so compare spaces by pair AUC."
EFFECT = "label effect | pred: same class minus other class among pairs of equal prediction; p shuffles labels within predictions."
CONTROL = "weight: the class row of the prediction, the control that knows of an image nothing but its argmax."


def unlabelled(found):
    """Whether the vectors' samples had no labels."""
    return any("most_alike" in result.columns["statistic"] for result in found)


def of_vectors(found):
    """The results that are no maps'."""
    return [result for result in found if result.metric not in MAP_METRICS]


def show(found, form, stream, further=(), unit="image"):
    """One row a feature for people; for programs one row a statistic, and further ones."""
    if form in ("json", "tsv"):
        rows = [
            {
                "feature": result.feature,
                "metric": result.metric,
                "statistic": name,
                "value": float(value),
                "low": float(low),
                "high": float(high),
                "pairs": int(count),
            }
            for result in found
            for name, value, low, high, count in zip(
                *(result.columns[key] for key in ("statistic", "value", "low", "high", "pairs"))
            )
        ]
        write_table(
            [*rows, *further],
            ["feature", "metric", "statistic", "value", "low", "high", "pairs"],
            form,
            "similarity",
            stream=stream,
        )
        return
    vectors, of_maps = (
        of_vectors(found),
        [result for result in found if result.metric in MAP_METRICS],
    )
    if unlabelled(vectors):
        _show_unlabelled(vectors, unit, stream)
    elif vectors:
        rows = [_row(result) for result in vectors]
        write_table(
            rows,
            list(rows[0]),
            form,
            _title(vectors, unit),
            (*dict.fromkeys(left_out(vectors)), *_notes(vectors, unit)),
            stream,
        )
    if of_maps:
        facts = of_maps[0].facts
        title = f"{', '.join(dict.fromkeys(result.metric for result in of_maps))} of maps, {facts['maps']} maps of {facts['samples']} samples"
        rows = [_map_row(result) for result in of_maps]
        write_table(
            rows,
            list(rows[0]),
            form,
            title,
            [*NOTES_OF_MAPS, *map_notes(of_maps), *_resampled(of_maps, unit)],
            stream,
        )
    rows = [
        _kinds_row(result) for result in of_maps if "label_effect" in result.columns["statistic"]
    ]
    if rows:
        write_table(
            rows,
            list(rows[0]),
            form,
            "class x prediction: means over pairs of maps (pairs)",
            [EFFECT.partition(";")[0] + "."],
            stream,
        )


def _title(found, unit):
    """What is compared, how, and how many."""
    count = max(result.facts["rows"] for result in found)
    return f"{', '.join(dict.fromkeys(result.metric for result in found))}, {count} {units(unit, count)}"


def _notes(found, unit):
    """What the columns that are there mean, and their controls."""
    statistics = {name for result in found for name in result.columns["statistic"]}
    if unit == "channel":
        yield "class: of a channel, its tap."
    yield WITHIN
    if "label_effect" in statistics:
        yield EFFECT
    if any(result.feature == "weight" for result in found):
        yield CONTROL
    yield from _resampled(found, unit)


def _resampled(found, unit):
    """What intervals are, where there are any."""
    if any(low == low for result in found for low in result.columns["low"]):
        yield f"[low, high]: 95 % of resampled {units(unit)}."


def _show_unlabelled(found, unit, stream):
    """How the pairs of samples without labels spread, and what else is known of them."""
    heads = [
        name for name in SPREAD if any(name in result.columns["statistic"] for result in found)
    ]
    rows = [_unlabelled_row(result, heads) for result in found]
    explained = (note.format(shuffles=found[0].facts["shuffles"]) for note in NOTES_UNLABELLED)
    notes = (
        *_most_alike(found),
        *dict.fromkeys(left_out(found)),
        *explained,
        *_resampled(found, unit),
    )
    write_table(rows, list(rows[0]), "text", _title(found, unit), notes, stream)


def _unlabelled_row(result, names):
    """One feature's row of samples without labels."""
    cells = {SPREAD[name]: with_interval(*_statistic(result, name)) for name in names}
    return {
        "feature": result.feature,
        "metric": result.metric,
        "rows": result.facts["normalised"],
        **cells,
    }


def _statistic(result, name):
    """Value, low and high of a statistic."""
    at = result.columns["statistic"].index(name)
    return tuple(float(result.columns[key][at]) for key in ("value", "low", "high"))


def _most_alike(found):
    """A line a feature: its most alike pair, of how many samples, and how the normalisations agree."""
    for result in found:
        first, second = result.facts["most_alike_first"], result.facts["most_alike_second"]
        drawn = (
            f" (of {result.facts['pair_rows']} drawn samples)"
            if result.facts["pair_rows"] < result.facts["rows"]
            else ""
        )
        yield f"{result.feature}, {result.metric}: most alike are {first} and {second}{drawn}"
        agreements = [name for name in result.columns["statistic"] if name.startswith("spearman_")]
        if agreements:
            words = (
                f"{name.removeprefix('spearman_').replace('_', '-')} {number(_statistic(result, name)[0], 3)}"
                for name in agreements
            )
            yield f"Spearman between ways to normalise rows, over pairs: {', '.join(words)}"


def _map_row(result):
    """One metric's row of a feature that is maps."""
    row = {"feature": result.feature, "metric": result.metric}
    for name in result.columns["statistic"]:
        if name in MAP_STATISTICS:
            row[MAP_STATISTICS[name]] = with_interval(*_statistic(result, name))
    at = result.columns["statistic"].index(
        "within" if "within" in result.columns["statistic"] else "all"
    )
    return row | {
        "pairs": int(result.columns["pairs"][at]),
        "degenerate": result.facts["degenerate"],
    }


def _kinds_row(result):
    """One metric's means of the four kinds of pairs, with their numbers, and the label effect."""
    pairs, row = (
        dict(zip(result.columns["statistic"], result.columns["pairs"])),
        {"feature": result.feature, "metric": result.metric},
    )
    for name, head in CLASS_BY_PREDICTION.items():
        row[head] = f"{with_interval(*_statistic(result, name))} ({int(pairs[name])})"
    return row | {SHOWN["label_effect"]: with_interval(*_statistic(result, "label_effect"))}


def map_notes(results):
    """What the values of maps depend on, and what was left out."""
    from gradtools.tables import map_settings

    return map_settings.settings_in_words(
        [(result.feature, result.metric, result.facts) for result in results]
    )


def _row(result):
    """One feature's row."""
    at = {name: i for i, name in enumerate(result.columns["statistic"])}
    row = {"feature": result.feature, "metric": result.metric}
    for name, head in SHOWN.items():
        if name in at:
            value, low, high = (
                float(result.columns[key][at[name]]) for key in ("value", "low", "high")
            )
            row[head] = (
                number(value)
                if name.startswith("same_class") or name == "between"
                else with_interval(value, low, high)
            )
        if name == "label_effect" and name in at:
            row["p"] = number(result.facts.get("p_label_effect"), 3)
    return row
