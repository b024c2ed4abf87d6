"""gradtools layers"""

import click

from gradtools.cli import options, terminal


@options.command(
    "layers",
    [
        "gradtools layers resnet50 --weights random",
        "gradtools layers net.py:make --weights best.pth --size 32",
    ],
)
@click.argument("model", metavar="MODEL")
@options.weights
@click.option(
    "--preprocess", metavar="P", help="A preset or resize=..,crop=..: only the size matters here."
)
@click.option(
    "--size",
    type=click.IntRange(1),
    help="Side of the square input.  [default: the preprocessing's, or 224]",
)
@click.option(
    "--head",
    type=click.Choice(["auto", "none"]),
    default="auto",
    help="none: the network has no classes.",
)
@options.text_forms
def command(console, model, weights, trust_weights, preprocess, size, head, form):
    """List a model's taps: shape, number of calls, and what the gradient there can know.

    A gradient that is constant over positions and the same for unrelated images equals the class row of the target:
    it holds nothing beyond the target's label.
    """
    from gradtools.stages import layers
    from gradtools.tables import taps

    given = preprocess or ("none" if size else None)  # with --size nothing else of it matters
    rows, notes = layers.describe(
        model, weights, preprocess=given, size=size, no_head=head == "none", trust=trust_weights
    )
    for note in notes:
        console.say(note)
    terminal.print_tables([taps.build(model, rows)], form)
