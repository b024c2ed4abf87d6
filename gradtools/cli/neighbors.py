"""gradtools neighbors"""

from collections.abc import Iterator
from typing import TYPE_CHECKING

import click

from gradtools.cli import commands, options, streams, terminal
from gradtools.errors import UsageError

if TYPE_CHECKING:
    from gradtools.selection.neighbors import Nearest
    from gradtools.selection.results import Result
    from gradtools.stages.neighbors import Options
    from gradtools.store import Store


@commands.command(
    "neighbors",
    [
        'gradtools neighbors classes.h5 --of "Dungeness crab" -k 25 --figure crab.png',
        "gradtools neighbors photos.h5 --feature activation --feature gradient -o neighbors.h5",
    ],
)
@click.argument("path", required=False, metavar="STORE")
@click.option(
    "-k",
    "k",
    type=click.IntRange(1),
    default=25,
    help="How many; with --of the sample itself is the first of them.",
)
@click.option(
    "--of",
    "of",
    metavar="NAME",
    help="Of this sample alone: a class by name, index or WordNet id, an image by id or index.",
)
@click.option(
    "--metric",
    type=click.Choice(["cosine", "euclidean", "correlation", "dot"]),
    default="cosine",
    help="How alike two vectors are.",
)
@options.feature
@options.rows
@options.where
@click.option(
    "--permutations",
    type=click.IntRange(0),
    default=1000,
    help="With --of: rows made by chance for the floor.",
)
@click.option(
    "--floor",
    type=click.Choice(["dimensions", "values"]),
    default="dimensions",
    help="What is shuffled: each dimension's values across samples, so that what all rows share is in the floor; or the "
    "row's own values, right where dimensions are exchangeable.",
)
@options.resamples("Resamples of images for the intervals of retrieval.")
@options.seed
@options.output
@click.option(
    "--restart",
    is_flag=True,
    help="Drop what a stopped run of another command left, and begin anew.",
)
@options.carry
@options.figure
@options.text_forms
def command(
    console: terminal.Console,
    path: str | None,
    k: int,
    of: str | None,
    metric: str,
    feature: tuple[str, ...],
    rows: str | None,
    where: tuple[str, ...],
    permutations: int,
    floor: str,
    resamples: int,
    seed: int,
    output: str | None,
    force: bool,
    restart: bool,
    carry: bool | None,
    figure: str | None,
    form: str | None,
) -> None:
    """Find the nearest samples of one sample (--of) or of all, and measure how often the nearest images are of the same class.

    --of prints a table, also into a pipe (-o writes a store instead), with the floor under which nearness says nothing:
    the 95 % quantile of the largest similarity that a row by chance reaches, 1,000 times (--floor says which chance).
    Without --of every sample's k nearest go into the store, found in blocks (under 1 GiB for any number of images); where
    samples have labels the table is leave-one-out retrieval: recall@1 and @5, mAP, accuracy of a vote of the k nearest.
    On images --of takes activation unless a --feature is named.
    """
    from gradtools import figures, store
    from gradtools.selection import subjects
    from gradtools.stages import neighbors
    from gradtools.tables import per_model
    from gradtools.tables.neighbors import of_one

    if figure:
        if of is None:
            raise UsageError("--figure draws the neighbours of one sample: add --of NAME")
        figures.check(figure)
    source_path = streams.input_store(path)
    target = output if of is not None and not output else streams.output_store(output, form)
    source_path, named = streams.split_feature(source_path)
    wanted = neighbors.Options(
        feature=(*named, *feature),
        metric=metric,
        rows=rows,
        where=where,
        k=k,
        permutations=permutations,
        floor=floor,
        resamples=resamples,
        seed=seed,
    )
    carried = streams.carried(carry, source_path, target)
    stream = streams.table_stream(target, form)
    notes: tuple[str, ...] = ()
    with store.read(source_path) as source:
        if of is not None:
            nears = neighbors.of(
                source, of, target, wanted, carry=carried, force=force, say=console.say
            )
            if figure:
                figures.neighbours(nears, source.ids, figure)
            tables = of_one(source, nears, every=form is not None)
        else:
            nearest_of, measured = neighbors.neighbors(
                source,
                target,
                wanted,
                carry=carried,
                force=force,
                restart=restart,
                say=console.say,
                progress=console.progress,
            )
            tables = _tables(source, nearest_of, measured, wanted, every=form is not None)
            of_features = [result.feature for result in measured]
            notes = per_model.known_gradients(of_features, subjects.verdicts_of(source))
        if stream is not None:
            terminal.print_tables(tables, form, stream, notes=notes)


def _tables(
    source: "Store",
    nearest_of: "list[Nearest]",
    measured: "list[Result]",
    wanted: "Options",
    every: bool,
) -> Iterator:
    """Return the tables of retrieval or, of samples without labels, of the closest samples."""
    import numpy as np

    from gradtools.selection import samples
    from gradtools.tables import neighbors, retrieval

    if measured:
        return retrieval.of_results(measured, source.unit)
    places = np.flatnonzero(samples.select(source, wanted.where))
    return neighbors.of_all(source, nearest_of, places, wanted.metric, every)
