"""gradtools recipe"""

import sys

import click

from gradtools.cli import commands
from gradtools.cli.terminal import Console
from gradtools.errors import UsageError


@commands.command(
    "recipe", ["gradtools recipe", "gradtools recipe class-relations > class-relations.mk"]
)
@click.argument("name", required=False, metavar="[NAME]")
@click.option("--list", "listed", is_flag=True, help="List the recipes, as without NAME.")
@click.option(
    "-o", "--output", metavar="FILE", help="Where the Makefile goes.  [default: standard output]"
)
@click.option("-f", "--force", is_flag=True, help="Replace an output that exists.")
def command(
    console: Console, name: str | None, listed: bool, output: str | None, force: bool
) -> None:
    """Print a Makefile for an experiment, or list those there are.

    Change the variables at its top, there or as in: make -f class-relations.mk MODEL=resnet18. Needs no input.
    """
    from gradtools.stages import recipe

    if output is not None and (listed or name is None):
        raise UsageError("-o takes a recipe: name one (gradtools recipe lists them)")
    if listed or name is None:
        width = max(map(len, recipe.names()))
        for known in recipe.names():
            click.echo(f"{known:{width}}  {recipe.summary(known)}")
    elif output is None or output == "-":
        sys.stdout.write(recipe.text(name))
    else:
        _write(output, recipe.text(name), force)


def _write(path: str, text: str, force: bool) -> None:
    """The file appears whole or not at all, and no existing one is replaced by accident."""
    from gradtools import store

    store.check_output(path, force)
    with store.whole_file(path) as part, open(part, "w", encoding="utf-8") as file:
        file.write(text)
