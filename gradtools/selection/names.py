"""What names and globs stand for among the names that a store has."""

import fnmatch
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
