"""gradtools sanity"""

import contextlib
import dataclasses
import os
import tempfile
from collections.abc import Iterator

import click

from gradtools.cli import commands, networks, options, passes, streams, terminal
from gradtools.cli.terminal import Console
from gradtools.errors import UsageError

LENET = "gradtools.bundled.lenet:lenet5"


@commands.command(
    "sanity",
    [
        "gradtools sanity photos/ --model resnet50 --method gradcam --method gam -o sanity.h5",
        "gradtools sanity digits --randomise labels --method gam --method guided-backprop -o labels.h5 --figure labels.png",
    ],
)
@click.argument("images", nargs=-1, metavar="IMAGES...")
@networks.network_or_none
@options.output
@passes.listing
@click.option(
    "--method",
    multiple=True,
    default=("gradcam", "gam", "gradient", "guided-backprop"),
    metavar="M",
    help="As of saliency (repeat); guided-backprop is the reference of low sensitivity.",
)
@click.option("--tap", multiple=True, metavar="TAP", help="As of saliency (repeat).")
@options.layers("The last so many of auto:blocks.  [default: 1 without --tap]")
@click.option(
    "--randomise",
    multiple=True,
    type=click.Choice(["cascade", "independent", "full", "labels"]),
    default=("cascade",),
    help="Which parameters: more and more from the output down, one group at a time, or all (repeat); labels: train networks "
    "on true and on permuted labels.",
)
@click.option(
    "--init",
    type=click.Choice(["torch", "he"]),
    default="torch",
    help="How random parameters are drawn: as torch makes the layers, or normal with variance 2 / fan-in.",
)
@click.option(
    "--measure",
    multiple=True,
    type=click.Choice(["spearman", "absolute", "ssim", "hog"]),
    default=("spearman", "absolute", "ssim"),
    help="How maps are compared (repeat); hog needs scikit-image.",
)
@click.option("--seeds", type=click.IntRange(1), default=3, help="Random networks of each kind.")
@options.resamples_of_images
@options.seed
@options.figure
@click.option(
    "--picture",
    type=click.Choice(["strip", "curve"]),
    default="strip",
    help="strip: maps of three images along the steps; curve: how alike they stay.",
)
@passes.compute(32)
@passes.job
@options.text_forms
def command(
    console: Console,
    images: tuple[str, ...],
    network: networks.Network,
    output: str | None,
    force: bool,
    listing: passes.Listing,
    form: str | None,
    method: tuple[str, ...],
    tap: tuple[str, ...],
    layers: tuple[int, ...] | None,
    randomise: tuple[str, ...],
    init: str,
    measure: tuple[str, ...],
    seeds: int,
    resamples: int,
    seed: int,
    figure: str | None,
    picture: str,
    compute: passes.Compute,
    job: passes.Job,
) -> None:
    """Test whether maps change when the network's parameters or labels are made random: a map that does not shows nothing learned.

    Maps of the trained network's answers are made again with random parameters, from the output down, and held
    against the trained network's: Spearman's correlation, the same of absolute values, SSIM, each beside the trained
    map of another image, and maps of other classes. With --randomise labels a network (LeNet-5 for 32 x 32 digits without
    --model) is trained on the images' labels, on the same from other starts, and on permuted ones; IMAGES is then a
    folder of class folders, or `digits`, those that ship. Take some dozens of images: each is mapped by every random network. A job that was killed
    resumes when the same command is given again.
    """
    target = passes.output_file(output)
    if figure:
        from gradtools import figures

        figures.check(figure)
        if target == "-":
            raise UsageError("--figure draws from the store: give that a file with -o")
    if network.model is None:
        network = _without_model(network, randomise)
    if not images and listing.files_from is None:
        raise UsageError(
            "no images: name a folder, files or a manifest, or a list with --files-from"
        )
    from gradtools import store

    store.check_output(target, force)
    with _digits(images) as named:
        listed = listing.read(console, named)
        model = network.load(console)
        from gradtools.stages import sanity

        results = sanity.measure(
            listed,
            model,
            target,
            sanity.Options(
                method=tuple(dict.fromkeys(method)),
                tap=tap,
                layers=max(layers) if layers else None if tap else 1,
                randomise=tuple(dict.fromkeys(randomise)),
                init=init,
                measure=tuple(dict.fromkeys(measure)),
                seeds=seeds,
                resamples=resamples,
                seed=seed,
                **vars(compute),
            ),
            **job.how(console, force),
        )
    if figure:
        from gradtools import figures

        if picture == "strip":
            figures.sanity_strip(target, figure)
        else:
            figures.sanity_curve(results, figure)
    from gradtools.selection.subjects import short_name
    from gradtools.tables import sanity as builder

    stream = streams.table_stream(target, form)
    if stream is not None:
        terminal.print_tables(builder.tables([(short_name(model.spec), results)]), form, stream)


def _without_model(network: networks.Network, randomise: tuple[str, ...]) -> networks.Network:
    """Return the bundled LeNet-5 to be trained; without it there must be a model.

    Raises
    ------
    UsageError
    """
    if "labels" not in randomise:
        raise UsageError(
            "Missing option '--model'; only --randomise labels has a network of its own"
        )
    return dataclasses.replace(network, model=LENET, weights="random")


@contextlib.contextmanager
def _digits(images: tuple[str, ...]) -> Iterator[tuple[str, ...]]:
    """Yield the images as they are named; for `digits`, where no such folder exists, one of those that ship."""
    if images != ("digits",) or os.path.exists("digits"):
        yield images
        return
    from gradtools.stages import sanity

    with tempfile.TemporaryDirectory() as folder:
        sanity.write_digits(folder)
        yield (folder,)
