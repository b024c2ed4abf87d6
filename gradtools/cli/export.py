"""gradtools export"""

import click

from gradtools.cli import commands, options, streams
from gradtools.cli.terminal import Console


@commands.command(
    "export",
    [
        "gradtools export photos.h5 --feature gradient --feature logits -o photos.npz",
        "gradtools export photos.h5 --feature probabilities --where wrong > wrong.csv",
    ],
)
@click.argument("path", required=False, metavar="STORE")
@click.option(
    "-o",
    "--output",
    metavar="FILE",
    help="Where it goes: .csv, .tsv, .npz or .parquet (extra parquet).  [default: CSV on stdout]",
)
@click.option("-f", "--force", is_flag=True, help="Replace an output that exists.")
@click.option(
    "--format",
    "form",
    type=click.Choice(["csv", "tsv", "npz", "parquet"]),
    help="The format.  [default: the file's end]",
)
@options.feature
@options.rows
@options.where
@click.option(
    "--lists",
    is_flag=True,
    help="In tables a feature is one column of vectors, not one column a dimension.",
)
def command(
    console: Console,
    path: str | None,
    output: str | None,
    force: bool,
    form: str | None,
    feature: tuple[str, ...],
    rows: str | None,
    where: tuple[str, ...],
    lists: bool,
) -> None:
    """Write samples and features for other programs: a row a sample, with its id, label, predicted class and whether it is right.

    In CSV, TSV and Parquet a feature is the columns NAME[0], NAME[1], ...; with --lists one column NAME. An .npz has
    one array a feature, label and predicted as numbers with class_name and model_class_name, and gradtools import reads
    it back. Without --feature: those that similarity takes.
    """
    from gradtools import store
    from gradtools.stages.transfer import exporting

    form = exporting.form_of(output, form)
    source_path, named = streams.split_feature(streams.input_store(path))
    with store.read(source_path) as source:
        if output not in (None, "-"):
            store.check_output(output, force, [source])
        exporting.export(
            source,
            output,
            form,
            exporting.Options((*named, *feature), rows, where, lists),
            console.say,
        )
