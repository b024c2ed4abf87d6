"""Shards of one job -> the store that one process would have made."""

import json
from typing import TYPE_CHECKING

from gradtools import store
from gradtools.errors import GradtoolsError
from gradtools.selection.results import Result
from gradtools.stages import run
from gradtools.store import joining, paths

if TYPE_CHECKING:
    from typing_extensions import Unpack


def merge(stores: list[store.Store], output: str, **how: "Unpack[run.How]") -> None:
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
    ordered = joining.ordered(stores)
    divided = paths.SAMPLE in joining.grown_scales(ordered)  # of pairs every shard reads all images
    read, skipped, early = (
        (sum if divided else max)(_counted(source, name) for source in ordered)
        for name in ("read", "skipped", "ended_early")
    )
    if skipped > run.allowance(this.max_skipped, read + skipped):
        raise GradtoolsError(
            f"{skipped} of {read + skipped} images could not be read, more than --max-skipped {this.max_skipped} allows"
        )
    this.say(f"merging {len(ordered)} shards of {ordered[0].kind}")
    with store.create(output, ordered[0].kind, force=this.force) as sink:
        joining.join(ordered, sink, this.progress)
        for result in _tables(ordered):
            result.write(sink)
        facts = {"read": read, "skipped": skipped} if read else {}
        facts |= {"ended_early": early} if early else {}
        this.note(sink, ordered, shards=len(ordered), **facts)


def _tables(ordered: list[store.Store]) -> list[Result]:
    """Return the tables that rest on the rows of all shards."""
    if ordered[0].kind == "faithfulness":
        from gradtools.stages import faithfulness

        return faithfulness.of_shards(ordered)
    if ordered[0].kind == "tuning":
        from gradtools.stages import tune

        return tune.of_shards(ordered)
    return []


def _counted(source: store.Store, name: str) -> int:
    """Images that the last step of a store read, or skipped."""
    lines = source.history_lines()
    return int(json.loads(lines[-1]).get(name, 0)) if lines else 0
