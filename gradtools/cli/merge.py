"""gradtools merge"""

import contextlib

import click

from gradtools.cli import commands, options, streams
from gradtools.cli.terminal import Console
from gradtools.errors import UsageError


@commands.command(
    "merge",
    [
        "gradtools merge photos.*-of-2.h5 -o photos.h5",
        "gradtools merge photos.1-of-2.h5 photos.2-of-2.h5 -o - | gradtools similarity",
    ],
)
@click.argument("shards", nargs=-1, required=True, metavar="SHARD...")
@options.output
@click.option(
    "--max-skipped",
    default="1%",
    metavar="N|P%",
    help="Unreadable images allowed in all shards together, at least one for a percentage.",
)
def command(
    console: Console,
    shards: tuple[str, ...],
    output: str | None,
    force: bool,
    max_skipped: str,
) -> None:
    """Join the shards of one job: the store that one process would have made, with equal digests.

    Shards come from --shard I/N of extract, saliency, faithfulness, tune, and similarity --matrix: the same command, each with its share.
    They are checked to be of the same command (options, images by name and size, network), with no share missing or
    there twice, and to hold what was written: the merged store has digests of its own.
    """
    target = streams.output_store(output)
    if target is None:
        raise UsageError("a store is HDF5 and does not go to a terminal: name a file with -o")
    from gradtools import store
    from gradtools.stages import merge

    store.check_output(target, force)
    with contextlib.ExitStack() as stack:
        merge.merge(
            [stack.enter_context(store.read(path)) for path in shards],
            target,
            max_skipped=max_skipped,
            force=force,
            say=console.say,
            progress=console.progress,
        )
