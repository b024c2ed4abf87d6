"""gradtools cluster"""

from typing import TYPE_CHECKING

import click

from gradtools.cli import commands, options, streams, terminal

if TYPE_CHECKING:
    import numpy as np

    from gradtools.selection.results import Result
    from gradtools.store import Store


@commands.command(
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
def command(
    console: terminal.Console,
    path: str | None,
    output: str | None,
    force: bool,
    carry: bool | None,
    feature: tuple[str, ...],
    method: tuple[str, ...],
    where: tuple[str, ...],
    k: int | None,
    pca: int,
    normalize: str,
    n_init: int,
    covariance: str,
    linkage: str,
    seed: int,
    repeats: int,
    resamples: int | None,
    intervals: bool,
    figure: str | None,
    form: str | None,
) -> None:
    """Cluster features by k-means, Gaussian mixture or agglomeration, with the controls that say what it means.

    Prints its table where stdout is a terminal and no -o is given; through a pager, with --tsv.
    """
    from gradtools import store
    from gradtools.selection import subjects
    from gradtools.stages import cluster
    from gradtools.tables import per_model
    from gradtools.tables.clustering import of_results

    if figure:
        from gradtools import figures

        figures.check(figure)
    source_path = streams.input_store(path)
    target = streams.output_store(output, form)
    source_path, named = streams.split_feature(source_path)
    wanted = cluster.Options(
        feature=(*named, *feature),
        method=method,
        where=where,
        k=k,
        pca=pca,
        normalize=normalize,
        n_init=n_init,
        covariance=covariance,
        linkage=linkage,
        seed=seed,
        repeats=repeats,
        intervals=intervals,
        resamples=resamples,
    )
    with store.read(source_path) as source:
        results, projections = cluster.cluster(
            source,
            target,
            wanted,
            carry=streams.carried(carry, source_path, target),
            force=force,
            say=console.say,
            progress=console.progress,
        )
        if figure:
            _draw(source, where, results, projections, figure)
        tables = of_results(results, every=form is not None)
        of_features = [result.feature for result in results]
        notes = per_model.known_gradients(of_features, subjects.verdicts_of(source))
    stream = streams.table_stream(target, form)
    if stream is not None:
        terminal.print_tables(tables, form, stream, notes=notes)


def _draw(
    source: "Store",
    where: tuple[str, ...],
    results: "list[Result]",
    projections: "dict[str, tuple[np.ndarray, np.ndarray]]",
    figure: str,
) -> None:
    """Draw the samples in the plane of two principal components, by class and by cluster."""
    from gradtools import figures
    from gradtools.selection import compared

    classes = compared.group(source, where, lambda line: None).classes
    name = source.model.get("model", source.name)
    figures.projections(name, classes, source.class_names, results, projections, figure)
