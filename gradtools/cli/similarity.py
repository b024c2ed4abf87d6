"""gradtools similarity"""

import click

from gradtools.cli import options, outcomes
from gradtools.cli.console import number, with_interval, write_table

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
NOTES = (
    "within class: mean over all pairs of one class; it ignores the level between classes, so compare spaces by pair AUC.",
    "label effect | pred: same class minus other class among pairs of equal prediction; p shuffles labels within predictions.",
    "weight: the class row of the prediction, the control that knows of an image nothing but its argmax.",
    "[low, high]: 95 % of resampled images.",
)


@options.command(
    "similarity",
    [
        "gradtools similarity photos.h5",
        "gradtools similarity photos.h5 --feature 'gradient@*' --where correct -o similarity.h5",
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
@options.where
@click.option("--matrix", is_flag=True, help="Also store the similarity of every pair.")
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

    Prints its table where stdout is a terminal and no -o is given; through a pager, with --tsv. Means over all pairs
    need no N x N matrix. Where the store has versions of its images (extract --augment), a second table says how
    alike these are to their image.
    """
    from gradtools import augmentation, decodability, similarity, store

    if figure:
        from gradtools import figures

        figures.check(figure)
    source_path = options.input_store(path)
    target = None if form and not output else options.output_store(output)
    if no_intervals:
        chosen |= {"resamples": 0, "permutations": 0}
    source_path, asked = options.split_feature(source_path)
    chosen["features"] = (*asked, *chosen.pop("feature"))
    chosen["metrics"] = chosen.pop("metric")
    settings, how = similarity.Options(**chosen), {"say": console.say, "progress": console.progress}
    with store.read(source_path) as source:
        if target is not None:
            store.check_output(target, force, [source])
        versions = augmentation.describe(source, settings, **how)
        probes = decodability.describe(source, settings, **how) if decode else []
        found = similarity.similarity(
            source,
            target,
            settings,
            beside=[*versions, *probes],
            carry=options.carried(carry, source_path, target),
            force=force,
            restart=restart,
            **how,
        )
    if figure:
        figures.class_by_prediction(found, figure)
    stream = options.table_stream(target, form)
    if stream is not None:
        show(found, form or "text", stream, outcomes.program_rows(versions, probes))
        if not form:
            outcomes.show(versions, probes, stream)


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
    rows = [_row(result) for result in found]
    write_table(
        rows,
        list(rows[0]),
        form,
        f"{', '.join(dict.fromkeys(result.metric for result in found))}, " f"{found[0].facts['rows']} samples",
        NOTES,
        stream,
    )


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
