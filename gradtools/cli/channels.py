"""gradtools channels"""

import functools

import click
from click.core import ParameterSource

from gradtools.cli import ablations, options, passes
from gradtools.errors import UsageError
from gradtools.tables import channels_text
from gradtools.tables.rows import FORMS
from gradtools.tables.wording import RANKINGS_OF_CHANNELS


@options.command(
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
@click.option(
    "--resamples",
    type=click.IntRange(0),
    default=1000,
    help="Resamples of images for the intervals.",
)
@options.seed
@options.figure
@click.option(
    "--picture",
    type=click.Choice(["gradient", "contribution", "sheet"]),
    help="gradient, contribution: a histogram a tap; sheet: the images that activate the top channels most.  "
    "[default: gradient; with --of sheet]",
)
@click.option(
    "--images", "images_dir", metavar="DIR", help="Where the images of the store have gone."
)
@options.model_or_none
@ablations.asked
@click.option(
    "--format", "form", type=click.Choice(list(FORMS)), help="Print the tables in this form."
)
@options.text_forms
def command(
    console,
    path,
    output,
    force,
    carry,
    form,
    top,
    ranking,
    figure,
    picture,
    images_dir,
    model,
    weights,
    trust_weights,
    preprocess,
    class_names,
    head,
    **chosen,
):
    """Which feature maps matter: how the channels of each tap are distributed and ranked, for every class and over all.

    Reads the gradients, activations and contributions of extract. The tables are in the output; --of prints the top channels of one
    class or image. The maps of a sheet are those of extract --maps activation, or come from the --model, for its images alone.

    --ablate measures instead what the score loses without each channel, without subsets of them, and along every ranking; from a
    store, whose images are found again, or from IMAGES. What lies before a tap runs once an image. The output takes every other option.
    """
    measured = {name: chosen.pop(name) for name in ablations.NAMES}
    ablations.check(measured["ablate"], model)
    if measured["ablate"]:
        network = functools.partial(
            passes.load, console, model, weights, trust_weights, preprocess, class_names, head
        )
        return ablations.run(
            console,
            path,
            passes.output(output),
            form,
            force,
            carry,
            figure,
            chosen["where"],
            images_dir,
            chosen["tap"],
            chosen["resamples"],
            chosen["seed"],
            network,
            measured,
        )
    if chosen["bins"] % 2 == 0:
        raise UsageError(
            f"--bins {chosen['bins']}: give an odd number, so that zero lies in the middle of a bin"
        )
    if chosen["profiles"] and (chosen["of"] or carry):
        raise UsageError(
            "--profiles is over all classes, and its samples are other ones: leave out --of and --carry"
        )
    picture = _picture(figure, picture, chosen["of"])
    form = form or ("text" if chosen["of"] and not output else None)
    source_path, target = options.input_store(path), options.output_store(output, form)
    if target is None and form is None:
        raise UsageError(
            "a store is HDF5 and does not go to a terminal: name a file with -o, or see the tables with --format text"
        )
    if figure:
        from gradtools import figures

        figures.check(figure)
    from gradtools import store
    from gradtools.stages import channels

    asked = channels.Options(**chosen)
    with store.read(source_path) as source:
        if figure:
            _check_figure(
                source,
                channels.taps_of(source, asked.tap, one=asked.of is not None),
                picture,
                model,
            )
        network = (
            passes.load(
                console,
                model,
                weights,
                trust_weights,
                preprocess,
                class_names,
                head,
                source=source,
                images_dir=images_dir,
            )
            if model
            else None
        )
        found = channels.channels(
            source,
            target,
            asked,
            carry=options.carried(carry, source_path, target),
            force=force,
            say=console.say,
            progress=console.progress,
        )
        tops = (
            [channels.top(source, one, found.groups, ranking, top, asked) for one in found.taps]
            if asked.of
            else []
        )
        if picture == "sheet":
            _draw_sheet(source, tops[0], asked.where, network, images_dir, figure, found.warnings)
        elif figure:
            figures.channels(source.model.get("model", source.name), found, picture, figure)
    stream = options.table_stream(target, form)
    if stream is not None:
        channels_text.show(found, tops, form or "text", stream)


def _picture(figure, picture, of):
    """What is drawn (str, None for nothing); refuses options that would do nothing."""
    picture = picture or ("sheet" if of else "gradient")
    source = click.get_current_context().get_parameter_source
    given = {
        name
        for name in ("top", "ranking", "picture", "model", "images_dir")
        if source(name) is ParameterSource.COMMANDLINE
    }
    idle = next(
        (name for name in ("top", "ranking") if name in given),
        "picture sheet" if picture == "sheet" else None,
    )
    if idle and not of:
        raise UsageError(
            f"--{idle} is about the top channels of one class or image: name it with --of"
        )
    if "picture" in given and not figure:
        raise UsageError("--picture says what --figure FILE draws: add that")
    idle = next((name for name in ("model", "images_dir") if name in given), None)
    if idle and not (figure and picture == "sheet"):
        raise UsageError(
            f"--{idle.removesuffix('_dir')} is about the images of a sheet: add --of and --figure FILE"
        )
    return picture if figure else None


def _check_figure(source, taps, picture, model):
    """Refuse a picture that could not be drawn."""
    from gradtools.stages import channels

    if picture == "sheet" and len(taps) > 1:
        raise UsageError(f"--picture sheet is of one tap, and --tap names {', '.join(taps)}")
    if picture == "sheet":
        channels.check_maps(source, taps[0], model)


def _draw_sheet(source, top, where, network, images_dir, figure, warnings):
    """The images that activate the top channels most, among all that meet --where."""
    from gradtools import figures
    from gradtools.selection import samples
    from gradtools.stages import channels

    found = channels.most_activating(
        source,
        top.tap,
        top.channels,
        samples.select(source, where),
        model=network,
        images_dir=images_dir,
    )
    figures.channel_sheet(
        source, top, found, figure, images_dir, network.preprocess if network else None, warnings
    )
