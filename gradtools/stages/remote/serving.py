"""A process that runs a command up to its blocks, and computes those that its parent asks for."""

import contextlib
import io
import json
import os
import pickle
import select
import sys
from collections.abc import Callable, Iterator, Mapping, Sequence
from contextlib import AbstractContextManager
from typing import IO, Protocol

import numpy as np

from gradtools import store
from gradtools.store import shards

SHORT = 40  # characters of a value that a line shows
IDLE = 900.0  # seconds without a request after which it ends: its cluster may have forgotten it

Message = dict  # of JSON-able values and arrays, pickled


class Running(Protocol):
    """What a part needs of the command that fills it, see `run.Run`."""

    @property
    def threads(self) -> int | None:
        """Threads of the computation, None for as many as there are."""

    @property
    def say(self) -> Callable[[str], None]:
        """Takes a line for the user."""

    @property
    def progress(self) -> Callable[..., AbstractContextManager[Callable[[int], None]]]:
        """Gives a context manager that yields `advance(n)`."""


def comparable(command: dict) -> dict:
    """Return what of a `Growth.command` must be equal on all machines, as JSON gives it back."""
    same = {key: value for key, value in command.items() if key not in shards.ELSEWHERE}
    return json.loads(json.dumps(same))


def difference(here: dict, there: dict) -> str | None:
    """Return the first option or input in which two comparable commands differ, in words; None where none does."""
    for key in sorted(here.keys() | there.keys()):
        if here.get(key) != there.get(key):
            short = max(len(str(one.get(key))) for one in (here, there)) < SHORT
            values = f" ({there.get(key)!r}, not {here.get(key)!r})" if short else ""
            return f"{key}{values}"
    return None


def send(stream: IO[bytes], message: Message) -> None:
    """Write one message."""
    pickle.dump(message, stream, protocol=5)
    stream.flush()


def receive(stream: IO[bytes]) -> Message:
    """Read one message.

    Raises
    ------
    EOFError
        The other side has gone.
    """
    try:
        return pickle.load(stream)
    except pickle.UnpicklingError as error:
        raise EOFError("a message was cut off") from error


class Served:
    """The other end of a pipe, whose process asks for blocks; stands in the place of a command's `Scheduler`.

    Parameters
    ----------
    given, taken : binary streams
        What the parent writes, and what it reads.
    threads : int, optional
        Of the computation, where the command line does not say.
    """

    serves = True

    def __init__(self, given: IO[bytes], taken: IO[bytes], threads: int | None):
        self._given, self._taken, self.threads = given, taken, threads
        self._asked: int | None = None
        self._known: dict[str, np.ndarray] = {}

    def grown(
        self, growth: store.Growth, _opened: AbstractContextManager, _run: Running
    ) -> AbstractContextManager[store.Part]:
        """Send the parent what the command is, and return the part that it fills."""
        send(self._taken, {"command": growth.command})
        sys.stderr = io.StringIO()  # what is said from here on goes with the block that it is about
        return contextlib.nullcontext(Requested(growth, self))

    def fail(self, line: str) -> None:
        """Send the parent why there is no answer."""
        send(self._taken, {"error": line})

    def request(self) -> int:
        """Return the number of the block that is asked for, the same until it is answered.

        Raises
        ------
        SystemExit
            Nobody will ask.
        """
        if self._asked is None:
            ready, _, _ = select.select([self._given], [], [], IDLE)
            try:
                message = receive(self._given) if ready else None
            except EOFError:
                message = None
            if message is None:
                raise SystemExit(0)
            self._known |= message.get("known") or {}
            self._asked = message["block"]
        return self._asked

    def answer(self, arrays: Mapping[str, np.ndarray], facts: dict) -> None:
        """Give the block that was asked for."""
        lines = sys.stderr.getvalue() if isinstance(sys.stderr, io.StringIO) else ""
        sys.stderr = io.StringIO()
        self._asked = None
        send(self._taken, {"arrays": dict(arrays), "facts": facts, "lines": lines.splitlines()})

    def known(self, path: str) -> np.ndarray:
        """Return all rows of a column of the common entries, as the parent gave them."""
        return self._known[path]

    def find(self, _block: store.Block) -> store.Stored | None:
        """Return None: nothing is kept here."""
        return None

    def add(
        self, _block: store.Block, arrays: Mapping[str, np.ndarray], facts: dict
    ) -> store.Stored:
        """Hand a block over, as a `Part` does with what is committed."""
        self.answer(arrays, facts)
        return store.Stored(None, -1, 0, 0, facts, {})


class Requested(store.Part):
    """A part that another process fills: its blocks are computed as they are asked for, and never finished here."""

    def __init__(self, growth: store.Growth, served: Served):
        super().__init__(growth, served, "blocks for another process", contextlib.nullcontext)
        self._served = served

    def turns(self, blocks: Sequence[store.Block]) -> Iterator[list[store.Block]]:
        """Yield the blocks that are asked for one by one, until one is asked for that is not among these."""
        numbered = {block.number: block for block in blocks}
        while (number := self._served.request()) in numbered:
            yield [numbered[number]]

    def values(self, path: str) -> np.ndarray:
        """Return all rows of a column that the parent has."""
        return self._served.known(path)


@contextlib.contextmanager
def streams() -> Iterator[tuple[IO[bytes], IO[bytes]]]:
    """Yield standard input and output for messages; what else is read or printed meets nothing, or standard error."""
    with os.fdopen(os.dup(0), "rb", buffering=0) as given, os.fdopen(os.dup(1), "wb") as taken:
        nothing = os.open(os.devnull, os.O_RDONLY)
        os.dup2(nothing, 0)
        os.close(nothing)
        os.dup2(2, 1)
        yield given, taken
