"""gradtools layers"""

import click

from gradtools.cli import commands, completion, networks, options, terminal
from gradtools.errors import UsageError


@commands.command(
    "layers",
    [
        "gradtools layers resnet50 --weights random",
        "gradtools layers net.py:make --weights best.pth --size 32",
    ],
)
@click.argument("model", metavar="MODEL", shell_complete=completion.models)
@networks.reading
@click.option(
    "--preprocess", metavar="P", help="A preset or resize=..,crop=..: only the size matters here."
)
@click.option(
    "--size",
    metavar="S|HxW",
    help="Side of the square input, or height and width.  [default: the preprocessing's, or 224]",
)
@options.text_forms
def command(
    console: terminal.Console,
    model: str,
    reading: networks.Reading,
    preprocess: str | None,
    size: str | None,
    form: str | None,
) -> None:
    """List a model's taps: shape, number of calls, and what the gradient there depends on.

    A gradient that is constant over positions and the same for unrelated images equals the class row of the target:
    it holds nothing beyond the target's label.
    """
    from gradtools.stages import layers
    from gradtools.tables import taps
    from gradtools.tables.wording import FOR_PROGRAMS

    rows, notes = layers.describe(
        model, preprocess=preprocess, size=_size(size), **reading.settings
    )
    for note in notes:
        console.say(note)
    build = taps.build if form in FOR_PROGRAMS else taps.for_people
    terminal.print_tables([build(model, rows)], form)


def _size(text: str | None) -> tuple[int, int] | None:
    """(height, width) of `224` or `64x128`."""
    if text is None:
        return None
    sides = text.lower().split("x")
    if len(sides) > 2 or not all(side.isdecimal() and int(side) > 0 for side in sides):
        raise UsageError(
            f"--size {text}: write a number of pixels, or height and width as in 64x128"
        )
    return int(sides[0]), int(sides[-1])
