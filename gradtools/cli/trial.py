"""gradtools trial"""

import click

from gradtools.cli import commands, options, passes, streams, terminal
from gradtools.cli.terminal import Console
from gradtools.tables.wording import CONSTRUCTIONS


@commands.command(
    "trial",
    [
        "gradtools trial window -o window.h5",
        "gradtools trial cue-strong --samples 24 --figure cue.png --images cue/ -o cue-strong.h5",
    ],
)
@click.argument("construction", type=click.Choice(list(CONSTRUCTIONS)))
@options.output
@click.option("--samples", type=click.IntRange(8), default=48, help="Images that are drawn.")
@click.option(
    "--steps",
    type=click.IntRange(1),
    default=16,
    help="Steps of the deletion and insertion curves.",
)
@options.resamples_of_images
@options.seed
@click.option(
    "--images",
    "images_dir",
    metavar="DIR",
    help="Keep the images there, and the masks of their objects in DIR-masks.",
)
@options.figure
@click.option(
    "--threads", type=click.IntRange(1), help="Threads of the computation.  [default: all]"
)
@options.text_forms
def command(
    console: Console,
    construction: str,
    output: str | None,
    force: bool,
    samples: int,
    steps: int,
    resamples: int,
    seed: int,
    images_dir: str | None,
    figure: str | None,
    threads: int | None,
    form: str | None,
) -> None:
    """Measure how right saliency methods are on a network whose right answer is known, and which measure would have said so.

    The network is built by hand and its images are drawn here: what its answer depends on, the Shapley value of every
    pixel, has a closed form. Each method is held against it, beside an edge filter, a centred Gaussian and other
    control maps; then every measure that needs no truth (ADP, PIC, deletion, insertion, energy, pointing, IoU, a
    permuted head) ranks the methods, and its ranking is held against the truth's. gradtools recipe known-answers runs
    all constructions; gradtools evaluate --layout known-answers prints them side by side. A trial takes seconds: one that
    was killed begins anew when the same command is given again, also in its --images DIR.
    """
    target = passes.output_file(output)
    if figure:
        from gradtools import figures

        figures.check(figure)
    from gradtools.stages import trial
    from gradtools.tables import known_answers as builder

    made = trial.trial(
        target,
        trial.Options(construction, samples, steps, resamples, seed),
        images_dir,
        threads=threads,
        force=force,
        progress=console.progress,
    )
    if figure:
        figures.trial_sheet(
            made.scenes.pixels[0],
            made.scenes.object[0],
            {name: maps[0] for name, maps in made.maps.items()},
            made.results[0],
            figure,
        )
    stream = streams.table_stream(target, form)
    if stream is not None:
        terminal.print_tables(builder.tables({construction: made.results}), form, stream)
