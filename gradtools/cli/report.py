"""gradtools report"""

import click

from gradtools.cli import commands, streams
from gradtools.cli.terminal import Console
from gradtools.errors import UsageError


@commands.command(
    "report",
    [
        "gradtools report photos-similarity.h5 photos-clusters.h5 -o photos.html",
        "gradtools report results/*.h5 --title 'Two networks' -o results.html --force",
    ],
)
@click.argument("paths", nargs=-1, required=True, metavar="STORES...")
@click.option("-o", "--output", metavar="FILE", help="Where the page goes (.html).")
@click.option("-f", "--force", is_flag=True, help="Replace an output that exists.")
@click.option("--title", metavar="TEXT", help="Heading of the page.  [default: the models' names]")
@click.option("--images", "images_dir", metavar="DIR", help="Where the images of maps have gone.")
@click.option(
    "--pictures/--no-pictures", default=True, help="Draw every picture there is data for."
)
def command(
    console: Console,
    paths: tuple[str, ...],
    output: str | None,
    force: bool,
    title: str | None,
    images_dir: str | None,
    pictures: bool,
) -> None:
    """Write one HTML file from any stores: the answer first, then every table with its controls, the pictures, and what was run.

    The page needs no network and no other file. Tables are sorted by a click on their head; a cell's tooltip says how
    many images it rests on. Maps lie over their images where these are still there (--images DIR: where they are now).
    The page follows the reader's light or dark setting, and prints. Never runs a model.
    """
    if output in (None, "-"):
        raise UsageError("a report is a file: name it with -o FILE.html")
    from gradtools import store

    streams.refuse_pipes(paths, "a report")
    store.check_output(output, force)
    from gradtools.stages import report

    report.report(
        paths, output, title=title, pictures=pictures, images_dir=images_dir, say=console.say
    )
