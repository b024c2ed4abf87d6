"""The two ways a command ends badly: something failed, or it was asked wrongly; and what may have been meant."""

import re
from collections.abc import Iterable

SHOWN = 6  # names that an error lists


class GradtoolsError(Exception):
    """One line that says what was wrong, where, and what to do; exit status 1."""

    exit_status = 1


class UsageError(GradtoolsError):
    """The command was asked wrongly; exit status 2."""

    exit_status = 2


def near_names(text: str, names: Iterable[str], count: int = SHOWN) -> list[str]:
    """Return at most `count` names that a mistyped text may have meant: those that hold it, or else resemble it.

    Case, spaces, hyphens and underscores do not matter.
    """
    import difflib  # no command that is written rightly needs it

    by_key = {_key(name): name for name in names}
    wanted = _key(text)
    holding = [key for key in by_key if wanted and wanted in key]
    keys = holding or difflib.get_close_matches(wanted, by_key, count, 0.6)
    return [by_key[key] for key in keys[:count]]


def some(names: Iterable[str]) -> str:
    """Return the first names and how many more there are, in words."""
    names = list(names)
    more = f" and {len(names) - SHOWN} more" if len(names) > SHOWN else ""
    return ", ".join(names[:SHOWN]) + more


def suggest(text: str, names: Iterable[str]) -> str:
    """Return what to write instead of an unknown name, the end of an error: near names, or else some of those there are."""
    names = list(names)
    near = near_names(text, names)
    if near:
        return f"did you mean {', '.join(near)}?"
    return f"there are {some(names)}" if names else "there are none"


def _key(name: str) -> str:
    return re.sub(r"[\s_-]", "", name).casefold()


def printable(text: str) -> str:
    """Return a text with control bytes and bytes that are not UTF-8 escaped."""
    return "".join(
        char
        if char.isprintable()
        else char.encode("unicode_escape" if char < "\ud800" or char > "\udfff" else "utf-8", "surrogateescape").decode("ascii", "backslashreplace")
        for char in text
    )  # fmt: skip
