"""What names and globs stand for among the names that a store has."""

import fnmatch
import re
from collections.abc import Callable, Sequence

from gradtools.errors import UsageError, suggest


def match(request: str, names: Sequence[str]) -> list[str]:
    """Return the names that a request stands for, in their order: the one equal to it, or else those its glob matches."""
    return (
        [request]
        if request in names
        else [name for name in names if fnmatch.fnmatchcase(name, request)]
    )


def resolve(
    requests: Sequence[str],
    names: Sequence[str],
    unknown: Callable[[str], str],
    expand: Callable[[str], list[str]] = lambda request: [],
) -> list[str]:
    """Return the names that requests stand for, each once, in the order of the requests.

    Parameters
    ----------
    requests
        Names and globs.
    names
        What there is.
    unknown
        Gives the sentence about a request that stands for nothing, as far as the near names.
    expand
        Gives the names that a short form stands for, as `auto:blocks`; none where a request is not one.

    Raises
    ------
    UsageError
        A request stands for nothing; its near names are given, or some of all.
    """
    matches: dict[str, None] = {}
    for request in requests:
        meant = expand(request) or match(request, names)
        if not meant:
            raise UsageError(f"{unknown(request)}; {suggest(request, names)}")
        matches |= dict.fromkeys(meant)
    return list(matches)


ESCAPES = {"\n": "\\n", "\t": "\\t", '"': '\\"', "\\": "\\\\"}
ESCAPED = re.compile(r"\\([0-7]{3}|.)")


def quoted(name: str) -> str:
    """Return an id as one line of text: as it is, or as git writes names that a line cannot hold.

    These stand in double quotes, with \\n, \\t, \\", \\\\ and three octal digits for every other byte that is not text.
    """
    if name == name.strip() and name.isprintable() and not name.startswith('"') and name:
        return name
    return '"' + "".join(ESCAPES.get(char) or _octal(char) for char in name) + '"'


def _octal(char: str) -> str:
    """Return a character that can be printed as it is, another one's bytes as octal numbers."""
    if char.isprintable():
        return char
    return "".join(f"\\{byte:03o}" for byte in char.encode("utf-8", "surrogateescape"))


def unquoted(line: str) -> str:
    """Return the id that a line of `quoted` stands for; a line that is not in quotes is the id."""
    if len(line) < 2 or not line.startswith('"') or not line.endswith('"'):
        return line
    plain = {"n": b"\n", "t": b"\t"}
    pieces, start = [], 0
    inner = line[1:-1]
    for escape in ESCAPED.finditer(inner):
        pieces.append(inner[start : escape.start()].encode("utf-8", "surrogateescape"))
        code = escape[1]
        pieces.append(
            bytes([int(code, 8) & 255]) if len(code) == 3 else plain.get(code) or code.encode()
        )
        start = escape.end()
    pieces.append(inner[start:].encode("utf-8", "surrogateescape"))
    return b"".join(pieces).decode("utf-8", "surrogateescape")
