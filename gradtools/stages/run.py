"""How a command's work begins, goes through its blocks, and is told in the history."""

from collections.abc import Callable

from gradtools import interrupt, store
from gradtools.store import provenance


def begin(output, inputs=(), *, force=False):
    """Refuse early what could not be written in the end.

    Parameters
    ----------
    output : str
        Path of the store, or '-'.
    inputs : sequence of store.Store

    Returns
    -------
    tuple
        As of `provenance.begin`, for `end`.
    """
    begun = provenance.begin()
    store.check_output(output, force, inputs)
    return begun


def end(part, begun, model, unreadable, inputs=(), **facts):
    """Write the step into the history of a part.

    Parameters
    ----------
    begun : tuple
        From `begin`.
    model : models.Model
    unreadable : (n,) bool array
        Which of the images were skipped.
    inputs : sequence of store.Store
    facts
        What else is told, JSON-able.
    """
    skipped = int(unreadable.sum())
    part.history(
        inputs,
        provenance.step(
            begun,
            inputs,
            read=len(unreadable) - skipped,
            skipped=skipped,
            weights_sha256=model.weights_sha256,
            **facts,
        ),
    )


def compute_blocks(
    part: store.Part,
    compute: Callable[[store.Block], dict],
    progress: Callable | None = None,
    what: str = "rows",
) -> None:
    """Compute and keep the blocks that are left, each by its own rows.

    Parameters
    ----------
    compute : callable
        Takes a block, gives the arrays of its columns by path.
    """
    with (progress or interrupt.unwatched)(part.growth.entries, part.committed, what) as advance:
        for block in part.left:
            part.commit(block, compute(block))
            advance(len(block))
