"""gradtools extract"""

import click

from gradtools.cli import options
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
@click.option("--restart", is_flag=True, help="Drop what a stopped run of another command left, and begin anew.")
@click.option("--files-from", metavar="FILE", help="Read the list of images from a file; '-' is stdin.")
@click.option("-0", "--null", is_flag=True, help="The list of --files-from is separated by NUL, as of find -print0.")
@click.option(
    "--tap",
    multiple=True,
    default=("auto:blocks", "auto:last-conv"),
    metavar="TAP",
    help="Module name, name#call, name@relu, glob, input, auto:blocks, auto:last-conv, auto:last-block, auto:convs, auto:relus (repeat).",
)
@click.option(
    "--target",
    default="argmax",
    metavar="T",
    help="What is differentiated: argmax, label, a class NAME or ID, or diff:A,B.",
)
@click.option(
    "--score",
    type=click.Choice(["logit", "prob", "logprob", "sigmoid", "cosine"]),
    default="logit",
    help="Form of the target's score.",
)
@click.option(
    "--temperature",
    type=click.FloatRange(0, min_open=True),
    default=1.0,
    help="Logits are divided by it before the score.",
)
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
    "--label-map", metavar="CSV", help="Data class, model class (name, index or WordNet id), one pair a line."
)
@click.option("--labels-in-order", is_flag=True, help="The data's classes are the model's, in sorted order.")
@click.option(
    "--unmapped",
    type=click.Choice(["stop", "skip"]),
    default="stop",
    help="With --target label: classes that meet none of the model's.",
)
@click.option("--batch-size", type=click.IntRange(1), default=32, help="Images computed at once.")
@options.device
@click.option("--workers", type=click.IntRange(1), default=2, help="Threads that read and decode images.")
@click.option(
    "--max-skipped", default="1%", metavar="N|P%", help="Unreadable images allowed, at least one for a percentage."
)
@click.option("--strict", is_flag=True, help="Allow no unreadable image.")
@click.option(
    "--fold/--no-fold",
    default=True,
    help="Fold BatchNorm into convolutions that are no taps: faster, equal within rounding.",
)
@click.option(
    "--compress",
    type=click.Choice(["none", "gzip"]),
    default="none",
    help="gzip: smaller, and 30 to 90 times slower to write.",
)
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
    threads,
    workers,
    max_skipped,
    strict,
    maps,
    **chosen
):
    """One pass over the images: logits, and at every tap activation, gradient, contribution and active share.

    IMAGES is a folder of class folders, a flat folder, files, or a CSV manifest (path,label[,x0,y0,x1,y1]). All taps
    come from one forward and one backward pass. A job that was killed goes on when the same command is given again.
    """
    target = options.output_store(output)
    if target is None:
        raise UsageError("a store is HDF5 and does not go to a terminal: name a file with -o")
    if not images and files_from is None:
        raise UsageError("no images: name a folder, files or a manifest, or a list with --files-from")
    from gradtools import store

    store.check_output(target, force)
    from gradtools import images as sources

    listed = sources.list_images(images, files_from=files_from, null=null)
    from gradtools import extract, models

    network = models.load(
        model, weights, preprocess=preprocess, no_head=head == "none", class_names=class_names, trust=trust_weights
    )
    for note in network.notes:
        console.say(note)
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
