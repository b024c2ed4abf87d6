"""gradtools saliency"""

import contextlib
from typing import TYPE_CHECKING

import click

from gradtools.cli import commands, completion, networks, options, passes, streams
from gradtools.cli import drawing as pictures
from gradtools.cli.terminal import Console
from gradtools.errors import UsageError
from gradtools.selection.map_methods import AT_INPUT, AT_TAPS

if TYPE_CHECKING:
    from gradtools.stages.remote import Scheduler, Served
    from gradtools.store import Share


@commands.command(
    "saliency",
    [
        "gradtools saliency photos/ --model resnet50 --method gradcam --method gam --layers 2 --overlay pictures/ -o maps.h5",
        "gradtools saliency photos.h5 --model resnet50 --where correct --target cosine --pairs same-class:5 --method gam -o pairs.h5",
    ],
)
@click.argument("images", nargs=-1, metavar="IMAGES...|STORE")
@networks.network_or_none
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
    help=f"{', '.join(AT_TAPS)}; at the input {', '.join(AT_INPUT)} (repeat).",
)
@click.option(
    "--tap",
    multiple=True,
    metavar="TAP",
    shell_complete=completion.taps,
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
    help="argmax, label, a class NAME or ID, top:K, ranks (first, second and middle class), diff:A,B, labels; with --pairs cosine or dot.  [default: argmax, cosine]",
)
@click.option(
    "--pairs",
    metavar="P",
    help="Compare images: same-class:K (drawn), all, or a CSV file of two paths a line.",
)
@click.option(
    "--embedding",
    default="head-input",
    metavar="E",
    help="The vector of an image that pairs compare: head-input (what the last layer takes), output, or a tap.",
)
@options.seed
@click.option(
    "--literal-exp",
    is_flag=True,
    help="Also Grad-CAM++ with exp(score) as printed, which overflows: gradcam++-literal.",
)
@pictures.drawing
@passes.score
@click.option(
    "--map-dtype",
    type=click.Choice(["float32", "float16"]),
    default="float32",
    help="Type of the stored maps.",
)
@passes.compute(32)
@passes.amp
@passes.job
@options.shard
@options.scheduler
def command(
    console: Console,
    images: tuple[str, ...],
    network: networks.Network,
    output: str | None,
    force: bool,
    listing: passes.Listing,
    carry: bool | None,
    images_dir: str | None,
    where: tuple[str, ...],
    method: tuple[str, ...],
    tap: tuple[str, ...],
    layers: tuple[int, ...] | None,
    channels: tuple[str, ...],
    target: str | None,
    pairs: str | None,
    embedding: str,
    seed: int,
    literal_exp: bool,
    drawing: pictures.Drawing,
    score: passes.Score,
    map_dtype: str,
    compute: passes.Compute,
    amp: str,
    job: passes.Job,
    shard: "Share | None",
    scheduler: "Scheduler | Served | None",
) -> None:
    """Map where an image supports a class, or its similarity to another image: raw maps, one a method and tap.

    IMAGES as for extract; or a STORE, whose images are found again and checked. All methods and taps come from one
    forward and one backward pass; maps are kept signed and at the tap's own size. A job that was killed resumes when
    the same command is given again. A STORE of maps with --overlay and without --model is drawn as it is.
    """
    if drawing.overlay is not None:
        from gradtools.figures import overlays

        overlays.check(drawing.overlay, drawing.fuse, drawing.compat)
    if network.model is None:
        return pictures.draw_alone(console, images, images_dir, where, drawing)
    store_path = passes.output_file(output)
    pictures.check(drawing, store_path)
    from gradtools import store

    if shard and drawing.overlay is not None:
        raise UsageError("--overlay with --shard: draw the maps of the merged store")
    store.check_output(shard.output(store_path) if shard else store_path, force)
    if not images and listing.files_from is None:
        images = (streams.input_store(None),)
    from_store = len(images) == 1 and listing.files_from is None and store.is_store(images[0])
    if not from_store and (where or images_dir or carry):
        raise UsageError(
            "--where, --images and --carry are about the images of a store: give one, as in gradtools saliency photos.h5"
        )
    if from_store and listing.annotations:
        raise UsageError(
            "--annotations go with images, and a store has those it was made with: make it again with them"
        )
    with contextlib.ExitStack() as stack:
        source, listed = None, None
        if from_store:
            source = stack.enter_context(store.read(images[0]))
        else:
            listed = listing.read(console, images, score.label_map)
        model = network.load(console, listed, source, images_dir)
        from gradtools.stages import saliency

        saliency.saliency(
            listed,
            model,
            store_path,
            saliency.Options(
                method=tuple(dict.fromkeys(method)),
                tap=tap,
                layers=max(layers) if layers else None if tap else 1,
                channels=tuple(dict.fromkeys(channels)),
                target=target or ("cosine" if pairs else "argmax"),
                pairs=pairs,
                embedding=embedding,
                seed=seed,
                literal_exp=literal_exp,
                map_dtype=map_dtype,
                amp=amp,
                **vars(score),
                **vars(compute),
            ),
            source=source,
            where=where,
            images_dir=images_dir,
            carry=from_store and streams.carried(carry, images[0], store_path),
            shard=shard,
            scheduler=scheduler,
            **job.how(console, force),
        )
    if drawing.overlay is not None:
        pictures.draw(
            console, store_path, drawing.overlay, images_dir, (), drawing, model.preprocess
        )
