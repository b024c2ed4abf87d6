"""gradtools counterfactual"""

import contextlib
from typing import TYPE_CHECKING

import click

from gradtools.cli import commands, networks, options, passes, sampling, streams, terminal
from gradtools.cli import moves as moves_of
from gradtools.cli.terminal import Console

if TYPE_CHECKING:
    from gradtools.stages.counterfactual.drawing import Drawing
    from gradtools.store import Store


@commands.command(
    "counterfactual",
    [
        "gradtools counterfactual photos.h5 --target cat --where class=dog -o moves.h5",
        "gradtools counterfactual digits-link.h5 --target all --samples 20 --figure moves.png -o moves.h5",
    ],
)
@click.argument("path", required=False, metavar="STORE")
@click.option(
    "--target",
    multiple=True,
    metavar="CLASS",
    help="The class to move to, by name, number or WordNet id (repeat); all: every class. Without it STORE holds moves, which are shown.",
)
@click.option("--of", metavar="IMAGE", help="Move this sample alone: by id or index.")
@options.where
@click.option(
    "--samples",
    type=click.IntRange(1),
    metavar="N",
    help="At most so many samples, drawn by --seed.  [default: all]",
)
@click.option(
    "--margin",
    type=click.FloatRange(0),
    default=0.01,
    help="By how many logits the target leads every other class at the end.",
)
@click.option(
    "--points",
    type=click.IntRange(2),
    default=11,
    help="Points of the path, both ends included.",
)
@click.option(
    "--link",
    "linked",
    metavar="FILE",
    help="The link that draws pictures along the path.  [default: STORE where it is a link, else none]",
)
@sampling.of_link
@networks.network_or_none
@click.option(
    "--keep",
    type=click.IntRange(0),
    default=8,
    metavar="N",
    help="Store the pictures of the first N moves.",
)
@click.option(
    "--descent",
    type=click.Choice(["zero", "random"]),
    help="Also the paper's gradient descent until the picture is of the target, its shift begun at 0 or at random.",
)
@click.option(
    "--segmenter",
    metavar="S",
    help="Measure the parts of the pictures along the path: as tune has it (generator, threshold:T, FILE.py:NAME, auto).",
)
@click.option(
    "--fields",
    is_flag=True,
    help="Also measure how pixels move from the first to the last picture: affine map and flow.",
)
@click.option(
    "--resamples",
    type=click.IntRange(0),
    default=1000,
    help="Resamples of samples for the intervals.",
)
@click.option(
    "--picture",
    type=click.Choice(["strips", "heat", "curves", "fields"]),
    help="What --figure draws: strips of the kept pictures (default), heat maps of pairs of classes, curves of --metric along the path, "
    "how pixels move.",
)
@click.option(
    "--metric",
    default="area",
    type=click.Choice(
        ["area", "luminance", "entropy", "eccentricity", "angle", "x", "y", "major", "minor"]
    ),
    help="Of the curves.",
)
@options.output
@options.carry
@options.figure
@options.seed
@sampling.compute
@sampling.job
@options.text_forms
def command(
    console: Console,
    path: str | None,
    target: tuple[str, ...],
    of: str | None,
    where: tuple[str, ...],
    samples: int | None,
    margin: float,
    points: int,
    linked: str | None,
    generator: str | None,
    trust_generator: bool,
    network: networks.Network,
    keep: int,
    descent: str | None,
    segmenter: str | None,
    fields: bool,
    resamples: int,
    picture: str | None,
    metric: str,
    output: str | None,
    force: bool,
    carry: bool | None,
    figure: str | None,
    form: str | None,
    seed: int,
    compute: sampling.Compute,
    job: sampling.Job,
) -> None:
    """Find the least change of what a classifier's head reads that makes it answer another class, and what is met on the way.

    Of every chosen sample the exact least move to each target, with all other classes as constraints; which units make
    up the margin that it gains; and the stored images nearest to the path, which needs no generator (extract --embedding
    makes such a store). Through a link the path is drawn as pictures, and the classifier reads them: the head flips by
    construction, the picture need not. Beside every move a random one as long. Moves that exist are printed and drawn again
    from their store alone.
    """
    source_path = streams.input_store(path)
    from gradtools import figures, store

    if figure:
        figures.check(figure)
    if not target:
        moves_of.show(source_path, picture, metric, figure, form)
        return
    target_path = passes.output_file(output)
    from gradtools.selection.subjects import short_name
    from gradtools.stages import counterfactual
    from gradtools.tables import counterfactuals

    store.check_output(target_path, force)
    asked = counterfactual.Options(
        target=target,
        of=of,
        where=where,
        samples=samples,
        margin=margin,
        points=points,
        keep=keep,
        descent=descent or "",
        segmenter=segmenter or "",
        fields=fields,
        resamples=resamples,
        seed=seed,
        batch_size=compute.batch_size,
        compress=compute.compress,
    )
    with contextlib.ExitStack() as stack:
        source = stack.enter_context(store.read(source_path))
        holder = stack.enter_context(store.read(linked)) if linked else source
        drawing = None
        if linked or source.values(store.paths.LINK_COEF) is not None:
            drawing = _drawing(
                console,
                source,
                holder,
                generator,
                trust_generator,
                network,
                compute,
                job,
                segmenter or "",
            )
        plan = counterfactual.make_plan(source, asked, drawing, console.say)
        moves, results = counterfactual.counterfactual(
            plan,
            target_path,
            carry=streams.carried(carry, source_path, target_path),
            **job.how(console, force),
        )
        name = short_name(str(source.model.get("model", "")))
    if figure:
        figures.least_moves(moves, results, figure, picture, metric)
    stream = streams.table_stream(target_path, form)
    if stream is not None:
        tables = [
            counterfactuals.moves(moves, every=form is not None),
            *counterfactuals.tables([(name, results)]),
        ]
        terminal.print_tables(tables, form, stream)


def _drawing(
    console: Console,
    source: "Store",
    holder: "Store",
    generator: str | None,
    trust_generator: bool,
    network: networks.Network,
    compute: sampling.Compute,
    job: sampling.Job,
    segmenter: str,
) -> "Drawing":
    """Load the generator and network of a link."""
    from gradtools.stages.counterfactual.drawing import drawing

    made, model = sampling.of_stored_link(
        console, holder, network, generator, trust_generator, compute.device
    )
    device = sampling.settled_device(compute.device)
    return drawing(
        *(source, holder, made, model, device, compute.dtype, job.threads),
        segmenter=segmenter,
        say=console.say,
    )
