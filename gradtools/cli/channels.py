"""gradtools channels"""

from collections.abc import Sequence
from typing import TYPE_CHECKING

import click

from gradtools.cli import ablation as measured
from gradtools.cli import commands, networks, options, passes, streams, terminal
from gradtools.cli.terminal import Console
from gradtools.errors import UsageError
from gradtools.tables.wording import FOR_PROGRAMS, FORMS, RANKINGS_OF_CHANNELS

if TYPE_CHECKING:
    from gradtools.network.models import Model
    from gradtools.selection.channels import ChannelResults, Top
    from gradtools.store.reading import Store
    from gradtools.tables.model import Table


@commands.command(
    "channels",
    [
        "gradtools channels photos.h5 -o channels.h5 --figure histograms.png",
        "gradtools channels photos.h5 --model resnet50 --tap layer4.1.conv2 --ablate zero -o measured.h5",
    ],
)
@click.argument("path", required=False, metavar="STORE|IMAGES")
@options.output
@options.carry
@options.where
@click.option(
    "--tap",
    multiple=True,
    metavar="TAP",
    help="Taps, by name or glob (repeat).  [default: all of the store; with --of the last convolution, with --ablate the last block]",
)
@click.option(
    "--by",
    type=click.Choice(["target", "label"]),
    default="target",
    help="What a class is: the one the gradients are about, or the data's.",
)
@click.option(
    "--of", metavar="CLASS|IMAGE", help="One class, or the id of one image: print its top channels."
)
@click.option("--top", type=click.IntRange(1), default=12, help="With --of: so many channels.")
@click.option(
    "--ranking",
    type=click.Choice(list(RANKINGS_OF_CHANNELS)),
    default="contribution",
    help="With --of: what comes first.",
)
@click.option(
    "--profiles",
    is_flag=True,
    help="The output's samples are the channels, with what each is worth to every class: for similarity, cluster, ...",
)
@click.option(
    "--bins",
    type=click.IntRange(3),
    default=61,
    help="Bins of the histograms, an odd number: zero lies in the middle one.",
)
@options.resamples_of_images
@options.seed
@options.figure
@click.option(
    "--picture",
    type=click.Choice(["gradient", "contribution", "sheet"]),
    help="gradient, contribution: a histogram a tap; sheet: the images that activate the top channels most.  "
    "[default: gradient; with --of sheet]",
)
@options.images_dir
@networks.network_or_none
@measured.ablation
@passes.score
@passes.compute(8)
@passes.job
@click.option("--format", "form", type=click.Choice(FORMS), help="Print the tables in this form.")
@options.text_forms
def command(
    console: Console,
    path: str | None,
    output: str | None,
    force: bool,
    carry: bool | None,
    where: tuple[str, ...],
    tap: tuple[str, ...],
    by: str,
    of: str | None,
    top: int,
    ranking: str,
    profiles: bool,
    bins: int,
    resamples: int,
    seed: int,
    figure: str | None,
    picture: str | None,
    images_dir: str | None,
    network: networks.Network,
    ablation: measured.Ablation,
    score: passes.Score,
    compute: passes.Compute,
    job: passes.Job,
    form: str | None,
) -> None:
    """Measure which feature maps matter: the distribution and rankings of the channels of each tap, for every class and over all.

    Reads the gradients, activations and contributions of extract. The tables are in the output; --of prints the top channels of one
    class or image. The maps of a sheet are those of extract --maps activation, or come from the --model, for its images alone.

    --ablate measures instead what the score loses without each channel, without subsets of them, and along every ranking; from a
    store, whose images are found again, or from IMAGES. What lies before a tap runs once an image. The output takes every other option.
    """
    measured.check(ablation.ablate, network.model)
    if ablation.ablate:
        ablated = passes.output_file(output)
        measured.check_figure(figure, ablation.steps)
        from gradtools import store

        store.check_output(ablated, force)
        name, results = measured.measure(
            console,
            streams.input_store(path),
            ablated,
            network=network,
            ablation=ablation,
            score=score,
            compute=compute,
            job=job,
            tap=tap,
            where=where,
            images_dir=images_dir,
            carry=carry,
            force=force,
            resamples=resamples,
            seed=seed,
        )
        if figure:
            from gradtools import figures

            figures.deletion_curves({name: results}, figure)
        stream = streams.table_stream(ablated, form)
        if stream is not None:
            from gradtools.tables import ablation as tables

            every = form in FOR_PROGRAMS
            terminal.print_tables(tables.tables([(None, results)], every), form, stream)
        return
    _check(bins, profiles, of, carry)
    picture = _picture(figure, picture, of)
    form = form or ("text" if of and not output else None)
    source_path, target = streams.input_store(path), streams.output_store(output, form)
    if target is None and form is None:
        raise UsageError(
            "a store is HDF5 and does not go to a terminal: name a file with -o, or see the tables with --format text"
        )
    if figure:
        from gradtools import figures

        figures.check(figure)
    from gradtools import store
    from gradtools.selection import groups
    from gradtools.stages import channels

    asked = channels.Options(
        tap=tap,
        by=by,
        of=of,
        where=where,
        bins=bins,
        resamples=resamples,
        seed=seed,
        profiles=profiles,
    )
    with store.read(source_path) as source:
        if of is not None and source.taps:
            groups.of_one(source, by, of, where)  # refused before the network is loaded
        if figure:
            taps = channels.taps_of(source, tap, one=of is not None)
            _check_figure(source, taps, picture, network.model)
        model = network.load(console, None, source, images_dir) if network.model else None
        over_images = channels.channels(
            source,
            target,
            asked,
            carry=streams.carried(carry, source_path, target),
            force=force,
            say=console.say,
            progress=console.progress,
        )
        tops = (
            [
                channels.top(source, one, over_images.groups, ranking, top, asked)
                for one in over_images.taps
            ]
            if of
            else []
        )
        if figure and picture == "sheet":
            _draw_sheet(source, tops[0], where, model, images_dir, figure, over_images.warnings)
        elif figure:
            figures.channels(source.model.get("model", source.name), over_images, picture, figure)
    stream = streams.table_stream(target, form)
    if stream is not None:
        terminal.print_tables(_tables(over_images, tops, form in FOR_PROGRAMS), form, stream)


