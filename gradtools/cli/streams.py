"""Where a command's store comes from, and where its store and its table go: files, pipes, the terminal."""

import sys
from collections.abc import Sequence
from typing import TextIO

import click

from gradtools.errors import UsageError


def input_store(argument: str | None) -> str:
    """Return the store to read: the argument, or '-' where stdin is not a terminal."""
    if argument:
        return argument
    if sys.stdin is None or sys.stdin.isatty():
        raise UsageError("no input: name a store, or pipe one in")
    return "-"


def output_store(argument: str | None, form: str | None = None) -> str | None:
    """Return where the store goes: the option, or '-' where stdout is not a terminal; None where only a table can be shown."""
    if form and not argument:
        return None
    if form and argument == "-":
        raise UsageError(
            f"--{form} is text on standard output, where -o - puts the store: leave one of them out"
        )
    if not sys.stdout.writable() and argument in (None, "-"):
        raise UsageError("standard output is closed: name a file with -o")
    if argument == "-" and sys.stdout.isatty():
        raise UsageError("a store is HDF5 and does not go to a terminal: name a file with -o")
    if argument and argument != "-":
        return argument
    if argument is None and sys.stdout.isatty():
        return None
    from gradtools.store import pipes

    click.get_current_context().with_resource(pipes.reserved_output())
    return "-"


def carried(choice: bool | None, source: str, target: str | None) -> bool:
    """Return True if the input is copied whole into the output: by default where one of them is a pipe."""
    from gradtools import store

    return choice if choice is not None else target == "-" or store.is_pipe(source)


def refuse_pipes(paths: Sequence[str], reader: str) -> None:
    """Refuse stores that come through a pipe where they are opened more than once.

    Parameters
    ----------
    paths : sequence of str
    reader : str
        Who opens them, as in 'a report'.

    Raises
    ------
    UsageError
    """
    from gradtools import store

    if pipes := [path for path in paths if store.is_pipe(path)]:
        raise UsageError(
            f"{reader} opens its stores several times, and a pipe ({pipes[0]}) can be read once: write it to a file first"
        )


def split_feature(path: str) -> tuple[str, tuple[str, ...]]:
    """Split a store and the features its argument names: `a.h5::gradient@layer3`."""
    store, separator, name = path.partition("::")
    return store, (name,) if separator else ()


def table_stream(target: str | None, form: str | None) -> TextIO | None:
    """Return where a table goes: stdout where a form is asked for or no store is written, else stderr where that is a terminal."""
    if target is None or form:
        return sys.stdout
    return sys.stderr if sys.stderr.isatty() else None
