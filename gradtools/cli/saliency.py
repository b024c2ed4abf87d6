"""gradtools saliency"""

import contextlib

import click
from click.core import ParameterSource

from gradtools.cli import options, passes
from gradtools.errors import UsageError

DRAWING = (
    "images",
    "images_dir",
    "where",
    "overlay",
    "overlay_limit",
    "fuse",
    "compat",
    "quiet",
    "verbose",
)


@options.command(
    "saliency",
    [
        "gradtools saliency photos/ --model resnet50 --method gradcam --method gam --layers 2 --overlay pictures/ -o maps.h5",
        "gradtools saliency photos.h5 --model resnet50 --where correct --target cosine --pairs same-class:5 --method gam -o pairs.h5",
    ],
)
@click.argument("images", nargs=-1, metavar="IMAGES...|STORE")
@options.model_or_none
@options.output
@passes.listing
@options.carry
@click.option(
    "--images", "images_dir", metavar="DIR", help="Where the images of a store have gone."
)
@options.where
@click.option(
    "--method",
    multiple=True,
    default=("gradcam",),
    metavar="M",
    help="gradcam, gradcam++, gam, layercam, hirescam; the sums activation, positive-gradients, negative-gradients; at the input "
    "gradient, guided-backprop (repeat).",
)
@click.option(
    "--tap",
    multiple=True,
    metavar="TAP",
    help="Module name, name#call, name@relu, glob, input or an auto: name (repeat).",
)
@options.layers(
    "The last so many of auto:blocks; of several numbers, as in 1,2,4, the largest holds the taps of all.  [default: 1 without --tap]"
)
@click.option(
    "--channels",
    multiple=True,
    default=("all",),
    metavar="C",
    help="all, positive, negative, zero, nearzero[:TAU|:P%], topK[:contribution|:gxa|:abs|:gradient|:nearzero|:activation], "
    "or a list 3,17 (repeat).",
)
@click.option(
    "--target",
    metavar="T",
    help="argmax, label, a class NAME or ID, top:K, diff:A,B, labels; with --pairs cosine or dot.  [default: argmax, cosine]",
)
@click.option(
    "--pairs",
    metavar="P",
    help="Compare images: same-class:K (drawn), all, or a CSV file of two paths a line.",
)
@click.option(
    "--embedding",
    default="pooled",
    metavar="E",
    help="What pairs compare: pooled (the head's input), output, or a tap.",
)
@options.seed
@click.option(
    "--literal-exp",
    is_flag=True,
    help="Also Grad-CAM++ with exp(score) as printed, which overflows: gradcam++-literal.",
)
@click.option(
    "--overlay",
    metavar="DIR",
    help="Also draw: overlays, sheets a class, a grid, for and against, the GAM paper's panels (PNG).",
)
@click.option(
    "--overlay-limit", type=click.IntRange(1), default=100, metavar="N", help="Pictures at most."
)
@click.option(
    "--fuse",
    default="mean",
    metavar="F",
    help="Taps in the pictures: mean, max, product, or a weight each as in 0.3,0.7.",
)
@click.option(
    "--compat",
    type=click.Choice(["cam", "ones"]),
    help="Pictures as pytorch-grad-cam (cam) or pytorch-cnn-visualizations (ones: ReLU(1 + map)) has them.",
)
@passes.scored
@click.option(
    "--map-dtype",
    type=click.Choice(["float32", "float16"]),
    default="float32",
    help="Type of the stored maps.",
)
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
    carry,
    images_dir,
    where,
    threads,
    workers,
    max_skipped,
    strict,
    method,
    layers,
    channels,
    target,
    pairs,
    compress,
    overlay,
    overlay_limit,
    fuse,
    compat,
    **chosen,
):
    """Where an image speaks for a class, or for its likeness to another image: raw maps, one a method and tap.

    IMAGES as for extract; or a STORE, whose images are found again and checked. All methods and taps come from one
    forward and one backward pass; maps are kept signed and at the tap's own size. A job that was killed goes on when
    the same command is given again. A STORE of maps with --overlay and without --model is drawn as it is.
    """
    drawing = {"limit": overlay_limit, "fuse": fuse, "compat": compat}
    if overlay is not None:
        from gradtools import figures

        figures.overlays.check(overlay, fuse, compat)
    if model is None:
        return _draw_alone(console, images, images_dir, where, overlay, drawing)
    destination = passes.output(output)
    _check_drawing(overlay, destination)
    from gradtools import store

    store.check_output(destination, force)
    if not images and files_from is None:
        images = (options.input_store(None),)
    from_store = len(images) == 1 and files_from is None and store.is_store(images[0])
    if not from_store and (where or images_dir or carry):
        raise UsageError(
            "--where, --images and --carry are about the images of a store: give one, as in gradtools saliency photos.h5"
        )
    if from_store and annotations:
        raise UsageError(
            "--annotations go with images, and a store has those it was made with: make it again with them"
        )
    with contextlib.ExitStack() as stack:
        source, listed = None, None
        if from_store:
            source = stack.enter_context(store.read(images[0]))
        else:
            listed = passes.listed(
                console, images, files_from, null, annotations, chosen["label_map"], strict
            )
        network = passes.load(
            console,
            model,
            weights,
            trust_weights,
            preprocess,
            class_names,
            head,
            listed=listed,
            source=source,
            images_dir=images_dir,
        )
        from gradtools.stages import saliency

        asked = saliency.Options(
            method=tuple(dict.fromkeys(method)),
            channels=tuple(dict.fromkeys(channels)),
            pairs=pairs,
            compress=compress == "gzip",
            layers=max(layers) if layers else None if chosen["tap"] else 1,
            target=target or ("cosine" if pairs else "argmax"),
            **chosen,
        )
        saliency.saliency(
            listed,
            network,
            destination,
            asked,
            source=source,
            where=where,
            images_dir=images_dir,
            carry=from_store and options.carried(carry, images[0], destination),
            threads=threads,
            workers=workers,
            max_skipped="0" if strict else max_skipped,
            force=force,
            restart=restart,
            say=console.say,
            progress=console.progress,
        )
    if overlay is not None:
        _draw(console, destination, images_dir, (), overlay, drawing, network.preprocess)


