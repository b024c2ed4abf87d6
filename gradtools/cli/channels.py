"""gradtools channels"""

import click

from gradtools.cli import channel_tables, options
from gradtools.cli.console import FORMS
from gradtools.errors import UsageError
from gradtools.vocabulary import RANKINGS_OF_CHANNELS


@options.command("channels", [
    "gradtools channels photos.h5 -o channels.h5",
    "gradtools channels photos.h5 --of tench --top 12"])
@click.argument("path", required=False, metavar="STORE")
@options.output
@options.carry
@options.where
@click.option("--tap", multiple=True, metavar="TAP",
              help="Taps of the store, by name or glob (repeat).  [default: all; with --of the last convolution]")
@click.option("--by", type=click.Choice(["target", "label"]), default="target",
              help="What a class is: the one the gradients are about, or the data's.")
@click.option("--of", metavar="CLASS|IMAGE", help="One class, or the id of one image: print its top channels.")
@click.option("--top", type=click.IntRange(1), default=12, help="With --of: so many channels.")
@click.option("--ranking", type=click.Choice(list(RANKINGS_OF_CHANNELS)), default="contribution", help="With --of: what comes first.")
@click.option("--bins", type=click.IntRange(3), default=61, help="Bins of the histograms, an odd number: zero lies in the middle one.")
@click.option("--resamples", type=click.IntRange(0), default=1000, help="Resamples of images for the intervals.")
@options.seed
@click.option("--format", "form", type=click.Choice(list(FORMS)), help="Print the tables in this form.")
@options.text_forms
def command(console, path, output, force, carry, form, top, ranking, **chosen):
    """Which feature maps matter: how the channels of each tap are distributed and ranked, for every class and over all.

    Reads the gradients, activations and contributions of extract. The tables are in the output; --of prints the top channels of one
    class or image.
    """
    if chosen["bins"] % 2 == 0:
        raise UsageError(f"--bins {chosen['bins']}: give an odd number, so that zero lies in the middle of a bin")
    form = form or ("text" if chosen["of"] and not output else None)
    source_path, target = options.input_store(path), options.output_store(output, form)
    if target is None and form is None:
        raise UsageError("a store is HDF5 and does not go to a terminal: name a file with -o, or see the tables with --format text")
    from gradtools import channels, store
    if chosen["of"] and not chosen["tap"]:
        chosen["tap"] = ("auto:last-conv",)
    asked = channels.Options(**chosen)
    with store.read(source_path) as source:
        found = channels.channels(source, target, asked, carry=options.carried(carry, source_path, target), force=force, say=console.say,
                                  progress=console.progress)
        tops = [channels.top(source, one, found.groups, ranking, top, asked) for one in found.taps] if asked.of else []
    stream = options.table_stream(target, form)
    if stream is not None:
        channel_tables.show(found, tops, form or "text", stream)
