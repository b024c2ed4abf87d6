"""gradtools evaluate"""

import click

from gradtools.cli import options, terminal
from gradtools.tables.render import FORMS
from gradtools.tables.wording import LAYOUTS


@options.command(
    "evaluate",
    [
        "gradtools evaluate photos-similarity.h5 photos-clusters.h5",
        "gradtools evaluate results/*.h5 --layout gradient-similarity --published --format latex",
    ],
)
@click.argument("paths", nargs=-1, metavar="STORES...")
@click.option(
    "--layout",
    type=click.Choice(LAYOUTS),
    help="Which tables.  [default: all that the stores can fill]",
)
@click.option(
    "--published",
    is_flag=True,
    help="With --layout gradient-similarity: the blog post's values too, of other images.",
)
@click.option(
    "--format",
    "form",
    type=click.Choice(list(FORMS)),
    default="text",
    help="How the tables are written.",
)
@click.option("--json", "form", flag_value="json", help="The same as --format json.")
@click.option("--tsv", "form", flag_value="tsv", help="The same as --format tsv.")
@options.figure
@click.option("-f", "--force", is_flag=True, help="Replace a picture that exists.")
@click.option(
    "--picture",
    type=click.Choice(["bars", "heat", "pca", "taps", "deletion"]),
    default="bars",
    help="bars: pair AUC and ARI; heat: class x prediction; pca: true class, k-means, GMM; taps: the curve over taps; "
    "deletion: deletion and insertion of channels.",
)
def command(console, paths, layout, published, form, figure, force, picture):
    """The papers' tables from any stores: one row a model, with the controls, paired intervals and agreement in sign.

    Never runs a model and never clusters. A cell that nobody computed is -, and a line names the command that fills it.
    """
    from gradtools.stages import evaluate

    if figure:
        from gradtools import figures

        figures.check(figure)
    subjects = evaluate.gather(paths or [options.input_store(None)])
    terminal.print_tables(evaluate.evaluate(subjects, layout, published), form)
    for line in evaluate.missing(subjects, layout):
        console.say(line)
    if figure:
        figures.evaluated(subjects, picture, figure)
