"""gradtools dendrogram"""

from typing import TYPE_CHECKING, TextIO

import click

from gradtools.cli import commands, options, streams, terminal
from gradtools.cli.terminal import Console
from gradtools.errors import UsageError
from gradtools.tables.wording import LINKAGES, LINKED_ON

if TYPE_CHECKING:
    from gradtools.selection.trees import Tree
    from gradtools.tables import trees


@commands.command(
    "dendrogram",
    [
        "gradtools dendrogram classes.h5 --k 30 --figure classes.pdf --find mushroom",
        "gradtools classes resnet50 | gradtools dendrogram --newick classes.nwk --figure classes.svg -o tree.h5",
    ],
)
@click.argument("path", required=False, metavar="STORE")
@options.output
@options.carry
@options.feature
@options.rows
@click.option(
    "--metric",
    metavar="M",
    help="euclidean, cosine or correlation.  [default: euclidean of --rows standardised, else cosine]",
)
@click.option(
    "--linkage",
    type=click.Choice(list(LINKAGES)),
    default="ward",
    help="How far apart two clusters are.",
)
@click.option(
    "--linkage-on",
    type=click.Choice(list(LINKED_ON)),
    default="rows",
    help="What linkage is given: the rows; or the blog post's matrix (1 - cosine)/2, as-published whole, as if its rows were the "
    "samples, or as-meant, its upper triangle less the minimum.",
)
@options.where
@click.option("--k", type=click.IntRange(1), help="Cut into so many clusters.")
@click.option(
    "--cut-height",
    type=click.FloatRange(0),
    metavar="H",
    help="Cut at a height.  [default: at --color-threshold]",
)
@click.option(
    "--color-threshold",
    type=click.FloatRange(0),
    metavar="T",
    help="Height below which clusters have colours.  [default: the cut; without one .7 of the way from the lowest merge to the highest, "
    "2 with --linkage-on as-published or as-meant]",
)
@click.option(
    "--order",
    type=click.Choice(["optimal", "none"]),
    help="Of the leaves.  [default: optimal up to 4,000]",
)
@click.option(
    "--find",
    multiple=True,
    metavar="NAME",
    help="The smallest cluster around a sample: its id, index, class name or WordNet id (repeat).",
)
@click.option(
    "--resamples",
    type=click.IntRange(0),
    default=10,
    help="Trees of resampled dimensions for the stability of the cut, and of permuted rows for the controls; 0: none.",
)
@options.seed
@options.figure
@click.option(
    "--orientation",
    type=click.Choice(["left", "top", "right", "bottom"]),
    help="Where the root is.  [default: top up to 40 leaves, else left]",
)
@click.option(
    "--leaves-per-page",
    type=click.IntRange(2),
    metavar="N",
    help="With --figure FILE.pdf: pages of so many leaves each (100 fill a page), in place of one long picture.",
)
@click.option(
    "--newick",
    metavar="FILE",
    help="Also write the tree for programs that draw trees; '-' is stdout. --force replaces a file that exists.",
)
@options.text_forms
def command(
    console: Console,
    path: str | None,
    output: str | None,
    force: bool,
    carry: bool | None,
    feature: tuple[str, ...],
    rows: str | None,
    metric: str | None,
    linkage: str,
    linkage_on: str,
    where: tuple[str, ...],
    k: int | None,
    cut_height: float | None,
    color_threshold: float | None,
    order: str | None,
    find: tuple[str, ...],
    resamples: int,
    seed: int,
    figure: str | None,
    orientation: str | None,
    leaves_per_page: int | None,
    newick: str | None,
    form: str | None,
) -> None:
    """Cluster classes, images or channels hierarchically.

    Prints the tree where stdout is a terminal and no -o is given: all leaves of a small one, else its top, down to the
    clusters of the cut. Ward's heights are euclidean distances of the rows; classes are row-standardised (--rows standardised).
    Beside the cophenetic correlation and the stability of the cut stand those of rows whose values are permuted.
    """
    from gradtools import store
    from gradtools.selection import subjects
    from gradtools.stages import dendrogram
    from gradtools.stages.dendrogram import newick as files
    from gradtools.tables import per_model

    if figure:
        from gradtools import figures

        figures.check(figure)
    if leaves_per_page and not (figure or "").lower().endswith(".pdf"):
        raise UsageError("--leaves-per-page is of a PDF: add --figure FILE.pdf")
    if newick:
        files.check(newick)
    source_path, named = streams.split_feature(streams.input_store(path))
    target = streams.output_store(output, _text_form(form, newick))
    with store.read(source_path) as source:
        tree = dendrogram.dendrogram(
            source,
            target,
            dendrogram.Options(
                feature=(*named, *feature),
                rows=rows,
                metric=metric,
                linkage=linkage,
                linkage_on=linkage_on,
                where=where,
                k=k,
                cut_height=cut_height,
                color_threshold=color_threshold,
                order=order,
                resamples=resamples,
                seed=seed,
            ),
            carry=streams.carried(carry, source_path, target),
            force=force,
            say=console.say,
            progress=console.progress,
        )
        model = source.model.get("model", source.name)
        around = {name: dendrogram.around(source, tree, name) for name in find}
        notes = per_model.known_gradients([tree.feature], subjects.verdicts_of(source))
    if figure:
        figures.tree(model, tree, orientation, figure, leaves_per_page)
    if newick:
        files.write(tree, newick)
    stream = streams.table_stream(target, form)
    if stream is not None and newick != "-":
        _print_tree(tree, around, form or "text", stream, notes)


def _text_form(form: str | None, newick: str | None) -> str | None:
    """Return what goes to stdout as text: a form of the tables, the Newick line, or None."""
    if newick != "-":
        return form
    if form:
        raise UsageError(
            f"--{form} and --newick - both are text on standard output: write one of them to a file"
        )
    return "newick"


def _print_tree(
    tree: "Tree", around: "trees.Around", form: str, stream: TextIO, notes: tuple[str, ...]
) -> None:
    """Print the drawing and the tables of a tree."""
    from gradtools.tables import plain_text, trees
    from gradtools.tables.wording import FOR_PROGRAMS

    every = form in FOR_PROGRAMS
    if not every:
        columns = terminal.width(stream)
        drawn = trees.drawn(tree, getattr(stream, "encoding", None), columns)
        title = plain_text.folded(trees.title(tree), columns, "", "  ")
        stream.write("\n".join([title, *drawn, "", ""]))
    terminal.print_tables(trees.tables(tree, around, every), form, stream, notes=notes)
