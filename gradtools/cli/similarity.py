"""gradtools similarity"""

import click

from gradtools.cli import options, outcomes
from gradtools.cli.console import left_out, number, with_interval, write_table
from gradtools.errors import UsageError
from gradtools.vocabulary import MAP_METRICS, MAP_STATISTICS

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
SHOWN_UNLABELLED = {
    "all": "all pairs",
    "quantile_05": "5 %",
    "median": "median",
    "quantile_95": "95 %",
    "most_alike": "most alike",
    "shuffled_all": "all, shuffled",
    "shuffled_most_alike": "most alike, shuffled",
    "mean_row_share": "mean row",
}
NOTES_UNLABELLED = (
    "no labels: the pairs as a whole. shuffled: the same after the dimensions of every row are shuffled, what chance gives such values.",
    "mean row: its length over the rows' mean length, as stored; --rows gauge takes it away.",
    "[low, high]: 95 % of resampled samples.",
)
NOTES_OF_MAPS = (
    "between: pairs of maps of two classes, the control of within class; class's mean map: each map against that of the other images.",
    "centred Gaussian: what a map that knows only where photographs have their subject would reach.",
)
NOTES = (
    "within class: mean over all pairs of one class; it ignores the level between classes, so compare spaces by pair AUC.",
    "label effect | pred: same class minus other class among pairs of equal prediction; p shuffles labels within predictions.",
    "weight: the class row of the prediction, the control that knows of an image nothing but its argmax.",
    "[low, high]: 95 % of resampled images.",
)


of_maps = options.combine(
    click.option(
        "--map-metric",
        "map_metrics",
        multiple=True,
        type=click.Choice(MAP_METRICS),
        default=("CC", "SIM", "KLD", "AUC"),
        help="How alike two maps are (repeat).",
    ),
    click.option(
        "--sign",
        type=click.Choice(["for", "against", "signed"]),
        default="for",
        help="Of maps: what speaks for the target, against it, or both on one scale.",
    ),
    click.option("--size", metavar="N|HxW", help="Resize maps to so many pixels.  [default: the tap's own]"),
    click.option("--layers", type=click.IntRange(1), help="Of maps: the last so many taps of each method."),
    click.option(
        "--fuse",
        metavar="F",
        help="Make one map of a method's taps: mean, max, product, or a weight each, as in 0.3,0.7.  [default: each by itself]",
    ),
    click.option("--eps", type=float, default=2.2204e-16, help="What KLD adds inside its logarithm (its value depends on it)."),
    click.option("--log-base", type=float, help="Of KLD and JSD.  [default: e]"),
    click.option(
        "--top-share", type=float, help="AUC's and NSS's mask is this share of the pixels.  [default: those above the map's mean]"
    ),
    click.option(
        "--between/--no-between", default=True, help="Also compare maps of two classes: the control, which takes all N squared pairs."
    ),
)


@options.command(
    "similarity",
    [
        "gradtools similarity photos.h5",
        "gradtools similarity maps.h5 --feature map:gradcam --feature map:gam --where correct -o similarity.h5",
    ],
)
@click.argument("path", required=False, metavar="STORE")
@options.output
@click.option("--restart", is_flag=True, help="Drop what a stopped run of another command left, and begin anew.")
@options.carry
@options.feature
@click.option(
    "--metric",
    multiple=True,
    type=click.Choice(["cosine", "dot", "euclidean", "correlation"]),
    default=("cosine",),
    help="How alike two vectors are (repeat).",
)
@options.rows
@options.where
@of_maps
@click.option("--matrix", is_flag=True, help="Also store the similarity of every pair of vectors.")
@click.option("--auc/--no-auc", default=True, help="Pair AUC: does similarity tell that two images are of one class?")
@click.option("--resamples", type=click.IntRange(0), default=1000, help="Resamples of images for the intervals.")
@click.option("--no-intervals", is_flag=True, help="The same as --resamples 0 --permutations 0.")
@click.option("--permutations", type=click.IntRange(0), default=1000, help="Shuffles of the labels for the tests.")
@click.option("--decode", is_flag=True, help="Also probe how well the label can be read, with and without the class row: minutes, not seconds.")
@options.seed
@options.figure
@options.text_forms
def command(console, path, output, force, restart, carry, form, figure, no_intervals, decode, **chosen):
    """How alike images are within and between classes, and within and between predictions.

    Compares vectors (--metric) and, where the store has maps, these (--map-metric): --feature map:gradcam is the last
    tap's, 'map:*@layer3' those of all methods there. Prints its table where stdout is a terminal and no -o is given;
    through a pager, with --tsv. Means over all pairs of vectors need no N x N matrix. Where the store has versions of
    its images (extract --augment), a second table says how alike these are to their image.
    """
    from gradtools import augmentation, decodability, similarity, store

    if figure:
        from gradtools import figures

        figures.check(figure)
    source_path = options.input_store(path)
    target = options.output_store(output, form)
    if no_intervals:
        chosen |= {"resamples": 0, "permutations": 0}
    source_path, named = options.split_feature(source_path)
    chosen["features"] = (*named, *chosen.pop("feature"))
    chosen["metrics"] = chosen.pop("metric")
    chosen["maps"] = map_options(chosen)
    asked, how = similarity.Options(**chosen), {"say": console.say, "progress": console.progress}
    with store.read(source_path) as source:
        if target is not None:
            store.check_output(target, force, [source])
        if figure and not similarity.chosen(source, asked)[0]:
            raise UsageError("--figure is of vectors, and only maps are compared here: add a --feature, such as logits")
        versions = augmentation.describe(source, asked, **how)
        probes = decodability.describe(source, asked, **how) if decode else []
        found = similarity.similarity(
            source,
            target,
            asked,
            beside=[*versions, *probes],
            carry=options.carried(carry, source_path, target),
            force=force,
            restart=restart,
            **how,
        )
    if figure:
        figures.class_by_prediction(_vectors(found), figure)
    stream = options.table_stream(target, form)
    if stream is not None:
        show(found, form or "text", stream, outcomes.program_rows(versions, probes))
        if not form:
            outcomes.show(versions, probes, stream)