def _tables(results: "ChannelResults", tops: "list[Top]", every: bool) -> "list[Table]":
    """The tables of the top channels where there are some, for people before those of all channels."""
    from gradtools.tables import channels

    several, warnings = len(tops) > 1, results.warnings
    made = [channels.top_table(top, every, several, warnings) for top in tops]
    if not (tops and every):
        whose = results.groups.whose
        made += channels.tables([(None, results.tables)], every, whose, warnings)
    return made


def _check(bins: int, profiles: bool, of: str | None, carry: bool | None) -> None:
    """Refuse options that do not go together."""
    if bins % 2 == 0:
        raise UsageError(
            f"--bins {bins}: give an odd number, so that zero lies in the middle of a bin"
        )
    if profiles and (of or carry):
        raise UsageError(
            "--profiles is over all classes, and its samples are other ones: leave out --of and --carry"
        )


def _picture(figure: str | None, picture: str | None, of: str | None) -> str | None:
    """What is drawn, None for nothing; refuses options that would do nothing."""
    picture = picture or ("sheet" if of else "gradient")
    idle = next(
        iter(options.given("top", "ranking")), "--picture sheet" if picture == "sheet" else None
    )
    if idle and not of:
        raise UsageError(
            f"{idle} is about the top channels of one class or image: name it with --of"
        )
    if options.given("picture") and not figure:
        raise UsageError("--picture says what --figure FILE draws: add that")
    idle = next(iter(options.given("model", "images_dir")), None)
    if idle and not (figure and picture == "sheet"):
        raise UsageError(f"{idle} is about the images of a sheet: add --of and --figure FILE")
    return picture if figure else None


def _check_figure(
    source: "Store", taps: Sequence[str], picture: str | None, model: str | None
) -> None:
    """Refuse a picture that could not be drawn."""
    from gradtools.stages import channels

    if picture == "sheet" and len(taps) > 1:
        raise UsageError(f"--picture sheet is of one tap, and --tap names {', '.join(taps)}")
    if picture == "sheet":
        channels.check_maps(source, taps[0], model)


def _draw_sheet(
    source: "Store",
    top: "Top",
    where: Sequence[str],
    model: "Model | None",
    images_dir: str | None,
    figure: str,
    warnings: Sequence[str],
) -> None:
    """Draw the images that activate the top channels most, among all that meet --where."""
    from gradtools import figures
    from gradtools.selection import samples
    from gradtools.stages import channels

    keep = samples.select(source, where)
    images = channels.most_activating(
        source, top.tap, top.channels, keep, model=model, images_dir=images_dir
    )
    preprocess = model.preprocess if model else None
    figures.channel_sheet(source, top, images, figure, images_dir, preprocess, warnings)
