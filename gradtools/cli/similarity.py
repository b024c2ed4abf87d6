"""gradtools similarity"""

import click

from gradtools.cli import options
from gradtools.errors import UsageError
from gradtools.tables import similarity_further, similarity_text
from gradtools.tables.wording import MAP_METRICS

of_maps = options.combine(
    click.option(
        "--map-metric",
        "map_metrics",
        multiple=True,
        type=click.Choice(MAP_METRICS),
        default=("CC", "SIM", "KLD", "AUC"),
        help="How alike two maps are (repeat).",
    ),
    click.option(
        "--sign",
        type=click.Choice(["for", "against", "signed"]),
        default="for",
        help="Of maps: what speaks for the target, against it, or both on one scale.",
    ),
    click.option(
        "--size", metavar="N|HxW", help="Resize maps to so many pixels.  [default: the tap's own]"
    ),
    options.layers(
        "Of maps: the last so many taps of each method; with --fuse, each number of 1,2,4 makes a map of its own."
    ),
    click.option(
        "--fuse",
        metavar="F",
        help="Make one map of a method's taps: mean, max, product, or a weight each, as in 0.3,0.7.  [default: each by itself]",
    ),
    click.option(
        "--eps",
        type=float,
        default=2.2204e-16,
        help="What KLD adds inside its logarithm (its value depends on it).",
    ),
    click.option("--log-base", type=float, help="Of KLD and JSD.  [default: e]"),
    click.option(
        "--top-share",
        type=float,
        help="AUC's and NSS's mask is this share of the pixels.  [default: those above the map's mean]",
    ),
    click.option(
        "--between/--no-between",
        default=True,
        help="Also compare maps of two classes: the control, which takes all N squared pairs.",
    ),
)


@options.command(
    "similarity",
    [
        "gradtools similarity photos.h5",
        "gradtools similarity maps.h5 --feature map:gradcam --feature map:gam --where correct -o similarity.h5",
    ],
)
@click.argument("path", required=False, metavar="STORE")
@options.output
@click.option(
    "--restart",
    is_flag=True,
    help="Drop what a stopped run of another command left, and begin anew.",
)
@options.carry
@options.feature
@click.option(
    "--metric",
    multiple=True,
    type=click.Choice(["cosine", "dot", "euclidean", "correlation"]),
    default=("cosine",),
    help="How alike two vectors are (repeat).",
)
@options.rows
@options.where
@of_maps
@click.option(
    "--matrix",
    is_flag=True,
    help="Also store the similarity of every pair of vectors, and of every pair of maps.",
)
@click.option(
    "--auc/--no-auc",
    default=True,
    help="Pair AUC: does similarity tell that two images are of one class?",
)
@click.option(
    "--resamples",
    type=click.IntRange(0),
    default=1000,
    help="Resamples of images for the intervals.",
)
@click.option("--no-intervals", is_flag=True, help="The same as --resamples 0 --permutations 0.")
@click.option(
    "--permutations",
    type=click.IntRange(0),
    default=1000,
    help="Shuffles of the labels for the tests.",
)
@click.option(
    "--decode",
    is_flag=True,
    help="Also probe how well the label can be read, with and without the class row: minutes, not seconds.",
)
@options.seed
@options.figure
@click.option(
    "--order",
    type=click.Choice(["class", "leaf"]),
    help="Of --figure: every pair as a cosine and a euclidean matrix, in this order, also of labelled samples.  "
    "[default: the class x prediction table; without labels: class]",
)
@options.text_forms
def command(
    console,
    path,
    output,
    force,
    restart,
    carry,
    form,
    figure,
    order,
    no_intervals,
    decode,
    **chosen,
):
    """How alike images are within and between classes, and within and between predictions.

    Compares vectors (--metric) and, where the store has maps, these (--map-metric): --feature map:gradcam is the last
    tap's, 'map:*@layer3' those of all methods there. Prints its table where stdout is a terminal and no -o is given;
    through a pager, with --tsv. Means over all pairs of vectors need no N x N matrix. Of samples without
    labels, as classes are, it says how the similarities of all pairs spread. Where the store has versions of its images
    (extract --augment), a second table says how alike these are to their image.
    """
    from gradtools import store
    from gradtools.stages import similarity
    from gradtools.stages.similarity import augmentation, probe

    if order and not figure:
        raise UsageError("--order is that of the picture: add --figure FILE")
    if figure:
        from gradtools import figures

        figures.check(figure)
    source_path = options.input_store(path)
    target = options.output_store(output, form)
    if no_intervals:
        chosen |= {"resamples": 0, "permutations": 0}
    source_path, named = options.split_feature(source_path)
    chosen["features"] = (*named, *chosen.pop("feature"))
    chosen["metrics"] = chosen.pop("metric")
    chosen["maps"] = map_options(chosen)
    asked, how = similarity.Options(**chosen), {"say": console.say, "progress": console.progress}
    with store.read(source_path) as source:
        if target is not None:
            store.check_output(target, force, [source])
        of_vectors = similarity.chosen(source, asked)[0] if figure else []
        if figure and not of_vectors:
            raise UsageError(
                "--figure is of vectors, and only maps are compared here: add a --feature, such as logits"
            )
        versions = augmentation.describe(source, asked, **how)
        probes = probe.describe(source, asked, **how) if decode else []
        found = similarity.similarity(
            source,
            target,
            asked,
            beside=[*versions, *probes],
            carry=options.carried(carry, source_path, target),
            force=force,
            restart=restart,
            **how,
        )
        if figure and (order or similarity_text.unlabelled(found)):
            figures.every_pair(
                similarity.compute_matrices(source, of_vectors, asked), order or "class", figure
            )
        elif figure:
            figures.class_by_prediction(similarity_text.of_vectors(found), figure)
        unit = source.unit
    stream = options.table_stream(target, form)
    if stream is not None:
        similarity_text.show(
            found, form or "text", stream, similarity_further.program_rows(versions, probes), unit
        )
        if not form:
            similarity_further.show(versions, probes, stream)


def map_options(chosen):
    """Take the options about maps out of all (dict); returns them as `similarity.MapOptions`."""
    from gradtools.selection import maps
    from gradtools.stages.similarity import MapOptions

    reading = maps.Reading(
        chosen.pop("sign"),
        maps.parse_size(chosen.pop("size")),
        chosen.pop("fuse"),
        chosen.pop("layers"),
    )
    base = chosen.pop("log_base")
    own = {name: chosen.pop(name) for name in ("eps", "top_share", "between")} | (
        {"log_base": base} if base is not None else {}
    )
    return MapOptions(tuple(dict.fromkeys(chosen.pop("map_metrics"))), reading, **own)
