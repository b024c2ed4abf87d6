"""gradtools link"""

from typing import Literal

import click

from gradtools.cli import commands, networks, options, passes, sampling, streams, terminal
from gradtools.cli.terminal import Console
from gradtools.errors import UsageError


@commands.command(
    "link",
    [
        "gradtools link --generator gradtools.bundled.digit_generator:Digits --psi 0.7 --model gradtools.bundled.lenet:digits "
        "-o digits-link.h5",
        "gradtools link --generator gradtools.bundled.creatures:Creatures --model gradtools.bundled.creatures:trained --per-class 300 "
        "--figure cycled.png -o creatures-link.h5",
    ],
)
@sampling.samples(500)
@networks.network
@options.output
@click.option(
    "--method",
    type=click.Choice(["ridge", "ols"]),
    default="ridge",
    help="ridge: its penalty by leave-one-out error; ols: least squares, as the paper's code has it.",
)
@click.option(
    "--latent",
    default="w",
    metavar="NAME",
    help="Where latents are read: w, z, or a latent that the generator names (gradtools help mathematics#latent-taps).",
)
@click.option(
    "--held-out",
    type=click.FloatRange(0.05, 0.9),
    default=0.2,
    help="Share of the pairs that the fit does not see; every figure is of these.",
)
@click.option(
    "--pairs-file",
    metavar="FILE",
    help="Pairs made elsewhere: NPZ with w (N, d), r (N, D) and perhaps label (N,), in the place of samples.",
)
@click.option(
    "--embedder",
    metavar="SPEC",
    help="Another network, whose output measures the perceptual distance of pictures.",
)
@click.option(
    "--repeats",
    type=click.IntRange(0),
    default=100,
    help="Repetitions of the comparison of W and R; 0 for none.",
)
@options.resamples("Resamples of held-out pairs for the intervals.")
@options.figure
@options.seed
@sampling.compute
@sampling.job
@options.text_forms
def command(
    console: Console,
    samples: sampling.Samples,
    network: networks.Network,
    output: str | None,
    force: bool,
    method: Literal["ridge", "ols"],
    latent: str,
    held_out: float,
    pairs_file: str | None,
    embedder: str | None,
    repeats: int,
    resamples: int,
    figure: str | None,
    form: str | None,
    seed: int,
    compute: sampling.Compute,
    job: sampling.Job,
) -> None:
    """Link what a classifier's head reads to a generator's latents: an affine map fitted to samples.

    Draws samples of the --generator that the --model recognises, fits the map from what its head reads (R) to the
    latent (W), and measures on pairs that the fit has not seen how well latents come back and how alike the pictures
    are that are drawn from them, beside a map of shuffled pairs, the mean latent, and a fit that is not linear. Also:
    whether the two spaces have the same order of samples. tune and counterfactual work on what it writes. A job that was
    killed resumes when the same command is given again.
    """
    target = passes.output_file(output)
    from gradtools import figures, store

    store.check_output(target, force)
    if figure:
        figures.check(figure)
        if target == "-":
            raise UsageError("--figure is drawn from the store: name a file with -o")
    from gradtools.network import models
    from gradtools.selection.subjects import short_name
    from gradtools.stages import link
    from gradtools.tables import links

    made, model = sampling.linked(console, samples, network, compute.device)
    asked = link.Options(
        psi=samples.psi,
        latent=latent,
        per_class=samples.per_class or 0,
        method=method,
        held_out=held_out,
        repeats=repeats,
        resamples=resamples,
        seed=seed,
        batch_size=compute.batch_size,
        device=sampling.settled_device(compute.device),
        dtype=compute.dtype,
        compress=compute.compress,
    )
    other = models.load(embedder, no_head=True) if embedder else None
    plan = link.make_plan(made, model, asked, samples.numbers(made), pairs_file, other, console.say)
    results = link.link(
        plan,
        target,
        **job.how(console, force),
    )
    if figure:
        with store.read(target) as source:
            figures.cycled_pictures(source, results, figure)
    stream = streams.table_stream(target, form)
    if stream is not None:
        terminal.print_tables(links.tables([(short_name(model.spec), results)]), form, stream)