def map_options(chosen):
    """Take the options about maps out of all (dict); returns them as `map_similarity.Options`."""
    from gradtools import map_similarity, maps

    reading = maps.Reading(chosen.pop("sign"), maps.parse_size(chosen.pop("size")), chosen.pop("fuse"), chosen.pop("layers"))
    base = chosen.pop("log_base")
    own = {name: chosen.pop(name) for name in ("eps", "top_share", "between")} | ({"log_base": base} if base is not None else {})
    return map_similarity.Options(tuple(dict.fromkeys(chosen.pop("map_metrics"))), reading, **own)


def _vectors(found):
    """The results that are no maps'."""
    return [result for result in found if result.metric not in MAP_METRICS]


def show(found, form, stream, further=()):
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
            [*rows, *further], ["feature", "metric", "statistic", "value", "low", "high", "pairs"], form, "similarity", stream=stream
        )
        return
    vectors, of_maps = _vectors(found), [result for result in found if result.metric in MAP_METRICS]
    if vectors and "most_alike" in vectors[0].columns["statistic"]:
        _show_unlabelled(vectors, stream)
    elif vectors:
        title = f"{', '.join(dict.fromkeys(result.metric for result in vectors))}, {max(result.facts['rows'] for result in vectors)} samples"
        rows = [_row(result) for result in vectors]
        write_table(rows, list(rows[0]), form, title, (*dict.fromkeys(left_out(vectors)), *NOTES), stream)
    if of_maps:
        facts = of_maps[0].facts
        title = f"{', '.join(dict.fromkeys(result.metric for result in of_maps))} of maps, {facts['maps']} maps of {facts['samples']} samples"
        rows = [_map_row(result) for result in of_maps]
        write_table(rows, list(rows[0]), form, title, [*NOTES_OF_MAPS, *map_notes(of_maps), NOTES[-1]], stream)


def _show_unlabelled(found, stream):
    """How the pairs of samples without labels spread, and what else is known of them."""
    title = f"{', '.join(dict.fromkeys(result.metric for result in found))}, {max(result.facts['rows'] for result in found)} samples"
    rows = [_unlabelled_row(result) for result in found]
    notes = (*_most_alike(found), *dict.fromkeys(left_out(found)), *NOTES_UNLABELLED)
    write_table(rows, list(rows[0]), "text", title, notes, stream)


def _unlabelled_row(result):
    """One feature's row of samples without labels."""
    row = {"feature": result.feature, "metric": result.metric, "rows": result.facts["normalised"]}
    for name, head in SHOWN_UNLABELLED.items():
        row[head] = with_interval(*_statistic(result, name), 3) if name == "all" else number(_statistic(result, name)[0], 3)
    return row


def _statistic(result, name):
    """Value, low and high of a statistic."""
    at = result.columns["statistic"].index(name)
    return tuple(float(result.columns[key][at]) for key in ("value", "low", "high"))


def _most_alike(found):
    """A line a feature: its most alike pair, of how many samples, and how the normalisations agree."""
    for result in found:
        first, second = result.facts["most_alike_first"], result.facts["most_alike_second"]
        drawn = f" (of {result.facts['pair_rows']} drawn samples)" if result.facts["pair_rows"] < result.facts["rows"] else ""
        yield f"{result.feature}, {result.metric}: most alike are {first} and {second}{drawn}"
        agreements = [name for name in result.columns["statistic"] if name.startswith("spearman_")]
        if agreements:
            words = (f"{name.removeprefix('spearman_').replace('_', '-')} {number(_statistic(result, name)[0], 3)}" for name in agreements)
            yield f"Spearman between ways to normalise rows, over pairs: {', '.join(words)}"


def _map_row(result):
    """One metric's row of a feature that is maps."""
    row = {"feature": result.feature, "metric": result.metric}
    for name, value, low, high in zip(*(result.columns[key] for key in ("statistic", "value", "low", "high"))):
        row[MAP_STATISTICS[name]] = with_interval(float(value), float(low), float(high))
    at = result.columns["statistic"].index("within" if "within" in result.columns["statistic"] else "all")
    return row | {"pairs": int(result.columns["pairs"][at]), "degenerate": result.facts["degenerate"]}


def map_notes(results):
    """What the values of maps depend on, and what was left out."""
    from gradtools import map_similarity

    return map_similarity.settings_in_words([(result.feature, result.metric, result.facts) for result in results])


def _row(result):
    """One feature's row."""
    at = {name: i for i, name in enumerate(result.columns["statistic"])}
    row = {"feature": result.feature, "metric": result.metric}
    for name, head in SHOWN.items():
        if name in at:
            value, low, high = (float(result.columns[key][at[name]]) for key in ("value", "low", "high"))
            row[head] = (
                number(value) if name.startswith("same_class") or name == "between" else with_interval(value, low, high)
            )
        if name == "label_effect":
            row["p"] = number(result.facts.get("p_label_effect"), 3)
    return row
