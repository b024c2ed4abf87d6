"""gradtools faithfulness"""

from typing import TYPE_CHECKING

import click

from gradtools.cli import commands, networks, options, passes, streams, terminal
from gradtools.cli.terminal import Console
from gradtools.errors import UsageError

if TYPE_CHECKING:
    from gradtools.stages.remote import Scheduler, Served
    from gradtools.store import Share


@commands.command(
    "faithfulness",
    [
        "gradtools faithfulness maps.h5 --model resnet50 -o faithfulness.h5",
        "gradtools faithfulness maps.h5 --model resnet50 --audit --figure wrong-reason.png -o audit.h5",
    ],
)
@click.argument("path", required=False, metavar="STORE")
@networks.network
@options.output
@options.carry
@options.feature
@options.layers(
    "How many of the last taps are fused, each number a row.  [default: 1 to all of the store]"
)
@options.fusions
@click.option(
    "--fill",
    multiple=True,
    type=click.Choice(["black", "mean", "blur"]),
    default=("black",),
    help="What stands where a mask is 0: black pixels, the mean colour, or the image blurred (repeat).",
)
@click.option(
    "--both",
    is_flag=True,
    help="Of pairs: mask both images. Every mask then keeps most of the likeness, for both show the same fill.",
)
@click.option(
    "--steps",
    type=click.IntRange(0),
    default=16,
    help="Steps of the deletion and insertion curves; 0 for none.",
)
@click.option(
    "--audit",
    is_flag=True,
    help="Split each answer between its object, its background and both, by boxes or masks, and list what is right "
    "for the wrong reason; reads no map's values.",
)
@options.figure
@options.where
@options.images_dir
@click.option(
    "--score",
    type=click.Choice(["prob", "sigmoid"]),
    default="prob",
    help="Of classes: softmax probability, or sigmoid where labels do not exclude each other.",
)
@click.option(
    "--temperature",
    type=click.FloatRange(0, min_open=True),
    default=1.0,
    help="Logits are divided by it before the score.",
)
@options.resamples_of_images
@options.seed
@passes.compute(32)
@passes.job
@options.shard
@options.scheduler
@options.text_forms
def command(
    console: Console,
    path: str | None,
    network: networks.Network,
    output: str | None,
    force: bool,
    carry: bool | None,
    form: str | None,
    feature: tuple[str, ...],
    layers: tuple[int, ...] | None,
    fuse: tuple[str, ...],
    fill: tuple[str, ...],
    both: bool,
    steps: int,
    audit: bool,
    figure: str | None,
    where: tuple[str, ...],
    images_dir: str | None,
    score: str,
    temperature: float,
    resamples: int,
    seed: int,
    compute: passes.Compute,
    job: passes.Job,
    shard: "Share | None",
    scheduler: "Scheduler | Served | None",
) -> None:
    """Measure what the score does when an image is multiplied by its map: ADP, PIC, deletion and insertion.

    Reads the maps of saliency and shows their images to the --model again, each times its map and times control
    masks: a constant of the map's own mean, its values in random places, another image's map, ones, a
    constant .5, a centred Gaussian and, where boxes are known, the object and the background alone. Of pairs one
    image is masked and the similarity is the score. With --audit the masks are the annotated objects: whole image, object,
    background and neither, beside the same with another image's object; --figure draws the answers that are right for
    the wrong reason. A job that was killed resumes when the same command is given again.
    """
    from gradtools import store
    from gradtools.selection.subjects import short_name
    from gradtools.stages import faithfulness
    from gradtools.tables import faithfulness as builder

    _check_audit(audit, figure, shard, scheduler)
    source_path, named = streams.split_feature(streams.input_store(path))
    target = passes.output_file(output)
    with store.read(source_path) as source:
        model = network.load(console)
        if audit:
            from gradtools.stages.faithfulness import audit as auditing
            from gradtools.tables import audit as audit_builder

            made = auditing.audit(
                source,
                model,
                target,
                auditing.Options(
                    fill=tuple(dict.fromkeys(fill)),
                    resamples=resamples,
                    seed=seed,
                    score=score,
                    temperature=temperature,
                    **vars(compute),
                ),
                where=where,
                images_dir=images_dir,
                carry=streams.carried(carry, source_path, target),
                **job.how(console, force),
            )
            if figure:
                auditing.draw(made, figure, images_dir)
            stream = streams.table_stream(target, form)
            if stream is not None:
                tables = audit_builder.tables([(short_name(model.spec), made.results)])
                terminal.print_tables(tables, form, stream)
            return
        asked = faithfulness.Options(
            feature=(*named, *feature),
            layers=layers,
            fuse=tuple(dict.fromkeys(fuse)),
            fill=tuple(dict.fromkeys(fill)),
            both=both,
            steps=steps,
            resamples=resamples,
            seed=seed,
            score=score,
            temperature=temperature,
            **vars(compute),
        )
        results = faithfulness.measure(
            source,
            model,
            target,
            asked,
            where=where,
            images_dir=images_dir,
            carry=streams.carried(carry, source_path, target),
            shard=shard,
            scheduler=scheduler,
            **job.how(console, force),
        )
    stream = streams.table_stream(target, form)
    if stream is not None and not shard:  # whose tables merge makes
        terminal.print_tables(builder.tables([(short_name(model.spec), results)]), form, stream)


def _check_audit(
    audit: bool,
    figure: str | None,
    shard: "Share | None",
    scheduler: "Scheduler | Served | None",
) -> None:
    """Refuse options that an audit does not read, and a picture without one."""
    unread = options.given("feature", "layers", "fuse", "both", "steps")
    if audit and unread:
        raise UsageError(f"--audit reads no maps: leave {', '.join(unread)} out")
    if audit and (scheduler or shard):
        raise UsageError("--audit runs in one process: leave --shard and --scheduler out")
    if figure and not audit:
        raise UsageError("--figure draws what --audit lists: give both")
    if figure:
        from gradtools import figures

        figures.check(figure)
