"""Man pages of every command, made from its help: `python -m gradtools.cli.manual FOLDER`, or `make man`."""

import os
import re
import sys

import click

from gradtools import __version__
from gradtools.cli import COMMANDS, gradtools, groups


def page(name: str) -> str:
    """Return the man page (roff) of one command; of an empty name that of all."""
    command: click.Command | None = gradtools.get_command(None, name) if name else gradtools
    assert command is not None, name
    title = f"gradtools-{name}" if name else "gradtools"
    called = f"gradtools {name}".strip()
    context = click.Context(command, info_name=called, **command.context_settings)
    summary = COMMANDS.get(name, "what a trained image classifier has learned about its classes")
    pieces = " ".join(command.collect_usage_pieces(context))
    lines = [
        f'.TH "{title.upper()}" 1 "" "gradtools {__version__}" "gradtools"',
        *(".ad l", ".SH NAME", rf"{_roff(title).replace('-', chr(92) + '-')} \- {_roff(summary)}"),
        *(".SH SYNOPSIS", f".B {_roff(called)}", _roff(pieces)),
        ".SH DESCRIPTION",
        *_paragraphs(command.help or ""),
    ]
    if name:
        for heading, records in groups.grouped(command.get_params(context), context).items():
            lines += [f'.SH "{heading.upper()}"', *_entries(records)]
        lines += [".SH EXAMPLES", ".nf", *map(_roff, _examples(command)), ".fi"]
    else:
        lines += [".SH COMMANDS", *_entries(list(COMMANDS.items()))]
    return "\n".join(lines) + "\n"


def _paragraphs(text: str) -> list[str]:
    """A help text as paragraphs of roff."""
    lines: list[str] = []
    for part in re.split(r"\n\s*\n", text.replace("\b", "").strip()):
        lines += [".PP", _roff(" ".join(part.split()))]
    return lines


def _entries(records: list[tuple[str, str]]) -> list[str]:
    """Names with what they mean."""
    return [line for name, text in records for line in (".TP", f".B {_roff(name)}", _roff(text))]


def _examples(command: click.Command) -> list[str]:
    """The lines of examples that end the help."""
    return [line.strip() for line in (command.epilog or "").split("Examples:")[-1].splitlines()]


def _roff(text: str) -> str:
    """A text in which nothing is a request or an escape of roff."""
    escaped = text.replace("\\", "\\e").replace("-", "\\-")
    return "\\&" + escaped if escaped.startswith((".", "'")) else escaped


def main(folder: str) -> None:
    """Write every page into a folder, made where it is missing."""
    os.makedirs(folder, exist_ok=True)
    for name in ("", *COMMANDS):
        path = os.path.join(folder, f"gradtools-{name}.1" if name else "gradtools.1")
        with open(path, "w", encoding="utf-8") as handle:
            handle.write(page(name))


if __name__ == "__main__":
    main(sys.argv[1])
