"""gradtools help"""

import sys
from types import ModuleType

import click

from gradtools.cli import commands
from gradtools.cli.terminal import Console


@commands.command("help", ["gradtools help", "gradtools help mathematics#pair-auc"])
@click.argument("name", required=False, metavar="[NAME]")
def command(console: Console, name: str | None) -> None:
    """Show the pages that ship with gradtools, a section of one, or the options of a command.

    On a terminal a page is shown through a pager; in a pipe it is Markdown. Without a name: the list of the pages.
    """
    from gradtools.cli import COMMANDS, gradtools
    from gradtools.stages import help as pages

    if name is None:
        _list(pages)
    elif name in COMMANDS:
        shown = gradtools.get_command(None, name)
        assert shown is not None  # one of COMMANDS
        with click.Context(
            shown, info_name=f"gradtools {name}", **shown.context_settings
        ) as context:
            click.echo(shown.get_help(context))
    elif sys.stdout.isatty():
        click.echo_via_pager(_rendered(pages.text(name)))
    else:
        sys.stdout.write(pages.text(name))


def _list(pages: ModuleType) -> None:
    """Print a line a page, and what else NAME may be."""
    names = pages.names()
    width = max(map(len, names))
    for name in names:
        print(f"{name:{width}}  {pages.summary(name)}")
    print(
        "\ngradtools help NAME shows one, NAME#SECTION a section of it, COMMAND a command's options."
    )


def _rendered(markdown: str) -> str:
    """Return Markdown with the terminal's own styles."""
    from rich.console import Console as Terminal
    from rich.markdown import Markdown

    terminal = Terminal()
    with terminal.capture() as capture:
        terminal.print(Markdown(markdown), width=min(terminal.width, 100))
    return capture.get()
