"""gradtools compare"""

from typing import TYPE_CHECKING

import click

from gradtools.cli import commands, options, streams, terminal
from gradtools.cli.terminal import Console
from gradtools.errors import UsageError

if TYPE_CHECKING:
    from gradtools.selection.comparisons import Comparisons

BY = "cka_debiased"


@commands.command(
    "compare",
    [
        "gradtools compare resnet18.h5 resnet50.h5 --figure tanglegram.svg",
        "gradtools compare classes.h5 --reference taxonomy.csv --json",
    ],
)
@click.argument("stores", nargs=-1, metavar="STORES...")
@options.output
@options.feature
@click.option(
    "--metric",
    type=click.Choice(["cosine", "correlation", "euclidean", "dot"]),
    default="cosine",
    help="Of the similarity matrices.",
)
@options.rows
@options.where
@click.option(
    "--reference",
    multiple=True,
    metavar="CSV",
    help="A taxonomy, lines class,parent or class,group, or a matrix with names in its first line and column (repeat).",
)
@click.option(
    "--against",
    type=click.Choice(["each-other", "first", "last"]),
    default="each-other",
    help="Which pairs of stores, or of one store's features.",
)
@click.option(
    "--k",
    multiple=True,
    type=click.IntRange(2),
    help="Clusters of the trees' cuts (repeat).  [default: as many as classes, or the samples' root]",
)
@options.resamples("Resamples of samples for the intervals.")
@click.option(
    "--permutations",
    type=click.IntRange(0),
    default=1000,
    help="Permutations of the samples for Mantel's test.",
)
@click.option("--no-intervals", is_flag=True, help="The same as --resamples 0 --permutations 0.")
@options.seed
@options.figure
@click.option(
    "--picture",
    type=click.Choice(["tanglegram", "moved", "matrix", "curve"]),
    help="Of --figure.  [default: tanglegram for one pair, curve for --against first or last, else matrix]",
)
@click.option(
    "--at",
    metavar="X,Y,...",
    help="Where each store stands on the curve.  [default: the number in its file's name]",
)
@click.option(
    "--by",
    type=click.Choice(["cka_debiased", "cka", "rsa_pearson", "rsa_spearman"]),
    help="What a matrix shows, of --figure or --spaces.  [default: cka_debiased]",
)
@click.option(
    "--spaces",
    is_flag=True,
    help="The output's samples are the features or models compared, with their matrix of --by: for dendrogram.",
)
@options.text_forms
def command(
    console: Console,
    stores: tuple[str, ...],
    output: str | None,
    force: bool,
    feature: tuple[str, ...],
    metric: str,
    rows: str | None,
    where: tuple[str, ...],
    reference: tuple[str, ...],
    against: str,
    k: tuple[int, ...],
    resamples: int,
    permutations: int,
    no_intervals: bool,
    seed: int,
    figure: str | None,
    picture: str | None,
    at: str | None,
    by: str | None,
    spaces: bool,
    form: str | None,
) -> None:
    """Compare features, models or checkpoints, sample by sample and whatever their dimensions; and find what moved.

    Between stores, features of one role are compared (the last convolution's with the last convolution's), or those named
    as STORE::FEATURE; of one store, all that --feature names. Samples are met by digest, classes by name or WordNet id;
    only what all inputs have is compared. Prints its table where stdout is a terminal and no -o is given; through a pager, with --tsv.
    """
    from gradtools.stages import compare

    if figure:
        from gradtools import figures

        figures.check(figure)
    elif picture or at or by and not spaces:
        raise UsageError("--picture, --at and --by are those of the picture: add --figure FILE")
    target = streams.output_store(output, form)
    if spaces and target is None:
        raise UsageError("--spaces is about the store that is made: name it with -o")
    compared = compare.compare(
        list(stores) or [streams.input_store(None)],
        target,
        compare.Options(
            feature=feature,
            metric=metric,
            rows=rows,
            where=where,
            reference=reference,
            against=against,
            k=k,
            resamples=0 if no_intervals else resamples,
            permutations=0 if no_intervals else permutations,
            seed=seed,
        ),
        spaces_by=by or BY if spaces else None,
        force=force,
        say=console.say,
        progress=console.progress,
    )
    if figure:
        figures.compared(
            compared,
            picture or _default_picture(compared, against),
            figure,
            by or BY,
            compare.positions(compared.stores, _numbers(at)),
        )
    stream = streams.table_stream(target, form)
    if stream is not None:
        from gradtools.tables import comparisons
        from gradtools.tables.wording import FOR_PROGRAMS

        made = comparisons.tables(
            compare.table(compared), compare.moved(compared), form in FOR_PROGRAMS
        )
        terminal.print_tables(made, form, stream, notes=comparisons.known_spaces(compared.spaces))


def _numbers(at: str | None) -> list[float] | None:
    """Return the numbers of --at, or None."""
    if at is None:
        return None
    try:
        return [float(part) for part in at.split(",")]
    except ValueError:
        raise UsageError(f"--at {at}: write a number for each store, as in 1,2,5,10") from None


def _default_picture(compared: "Comparisons", against: str) -> str:
    """Return what is drawn unless a picture is named."""
    if len(compared.comparisons) == 1:
        return "tanglegram"
    return "matrix" if against == "each-other" else "curve"
