"""gradtools extract"""

from typing import TYPE_CHECKING

import click

from gradtools.cli import commands, completion, networks, options, passes, sampling
from gradtools.cli.terminal import Console
from gradtools.errors import UsageError

if TYPE_CHECKING:
    from gradtools.stages.remote import Scheduler, Served
    from gradtools.store import Share


@commands.command(
    "extract",
    [
        "gradtools extract photos/ --model resnet50 -o photos.h5",
        "gradtools extract photos/ --model net.py:make --weights best.pth --tap 'auto:blocks' | gradtools similarity | gradtools evaluate",
    ],
)
@click.argument("images", nargs=-1, metavar="IMAGES...")
@networks.network
@options.output
@passes.listing
@click.option(
    "--tap",
    multiple=True,
    default=("auto:blocks", "auto:last-conv"),
    metavar="TAP",
    shell_complete=completion.taps,
    help="Module name, name#call, name@relu, glob, input, or auto:blocks, last-conv, last-block, convs, relus (repeat).",
)
@click.option(
    "--target",
    default="argmax",
    metavar="T",
    help="What is differentiated: argmax, label, a class NAME or ID, or diff:A,B.",
)
@passes.score
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
    help="Also store what the last layer reads, as feature embedding; not by default, for it is as large as an activation.",
)
@sampling.samples_or_none
@click.option(
    "--samples-to",
    metavar="DIR",
    help="Where the samples of --generator are written, as PNG.  [default: OUTPUT less its suffix, and -samples]",
)
@options.seed
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
    tap: tuple[str, ...],
    target: str,
    score: passes.Score,
    maps: tuple[str, ...],
    map_dtype: str,
    augment: int,
    augment_kind: tuple[str, ...],
    embedding: bool,
    samples: sampling.Samples,
    samples_to: str | None,
    seed: int,
    compute: passes.Compute,
    amp: str,
    job: passes.Job,
    shard: "Share | None",
    scheduler: "Scheduler | Served | None",
) -> None:
    """Run the network once over the images: logits, and at every tap activation, gradient, contribution and active share.

    IMAGES is a folder of class folders, a flat folder, files, a CSV manifest (path,label[,x0,y0,x1,y1]), or a tar of
    images. All taps come from one forward and one backward pass. --annotations gives the images boxes, masks and
    labels. A job that was killed resumes when the same command is given again.
    With --augment, changed versions of the images are samples behind the images: gradtools similarity measures how
    alike they are, and every other table is of the images alone.
    With --generator, samples of it are the images: they are written first, in class folders, each named by its seed.
    """
    store_path = passes.output_file(output)
    _check_source(images, listing, samples, samples_to, store_path)
    if samples.generator and scheduler is not None:
        raise UsageError(
            "--generator with --scheduler: every worker would write the samples; write them first (--samples-to DIR, then "
            "extract DIR on the cluster)"
        )
    if augment_kind and not augment:
        raise UsageError(
            "--augment-kind: give the number of versions of each kind with --augment N"
        )
    from gradtools import store

    store.check_output(shard.output(store_path) if shard else store_path, force)
    from gradtools.images import versions

    kinds = versions.parse(augment_kind, augment, seed) if augment else None
    if samples.generator:
        images = (_write_samples(console, samples, samples_to or _beside(store_path), seed),)
    listed = listing.read(console, images, score.label_map)
    model = network.load(console, listed)
    from gradtools.stages import extract

    extract.extract(
        listed,
        model,
        store_path,
        extract.Options(
            tap=tap,
            target=target,
            maps=tuple(dict.fromkeys(maps)),
            map_dtype=map_dtype,
            augment=kinds,
            embedding=embedding,
            amp=amp,
            **vars(score),
            **vars(compute),
        ),
        shard=shard,
        scheduler=scheduler,
        **job.how(console, force),
    )


def _check_source(
    images: tuple[str, ...],
    listing: passes.Listing,
    samples: sampling.Samples,
    samples_to: str | None,
    store_path: str,
) -> None:
    """Refuse no source of images, and two."""
    given = bool(images) or listing.files_from is not None
    if samples.generator is None:
        asked = options.given("per_class", "psi", "of_class", "samples_to")
        if asked:
            raise UsageError(f"{asked[0]}: it is about the samples of a --generator")
        if not given:
            raise UsageError(
                "no images: name a folder, files or a manifest, a list with --files-from, or a --generator"
            )
        return
    if given:
        raise UsageError("--generator: its samples are the images, so name no others")
    if samples.per_class is None:
        raise UsageError("--generator: give the number of samples with --per-class N")
    if store_path == "-" and samples_to is None:
        raise UsageError(
            "--generator in a pipe: name the folder of the samples with --samples-to DIR"
        )


def _beside(store_path: str) -> str:
    """The folder of the samples beside a store: a.h5 -> a-samples."""
    import os

    return f"{os.path.splitext(store_path)[0]}-samples"


def _write_samples(console: Console, samples: sampling.Samples, folder: str, seed: int) -> str:
    """Write the samples, and return their manifest."""
    from gradtools.network import generators

    made = samples.load(console)
    return generators.write_samples(
        made, folder, samples.per_class or 0, seed, samples.psi, samples.numbers(made), console.say
    )
