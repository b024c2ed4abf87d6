"""What makes a function a command: help that ends with examples, -q and -v, and checks of files that every command has."""

import functools
from collections.abc import Callable, Iterator, Sequence
from typing import Any

import click

from gradtools.cli import groups, options
from gradtools.cli.terminal import Console
from gradtools.errors import UsageError

WRITTEN = {
    "output": "-o",
    "figure": "--figure",
    "newick": "--newick",
}  # parameters that name files a command writes
PICTURES = ("figure", "overlay", "sheets")  # those that name pictures


def command(
    name: str, examples: Sequence[str], **settings: str | bool | dict
) -> Callable[[Callable], click.Command]:
    """Return a decorator for a click command whose help ends with examples that run, with -q and -v; it gets a `console`."""
    epilog = "\b\nExamples:\n" + "\n".join(f"  {line}" for line in examples)

    def decorate(function: Callable) -> groups.Grouped:
        @functools.wraps(function)
        def run(quiet: bool, verbose: int, **chosen: Any) -> None:
            _check_files(chosen)
            _check_width(chosen)
            _check_scheduler(chosen)
            return function(console=Console(quiet, verbose), **chosen)

        run = click.option(
            "-v",
            "--verbose",
            count=True,
            help="Also what is decided on the way; -vv: tracebacks of errors.",
        )(run)
        run = click.option(
            "-q", "--quiet", is_flag=True, help="No lines and no progress on stderr; errors stay."
        )(run)
        return click.command(
            name,
            cls=groups.Grouped,
            epilog=epilog,
            context_settings={"show_default": True, "max_content_width": 110},
            **settings,
        )(run)

    return decorate


def _check_files(chosen: dict[str, Any]) -> None:
    """Refuse outputs that would replace an input, each other or, without --force, a file that exists (see `store.check_files`)."""
    outputs = {
        WRITTEN[name]: path for name, path in chosen.items() if name in WRITTEN and path is not None
    }
    if outputs:
        from gradtools import store

        named = [
            text for name, value in chosen.items() if name not in WRITTEN for text in _texts(value)
        ]
        store.check_files(outputs, ["/dev/stdin", *named], chosen.get("force", False))


def _check_scheduler(chosen: dict[str, Any]) -> None:
    """Refuse an input by pipe where workers are to read it.

    Raises
    ------
    UsageError
    """
    inputs = [chosen.get("path"), *(chosen.get("images") or ()), chosen.get("files_from")]
    named = {text for text in inputs if text is not None}
    if chosen.get("scheduler") is None or chosen.get("generator") and not named:
        return
    if not named or named & {"-", "/dev/stdin"}:
        raise UsageError(
            "--scheduler: workers cannot read what is piped into this process: name a file that they have as well"
        )


def _texts(value: str | tuple[str, ...] | float | None) -> Iterator[str]:
    """What of a parameter's value can be the path of an input: all of it, or its part in STORE::FEATURE, FILE.py:NAME, list=FILE."""
    for text in (value,) if isinstance(value, str) else value if isinstance(value, tuple) else ():
        if isinstance(text, str):
            yield from {
                text,
                text.partition("::")[0],
                text.rpartition(":")[0],
                text.partition("=")[2],
            } - {""}


def _check_width(chosen: dict[str, Any]) -> None:
    """Refuse a width where nothing is drawn."""
    drawn = [name for name in PICTURES if name in chosen]
    if options.given("width") and not any(chosen[name] for name in drawn):
        named = " or ".join(f"--{name}" for name in drawn)
        raise UsageError(f"--width is about pictures: add {named}")