def _check_drawing(overlay, destination):
    """Refuse drawing options without a folder, and a folder where the maps go to a pipe."""
    if overlay is not None and destination == "-":
        raise UsageError("--overlay draws from the store of maps: give that a file with -o")
    context = click.get_current_context()
    given = [
        name
        for name in ("fuse", "compat", "overlay_limit")
        if context.get_parameter_source(name) is ParameterSource.COMMANDLINE
    ]
    if overlay is None and given:
        raise UsageError(
            f"--{given[0].replace('_', '-')} is about pictures (maps are stored raw): add --overlay DIR"
        )


def _draw_alone(console, images, images_dir, where, overlay, drawing):
    """Draw a store of maps; whatever else is asked needs a model."""
    if overlay is None:
        raise UsageError(
            "Missing option '--model': it makes the maps; without it, a store of maps is drawn with --overlay DIR"
        )
    context = click.get_current_context()
    foreign = [
        name
        for name in context.params
        if name not in DRAWING and context.get_parameter_source(name) is ParameterSource.COMMANDLINE
    ]
    if foreign:
        option = next(
            parameter.opts[0]
            for parameter in context.command.params
            if parameter.name == foreign[0]
        )
        raise UsageError(
            f"{option} is about making maps, and drawing a store makes none: add --model, or leave it out"
        )
    if len(images) > 1:
        raise UsageError(
            f"{len(images)} inputs and no --model: one store of maps is drawn at a time"
        )
    _draw(
        console,
        options.input_store(images[0] if images else None),
        images_dir,
        where,
        overlay,
        drawing,
    )


def _draw(console, path, images_dir, where, overlay, drawing, rules=None):
    """The pictures of a store."""
    from gradtools import figures, store
    from gradtools.selection import samples

    with store.read(path) as source:
        keep = samples.select(source, where) if where else None
        album = figures.overlays.open_album(
            source, images_dir, keep, rules, drawing["fuse"], drawing["compat"]
        )
        count = min(drawing["limit"], sum(1 for _ in figures.overlays.pictures(album)))
        with console.progress(count, what="pictures") as advance:
            figures.overlays.draw(album, overlay, drawing["limit"], console.say, advance)
