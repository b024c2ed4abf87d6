"""gradtools localize"""

import click

from gradtools.cli import commands, options, streams, terminal
from gradtools.cli.terminal import Console


@commands.command(
    "localize",
    [
        "gradtools localize maps.h5",
        "gradtools localize maps.h5 --where correct --layers 1,2 --fuse mean --fuse max -o localization.h5 --figure boxes.png",
    ],
)
@click.argument("path", required=False, metavar="STORE")
@options.output
@options.carry
@options.feature
@options.layers(
    "How many of the last taps are fused, each number a row.  [default: 1 to all of the store]"
)
@options.fusions
@options.where
@click.option(
    "--boxes",
    metavar="CLASS|any",
    help="What maps should find.  [default: the boxes of the map's label, else of its class]",
)
@click.option(
    "--holdout",
    metavar="FILE",
    help="Ids of the images that the threshold is chosen on, one a line.  [default: a fifth, drawn]",
)
@options.resamples_of_images
@options.seed
@options.figure
@click.option(
    "--picture",
    type=click.Choice(["boxes", "pairs", "masks"]),
    default="boxes",
    help="Predicted and true: boxes, a row an image; pairs, both images a row; masks, a row a label.",
)
@click.option(
    "--rows", type=click.IntRange(1), default=8, help="Rows of the picture, spread over all."
)
@options.images_dir
@options.text_forms
def command(
    console: Console,
    path: str | None,
    output: str | None,
    force: bool,
    carry: bool | None,
    form: str | None,
    feature: tuple[str, ...],
    layers: tuple[int, ...] | None,
    fuse: tuple[str, ...],
    where: tuple[str, ...],
    boxes: str | None,
    holdout: str | None,
    resamples: int,
    seed: int,
    figure: str | None,
    picture: str,
    rows: int,
    images_dir: str | None,
) -> None:
    """Measure how well maps find what they are about: boxes and masks of the images, in the network's frame.

    Reads the maps of saliency from a store that has boxes or masks (--annotations, or a manifest with
    corners). IoU by the box around the largest component above a threshold that is chosen on a
    hold-out; pointing game, energy in the box and average precision of the pixels without one; IoU of
    masks; all objects and the smallest. Beside every map stand the centre of the frame and another
    image's map. Prints its table where stdout is a terminal and no -o is given; through a pager, with
    --tsv.
    """
    from gradtools import store
    from gradtools.selection.subjects import short_name
    from gradtools.stages import localize
    from gradtools.tables import localization

    if figure:
        from gradtools import figures

        figures.check(figure)
    source_path, named = streams.split_feature(streams.input_store(path))
    target = streams.output_store(output, form)
    asked = localize.Options(
        feature=(*named, *feature),
        layers=layers,
        fuse=tuple(dict.fromkeys(fuse)),
        where=where,
        boxes=boxes,
        holdout=holdout,
        resamples=resamples,
        seed=seed,
    )
    with store.read(source_path) as source:
        results = localize.localize(
            source,
            target,
            asked,
            carry=streams.carried(carry, source_path, target),
            force=force,
            say=console.say,
            progress=console.progress,
        )
        if figure:
            drawn = localize.drawn(source, asked)
            how = {"picture": picture, "images_dir": images_dir, "limit": rows}
            figures.localized(source, drawn.kinds, results, drawn.located, figure, **how)
        model = short_name(source.model.get("model", source.name))
    stream = streams.table_stream(target, form)
    if stream is not None:
        kinds = {result.feature: result for result in results}
        terminal.print_tables(localization.tables([(model, kinds)]), form, stream)
