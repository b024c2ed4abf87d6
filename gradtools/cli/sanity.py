"""gradtools sanity"""

import click

from gradtools.cli import options, passes
from gradtools.cli.terminal import Console
from gradtools.errors import UsageError


@options.command(
    "sanity",
    [
        "gradtools sanity photos/ --model resnet50 --method gradcam --method gam -o sanity.h5",
        "gradtools sanity photos/ --model resnet50 --randomise cascade --randomise independent --seeds 5 -o sanity.h5",
    ],
)
@click.argument("images", nargs=-1, metavar="IMAGES...")
@passes.network
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
    type=click.Choice(["cascade", "independent", "full"]),
    default=("cascade",),
    help="Which parameters: more and more from the output down, one group at a time, or all (repeat).",
)
@click.option("--seeds", type=click.IntRange(1), default=3, help="Random networks of each kind.")
@click.option(
    "--resamples",
    type=click.IntRange(0),
    default=1000,
    help="Resamples of images for the intervals.",
)
@options.seed
@passes.compute(32)
@passes.job
@options.text_forms
def command(
    console: Console,
    images: tuple[str, ...],
    network: passes.Network,
    output: str | None,
    force: bool,
    listing: passes.Listing,
    form: str | None,
    method: tuple[str, ...],
    tap: tuple[str, ...],
    layers: tuple[int, ...] | None,
    randomise: tuple[str, ...],
    seeds: int,
    resamples: int,
    seed: int,
    compute: passes.Compute,
    job: passes.Job,
) -> None:
    """Whether maps change when the network's parameters are made random: a map that does not shows nothing learned.

    Maps of the trained network's answers are made again with random parameters, from the output down, and held
    against the trained network's: Spearman's correlation, the same of absolute values, SSIM, each beside the trained
    map of another image. Take some dozens of images: each is mapped by every random network. A job that was killed
    resumes when the same command is given again.
    """
    target = passes.output_file(output)
    if not images and listing.files_from is None:
        raise UsageError(
            "no images: name a folder, files or a manifest, or a list with --files-from"
        )
    from gradtools import store

    store.check_output(target, force)
    listed = listing.read(console, images)
    model = network.load(console)
    from gradtools.selection.subjects import short_name
    from gradtools.stages import sanity
    from gradtools.tables import render
    from gradtools.tables import sanity as builder

    results = sanity.measure(
        listed,
        model,
        target,
        sanity.Options(
            method=tuple(dict.fromkeys(method)),
            tap=tap,
            layers=max(layers) if layers else None if tap else 1,
            randomise=tuple(dict.fromkeys(randomise)),
            seeds=seeds,
            resamples=resamples,
            seed=seed,
            **vars(compute),
        ),
        threads=job.threads,
        force=force,
        restart=job.restart,
        say=console.say,
        progress=console.progress,
    )
    stream = options.table_stream(target, form)
    if stream is not None:
        render.write_tables(
            builder.tables([(short_name(model.spec), results)]), form or "text", stream
        )
