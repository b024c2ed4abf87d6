"""gradtools dendrogram"""

import click

from gradtools.cli import options
from gradtools.tables.wording import LINKAGES

compatible = click.option(
    "--linkage-on",
    type=click.Choice(["rows", "seed", "intent"]),
    default="rows",
    help="What linkage is given: the rows; or, as the blog post, the whole matrix (1 - cosine)/2 as if its rows were the samples, "
    "or its upper triangle less the minimum, as was meant.",
)


@options.command(
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
@compatible
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
    "2 with --linkage-on seed or intent]",
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
    "--newick",
    metavar="FILE",
    help="Also write the tree for programs that draw trees; '-' is stdout. --force replaces a file that exists.",
)
@options.text_forms
def command(console, path, output, force, carry, form, figure, orientation, newick, find, **chosen):
    """Hierarchical clustering of classes, images or channels.

    Prints the tree where stdout is a terminal and no -o is given: all leaves of a small one, else its top, down to the
    clusters of the cut. Ward's heights are euclidean distances of the rows; classes are row-standardised (--rows standardised).
    Beside the cophenetic correlation and the stability of the cut stand those of rows whose values are permuted.
    """
    from gradtools import store
    from gradtools.stages import dendrogram
    from gradtools.tables import trees

    if figure:
        from gradtools import figures

        figures.check(figure)
    if newick:
        from gradtools.stages.dendrogram import newick as files

        files.check(newick)
    source_path, named = options.split_feature(options.input_store(path))
    form = trees.one_text(form, newick)
    target = options.output_store(output, form)
    chosen["features"] = (*named, *chosen.pop("feature"))
    with store.read(source_path) as source:
        tree = dendrogram.dendrogram(
            source,
            target,
            dendrogram.Options(**chosen),
            carry=options.carried(carry, source_path, target),
            force=force,
            say=console.say,
            progress=console.progress,
        )
        model = source.model.get("model", source.name)
        found = {text: dendrogram.around(source, tree, text) for text in find}
    if figure:
        figures.tree(model, tree, orientation, figure)
    if newick:
        files.write(tree, newick)
    stream = options.table_stream(target, form)
    if stream is not None and form != "newick":
        trees.show(tree, found, form or "text", stream)
