"""gradtools info"""

from collections.abc import Iterable, Iterator
from typing import NamedTuple

import click

from gradtools.cli import commands, options, streams, terminal
from gradtools.errors import printable

NOT_SEALED = "not sealed (changed through HDF5, or of an earlier gradtools): index and attributes are checked as far as HDF5 checks them"
COUNTED = {"skipped": "could not be read", "ended_early": "end early"}


class Line(NamedTuple):
    """A line for a person; `about` goes below it where the terminal is too narrow for both."""

    text: str
    about: str = ""


@commands.command("info", ["gradtools info photos.h5", "gradtools info photos.h5 --sheets sheets/"])
@click.argument("path", required=False, metavar="STORE")
@click.option(
    "--digest",
    is_flag=True,
    help="SHA-256 of every dataset: equal values have equal ones, whatever made them.",
)
@click.option(
    "--check",
    is_flag=True,
    help="Read every value and test its checksum; says nothing when all is well.",
)
@click.option("--history", is_flag=True, help="The steps that made the store, one JSON line each.")
@click.option(
    "--ids",
    is_flag=True,
    help="The samples' ids, one a line, as --where list=FILE takes them; those that no line can hold in quotes, as git has them.",
)
@click.option(
    "--sheets",
    metavar="DIR",
    help="Draw the images of every class as sheets, wrong answers marked, into a folder.",
)
@options.width
@options.images_dir
@click.option(
    "--json",
    "as_json",
    is_flag=True,
    help="What it prints, as tables in JSON: of the store, or its digests.",
)
def command(
    console: terminal.Console,
    path: str | None,
    digest: bool,
    check: bool,
    history: bool,
    ids: bool,
    sheets: str | None,
    images_dir: str | None,
    as_json: bool,
) -> None:
    """Look inside a store: what it holds, whether it is whole, its digests and its history."""
    from gradtools import store
    from gradtools.stages import info

    with store.read(streams.input_store(path)) as source:
        if check:
            source.check()
            if not source.sealed:
                console.say(f"{source.name}: {NOT_SEALED}")
        elif sheets:
            from gradtools import figures

            figures.overlays.draw_images(source, sheets, images_dir, console.say)
        elif digest:
            digests = source.digests()
            if as_json:
                from gradtools.tables import info as tables

                terminal.print_tables([tables.of_digests(source.name, digests)], "json")
            else:
                print("\n".join(f"{sha}  {name}" for name, sha in digests.items()))
        elif ids:
            from gradtools.selection import names

            once = dict.fromkeys(source.ids)  # versions have the id of their image
            print("\n".join(map(names.quoted, once)))
        elif history:
            print("\n".join(source.history_lines()))
        elif as_json:
            from gradtools.tables import info as tables

            terminal.print_tables(tables.of_store(source.name, info.describe(source)), "json")
        else:
            lines = _lines(source.name, info.describe(source))
            print("\n".join(_folded(lines, terminal.width())))


def _folded(lines: Iterable[Line], columns: int | None) -> Iterator[str]:
    """Yield lines of at most so many columns; all of each where that is None."""
    for line in lines:
        text, about = printable(line.text), printable(line.about)
        whole = f"{text}  {about}" if about else text
        if columns is None:
            yield whole
            continue
        from gradtools.tables import plain_text  # imports all that tables are made of

        if about and len(whole) > columns:
            yield text
            yield plain_text.folded(about, columns, "    ", "    ")
        else:
            yield plain_text.folded(whole, columns, "", " " * 9)


def _lines(name: str, facts: dict) -> Iterator[Line]:
    """The facts for a person."""
    yield Line(
        f"{name}: {facts['kind']}, {facts['samples']} samples, made {facts['created']}, uuid {facts['uuid']}"
    )
    if not facts["sealed"]:
        yield Line(f"seal     {NOT_SEALED}")
    if "classes" in facts:
        names = facts["classes"]
        yield Line(
            f"classes  {len(names)}: {', '.join(names[:12])}{' ...' if len(names) > 12 else ''}"
        )
    if "versions" in facts:
        counts = (f"{count} by {kind}" for kind, count in facts["versions"].items())
        yield Line(f"versions {', '.join(counts)}")
    for key, value in facts.get("model", {}).items():
        yield Line(f"model    {key}: {value}")
    for tap, about in facts.get("taps", {}).items():
        known = ""
        if about.get("spatially_constant") and about.get("input_independent"):
            known = "gradient equals class rows: no information beyond the target"
        elif about.get("gradient_cancels"):
            known = "gradient sums to zero over positions: pooled it is rounding noise"
        elif about.get("parallel", 0) >= 1:
            known = "gradient is parallel to the class row: its direction holds no information beyond the target"
        if about.get("activation_cancels"):
            known = f"{known}; activation sums to zero over positions: pooled it is rounding noise".removeprefix(
                "; "
            )
        shape = "x".join(map(str, about.get("shape", [])))
        yield Line(f"tap      {tap}  {shape}  {known}".rstrip())
    width = max((len(path) for path in facts["datasets"]), default=0)
    for path, about in facts["datasets"].items():
        shape = str(tuple(about["shape"]))
        yield Line(
            f"{path:<{width}}  {shape:<18} {about['dtype']:<8} {about['bytes']:>10}", about["about"]
        )
    for step in facts["history"]:
        yield Line(f"step     {step['started']}  {step['seconds']} s  {step['command']}")
        of_images = [f"{step[fact]} {word}" for fact, word in COUNTED.items() if step.get(fact)]
        if of_images:
            yield Line(f"         of its images {', '.join(of_images)}")
