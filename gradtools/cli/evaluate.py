"""gradtools evaluate"""

import click

from gradtools.cli import commands, options, streams, terminal
from gradtools.tables.wording import FORMS, LAYOUTS


@commands.command(
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
    default="summary",
    help="Which tables; all: every one that the stores can fill.",
)
@click.option(
    "--published",
    is_flag=True,
    help="With --layout gradient-similarity, gam-faithfulness or gam-localization: the published values too, of other images.",
)
@click.option(
    "--per-image",
    is_flag=True,
    help="With --layout confusion: list every wrong answer, not the surest twenty.",
)
@click.option(
    "--format",
    "form",
    type=click.Choice(FORMS),
    default="text",
    help="How the tables are written.",
)
@click.option("--json", "form", flag_value="json", help="The same as --format json.")
@click.option("--tsv", "form", flag_value="tsv", help="The same as --format tsv.")
@options.figure
@click.option("-f", "--force", is_flag=True, help="Replace a picture that exists.")
@click.option(
    "--picture",
    type=click.Choice(
        ["prediction", "bars", "heat", "pca", "taps", "deletion", "confusion", "choices"]
    ),
    help="prediction: pair AUC, over all pairs and given the same prediction; bars: pair AUC and ARI; heat: class x prediction; pca: true class, k-means, GMM; taps: the curve over taps; "
    "deletion: deletion and insertion of channels; confusion: answers by label; choices: the headline under every choice.  [default: that of the layout (prediction, without one), or the first that the stores can fill]",
)
def command(
    console: terminal.Console,
    paths: tuple[str, ...],
    layout: str,
    published: bool,
    per_image: bool,
    form: str | None,
    figure: str | None,
    force: bool,
    picture: str,
) -> None:
    """Print the answer from any stores on one screen; with --layout the papers' tables: one row a model, with the controls.

    Never runs a model and never clusters. A cell without a value is -, and a line says why, or which command fills it.
    """
    from gradtools.stages import evaluate

    if figure:
        from gradtools import figures

        figures.check(figure)
    apart = "choices" in (layout, picture)  # stores made with different options
    subjects = evaluate.gather(paths or [streams.input_store(None)], joined=not apart)
    width = terminal.width() or evaluate.SUMMARY_WIDTH if form == "text" else None
    tables = evaluate.evaluate(
        subjects, layout, published=published, per_image=per_image, width=width
    )
    terminal.print_tables(
        tables, form, least=evaluate.SUMMARY_WIDTH if layout == "summary" else None
    )
    for line in evaluate.missing(subjects, layout):
        console.say(line)
    if figure:
        drawn = figures.evaluated(subjects, picture, figure, layout)
        console.say(f"{figure}: {drawn}" + ("" if picture else " (--picture names another)"))
