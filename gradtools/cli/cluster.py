"""gradtools cluster"""

import click

from gradtools.cli import options
from gradtools.tables.rows import left_out, number, write_table

NOTES = (
    "ARI, NMI against the true classes, mean +- spread over the repeats; interval: 95 %, from half samples clustered anew.",
    "ARI(argmax): against the network's own answers. Where it is 1, the clusters are the predictions.",
    "weight: the class row of the prediction; argmax: the prediction itself; random: permuted labels.",
)


@options.command(
    "cluster",
    [
        "gradtools cluster photos.h5",
        "gradtools cluster photos.h5 --feature gradient --feature activation --method kmeans --repeats 20 -o clusters.h5",
    ],
)
@click.argument("path", required=False, metavar="STORE")
@options.output
@options.carry
@options.feature
@click.option(
    "--method",
    multiple=True,
    type=click.Choice(["kmeans", "gmm", "agglomerative"]),
    default=("kmeans", "gmm"),
    help="Repeat for several.",
)
@options.where
@click.option(
    "--k", type=click.IntRange(1), help="Number of clusters.  [default: number of classes]"
)
@click.option(
    "--pca",
    type=click.IntRange(0),
    default=0,
    help="Cluster this many principal components; 0 is the full space, 2 as in the blog post.",
)
@click.option(
    "--normalize",
    type=click.Choice(["unit", "none"]),
    default="unit",
    help="unit: rows of length one.",
)
@click.option(
    "--n-init",
    type=click.IntRange(1),
    default=10,
    help="Starts of each k-means (a mixture takes at most 5).",
)
@click.option(
    "--covariance",
    type=click.Choice(["auto", "diag", "full", "tied", "spherical"]),
    default="auto",
    help="auto: diag, or full after PCA.",
)
@click.option(
    "--linkage",
    type=click.Choice(["ward", "complete", "average", "single"]),
    default="ward",
    help="Of agglomerative clustering.",
)
@options.seed
@click.option(
    "--repeats",
    type=click.IntRange(1),
    default=10,
    help="Seeds: one clustering each, because one says little.",
)
@click.option(
    "--resamples",
    type=click.IntRange(0),
    help="Half samples for the intervals.  [default: 200; 50 of a mixture and beyond 5,000 rows; none beyond 50,000]",
)
@click.option(
    "--intervals/--no-intervals",
    default=True,
    help="Intervals from half samples of each class, clustered anew: about 30 times the work of the values.",
)
@options.figure
@options.text_forms
def command(console, path, output, force, carry, form, figure, **chosen):
    """Cluster features by k-means, Gaussian mixture or agglomeration, with the controls that say what it means.

    Prints its table where stdout is a terminal and no -o is given; through a pager, with --tsv.
    """
    from gradtools import store
    from gradtools.selection import samples
    from gradtools.stages import cluster

    if figure:
        from gradtools import figures

        figures.check(figure)
    source_path = options.input_store(path)
    target = options.output_store(output, form)
    source_path, asked = options.split_feature(source_path)
    chosen["features"] = (*asked, *chosen.pop("feature"))
    chosen["methods"] = chosen.pop("method")
    with store.read(source_path) as source:
        found, projections = cluster.cluster(
            source,
            target,
            cluster.Options(**chosen),
            carry=options.carried(carry, source_path, target),
            force=force,
            say=console.say,
            progress=console.progress,
        )
        if figure:
            classes = samples.group(source, chosen["where"], lambda line: None).classes
            figures.projections(
                source.model.get("model", source.name),
                classes,
                source.class_names,
                found,
                projections,
                figure,
            )
    stream = options.table_stream(target, form)
    if stream is not None:
        rows = [
            row
            for result in found
            for row in ([_row(result)] if form is None else _repeats(result))
        ]
        write_table(
            rows,
            list(rows[0]),
            form or "text",
            f"{found[0].facts['k']} clusters of {max(result.facts['rows'] for result in found)} samples",
            [*_controls(found[0].facts), *dict.fromkeys(left_out(found)), *NOTES],
            stream,
        )


def _row(result):
    """One clustering, over its repeats, for people."""

    def spread(name):
        values = result.columns[name]
        return number(float(values.mean()), 3) + (
            f" ±{values.std():.3f}" if len(values) > 1 and values.std() == values.std() else ""
        )

    facts = result.facts
    interval = f"[{number(facts['ari_low'], 3)}, {number(facts['ari_high'], 3)}]"
    return {
        "feature": result.feature,
        "method": result.method,
        "ARI": spread("ari"),
        "interval": interval,
        "NMI": spread("nmi"),
        "silhouette": spread("silhouette"),
        "sil. true": number(float(result.columns["silhouette_true"][0]), 3),
        "ARI(argmax)": spread("ari_argmax"),
    }


def _repeats(result):
    """One row a repeat, for programs."""
    names = list(result.columns)
    return [
        {
            "feature": result.feature,
            "method": result.method,
            **{name: float(value) for name, value in zip(names, values)},
        }
        for values in zip(*(result.columns[name] for name in names))
    ]


def _controls(facts):
    """The control rows in words."""
    if "argmax_ari" in facts:
        yield f"argmax itself: ARI {facts['argmax_ari']:.3f}, NMI {facts['argmax_nmi']:.3f}"
    if "random_ari" in facts:
        ari, nmi = (
            f"{facts[f'random_{index}']:.3f} ±{facts[f'random_{index}_sd']:.3f}"
            for index in ("ari", "nmi")
        )
        yield f"random labels: ARI {ari}, NMI {nmi}"
