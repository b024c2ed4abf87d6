"""gradtools verify"""

import sys

import click

from gradtools.cli import commands, options, streams, terminal
from gradtools.cli.terminal import Console
from gradtools.errors import UsageError


@commands.command(
    "verify",
    [
        "gradtools verify table.json photos-similarity.h5 photos-clusters.h5",
        "gradtools verify table.csv results/*.h5 --rerun 1% --images photos/",
    ],
)
@click.argument("table", metavar="TABLE")
@click.argument("paths", nargs=-1, metavar="STORES...")
@click.option(
    "--rerun",
    metavar="SHARE",
    help="Also run random images through the model again: a share as in 1%, or a number.",
)
@click.option("--images", "images_dir", metavar="DIR", help="Where the images are now.")
@options.seed
@options.text_forms
def command(
    console: Console,
    table: str,
    paths: tuple[str, ...],
    rerun: str | None,
    images_dir: str | None,
    seed: int,
    form: str | None,
) -> None:
    """Check a table against its stores: every cell is computed again.

    TABLE is JSON, CSV or TSV that evaluate wrote (- reads it from stdin). The stores' values are held against their
    digests. With --rerun random images are read and run through the model again: a changed image, weight or row is
    named. Exit status 0: all is equal; 1: something differs; 2: it cannot be looked up.
    """
    from gradtools.stages import verify
    from gradtools.tables import differences

    if not paths:
        raise UsageError("name the stores that the table was made of")
    if rerun is None and images_dir is not None:
        raise UsageError("--images is about running images again: add --rerun 1%")
    streams.refuse_pipes(paths, "verify")
    checked = verify.verify(_text(table), table, paths)
    done = f"{checked.cells} cells of {checked.tables} tables, {checked.stores} store{'s' * (checked.stores != 1)}"
    differing = list(checked.differences)
    if rerun is not None and not any(difference.kind == "store" for difference in differing):
        from gradtools.stages.verify import rerun as again

        count, more = again.rerun(
            paths, rerun, images_dir, seed, say=console.say, progress=console.progress
        )
        done += f", {count} images run again"
        differing += more
    terminal.print_tables([differences.table(done, differing)], form)
    click.get_current_context().exit(1 if differing else 0)


def _text(path: str) -> str:
    """The text of the table."""
    try:
        if path == "-":
            if sys.stdin is None:
                raise UsageError("no input: name a table, or pipe one in")
            return sys.stdin.read().removeprefix("\ufeff")
        with open(path, encoding="utf-8-sig") as file:
            return file.read()
    except (OSError, UnicodeDecodeError) as error:
        raise UsageError(f"{path}: {getattr(error, 'strerror', None) or 'is not text'}") from error
