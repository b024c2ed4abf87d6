"""gradtools extract"""

import click

from gradtools.cli import options, passes
from gradtools.errors import UsageError


@options.command(
    "extract",
    [
        "gradtools extract photos/ --model resnet50 -o photos.h5",
        "gradtools extract photos/ --model net.py:make --weights best.pth --tap 'auto:blocks' | gradtools similarity | gradtools evaluate",
    ],
)
@click.argument("images", nargs=-1, metavar="IMAGES...")
@options.model
@options.output
@passes.listing
@click.option(
    "--tap",
    multiple=True,
    default=("auto:blocks", "auto:last-conv"),
    metavar="TAP",
    help="Module name, name#call, name@relu, glob, input, or auto:blocks, last-conv, last-block, convs, relus (repeat).",
)
@click.option(
    "--target",
    default="argmax",
    metavar="T",
    help="What is differentiated: argmax, label, a class NAME or ID, or diff:A,B.",
)
@passes.scored
@click.option(
    "--maps",
    multiple=True,
    type=click.Choice(["gradient", "activation"]),
    help="Also store the maps themselves, every position (repeat).",
)
@click.option(
    "--map-dtype",
    type=click.Choice(["float32", "float16"]),
    default="float32",
    help="Type of stored activation maps; gradients stay float32.",
)
@click.option(
    "--augment",
    type=click.IntRange(0),
    default=0,
    metavar="N",
    help="Also N changed versions of every image of each kind (a flip: 1).",
)
@click.option(
    "--augment-kind",
    multiple=True,
    metavar="KIND[=S]",
    help="crop=0.2, rotation=15, perspective=0.2, colour=0.3 or flip, with strength (repeat).  [default: each of these]",
)
@click.option(
    "--embedding",
    is_flag=True,
    help="Also store what the last layer reads (feature embedding); not by default, it is as large as the logits' layer is wide.",
)
@options.seed
@passes.computed
def command(
    console,
    images,
    model,
    weights,
    trust_weights,
    preprocess,
    class_names,
    head,
    output,
    force,
    restart,
    files_from,
    null,
    annotations,
    threads,
    workers,
    max_skipped,
    strict,
    maps,
    augment,
    augment_kind,
    seed,
    **chosen,
):
    """One pass over the images: logits, and at every tap activation, gradient, contribution and active share.

    IMAGES is a folder of class folders, a flat folder, files, or a CSV manifest (path,label[,x0,y0,x1,y1]). All taps
    come from one forward and one backward pass. --annotations gives the images boxes, masks and labels. A job that was killed goes on when the same command is given again.
    With --augment, versions of the images lie behind them as samples that know their original: gradtools similarity
    says how alike they are, and every other table is of the images alone.
    """
    target = passes.output(output)
    if not images and files_from is None:
        raise UsageError(
            "no images: name a folder, files or a manifest, or a list with --files-from"
        )
    if augment_kind and not augment:
        raise UsageError("--augment-kind: say with --augment N how many versions of each kind")
    from gradtools import store

    store.check_output(target, force)
    from gradtools.images import versions

    chosen["augment"] = versions.parse(augment_kind, augment, seed) if augment else None
    listed = passes.listed(
        console, images, files_from, null, annotations, chosen["label_map"], strict
    )
    network = passes.load(
        console, model, weights, trust_weights, preprocess, class_names, head, listed=listed
    )
    from gradtools.stages import extract

    chosen["compress"] = chosen["compress"] == "gzip"
    extract.extract(
        listed,
        network,
        target,
        extract.Options(maps=tuple(dict.fromkeys(maps)), **chosen),
        threads=threads,
        workers=workers,
        max_skipped="0" if strict else max_skipped,
        force=force,
        restart=restart,
        say=console.say,
        progress=console.progress,
    )
