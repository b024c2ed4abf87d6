"""gradtools evaluate"""

import click

from gradtools.cli import options
from gradtools.cli.console import FORMS, write_table


@options.command(
    "evaluate",
    [
        "gradtools evaluate photos-similarity.h5 photos-clusters.h5",
        "gradtools evaluate results/*.h5 --layout seed --published --format latex",
    ],
)
@click.argument("paths", nargs=-1, metavar="STORES...")
@click.option(
    "--layout",
    type=click.Choice(["similarity", "clustering", "layers", "seed"]),
    help="Which tables.  [default: all that the stores can fill]",
)
@click.option("--published", is_flag=True, help="With --layout seed: the blog post's values too, of other images.")
@click.option("--format", "form", type=click.Choice(list(FORMS)), default="text", help="How the tables are written.")
@click.option("--json", "form", flag_value="json", help="The same as --format json.")
@click.option("--tsv", "form", flag_value="tsv", help="The same as --format tsv.")
@options.figure
@click.option(
    "--picture",
    type=click.Choice(["bars", "heat", "pca", "taps"]),
    default="bars",
    help="bars: pair AUC and ARI; heat: class x prediction; pca: true class, k-means, GMM; taps: the curve over taps.",
)
def command(console, paths, layout, published, form, figure, picture):
    """The papers' tables from any stores: one row a model, with the controls, paired intervals and agreement in sign.

    Never runs a model and never clusters. A cell that nobody computed is -, and a line names the command that fills it.
    """
    from gradtools import evaluate

    if figure:
        from gradtools import figures

        figures.check(figure)
    subjects = evaluate.gather(paths or [options.input_store(None)])
    found = evaluate.evaluate(subjects, layout, published)
    for table in found:
        rows = [{key: _plain(value, form) for key, value in row.items()} for row in table.rows]
        if form in ("json", "csv", "tsv"):
            rows, columns = _spread_out(table)
        else:
            columns = table.columns
        write_table(rows, columns, form, table.title, table.notes)
    for line in evaluate.missing(subjects):
        console.say(line)
    if figure:
        figures.evaluated(subjects, picture, figure)


def _plain(value, form):
    return str(value) if value is not None and not isinstance(value, (str, int, float)) else value


def _spread_out(table):
    """One row a value, for programs."""
    fixed = [column for column in table.columns if not any(hasattr(row.get(column), "low") for row in table.rows)]
    rows = []
    for row in table.rows:
        for column in table.columns:
            cell = row.get(column)
            if hasattr(cell, "low"):
                rows.append(
                    {
                        "table": table.title,
                        **{name: row.get(name) for name in fixed},
                        "column": column,
                        "value": cell.value,
                        "low": cell.low,
                        "high": cell.high,
                        "spread": cell.spread,
                        "note": cell.extra,
                    }
                )
    return rows, ["table", *fixed, "column", "value", "low", "high", "spread", "note"]
