"""gradtools tune"""

from typing import TYPE_CHECKING

import click

from gradtools.cli import commands, networks, options, passes, sampling, streams, terminal, tunings
from gradtools.cli.terminal import Console
from gradtools.errors import UsageError

if TYPE_CHECKING:
    from gradtools.stages.remote import Scheduler, Served
    from gradtools.store import Share


@commands.command(
    "tune",
    [
        "gradtools tune creatures-link.h5 --keep 4 -o tuning.h5",
        "gradtools tune tuning.h5 --population --figure population.png --picture heat",
    ],
)
@click.argument("path", required=False, metavar="STORE")
@sampling.of_link
@networks.network_or_none
@options.output
@options.carry
@click.option(
    "--samples",
    type=click.IntRange(2),
    default=12,
    help="Held-out samples that every unit is tuned on, the classes in turn.",
)
@click.option(
    "--steps", type=click.IntRange(2), default=3, help="Steps over the unit's observed range."
)
@click.option(
    "--unit",
    multiple=True,
    type=int,
    metavar="N",
    help="Units that are tuned (repeat).  [default: all]",
)
@click.option(
    "--svd", type=click.IntRange(0), default=8, help="Also so many singular vectors of the link."
)
@click.option(
    "--segmenter",
    default="auto",
    metavar="S",
    help="What finds the parts: generator (its masks), threshold:T, few-shot:FILE.npz (w, mask, parts; needs features), "
    "FILE.py:NAME; auto: generator, else threshold:0.5.",
)
@click.option(
    "--fields",
    is_flag=True,
    help="Also measure how pixels move between the first and last step: affine map and flow.",
)
@click.option(
    "--keep",
    type=click.IntRange(0),
    default=0,
    metavar="N",
    help="Store the pictures of the first N samples.",
)
@click.option(
    "--of", "part", metavar="PART", help="Of a tuning: list the units that change this part most."
)
@click.option(
    "--metric",
    default="area",
    type=click.Choice(
        ["area", "luminance", "entropy", "eccentricity", "angle", "x", "y", "major", "minor"]
    ),
    help="By which metric.",
)
@click.option("--top", type=click.IntRange(1), default=12, help="How many units are listed.")
@click.option(
    "--population",
    is_flag=True,
    help="Of a tuning: what all units change together, by --metric: sparsity, clusters, parts, co-activation.",
)
@click.option(
    "-k",
    "--clusters",
    type=click.IntRange(2),
    metavar="N",
    help="Clusters of the population.  [default: the largest mean silhouette]",
)
@click.option(
    "--picture",
    type=click.Choice([*tunings.OF_UNITS, *tunings.OF_ALL]),
    help="What --figure draws. With --of: strips (default), the steps of each unit; fields, how pixels move between the first and last; "
    "masks, the parts with the metric. With --population: gallery (default), the sparsest units; tsne, heat, sparsity.",
)
@options.figure
@options.seed
@sampling.compute
@sampling.job
@options.shard
@options.scheduler
@options.text_forms
def command(
    console: Console,
    path: str | None,
    generator: str | None,
    trust_generator: bool,
    network: networks.Network,
    output: str | None,
    force: bool,
    carry: bool | None,
    samples: int,
    steps: int,
    unit: tuple[int, ...],
    svd: int,
    segmenter: str,
    fields: bool,
    keep: int,
    part: str | None,
    metric: str,
    top: int,
    population: bool,
    clusters: int | None,
    picture: str | None,
    figure: str | None,
    form: str | None,
    seed: int,
    compute: sampling.Compute,
    job: sampling.Job,
    shard: "Share | None",
    scheduler: "Scheduler | Served | None",
) -> None:
    """Change every unit that a classifier's head reads over its range, and measure what that does to pictures.

    Reads a link, sets each unit of some held-out samples to values over its observed range, draws the pictures through
    the link, finds their parts, and measures area, luminance, entropy, shape, turn and place of each. Every picture is
    read by the classifier again: does the unit itself change, and does it alone? Beside each unit a random direction
    that moves the latent as far. With --of, lists (and with --figure draws) the units of a tuning that change a part most;
    with --population, what all units do together.
    """
    source_path = streams.input_store(path)
    if figure:
        from gradtools import figures

        figures.check(figure)
    shown = tunings.Asked(part, population, metric, top, clusters, picture, figure, form, seed)
    if shown.any:
        tunings.show(source_path, shown)
        return
    if figure:
        raise UsageError("--figure draws a tuning: name a part with --of, or --population")
    target = passes.output_file(output)
    from gradtools import store
    from gradtools.selection.subjects import short_name
    from gradtools.stages import tune
    from gradtools.tables import tunings as tables

    store.check_output(shard.output(target) if shard else target, force)
    with store.read(source_path) as source:
        made, model = sampling.of_stored_link(
            console, source, network, generator, trust_generator, compute.device
        )
        asked = tune.Options(
            samples=samples,
            steps=steps,
            units=unit,
            svd=svd,
            segmenter=segmenter,
            fields=fields,
            keep=min(keep, samples),
            seed=seed,
            batch_size=compute.batch_size,
            device=sampling.settled_device(compute.device),
            dtype=compute.dtype,
            compress=compute.compress,
        )
        plan = tune.make_plan(source, made, model, asked, console.say)
        results = tune.tune(
            plan,
            target,
            carry=streams.carried(carry, source_path, target),
            shard=shard,
            scheduler=scheduler,
            **job.how(console, force),
        )
    stream = streams.table_stream(target, form)
    if stream is not None and not shard:  # whose tables merge makes
        terminal.print_tables(tables.tables([(short_name(model.spec), results)]), form, stream)
