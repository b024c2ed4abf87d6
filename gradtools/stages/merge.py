"""Shards of one job -> the store that one process would have made."""

import json
import math

from gradtools import store
from gradtools.errors import GradtoolsError, UsageError
from gradtools.stages import run
from gradtools.store import shards


def merge(stores: list[store.Store], output: str, **how: run.How) -> None:
    """Join the shards of one job.

    Parameters
    ----------
    stores : list of Store
        All shards, in any order.
    output : str
        Path or '-'.
    how
        Fields of `run.Run`: max_skipped, force, say, progress.

    Raises
    ------
    GradtoolsError
        A share is missing or there twice, or they are of different jobs; of all images more are unreadable than `max_skipped`.
    """
    this = run.begin(output, stores, **how)
    ordered = shards.ordered(stores)
    read, skipped = (sum(_counted(source, name) for source in ordered) for name in ("read", "skipped"))
    if skipped > _allowed(this.max_skipped, read + skipped):
        raise GradtoolsError(
            f"{skipped} of {read + skipped} images could not be read, more than --max-skipped {this.max_skipped} allows"
        )
    this.say(f"merging {len(ordered)} shards of {ordered[0].kind}")
    with store.create(output, ordered[0].kind, force=this.force) as sink:
        shards.join(ordered, sink.file, this.progress)
        facts = {"read": read, "skipped": skipped} if read else {}
        this.note(sink, ordered, shards=len(ordered), **facts)


def _counted(source: store.Store, name: str) -> int:
    """Images that the last step of a store read, or skipped."""
    lines = source.history_lines()
    return int(json.loads(lines[-1]).get(name, 0)) if lines else 0


def _allowed(text: str, total: int) -> int:
    """How many of so many images `N` or `P%` allows; a percentage at least one."""
    try:
        number = float(text[:-1]) if text.endswith("%") else int(text)
    except ValueError:
        number = -1
    if not 0 <= number <= (100 if text.endswith("%") else math.inf):
        raise UsageError(f"--max-skipped {text}: write a number or a percentage, as in 10 or 1%")
    return max(1, int(number * total / 100)) if text.endswith("%") else int(number)
