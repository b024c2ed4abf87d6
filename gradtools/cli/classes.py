"""gradtools classes"""

import click

from gradtools.cli import commands, completion, networks, options, passes
from gradtools.cli.terminal import Console
from gradtools.tables.wording import units


@commands.command(
    "classes",
    [
        "gradtools classes resnet50 -o classes.h5",
        "gradtools classes net.py:make --weights best.pth | gradtools neighbors --of 'king crab'",
    ],
)
@click.argument("model", metavar="MODEL", shell_complete=completion.models)
@networks.reading
@click.option("--class-names", metavar="FILE", help="Names of the model's classes, one a line.")
@options.output
def command(
    console: Console,
    model: str,
    reading: networks.Reading,
    class_names: str | None,
    output: str | None,
    force: bool,
) -> None:
    """Store the last layer's row of weights of each class, as a sample a class.

    No image is needed: similarity, neighbors, cluster, dendrogram and compare work on the classes as on images. The
    rows are stored as they are; --rows of those commands normalises them.
    """
    target = passes.output_file(output)
    from gradtools import store

    store.check_output(target, force)
    from gradtools.network import models
    from gradtools.stages import classes

    loaded = models.load(model, class_names=class_names, without_images=True, **reading.settings)
    for note in loaded.notes:
        console.say(note)
    classes.classes(loaded, target, force=force)
    head = loaded.classifier
    count, dimension = head.weight.shape
    console.say(
        f"{count} {units('class', count)} of {dimension} weight{'s' * (dimension > 1)} each, from {head.name}"
    )
