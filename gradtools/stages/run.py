"""How a pass over images begins and how it is told in the history."""

from gradtools import store
from gradtools.network import passes
from gradtools.store import provenance


def begin(output, inputs=(), *, force=False, threads=None):
    """Refuse early what could not be written in the end, and set the threads.

    Parameters
    ----------
    output : str
        Path of the store, or '-'.
    inputs : sequence of store.Store
    threads : int, optional
        By default torch's own number.

    Returns
    -------
    tuple
        As of `provenance.begin`, for `end`.
    """
    begun = provenance.begin()
    store.check_output(output, force, inputs)
    passes.keep_freed_memory()
    passes.use_threads(threads)
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
            threads=passes.use_threads(),
            **facts,
        ),
    )
